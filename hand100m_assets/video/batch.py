"""Many videos over worker processes: largest first, each outcome as it comes, no video able to stop the others."""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hand100m_assets.errors import Hand100mError, OutputUnwritableError, RetryableError
from hand100m_assets.video.extract import extract_video
from hand100m_assets.video.failures import record_failure, stamp_of
from hand100m_assets.video.limits import UNLIMITED, Limits
from hand100m_assets.video.manifest import ExtractionOptions, Manifest, is_done
from hand100m_assets.video.selection import Selection
from hand100m_assets.workerprocesses import kill_pool, start_pool

_POLL_S = 0.5
_GRACE_S = 30.0
"""Beyond its time limit a worker is waited for so long: it ends its video itself unless one call of it hangs."""


@dataclass(frozen=True, kw_only=True)
class ExtractionJob:
    """One video to extract; the arguments of `extract_video`."""

    video_path: Path
    frames_dir: Path
    video_id: str
    selection: Selection
    options: ExtractionOptions
    limits: Limits = UNLIMITED


@dataclass(frozen=True, kw_only=True)
class ExtractionOutcome:
    """What became of one video.

    Attributes:
        video_id: Which video.
        manifest: Of the finished folder, None when it failed.
        error: Why it failed, None when it did not.
        reused: The folder was finished before and agreed; nothing was decoded.
        seconds: Wall time of this video's work.
        details: Traceback of a fault of ours, None otherwise.
    """

    video_id: str
    manifest: Manifest | None = None
    error: Hand100mError | None = None
    reused: bool = False
    seconds: float = 0.0
    details: str | None = None


def extract_one(job: ExtractionJob) -> ExtractionOutcome:
    """Do one job in this process; a failure is an outcome, and is recorded beside the frames."""
    started_s = time.monotonic()
    error: Hand100mError
    details: str | None = None
    try:
        done = is_done(job.frames_dir, job.video_path, job.selection, job.options, video_id=job.video_id)
        manifest = extract_video(
            job.video_path, job.frames_dir, job.video_id, job.selection, job.options, limits=job.limits
        )
    except Hand100mError as known:
        error = known
    except Exception as unknown:  # noqa: BLE001 - one video's surprise must not stop the others
        details = traceback.format_exc()
        error = RetryableError(
            f"unexpected {type(unknown).__name__}: {unknown}", where=job.video_path, fix="Please report this."
        )
    else:
        return ExtractionOutcome(
            video_id=job.video_id, manifest=manifest, reused=done is not None, seconds=time.monotonic() - started_s
        )
    _remember(job, error)
    return ExtractionOutcome(video_id=job.video_id, error=error, seconds=time.monotonic() - started_s, details=details)


def extract_many(
    jobs: Sequence[ExtractionJob], workers: int, should_stop: Callable[[], bool] | None = None
) -> Generator[ExtractionOutcome, None, None]:
    """Work through the jobs, largest file first; yield each outcome as its video is finished.

    Closing the iterator, an interrupt, or any exception kills the worker processes at once; the videos in flight
    are taken up where they stopped by the next run.

    Args:
        jobs: At most one a video.
        workers: Processes; 0 works in this process, for notebooks and debuggers.
        should_stop: Asked about twice a second; when it says yes no outcome follows.
    """
    stop = should_stop or (lambda: False)
    ordered = sorted(jobs, key=lambda job: -_size_bytes(job.video_path))
    if workers == 0:
        for job in ordered:
            if stop():
                return
            yield extract_one(job)
        return
    pool = _Pool(min(workers, len(ordered)))
    try:
        yield from _with_pool(pool, deque(ordered), stop)
    finally:
        pool.kill()


def _with_pool(pool: _Pool, waiting: deque[ExtractionJob], stop: Callable[[], bool]) -> Iterator[ExtractionOutcome]:
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


def _alone(pool: _Pool, job: ExtractionJob, stop: Callable[[], bool]) -> Iterator[ExtractionOutcome]:
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
            _remember(job, error)
            yield ExtractionOutcome(video_id=job.video_id, error=error)
        overdue, _ = pool.end_overdue()
        yield from overdue


class _Pool:
    """A process pool that survives the death of its workers and can be killed."""

    def __init__(self, size: int) -> None:
        self.size = max(1, size)
        self.running: dict[Future[ExtractionOutcome], ExtractionJob] = {}
        self._started_s: dict[str, float] = {}
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, job: ExtractionJob) -> None:
        """Start one job; never more than `size` at a time, so that a crash implicates few."""
        self._started_s[job.video_id] = time.monotonic()
        if self._executor is None:
            self._executor = start_pool(self.size)
        try:
            self.running[self._executor.submit(extract_one, job)] = job
        except BrokenProcessPool as broken:
            failed: Future[ExtractionOutcome] = Future()
            failed.set_exception(broken)
            self.running[failed] = job

    def collect(self) -> tuple[list[ExtractionOutcome], list[ExtractionJob]]:
        """Wait a little; return finished outcomes, and the jobs that were in flight when a worker died."""
        finished, _ = wait(self.running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenProcessPool) for future in finished):
            wait(self.running, timeout=_POLL_S)
            crashed = list(self.running.values())
            outcomes = [f.result() for f in self.running if f.done() and f.exception() is None]
            survivors = {outcome.video_id for outcome in outcomes}
            self.kill()
            return outcomes, [job for job in crashed if job.video_id not in survivors]
        outcomes = [future.result() for future in finished]
        for future in finished:
            del self.running[future]
        return outcomes, []

    def end_overdue(self) -> tuple[list[ExtractionOutcome], list[ExtractionJob]]:
        """End videos that are far beyond their time, with their workers; return their outcomes, and the other jobs.

        One process of a pool cannot die alone, so the others' work is to be submitted again: it goes on where it was.
        """
        late = [job for future, job in self.running.items() if not future.done() and self._is_overdue(job)]
        if not late:
            return [], []
        outcomes = [future.result() for future in self.running if future.done() and future.exception() is None]
        settled = {outcome.video_id for outcome in outcomes} | {job.video_id for job in late}
        others = [job for job in self.running.values() if job.video_id not in settled]
        self.kill()
        for job in late:
            error = job.limits.too_slow(job.video_path)
            _remember(job, error)
            outcomes.append(ExtractionOutcome(video_id=job.video_id, error=error, seconds=self._seconds(job)))
        return outcomes, others

    def _is_overdue(self, job: ExtractionJob) -> bool:
        return job.limits.max_seconds is not None and self._seconds(job) > job.limits.max_seconds + _GRACE_S

    def _seconds(self, job: ExtractionJob) -> float:
        return time.monotonic() - self._started_s[job.video_id]

    def kill(self) -> None:
        """End every worker now, whatever it is doing; the next submit starts new ones."""
        executor, self._executor = self._executor, None
        self.running.clear()
        if executor is not None:
            kill_pool(executor)


def _remember(job: ExtractionJob, error: Hand100mError) -> None:
    # A full disk is what most likely failed just now: then the record cannot be written either.
    with suppress(OutputUnwritableError):
        record_failure(job.frames_dir, job.video_id, error, stamp_of(job.video_path))


def _size_bytes(path: Path) -> int:
    stamp = stamp_of(path)
    return stamp.size_bytes if stamp else 0
