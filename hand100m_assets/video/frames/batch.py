"""Extracts many videos with several workers, the largest file first. A fault in one never stops the others."""

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
    """What `extract_many` needs from a pool of workers.

    `extract_many` makes one for this machine by itself. `DaskPool` is the one for a cluster.

    Example:
        A pool that has no workers and extracts in this process:

        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import ExtractionJob, extract_many
        >>> class NoWorkers:
        ...     size = 1
        ...     def __init__(self):
        ...         self.running = {}
        ...     def submit(self, job):
        ...         self.running[job.video_id] = job
        ...     def collect(self):
        ...         outcomes = list(extract_many(list(self.running.values()), 0))
        ...         self.running.clear()
        ...         return outcomes, []
        ...     def end_overdue(self):
        ...         return [], []
        ...     def kill(self):
        ...         self.running.clear()
        >>> job = ExtractionJob(
        ...     video_path=Path("video.mp4"),
        ...     frames_dir=Path("extracted"),
        ...     video_id="video",
        ...     selection=StrideSelection(30),
        ...     options=ExtractionOptions(),
        ... )
        >>> [outcome.video_id for outcome in extract_many([job], NoWorkers())]
        ['video']
    """

    @property
    def size(self) -> int:
        """How many videos the pool takes at a time. It may change while a cluster grows."""
        ...

    @property
    def running(self) -> Mapping[Any, ExtractionJob]:
        """The jobs that are being worked on. Each pool chooses its own keys."""
        ...

    def submit(self, job: ExtractionJob) -> None:
        """Start one job. The caller never has more than `size` jobs running."""
        ...

    def collect(self) -> tuple[list[ExtractionOutcome], list[ExtractionJob]]:
        """Wait for at most about half a second, then return what has finished.

        Returns:
            The outcomes of finished jobs, and the jobs whose worker died. `extract_many` runs each of the latter alone.
        """
        ...

    def end_overdue(self) -> tuple[list[ExtractionOutcome], list[ExtractionJob]]:
        """End the jobs that are far beyond their time limit.

        Returns:
            The outcomes of the ended jobs, and other jobs that were interrupted with them and must be submitted again.
        """
        ...

    def kill(self) -> None:
        """End all work now."""
        ...


Watch: TypeAlias = Callable[[Collection[ExtractionJob]], None]
"""A function that is called about twice per second, in the caller's thread, with the jobs that are being worked on."""


def extract_many(
    jobs: Sequence[ExtractionJob],
    workers: int | WorkerPool,
    should_stop: Callable[[], bool] | None = None,
    *,
    watch: Watch | None = None,
) -> Generator[ExtractionOutcome, None, None]:
    """Extract many videos, the largest file first, and yield each outcome when its video is finished.

    A failed video gives an outcome with an error and does not stop the others. If you close the iterator, if an
    exception is raised or if you press Ctrl-C, the workers stop at once. The next run continues the unfinished videos
    from the JPEGs that are already there.

    Args:
        jobs: At most one job per video.
        workers: Number of worker processes on this machine; 0 extracts in this process, for notebooks and debuggers.
            Or a pool, for instance a `DaskPool`; it is ended with the work.
        should_stop: Called about twice per second. When it returns True, no further outcome follows.
        watch: Called as often with the jobs that are being worked on, for a progress display.

    Yields:
        One outcome per job, in the order in which the videos finish.

    Raises:
        DiskFullError: The output disk is full. Free some space and run again; the outcomes before it stay valid.
        OutputUnwritableError: A cluster's run cannot write beside the frames. Give write permission or choose another
            output folder.
        RetryableError: The cluster is lost or has no workers. Start it, then run again.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import ExtractionJob, extract_many
        >>> jobs = [
        ...     ExtractionJob(
        ...         video_path=Path("video.mp4"),
        ...         frames_dir=Path("extracted"),
        ...         video_id="video",
        ...         selection=StrideSelection(30),
        ...         options=ExtractionOptions(),
        ...     )
        ... ]
        >>> for outcome in extract_many(jobs, workers=0):
        ...     print(outcome.video_id, outcome.error or outcome.manifest.status)
        video complete
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
    """End the batch at the first video for which the disk is full: the following videos would fail in the same way."""
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
        # After a crash, each video that was running is run alone. This shows which one made the worker die.
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
