"""Does everything that sensors and schedules would do, now: `python -m hand100m_assets.headless.catch_up`.

It is for a first look (`make demo`) and for machines without a daemon. Runs are recorded in the instance, so the UI
shows them. Finished work costs milliseconds. A failure does not stop the rest, unless the disk is full. The exit status
is 0 also if videos failed for good, which are listed as missing; 1 if anything else failed; 2 for a wrong setting; 130
and 143 if Ctrl-C and SIGTERM stopped it.
"""

from hand100m_assets.amounts import counted, sized
from hand100m_assets.interrupts import listen, work_until_told

if __name__ == "__main__":
    listen()  # before imports that take seconds

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import dagster as dg

from hand100m_assets.dataset import HandPairs, samples_per_second
from hand100m_assets.definitions import build_defs
from hand100m_assets.defs.internals import SensorExecutionData, UserFailureData, evaluate_tick
from hand100m_assets.defs.jobs import annotations_job_name, catalog_job_name, frames_job_name, pictures_job_name
from hand100m_assets.defs.partitions import (
    RANGE_END_TAG,
    RANGE_START_TAG,
    annotation_set_partitions,
    key_ranges,
    known_keys,
    video_partitions,
)
from hand100m_assets.defs.plain_log import PLAIN
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.errors import DiskFullError, FolderUnreadableError, Hand100mError
from hand100m_assets.headless.check_data import ending_clearly, evaluate_checks, failure_lines, open_instance, report
from hand100m_assets.headless.in_process import execute_here
from hand100m_assets.sample.workspace import planted_fault_lines
from hand100m_assets.settings import Settings, load_settings
from hand100m_assets.sources import SOURCES, Source
from hand100m_assets.workspace import SourceWorkspace, outstanding_videos

SETTLE_S = 2.0
"""Seconds between the two looks that show that a download is complete."""


@dataclass
class CatchUp:
    """One pass over both sources against one instance.

    Attributes:
        bad_videos: Runs of frames that failed only because of videos that failed for good; their other videos are done.
        failed: One line for everything else that did not succeed.
    """

    settings: Settings
    instance: dg.DagsterInstance
    settle_s: float = SETTLE_S
    bad_videos: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.defs = build_defs(self.settings)

    def everything(self) -> None:
        """Notice what is new, then make annotations, frames, catalog and pictures of every source."""
        self.notice()
        # Each part of every source before the next: some pictures show the sets of both sources.
        for part in (self._annotations, self._frames, self._catalog, self._pictures):
            for place in (SourceWorkspace(self.settings, source) for source in SOURCES):
                with self._going_on():
                    part(place)

    def check(self) -> None:
        """Evaluate every check and print what they found."""
        with self._going_on():
            report(evaluate_checks(self.defs, self.instance))

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Record an error of this project and continue: one missing folder should not stop the work on the others."""
        try:
            yield
        except DiskFullError:
            raise
        except Hand100mError as error:
            self.failed.append(str(error))

    def notice(self) -> None:
        """Run two ticks of every folder sensor, as the daemon would; new partitions are registered."""
        names = [f"{source.name}_{what}" for source in SOURCES for what in ("new_videos", "new_annotation_files")]
        cursors: dict[str, str | None] = dict.fromkeys(names)
        for look in range(2):
            time.sleep(self.settle_s if look else 0)
            for name in names:
                cursors[name] = self._tick(name, cursors[name])

    def _tick(self, name: str, cursor: str | None) -> str | None:
        data = evaluate_sensor(self.defs, self.instance, self.settings, name, cursor)
        if data.skip_message:
            click.echo(f"{name}: {data.skip_message}")
        return data.cursor or cursor

    def _annotations(self, place: SourceWorkspace) -> None:
        for key in self._changed_sets(place):
            self._run(place, annotations_job_name(place.source), partition_key=key)

    def _frames(self, place: SourceWorkspace) -> None:
        for first, last in self._outstanding_ranges(place):
            self._run(place, frames_job_name(place.source), tags={RANGE_START_TAG: first, RANGE_END_TAG: last})

    def _catalog(self, place: SourceWorkspace) -> None:
        self._run(place, catalog_job_name(place.source))

    def _pictures(self, place: SourceWorkspace) -> None:
        for key in known_keys(self.instance, annotation_set_partitions(place.source)):
            self._run(place, pictures_job_name(place.source), partition_key=key)

    def _changed_sets(self, place: SourceWorkspace) -> Iterator[str]:
        files = place.annotation_files().files
        for key in known_keys(self.instance, annotation_set_partitions(place.source)):
            if key in files and place.ingested_stamp(key) != files[key].stamp:
                yield key

    def _outstanding_ranges(self, place: SourceWorkspace) -> list[tuple[str, str]]:
        registered = known_keys(self.instance, video_partitions(place.source))
        try:
            videos = outstanding_videos(place, registered)
        except FolderUnreadableError:  # the look at it said so; the other source may be there
            return []
        batch = self.settings.videos_per_run
        return key_ranges(videos.wanted, registered, may_span=videos.done, batch_size=batch, limit=len(videos.wanted))

    def _run(
        self,
        place: SourceWorkspace,
        job: str,
        *,
        partition_key: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        what = f"{job} {partition_key or ' ... '.join((tags or {}).values())}".rstrip()
        click.secho(f"\n== {what}", bold=True)
        result = execute_here(self.defs, self.instance, job, partition_key=partition_key, tags=tags, run_config=PLAIN)
        if result.success:
            return
        lines = failure_lines(result)
        if is_by_full_disk(result):
            raise DiskFullError(lines[0])
        for line in lines:
            click.secho(f"   {line}", fg="yellow")
        if is_by_bad_videos(result, place):
            self.bad_videos.append(what)
        else:
            self.failed.append(f"{what}: {'; '.join(lines) or 'see its log'}")


def is_by_bad_videos(result: dg.ExecuteInProcessResult, place: SourceWorkspace) -> bool:
    """Whether a run failed only because of videos that give no frames until their files change."""
    for_good = place.extraction_failures()
    failures = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    named = [_videos_named(failure) for failure in failures]
    return bool(named) and all(videos and all(map(for_good.get, videos)) for videos in named)


def is_by_full_disk(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a run failed because the disk is full, so that every other run would also fail."""
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    while errors:
        error = errors.pop()
        if error is not None:
            if error.cls_name == DiskFullError.__name__:
                return True
            errors.append(error.cause)
    return False


def _videos_named(failure: UserFailureData | None) -> list[str]:
    said = failure.metadata.get("failed") if failure else None
    return list(said.value) if isinstance(said, dg.JsonMetadataValue) and said.value else []


def evaluate_sensor(
    defs: dg.Definitions, instance: dg.DagsterInstance, settings: Settings, name: str, cursor: str | None
) -> SensorExecutionData:
    """Run one tick of a sensor in this process and record its asset events; the caller handles the run requests."""
    repository, resources = defs.get_repository_def(), {"workspace": Workspace.of(settings)}
    with (
        dg.build_sensor_context(instance, cursor, repository_def=repository, resources=resources) as context,
        dg.partition_loading_context(dynamic_partitions_store=instance),
    ):
        return evaluate_tick(repository.get_sensor_def(name), context, instance)


def summarise(source: Source, settings: Settings) -> Iterator[str]:
    """A few lines per source that say where the results are; paths below the working directory are relative."""
    output = settings.output(source)
    videos = len(list(output.frames_dir.glob("[!.]*/manifest.json")))
    yield f"{source.title}: frames of {counted(videos, 'video')} in {_shown(output.frames_dir)}"
    yield f"  missing videos, ready to send: {_shown(output.missing_videos_file)}"
    for picture in (*sorted(output.grid_dir.glob("*.jpg")), *sorted(output.report_dir.glob("*.html"))):
        yield f"  {_shown(picture)}"
    for key in SourceWorkspace(settings, source).training_sets():
        pairs = HandPairs(output.base_dir, key, tensors=False)
        size, pace = sized(pairs.index.size_bytes), counted(round(samples_per_second(pairs)), "sample")
        yield f"  {_shown(pairs.folder)}: {counted(len(pairs), 'sample')}, {size}, {pace} per second in this process"


def _shown(path: Path) -> Path:
    """The path from the working directory, if it lies below that: shorter than the whole one."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def main() -> None:
    """Catch up, then say what failed and where the results are; exit 1 for failures other than faulty videos."""
    with ending_clearly():
        settings = load_settings()
        with open_instance() as instance:
            work = CatchUp(settings, instance)
            work.everything()
            click.echo()
            work.check()
    for what in work.bad_videos:
        click.secho(f"run with failures (the rest of it is done, see its log): {what}", fg="yellow")
    if planted := planted_fault_lines(settings.data_root):
        click.echo("\n" + "\n".join(planted) + "\n")
    for source in SOURCES:
        for line in summarise(source, settings):
            click.echo(line)
    for line in work.failed:
        click.secho(f"failed: {line}", fg="red", err=True)
    sys.exit(1 if work.failed else 0)


if __name__ == "__main__":
    work_until_told(main)
