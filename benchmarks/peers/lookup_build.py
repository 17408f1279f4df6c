"""The lookup of one set, made beside links to its tables: `lookup_build TABLES OUT`."""

from pathlib import Path

from hand100m_assets.annotations import read_summary
from hand100m_assets.annotations.lookup import build_lookup


def main(tables: str, out: str) -> None:
    linked = Path(out, "tables")
    linked.mkdir()
    for name in ("hands.parquet", "summary.json"):
        (linked / name).symlink_to(Path(tables, name))
    Path(out, "count.txt").write_text(f"{read_summary(linked).images_kept} {build_lookup(linked).rows}")
