"""Many videos over workers: largest first, each outcome as it comes, no video able to stop the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from hand100m_assets.errors import DiskFullError, RetryableError
from hand100m_assets.video.frames.extract import ExtractionStoppedError
from hand100m_assets.video.frames.failures import stamp_of
from hand100m_assets.video.frames.job import ExtractionJob, ExtractionOutcome, extract_one, remember
from hand100m_assets.video.frames.local_pool import LocalPool

__all__ = ["ExtractionJob", "ExtractionOutcome", "WorkerPool", "extract_many", "extract_one"]


class WorkerPool(Protocol):
    """Where videos are worked on: `LocalPool` on this machine, `DaskPool` on a cluster."""

    @property
    def size(self) -> int:
        """How many videos are worked on at a time; may change while a cluster grows."""
        ...

    @property
    def running(self) -> Mapping[Any, ExtractionJob]:
        """The jobs in flight, by whatever stands for them."""
        ...

    def submit(self, job: ExtractionJob) -> None:
        """Start one job; never more than `size` at a time."""
        ...

    def collect(self) -> tuple[list[ExtractionOutcome], list[ExtractionJob]]:
        """Wait a little; return finished outcomes, and jobs to be tried alone as their worker died."""
        ...

    def end_overdue(self) -> tuple[list[ExtractionOutcome], list[ExtractionJob]]:
        """End videos far beyond their time; return their outcomes, and other jobs to be submitted again."""
        ...

    def kill(self) -> None:
        """End all work now."""
        ...


Watch: TypeAlias = Callable[[Collection[ExtractionJob]], None]
"""Told about twice a second, in the caller's thread, of the jobs in flight."""


def extract_many(
    jobs: Sequence[ExtractionJob],
    workers: int | WorkerPool,
    should_stop: Callable[[], bool] | None = None,
    *,
    watch: Watch | None = None,
) -> Generator[ExtractionOutcome, None, None]:
    """Work through the jobs, largest file first; yield each outcome as its video is finished.

    Closing the iterator, an interrupt, or any exception ends the workers' work at once; the videos in flight
    are taken up where they stopped by the next run.

    Args:
        jobs: At most one a video.
        workers: Processes of this machine; 0 works in this process, for notebooks and debuggers. Or a pool, of a
            cluster for instance, which is ended with the work.
        should_stop: Asked about twice a second; when it says yes no outcome follows.
        watch: Told as often of the jobs in flight, however long they take.

    Raises:
        DiskFullError: The output disk has no room left; outcomes until then stand.
    """

    def stop(running: Collection[ExtractionJob]) -> bool:
        if watch is not None:
            watch(running)
        return should_stop is not None and should_stop()

    ordered = sorted(jobs, key=lambda job: -_size_bytes(job.video_path))
    if isinstance(workers, int) and workers == 0:
        yield from _while_there_is_room(_in_this_process(ordered, stop))
        return
    pool = LocalPool(min(workers, len(ordered))) if isinstance(workers, int) else workers
    try:
        yield from _while_there_is_room(_with_pool(pool, deque(ordered), lambda: stop(pool.running.values())))
    finally:
        pool.kill()


def _while_there_is_room(outcomes: Iterator[ExtractionOutcome]) -> Iterator[ExtractionOutcome]:
    """The first video for which the disk has no room ends the batch: the next ones would fail by the same."""
    for outcome in outcomes:
        if isinstance(outcome.error, DiskFullError):
            raise outcome.error
        yield outcome


def _in_this_process(
    jobs: Iterable[ExtractionJob], stop: Callable[[Collection[ExtractionJob]], bool]
) -> Iterator[ExtractionOutcome]:
    for job in jobs:
        outcome = None if stop([job]) else extract_one(job, partial(stop, [job]))
        if outcome is None or isinstance(outcome.error, ExtractionStoppedError):
            return
        yield outcome


def _with_pool(
    pool: WorkerPool, waiting: deque[ExtractionJob], stop: Callable[[], bool]
) -> Iterator[ExtractionOutcome]:
    suspects: deque[ExtractionJob] = deque()
    while (waiting or suspects or pool.running) and not stop():
        # After a crash each video that was in flight runs alone, which shows whose fault it was.
        if suspects and not pool.running:
            yield from _alone(pool, suspects.popleft(), stop)
            continue
        while waiting and not suspects and len(pool.running) < pool.size:
            pool.submit(waiting.popleft())
        outcomes, crashed = pool.collect()
        yield from outcomes
        suspects.extend(crashed)
        overdue, innocent = pool.end_overdue()
        yield from overdue
        waiting.extendleft(innocent)


def _alone(pool: WorkerPool, job: ExtractionJob, stop: Callable[[], bool]) -> Iterator[ExtractionOutcome]:
    pool.submit(job)
    while pool.running and not stop():
        outcomes, crashed = pool.collect()
        yield from outcomes
        if crashed:
            error = RetryableError(
                "the worker process died twice on this video (killed by the system, perhaps for memory)",
                where=job.video_path,
                fix="Check free memory and the system log; run again with fewer workers.",
            )
            remember(job, error)
            yield ExtractionOutcome(video_id=job.video_id, error=error)
        overdue, _ = pool.end_overdue()
        yield from overdue


def _size_bytes(path: Path) -> int:
    stamp = stamp_of(path)
    return stamp.size_bytes if stamp else 0
