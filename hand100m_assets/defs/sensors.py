"""Sensors: new downloads, new annotation files, finished frames. Thin around a pure diff of listings."""

import json
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from hand100m_assets.defs.jobs import annotations_job_name, asset_keys, catalog_job_name, frames_job_name
from hand100m_assets.defs.partitions import (
    annotation_set_partitions,
    key_ranges,
    known_keys,
    register,
    video_partitions,
)
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.errors import FolderUnreadableError, Hand100mError
from hand100m_assets.layout import Source
from hand100m_assets.settings import Settings
from hand100m_assets.video.inbox import FileStamp, InboxChanges, find_changes, list_videos
from hand100m_assets.video.probe import probe_video
from hand100m_assets.workspace import SourceWorkspace

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

FOLLOWING = ("pairs", "mined_pairs", "agreement", "coverage", "grid", "export")
"""Assets that are renewed by themselves when what they are made from changed."""


def range_request(job_name: str, first: str, last: str, run_key: str) -> dg.RunRequest:
    """Ask for one run over all partitions from first to last, in order of registration."""
    return dg.RunRequest(run_key=run_key, job_name=job_name, tags={RANGE_START_TAG: first, RANGE_END_TAG: last})


def read_pending(cursor: str | None) -> dict[str, FileStamp]:
    """Files seen at the last tick and not yet known to be complete."""
    return {key: FileStamp(*stamp) for key, stamp in json.loads(cursor or "{}").items()}


def write_pending(pending: Mapping[str, FileStamp]) -> str:
    """The same as a cursor."""
    return json.dumps({key: [s.size_bytes, s.mtime_ns] for key, s in sorted(pending.items())})


def build_sensors(
    source: Source, settings: Settings, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> list[dg.SensorDefinition]:
    """The sensors of one source; all are off until switched on."""

    @dg.sensor(
        name=f"{source.name}_new_videos",
        jobs=jobs,
        minimum_interval_seconds=settings.sensor_interval_s,
        description="Registers each download once it is complete, records it, and asks for its frames.",
    )
    def new_videos(context: dg.SensorEvaluationContext, workspace: Workspace) -> dg.SensorResult | dg.SkipReason:
        place, partitions = workspace.source(source), video_partitions(source)
        try:
            listing = list_videos(place.folders.videos_dir, source)
        except FolderUnreadableError as error:
            return dg.SkipReason(str(error))  # the cursor stays: nothing is forgotten
        known = known_keys(context.instance, partitions)
        changes = _capped(
            find_changes(listing.complete_names, dict.fromkeys(known), read_pending(context.cursor)),
            listing.complete_names,
            settings.videos_per_tick,
        )
        added = register(context.instance, partitions, changes.ready)
        return dg.SensorResult(
            run_requests=list(_video_runs(context.instance, source, settings, added)),
            asset_events=list(_downloads(place, added)),
            cursor=write_pending(changes.pending),
            skip_reason=None if added else _why_quiet(changes),
        )

    @dg.sensor(
        name=f"{source.name}_new_annotation_files",
        jobs=jobs,
        minimum_interval_seconds=settings.sensor_interval_s,
        description="Registers each annotation file as a set once it is complete, and asks for its tables.",
    )
    def new_annotation_files(
        context: dg.SensorEvaluationContext, workspace: Workspace
    ) -> dg.SensorResult | dg.SkipReason:
        place, partitions = workspace.source(source), annotation_set_partitions(source)
        try:
            listing = place.annotation_files()
        except FolderUnreadableError as error:
            return dg.SkipReason(str(error))
        for name, reason in listing.refused.items():
            context.log.warning(f"{name}: {reason}")
        stamps = {key: file.stamp for key, file in listing.files.items()}
        known = {key: place.ingested_stamp(key) for key in known_keys(context.instance, partitions)}
        changes = find_changes(stamps, known, read_pending(context.cursor))
        added = register(context.instance, partitions, changes.ready) + changes.replaced
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=f"{key}:{stamps[key].size_bytes}:{stamps[key].mtime_ns}",
                    job_name=annotations_job_name(source),
                    partition_key=key,
                )
                for key in added
            ],
            cursor=write_pending(changes.pending),
            skip_reason=None if added else _why_quiet(changes),
        )

    @dg.sensor(
        name=f"{source.name}_frames_finished",
        job_name=catalog_job_name(source),
        minimum_interval_seconds=max(settings.sensor_interval_s, 300),
        description="Refreshes catalog, inventory and report when frames were added and no batch is running.",
    )
    def frames_finished(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        latest = context.instance.get_latest_materialization_event(dg.AssetKey([source.name, "frames"]))
        stamp = "" if latest is None else f"{latest.timestamp:.6f}"
        if stamp in ("", context.cursor):
            return dg.SkipReason("no new frames")
        active = dg.RunsFilter(
            job_name=frames_job_name(source),
            statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
        )
        if context.instance.get_runs_count(active):
            return dg.SkipReason("batches are still running")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"frames:{stamp}")], cursor=stamp)

    pictures = dg.AutomationConditionSensorDefinition(
        f"{source.name}_pictures_follow",
        target=dg.AssetSelection.assets(*asset_keys(source, *FOLLOWING))
        | dg.AssetSelection.checks_for_assets(*asset_keys(source, "annotations")),
        minimum_interval_seconds=settings.sensor_interval_s,
        description="Renews pairs, mining, coverage, grid and export, with their checks, when their inputs changed.",
    )
    return [new_videos, new_annotation_files, frames_finished, pictures]


def _capped(changes: InboxChanges, stamps: Mapping[str, FileStamp], limit: int) -> InboxChanges:
    """Keep what exceeds one tick's share pending, so that the next tick takes it on."""
    kept, later = changes.ready[:limit], changes.ready[limit:]
    pending = {**changes.pending, **{key: stamps[key] for key in later}}
    return InboxChanges(ready=kept, replaced=changes.replaced, pending=pending, vanished=changes.vanished)


def _video_runs(
    instance: dg.DagsterInstance, source: Source, settings: Settings, added: list[str]
) -> Iterator[dg.RunRequest]:
    registered = known_keys(instance, video_partitions(source))
    ranges = key_ranges(added, registered, batch_size=settings.videos_per_run, limit=len(added))
    for first, last in ranges:
        yield range_request(frames_job_name(source), first, last, run_key=f"new:{first}:{last}")
    if added:
        yield dg.RunRequest(run_key=f"catalog:{added[0]}:{added[-1]}", job_name=catalog_job_name(source))


def _downloads(place: SourceWorkspace, added: list[str]) -> Iterator[dg.AssetMaterialization]:
    """Record each readable download; an unreadable one gets its partition only, so that it shows as missing."""
    for video_id in added:
        try:
            info = probe_video(place.video_file(video_id))
        except Hand100mError:
            continue
        yield dg.AssetMaterialization(
            asset_key=[place.source.name, "videos"],
            partition=video_id,
            metadata={name: str(value) for name, value in info.to_row().items() if value is not None},
        )


def _why_quiet(changes: InboxChanges) -> str:
    if changes.pending:
        return f"{len(changes.pending)} files seen; waiting until their size and time stay the same"
    return "nothing new"
