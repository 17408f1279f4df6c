"""One picture, or the page, of a finished set: `set_pictures OUTPUT_ROOT KEY WHAT`."""

from pathlib import Path

from hand100m_assets.settings import Settings
from hand100m_assets.sources import EGO4D
from hand100m_assets.workspace import SHEETS, SetPictures, SourceWorkspace, write_report


def main(output_root: str, key: str, what: str) -> None:
    place = SourceWorkspace(Settings(_env_file=None, output_root=Path(output_root)), EGO4D)
    if what == "report":
        write_report(place, key)
    elif what in SHEETS:
        SetPictures(place, key).write_sheet(what)
    else:
        SetPictures(place, key).write_chart(what)
