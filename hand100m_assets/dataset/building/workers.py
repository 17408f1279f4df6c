"""Videos over worker processes, answers in the order of the questions; no video can stop the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Final

from hand100m_assets.dataset.building.cutting import CutJob, cut_video, given_up
from hand100m_assets.dataset.records import VideoCut
from hand100m_assets.parallel import kill_pool, start_pool

_AHEAD: Final = 16
"""Jobs per worker that may be in hand: answers come in order, so a long video would leave the others idle."""
_GRACE_S: Final = 30.0
"""Beyond its time limit a video is waited for so long; it ends by itself unless one call of the decoder hangs."""

DIED: Final = "the worker process died on this video (killed by the system, perhaps for memory)"
HUNG: Final = "the decoder hung on this video and was ended"

Cut = Callable[[CutJob], VideoCut]


def cut_many(
    jobs: Iterable[CutJob], workers: int, cut: Cut = cut_video
) -> Generator[tuple[CutJob, VideoCut], None, None]:
    """Cut every video, in order; closing the generator ends the workers at once.

    Args:
        jobs: One per video.
        workers: Processes; 0 works in this one.
        cut: What a worker does with a job.

    Raises:
        Hand100mError: What `cut` raises ends the work; a dying or hanging worker does not.
    """
    if workers == 0:
        for job in jobs:
            yield job, cut(job)
        return
    crew = _Crew(workers, cut)
    try:
        yield from crew.work(iter(jobs))
    finally:
        crew.end()


class _Crew:
    """A pool that is started again when it broke."""

    def __init__(self, size: int, cut: Cut) -> None:
        self._size, self._cut = size, cut
        self._pool: ProcessPoolExecutor | None = None
        self._in_hand: deque[tuple[CutJob, Future[VideoCut]]] = deque()

    def work(self, jobs: Iterator[CutJob]) -> Iterator[tuple[CutJob, VideoCut]]:
        while True:
            for job in islice(jobs, self._size * _AHEAD - len(self._in_hand)):
                self._submit(job)
            if not self._in_hand:
                return
            job, future = self._in_hand.popleft()
            try:
                yield job, future.result(_patience_s(job))
            except (BrokenProcessPool, FutureTimeoutError):
                yield job, self._alone(job)

    def _alone(self, job: CutJob) -> VideoCut:
        """The same with no other video in hand, which shows whose fault it was; the others start again."""
        others = [other for other, _ in self._in_hand]
        self.end()
        self._in_hand.clear()
        self._submit(job)
        _, future = self._in_hand.popleft()
        try:
            return future.result(_patience_s(job))
        except (BrokenProcessPool, FutureTimeoutError) as failure:
            self.end()
            return given_up(job, DIED if isinstance(failure, BrokenProcessPool) else HUNG)
        finally:
            for other in others:
                self._submit(other)

    def _submit(self, job: CutJob) -> None:
        if self._pool is None:
            self._pool = start_pool(self._size)
        try:
            self._in_hand.append((job, self._pool.submit(self._cut, job)))
        except BrokenProcessPool as broken:
            failed: Future[VideoCut] = Future()
            failed.set_exception(broken)
            self._in_hand.append((job, failed))

    def end(self) -> None:
        """End every worker now."""
        pool, self._pool = self._pool, None
        if pool is not None:
            kill_pool(pool)


def _patience_s(job: CutJob) -> float | None:
    return None if job.limits.max_seconds is None else job.limits.max_seconds + _GRACE_S
