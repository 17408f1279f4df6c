"""The sensors for new downloads, new annotation files and finished frames. Other rooms compare the listings."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg

from hand100m_assets.amounts import counted
from hand100m_assets.defs.automation.attempts import NotNow, ask
from hand100m_assets.defs.automation.changes import newest_change, waits_too_long
from hand100m_assets.defs.automation.ingests import ingest_history, ingest_of
from hand100m_assets.defs.automation.lost_batches import ask_for_batch, lost_batches
from hand100m_assets.defs.automation.renewal import build_renewal_sensor
from hand100m_assets.defs.automation.under_way import unfinished_catalog_runs, unfinished_frames_runs
from hand100m_assets.defs.internals import UnresolvedAssetJobDefinition
from hand100m_assets.defs.jobs import annotations_job_name, catalog_job_name
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.partitions import (
    annotation_set_partitions,
    key_ranges,
    known_keys,
    register,
    video_partitions,
)
from hand100m_assets.defs.provenance import version_of_file
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.errors import FolderUnreadableError, Hand100mError
from hand100m_assets.files import FileStamp, away_since
from hand100m_assets.settings import Settings
from hand100m_assets.sources import Source
from hand100m_assets.video.downloads import Look, find_changes
from hand100m_assets.workspace import SourceWorkspace, other_owner


def read_pending(cursor: str | None) -> dict[str, FileStamp]:
    """Files seen at the last tick that are not known to be complete yet; empty if the cursor has another format."""
    try:
        return {key: FileStamp(*stamp) for key, stamp in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def write_pending(pending: Mapping[str, FileStamp]) -> str:
    """The same as a cursor."""
    return json.dumps({key: [s.size_bytes, s.mtime_ns] for key, s in sorted(pending.items())})


def read_concluded(cursor: str | None) -> int | None:
    """Number of the last look of which the daemon accepted all events and requests."""
    return int(cursor) if cursor and cursor.isdecimal() else None


def build_sensors(
    source: Source, settings: Settings, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> list[dg.SensorDefinition]:
    """The sensors of one source; all are off until switched on."""
    return [
        _build_video_sensor(source, settings, jobs),
        _build_set_sensor(source, settings, jobs),
        _build_catalog_sensor(source, settings),
        build_renewal_sensor(source, settings, jobs),
    ]


def _build_video_sensor(
    source: Source, settings: Settings, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{source.name}_new_videos",
        jobs=jobs,
        minimum_interval_seconds=settings.sensor_interval_s,
        description="Registers and records each download when it is complete, and asks for its frames.",
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
        warning = other_owner(place.settings)
        if requests and warning is not None:
            context.log.warning(warning)
        return dg.SensorResult(
            run_requests=requests,
            asset_events=[*_downloads(place, look), *_deletions(source, look.vanished)],
            cursor=str(look.number),
            skip_reason=None if requests or look.due or look.vanished else _why_no_videos(look, faults, warning),
        )

    return new_videos


def _build_set_sensor(
    source: Source, settings: Settings, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{source.name}_new_annotation_files",
        jobs=jobs,
        minimum_interval_seconds=settings.sensor_interval_s,
        description="Registers each annotation file as a set when it is complete, and asks for its tables.",
    )
    def new_annotation_files(
        context: dg.SensorEvaluationContext, workspace: Workspace
    ) -> dg.SensorResult | dg.SkipReason:
        place = workspace.source(source)
        try:
            listing = place.annotation_files()
        except FolderUnreadableError as error:
            return dg.SkipReason(str(error))
        for name, reason in listing.refused.items():
            context.log.warning(f"{name}: {reason}")
        pending = _register_sets(context, place, {key: file.stamp for key, file in listing.files.items()})
        # A file that arrived after the listing, or whose set was deleted in the UI, is registered by a later look.
        registered = set(known_keys(context.instance, annotation_set_partitions(source)))
        answers = {
            key: _ask_for_tables(context.instance, source, key, stamp, is_new=key not in pending)
            for key, stamp in place.outdated_sets().items()
            if key in registered
        }
        requests = [answer for answer in answers.values() if isinstance(answer, dg.RunRequest)]
        waiting = [f"{key}: {answer.reason}" for key, answer in answers.items() if isinstance(answer, NotNow)]
        for reason in waiting if requests else ():
            context.log.warning(reason)
        settling = {key: stamp for key, stamp in pending.items() if answers.get(key) is None}
        return dg.SensorResult(
            run_requests=requests,
            cursor=write_pending(settling),
            skip_reason=None if requests else "; ".join(waiting) or _settling(len(settling)),
        )

    return new_annotation_files


def _build_catalog_sensor(source: Source, settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{source.name}_frames_finished",
        job_name=catalog_job_name(source),
        minimum_interval_seconds=10 * settings.sensor_interval_s,
        description="Renews the frame catalog, the inventory and the missing videos after frames were added, when no "
        "batch is running.",
    )
    def frames_finished(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        newest = newest_change(context.instance, source)
        if newest is None:
            return dg.SkipReason("no new frames")
        if unfinished_catalog_runs(context.instance, source):
            return dg.SkipReason("the catalog is being renewed")
        if unfinished_frames_runs(context.instance, source) and not waits_too_long(context.instance, source):
            return dg.SkipReason("batches are still running")
        answer = ask(context.instance, catalog_job_name(source), f"catalog:{newest}")
        if isinstance(answer, NotNow):
            return dg.SkipReason(answer.reason)
        if answer.run_key == context.cursor:
            return dg.SkipReason("no new frames")
        return dg.SensorResult(run_requests=[answer], cursor=answer.run_key)

    return frames_finished


def _register_sets(
    context: dg.SensorEvaluationContext, place: SourceWorkspace, stamps: Mapping[str, FileStamp]
) -> dict[str, FileStamp]:
    """Register each new file that was the same in two looks; return the files that were not."""
    partitions = annotation_set_partitions(place.source)
    known = {key: place.ingested_stamp(key) for key in known_keys(context.instance, partitions)}
    changes = find_changes(stamps, known, read_pending(context.cursor))
    register(context.instance, partitions, changes.ready)
    return changes.pending


def _ask_for_tables(
    instance: dg.DagsterInstance, source: Source, key: str, stamp: FileStamp, *, is_new: bool
) -> dg.RunRequest | NotNow | None:
    """A request for the tables of a file, or why it has to wait; None as long as the file may still grow."""
    if not is_new and not ingest_history(instance, source, key, stamp).attempts:
        return None
    return ask(instance, annotations_job_name(source), ingest_of(key, stamp), partition_key=key)


def _video_runs(instance: dg.DagsterInstance, place: SourceWorkspace, look: Look) -> Iterator[dg.RunRequest]:
    """Batches of due videos, under run keys that a repeated look also gives; and batches that were lost."""
    source, settings = place.source, place.settings
    registered = known_keys(instance, video_partitions(source)) if look.due else []
    ranges = key_ranges(look.due, registered, batch_size=settings.videos_per_run, limit=len(look.due))
    for first, last in ranges:
        answer = ask_for_batch(instance, source, first, last, f"look{look.number}")
        if isinstance(answer, dg.RunRequest):
            yield answer
    yield from lost_batches(instance, source)
    since = away_since(place.output.videos_away_file)
    if since is not None and not look.due and not look.vanished:
        # The folder is mounted again. This is requested until the catalog is renewed, always under the same run key.
        renewal = ask(instance, catalog_job_name(source), f"catalog:away{since}")
        if isinstance(renewal, dg.RunRequest):
            yield renewal


def _downloads(place: SourceWorkspace, look: Look) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
    """Record each complete download. A file that is cut short or not a video gets only a partition."""
    for video_id, info in look.headers.items():
        key, version = asset_key(place.source, "videos"), version_of_file(info.size_bytes, info.mtime_ns)
        if not info.missing_bytes:
            yield dg.AssetMaterialization(
                asset_key=key,
                partition=video_id,
                metadata={name: str(value) for name, value in info.to_row().items() if value is not None},
                tags=version,
            )
        if place.output.manifest_file(video_id).exists():
            # Dagster marks downstream assets stale only when an external asset gets an observation.
            yield dg.AssetObservation(
                asset_key=key,
                partition=video_id,
                description="The file was replaced after the frames were made.",
                tags=version,
            )


def _deletions(source: Source, vanished: Sequence[str]) -> Iterator[dg.AssetObservation]:
    """Record each deleted file as gone; its partition and its frames stay."""
    for video_id in vanished:
        yield dg.AssetObservation(
            asset_key=asset_key(source, "videos"), partition=video_id, description="The file was deleted or moved away."
        )


_SHORT = ("file is below its official size", "files are below their official size")
_PUT_OFF = ("file cannot be read now", "files cannot be read now")


def _why_no_videos(look: Look, faults: Iterable[Hand100mError], warning: str | None) -> str:
    parts = [warning] if warning is not None else []
    parts += [_settling(look.unsettled)] if look.unsettled else []
    for files, what in ((look.short, _SHORT), (look.put_off, _PUT_OFF)):
        if files:
            first, why = next(iter(files.items()))
            parts.append(f"{counted(len(files), *what)}, first {first}: {why}")
    return "; ".join([*parts, *map(str, faults)]) or "nothing new"


def _settling(files: int) -> str:
    return f"{counted(files, 'file')} seen; waiting until size and time stay the same" if files else "nothing new"
