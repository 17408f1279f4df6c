"""Worker processes on this machine. If one dies or hangs, at most one video fails."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from hand100m_assets.parallel import kill_pool, start_pool
from hand100m_assets.video.frames.job import ExtractionJob, ExtractionOutcome, extract_one, remember

POLL_S: Final = 0.5
"""How long `collect` waits, in seconds."""
GRACE_S: Final = 30.0
"""Seconds by which a worker may exceed its limit. Normally it ends its video itself, unless a library call hangs."""


class LocalPool:
    """A pool of worker processes that survives the death of its workers and can be killed."""

    def __init__(self, size: int) -> None:
        self.size = max(1, size)
        self.running: dict[Future[ExtractionOutcome], ExtractionJob] = {}
        self._started_s: dict[str, float] = {}
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, job: ExtractionJob) -> None:
        """Start one job. There are never more than `size` running, so that few are suspected when a worker dies."""
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
        """Wait a little, then return finished outcomes, and the jobs that were running when a worker died."""
        finished, _ = wait(self.running, timeout=POLL_S, return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenProcessPool) for future in finished):
            wait(self.running, timeout=POLL_S)
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
        """End videos far beyond their time limit, with their workers; return their outcomes, and the other jobs.

        A process pool ends as a whole, so the other jobs must be submitted again. They continue where they were.
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
            remember(job, error)
            outcomes.append(ExtractionOutcome(video_id=job.video_id, error=error, seconds=self._seconds(job)))
        return outcomes, others

    def _is_overdue(self, job: ExtractionJob) -> bool:
        return job.limits.max_seconds is not None and self._seconds(job) > job.limits.max_seconds + GRACE_S

    def _seconds(self, job: ExtractionJob) -> float:
        return time.monotonic() - self._started_s[job.video_id]

    def kill(self) -> None:
        """End every worker now, whatever it is doing. The next submit starts new ones."""
        executor, self._executor = self._executor, None
        self.running.clear()
        if executor is not None:
            kill_pool(executor)
