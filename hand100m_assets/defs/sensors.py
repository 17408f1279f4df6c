"""Sensors: new downloads, new annotation files, finished frames. Thin around a pure diff of listings."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from hand100m_assets.defs.jobs import annotations_job_name, asset_keys, catalog_job_name, frames_job_name
from hand100m_assets.defs.partitions import (
    RANGE_END_TAG,
    RANGE_START_TAG,
    annotation_set_partitions,
    key_ranges,
    known_keys,
    register,
    video_partitions,
)
from hand100m_assets.defs.provenance import version_of_file
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.defs.underway import unfinished_frames_runs
from hand100m_assets.errors import FolderUnreadableError, Hand100mError
from hand100m_assets.layout import Source
from hand100m_assets.presence import away_since
from hand100m_assets.settings import Settings
from hand100m_assets.video.inbox import FileStamp, find_changes
from hand100m_assets.video.knownfiles import Look
from hand100m_assets.workspace import SourceWorkspace

FOLLOWING = ("pairs", "mined_pairs", "agreement", "coverage", "grid", "sheets", "report", "export", "training_set")
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


def read_concluded(cursor: str | None) -> int | None:
    """Number of the last look that the daemon took over whole, with its events and requests."""
    return int(cursor) if cursor and cursor.isdecimal() else None


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
        faults: list[Hand100mError] = []
        try:
            look = place.downloads.look_at_videos(
                known_keys(context.instance, partitions), read_concluded(context.cursor), faults.append
            )
        except Hand100mError as error:
            return dg.SkipReason(str(error))  # the cursor stays: nothing is forgotten
        if look.new:
            register(context.instance, partitions, look.new)
        requests = list(_video_runs(context.instance, place, look))
        return dg.SensorResult(
            run_requests=requests,
            asset_events=[*_downloads(place, look), *_deletions(source, look.vanished)],
            cursor=str(look.number),
            skip_reason=None if requests or look.due or look.vanished else _why_no_videos(look, faults),
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
            skip_reason=None if added else _settling(len(changes.pending)),
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
        if unfinished_frames_runs(context.instance, source):
            return dg.SkipReason("batches are still running")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"frames:{stamp}")], cursor=stamp)

    pictures = dg.AutomationConditionSensorDefinition(
        f"{source.name}_pictures_follow",
        target=dg.AssetSelection.assets(*asset_keys(source, *FOLLOWING))
        | dg.AssetSelection.checks_for_assets(*asset_keys(source, "annotations")),
        minimum_interval_seconds=settings.sensor_interval_s,
        description="Renews what is made of tables and frames, with its checks, when that changed.",
    )
    return [new_videos, new_annotation_files, frames_finished, pictures]


def _video_runs(instance: dg.DagsterInstance, place: SourceWorkspace, look: Look) -> Iterator[dg.RunRequest]:
    """Batches for what is due, under keys that a look taken again repeats; the catalog once no more are waiting."""
    source, settings = place.source, place.settings
    registered = known_keys(instance, video_partitions(source)) if look.due else []
    ranges = key_ranges(look.due, registered, batch_size=settings.videos_per_run, limit=len(look.due))
    for first, last in ranges:
        yield range_request(frames_job_name(source), first, last, run_key=f"look{look.number}:{first}:{last}")
    if (look.due or look.vanished) and not look.waiting:
        yield dg.RunRequest(run_key=f"catalog:{look.number}", job_name=catalog_job_name(source))
    elif (since := away_since(place.output.videos_away_file)) is not None:
        # The folder is back; until the catalog is renewed this is asked for again, under a key that the daemon knows.
        yield dg.RunRequest(run_key=f"catalog:away{since}", job_name=catalog_job_name(source))


def _downloads(place: SourceWorkspace, look: Look) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
    """Record each whole download; one that is cut or no video gets its partition only, so that it shows as missing."""
    for video_id, info in look.headers.items():
        asset_key, version = [place.source.name, "videos"], version_of_file(info.size_bytes, info.mtime_ns)
        if not info.missing_bytes:
            yield dg.AssetMaterialization(
                asset_key=asset_key,
                partition=video_id,
                metadata={name: str(value) for name, value in info.to_row().items() if value is not None},
                tags=version,
            )
        if place.output.manifest_file(video_id).exists():
            # Of an external asset only observations make what follows from it stale.
            yield dg.AssetObservation(
                asset_key=asset_key,
                partition=video_id,
                description="There is another file than the one that the frames were made of.",
                tags=version,
            )


def _deletions(source: Source, vanished: Sequence[str]) -> Iterator[dg.AssetObservation]:
    """Say of each deleted file that it is gone; its partition and its frames stay."""
    for video_id in vanished:
        yield dg.AssetObservation(
            asset_key=[source.name, "videos"], partition=video_id, description="The file was deleted or moved away."
        )


def _why_no_videos(look: Look, faults: Iterable[Hand100mError]) -> str:
    parts = [_settling(look.unsettled)] if look.unsettled else []
    for files, what in ((look.short, "are below their official size"), (look.put_off, "cannot be read now")):
        if files:
            first, why = next(iter(files.items()))
            parts.append(f"{len(files)} files {what}, first {first}: {why}")
    return "; ".join([*parts, *map(str, faults)]) or "nothing new"


def _settling(files: int) -> str:
    return f"{files} files seen; waiting until their size and time stay the same" if files else "nothing new"
