"""Sources and sets that the command line names; they must exist already."""

from __future__ import annotations

from collections.abc import Sequence

from hand100m_assets.errors import SettingsError
from hand100m_assets.layout import SUMMARY_FILE
from hand100m_assets.settings import Settings
from hand100m_assets.sources import SOURCES
from hand100m_assets.workspace import SourceWorkspace


def source_named(settings: Settings, source_name: str, set_keys: Sequence[str] = ()) -> SourceWorkspace:
    """The source of this name, after checking that these annotation sets have tables.

    Raises:
        SettingsError: A set has no tables.
    """
    place = next(SourceWorkspace(settings, source) for source in SOURCES if source.name == source_name)
    for key in set_keys:
        tables = place.output.annotation_dir(key)
        if not (tables / SUMMARY_FILE).exists():
            there = ", ".join(folder.name for folder in place.annotation_dirs()) or "none"
            raise SettingsError(
                "no finished tables of an annotation set",
                where=tables,
                fix=f"Ingest the annotation file first, or correct the name; sets with tables: {there}.",
            )
    return place
