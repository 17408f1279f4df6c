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
    """Check that the list can be read, and that the downloads are complete and agree with the list."""
    see = "See missing_videos.txt."
    return [
        _list_check(source),
        _owner_check(source),
        _inventory_check(
            source,
            name="downloads_are_whole",
            why="Tests that every file is a complete video. A file that is cut short, or is not a video, gives no "
            "frames.",
            where=pl.col("state") == "unreadable",
            severity=ERROR,
            what=("file is not a whole video", "files are not whole videos"),
            fix=f"Download files that were cut short again. Replace files that are not videos yourself. {see}",
        ),
        _inventory_check(
            source,
            name="downloads_can_be_taken",
            why="Tests that the name, the permissions and the disk of every file allow reading it. A file that cannot "
            "be read gives no frames, and a new download would not help.",
            where=pl.col("state") == "refused",
            severity=ERROR,
            what=("file is here, but cannot be used", "files are here, but cannot be used"),
            fix="Rename them, give read permission, or repair the disk, as their reasons say.",
        ),
        _inventory_check(
            source,
            name="listed_videos_are_here",
            why="Tests that every video of the official list is here. Hands of a missing video cannot be used for "
            "training.",
            where=pl.col("state").is_in(["missing", "in_progress"]),
            severity=WARN,
            what=("listed video is not here", "listed videos are not here"),
            fix=f"Download them, or ask the authors of the dataset. {see}",
        ),
        _inventory_check(
            source,
            name="videos_match_the_list",
            why="Tests that resolution, frame rate and number of frames of each video are those of the official list. "
            "Otherwise annotations would be on the wrong pixels.",
            where=pl.col("drift_severity").eq_missing("error"),
            severity=ERROR,
            what=("video differs from the list", "videos differ from the list"),
            fix="Replace them with the version that was annotated.",
        ),
        _inventory_check(
            source,
            name="sizes_and_lengths_match_the_list",
            why="Tests that size and length of each file are those of the official list. If only these differ, the "
            "file is another one than the listed one, but annotations may still fit its frames.",
            where=pl.col("drift_severity").eq_missing("warning"),
            severity=WARN,
            what=(
                "video differs from the list in size or length alone",
                "videos differ from the list in size or length alone",
            ),
            fix="See `drift` in the inventory, and ask the authors of the dataset which version was annotated.",
        ),
    ]


def _list_check(source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(source, "video_list"),
        description="Tests that the official list exists and can be read. Without it, missing videos are not noticed.",
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
        description="Tests that only one installation uses the output folder. Two installations with different "
        "settings would make each other's work again.",
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
