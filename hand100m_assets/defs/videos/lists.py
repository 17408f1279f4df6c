"""The assets that say which videos should be here, which are here, and which are missing."""

import dagster as dg
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.defs.descriptions.code import code_reference
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_inputs, asset_key, group_name
from hand100m_assets.defs.partitions import video_partitions
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.files import note_renewed
from hand100m_assets.render import charts
from hand100m_assets.sources import Source
from hand100m_assets.video.downloads import EMPTY_VIDEO_LIST, write_missing_list
from hand100m_assets.video.downloads import missing_videos as find_missing


def videos_spec(source: Source) -> dg.AssetSpec:
    """The downloaded files, as an external asset: the sensor records each completed download once."""
    return dg.AssetSpec(
        key=asset_key(source, "videos"),
        partitions_def=video_partitions(source),
        group_name=group_name(source, "videos"),
        description=f"{source.title} mp4 files as downloaded. Each is recorded when its download is complete. The "
        "project never changes them.",
        kinds={"file"},
        metadata=code_reference(videos_spec),
    )


def build_video_assets(source: Source) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The official list, the inventory, and the list of missing videos."""

    @dg.asset(
        key=asset_key(source, "video_list"),
        group_name=group_name(source, "video_list"),
        kinds={"polars"},
        code_version="1",
    )
    @fails_clearly
    def video_list(context: dg.AssetExecutionContext, workspace: Workspace) -> pl.DataFrame:
        """The official list of videos as a table; empty if there is no list file."""
        place = workspace.source(source)
        listed = place.downloads.video_list()
        if listed is None:
            context.log.warning(f"no list at {place.folders.list_file}: missing videos are not noticed")
            listed = EMPTY_VIDEO_LIST
        else:
            context.log.info(f"{counted(listed.height, 'video')} in {place.folders.list_file}")
        context.add_output_metadata({"videos": listed.height})
        return listed

    @dg.asset(
        key=asset_key(source, "inventory"),
        group_name=group_name(source, "inventory"),
        ins=asset_inputs(source, "video_list"),
        kinds={"polars"},
        deps=[asset_key(source, "videos")],
        code_version="1",
    )
    @fails_clearly
    def inventory(context: dg.AssetExecutionContext, workspace: Workspace, video_list: pl.DataFrame) -> pl.DataFrame:
        """One row per video, on disk or listed: header values, size, and how the file differs from the list."""
        listed = video_list if video_list.height else None
        downloads = workspace.source(source).downloads
        table = downloads.inventory(listed, lambda fault: context.log.warning(str(fault)))
        states = dict(table.group_by("state").len().sort("state").iter_rows())
        context.log.info(f"{source.title}: " + ", ".join(f"{count} {state}" for state, count in states.items()))
        chart = charts.png_markdown(
            charts.inventory_chart(states, title=f"{source.title} videos"), f"{source.title} videos"
        )
        context.add_output_metadata({**_counts(table), "states": states, "chart": dg.MetadataValue.md(chart)})
        return table

    @dg.asset(
        key=asset_key(source, "missing_videos"),
        group_name=group_name(source, "missing_videos"),
        ins=asset_inputs(source, "inventory"),
        kinds={"polars"},
        code_version="1",
    )
    @fails_clearly
    def missing_videos(
        context: dg.AssetExecutionContext, workspace: Workspace, inventory: pl.DataFrame
    ) -> pl.DataFrame:
        """Videos that are missing or must be downloaded again, with reasons; also as the file missing_videos.txt."""
        missing = find_missing(inventory)
        target = workspace.source(source).output.missing_videos_file
        write_missing_list(missing, target, source)
        note_renewed(workspace.source(source).output.videos_away_file)
        context.log.info(f"{counted(missing.height, 'video')} in {target}")
        context.add_output_metadata(
            {
                **_counted(missing["reason_kind"]),
                "to_ask_for": missing.height,
                "report": dg.MetadataValue.path(target),
                "videos": dg.MetadataValue.md(_as_table(missing)),
            }
        )
        return missing

    return [videos_spec(source), video_list, inventory, missing_videos]


def _counts(inventory: pl.DataFrame) -> dict[str, int]:
    """Numbers that the UI draws as curves: videos by state, including zeros, and the bytes of all videos on disk."""
    counts = {"videos": inventory.height, "bytes": int(inventory["size_bytes"].sum() or 0)}
    return {**counts, **_counted(inventory["state"]), "drifted": inventory.height - inventory["drift"].null_count()}


def _counted(kinds: pl.Series) -> dict[str, int]:
    """How often each category occurs; 0 for those that do not."""
    found = dict(kinds.value_counts().iter_rows())
    assert isinstance(kinds.dtype, pl.Enum)
    return {kind: int(found.get(kind, 0)) for kind in kinds.dtype.categories}


def _as_table(missing: pl.DataFrame, limit: int = 50) -> str:
    rows = [f"| `{row['video_id']}` | {row['reason']} |" for row in missing.head(limit).iter_rows(named=True)]
    more = [f"\n… and {missing.height - limit} more"] if missing.height > limit else []
    return "\n".join(["| video | reason |", "|---|---|", *rows, *more])
