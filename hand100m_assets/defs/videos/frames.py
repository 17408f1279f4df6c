"""The assets that extract frames. One run works on many videos and records each as soon as it is finished."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress

import dagster as dg
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key, group_name
from hand100m_assets.defs.partitions import video_partitions
from hand100m_assets.defs.provenance import FRAMES_CODE_VERSION, frames_provenance
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.defs.videos.execution import chosen_workers
from hand100m_assets.errors import FolderUnreadableError, SettingsError
from hand100m_assets.render.grids import frames_preview_markdown
from hand100m_assets.settings import Settings
from hand100m_assets.sources import Source
from hand100m_assets.video.frames import ExtractionOutcome, Progress, extract_many, sweep_deleted
from hand100m_assets.video.frames import frame_catalog as read_catalog
from hand100m_assets.workspace import SourceWorkspace, claim_output, other_owner

EXTRACTION_POOL = "extraction"
"""One pool for both sources, because one batch uses every core."""


def build_frame_assets(source: Source, settings: Settings) -> list[dg.AssetsDefinition]:
    """The frame folders, one per video, and one table of all their manifests."""

    # Materializations are logged one by one, so no Output is yielded: what is finished stays recorded
    # through a crash, and only the videos that failed are failed (docs/adr/0003).
    @dg.asset(
        key=asset_key(source, "frames"),
        group_name=group_name(source, "frames"),
        kinds={"jpeg"},
        partitions_def=video_partitions(source),
        deps=_inputs(source, settings),
        backfill_policy=dg.BackfillPolicy.multi_run(settings.videos_per_run),
        output_required=False,
        pool=EXTRACTION_POOL,
        code_version=FRAMES_CODE_VERSION,
    )
    @fails_clearly
    def frames(
        context: dg.AssetExecutionContext, workspace: Workspace
    ) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
        """The chosen frames of each video as JPEGs, with their exact frame numbers, and a manifest."""
        place = workspace.source(source)
        _insist_on_a_selection(place)
        claim_output(place.settings)
        if warning := other_owner(place.settings):
            context.log.warning(warning)
        inputs = context.assets_def.asset_deps[context.asset_key]
        made_of = frames_provenance(context.instance, inputs, context.partition_keys)
        failed: dict[str, str] = {}
        with closing(_work_through(context, place, context.partition_keys)) as outcomes:
            for outcome in outcomes:
                if outcome.error is not None:
                    failed[outcome.video_id] = str(outcome.error)
                    yield _observation(context.asset_key, outcome)
                else:
                    assert outcome.manifest is not None
                    yield _materialization(context.asset_key, place, outcome, made_of(outcome.manifest))
        if failed:
            raise _failure(failed, asked=len(context.partition_keys))

    @dg.asset(
        key=asset_key(source, "frame_catalog"),
        group_name=group_name(source, "frame_catalog"),
        kinds={"polars"},
        deps=[asset_key(source, "frames")],
        code_version="1",
    )
    @fails_clearly
    def frame_catalog(context: dg.AssetExecutionContext, workspace: Workspace) -> pl.DataFrame:
        """One row per finished frame of every video: frame index, pts, time and size."""
        place = workspace.source(source)
        place.insist_on_frames()
        output = place.output
        with suppress(FolderUnreadableError):  # away: nobody knows what was deleted
            swept = sweep_deleted(output.frames_dir, place.downloads.not_deleted())
            if swept:
                context.log.info(f"unfinished work of deleted videos was removed: {', '.join(swept)}")
        table = read_catalog(output.frames_dir, earlier_file=output.table_file("frame_catalog"))
        context.add_output_metadata(
            {
                "videos": table["video_id"].n_unique(),
                "frames": table.height,
                "bytes": int(table["size_bytes"].sum() or 0),
            }
        )
        return table

    return [frames, frame_catalog]


def _inputs(source: Source, settings: Settings) -> list[dg.AssetDep]:
    """The inputs of frames. Every N-th frame depends on no annotation set, so a new set does not make frames stale."""
    videos = dg.AssetDep(asset_key(source, "videos"))
    sets = dg.AssetDep(asset_key(source, "annotations"), partition_mapping=dg.AllPartitionMapping())
    return [videos] if settings.frame_selection == "stride" else [videos, sets]


def _insist_on_a_selection(place: SourceWorkspace) -> None:
    """Raise if annotated frames are chosen and there are no tables: every video would be finished without frames."""
    if place.settings.frame_selection == "annotated" and not place.annotation_dirs():
        raise SettingsError(
            f"no annotation set of {place.source.title} has tables yet, so no frame is named",
            where="HAND100M_FRAME_SELECTION=annotated",
            fix=f"Materialize {place.source.name}/annotations first, or choose stride.",
        )


def _work_through(
    context: dg.AssetExecutionContext, place: SourceWorkspace, video_ids: Sequence[str]
) -> Generator[ExtractionOutcome, None, None]:
    """Extract, and regularly write a progress line into the run log, also while one video takes long."""
    jobs = place.extraction_jobs(video_ids)
    progress = Progress.of(jobs)

    def say(line: str | None) -> None:
        if line is not None:
            context.log.info(line)

    with (
        chosen_workers(place.settings, say) as workers,
        closing(extract_many(jobs, workers, watch=lambda running: say(progress.look(running)))) as outcomes,
    ):
        for outcome in outcomes:
            if outcome.error is not None:
                context.log.error(f"{outcome.video_id}: {outcome.error}")
            say(progress.add(outcome))
            yield outcome


def _materialization(
    asset_key: dg.AssetKey, place: SourceWorkspace, outcome: ExtractionOutcome, tags: dict[str, str]
) -> dg.AssetMaterialization:
    manifest = outcome.manifest
    assert manifest is not None
    folder = place.output.frame_dir(outcome.video_id)
    return dg.AssetMaterialization(
        asset_key=asset_key,
        partition=outcome.video_id,
        tags=tags,
        metadata={
            "frames": len(manifest.frames),
            "bytes": sum(frame.size_bytes for frame in manifest.frames),
            "status": manifest.status,
            "frame_count_decoded": manifest.frame_count_decoded,
            "decode_mode": manifest.decode_mode,
            "colour_rule": manifest.colour_rule,
            "selection": dg.MetadataValue.json(manifest.selection),
            "decoder_errors": dg.MetadataValue.json([list(error) for error in manifest.decoder_errors[:20]]),
            "seconds": round(outcome.seconds, 3),
            "reused": outcome.reused,
            "folder": dg.MetadataValue.path(folder),
            "preview": dg.MetadataValue.md(frames_preview_markdown(folder, [f.frame_index for f in manifest.frames])),
        },
    )


def _observation(asset_key: dg.AssetKey, outcome: ExtractionOutcome) -> dg.AssetObservation:
    """Record the reason as an event of the video's partition, where it can be found also after later runs."""
    return dg.AssetObservation(
        asset_key=asset_key,
        partition=outcome.video_id,
        description=f"No frames: {outcome.error}",
        metadata={"reason": str(outcome.error)},
    )


def _failure(failed: dict[str, str], *, asked: int) -> dg.Failure:
    lines = "\n".join(f"- {video_id}: {reason}" for video_id, reason in sorted(failed.items()))
    return dg.Failure(
        description=f"{len(failed)} of {counted(asked, 'video')} failed; the others are finished and recorded.\n"
        f"{lines}",
        metadata={"failed": dg.MetadataValue.json(failed)},
        allow_retries=False,
    )
