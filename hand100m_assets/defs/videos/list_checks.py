"""Checks of the official list and of the downloads."""

import dagster as dg
import polars as pl

from hand100m_assets.defs.check_results import ERROR, WARN, Offence, nothing_yet, offenders, table_on_disk
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.errors import Hand100mError
from hand100m_assets.sources import Source
from hand100m_assets.workspace import other_owner


def build_video_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """The list is here and can be read; downloads are whole, all here, and what the list says."""
    report = "See missing_videos.txt."
    return [
        _list_check(source),
        _owner_check(source),
        _inventory_check(
            source,
            name="downloads_are_whole",
            why="A file cut short or not a video gives no frames.",
            where=pl.col("state") == "unreadable",
            severity=ERROR,
            what=("file is no whole video", "files are no whole videos"),
            fix=f"Download again what was cut; a file that is something else has to be put right by hand. {report}",
        ),
        _inventory_check(
            source,
            name="downloads_can_be_taken",
            why="A file that is here under another name, or may not be read, gives no frames; no download mends that.",
            where=pl.col("state") == "refused",
            severity=ERROR,
            what=("file is here, but cannot be taken", "files are here, but cannot be taken"),
            fix="Rename them, give read permission, or mend the disk, as their reasons say.",
        ),
        _inventory_check(
            source,
            name="listed_videos_are_here",
            why="Hands of a missing video drop out of training.",
            where=pl.col("state").is_in(["missing", "in_progress"]),
            severity=WARN,
            what=("listed video is not here", "listed videos are not here"),
            fix=f"Download them or ask the dataset's author. {report}",
        ),
        _inventory_check(
            source,
            name="videos_match_the_list",
            why="Another resolution, rate or length than the annotated one: labels would sit on the wrong pixels.",
            where=pl.col("drift_severity").eq_missing("error"),
            severity=ERROR,
            what=("video differs from the list", "videos differ from the list"),
            fix="Replace them by the version that was annotated.",
        ),
        _inventory_check(
            source,
            name="sizes_and_lengths_match_the_list",
            why="Another file than the listed one, though labels made for that would fit by all that headers say.",
            where=pl.col("drift_severity").eq_missing("warning"),
            severity=WARN,
            what=(
                "video differs from the list in size or length alone",
                "videos differ from the list in size or length alone",
            ),
            fix="See their drift in the inventory; ask the dataset's author which version was annotated.",
        ),
    ]


def _list_check(source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(source, "video_list"), description="Without the list, nobody knows what is missing."
    )
    def list_is_here(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        list_file = place.folders.list_file
        fault, severity = None, WARN
        try:
            if place.downloads.video_list() is None:
                fault = f"There is no list {list_file}. Put it there, or set its path in .env."
        except Hand100mError as error:
            fault, severity = str(error), ERROR
        return dg.AssetCheckResult(
            passed=fault is None,
            severity=severity,
            description=fault or str(list_file),
            metadata={"list": dg.MetadataValue.path(list_file)},
        )

    return list_is_here


def _owner_check(source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(source, "videos"),
        description="Two installations with other settings on one output folder make each other's work again.",
    )
    def output_has_one_owner(workspace: Workspace) -> dg.AssetCheckResult:
        settings = workspace.source(source).settings
        warning = other_owner(settings)
        return dg.AssetCheckResult(
            passed=warning is None, severity=WARN, description=warning or str(settings.output_root)
        )

    return output_has_one_owner


def _inventory_check(
    source: Source, *, name: str, why: str, where: pl.Expr, severity: dg.AssetCheckSeverity, what: Offence, fix: str
) -> dg.AssetChecksDefinition:
    videos = asset_key(source, "videos")

    @dg.asset_check(asset=videos, name=name, description=why, additional_deps=[asset_key(source, "inventory")])
    @fails_clearly
    def check(workspace: Workspace) -> dg.AssetCheckResult:
        inventory = table_on_disk(workspace.source(source), "inventory")
        if inventory is None:
            return nothing_yet("inventory rows")
        found = inventory.filter(where).select("video_id", "state", "reason", "drift")
        first = "".join(
            f"First {v}: {why}. " for v, why in found.select("video_id", "reason").head(1).iter_rows() if why
        )
        return offenders(found, severity=severity, what=what, fix=f"{first}{fix}", checked=inventory.height)

    return check
