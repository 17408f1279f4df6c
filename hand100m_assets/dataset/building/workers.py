"""Videos over worker processes, answers in the order of the questions; no video can stop the others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from typing import Final

from hand100m_assets.dataset.building.cutting import CutJob, cut_video, given_up
from hand100m_assets.dataset.records import VideoCut
from hand100m_assets.parallel import Task, TimeLimitError, WorkerDiedError, work_through

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
    task = Task(work=partial(_cut, cut), name=lambda job: job.video_path, limit_s=lambda job: job.limits.patience_s)
    with closing(work_through(jobs, task, workers, in_order=True)) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome.error, (WorkerDiedError, TimeLimitError)):
                reason = DIED if isinstance(outcome.error, WorkerDiedError) else HUNG
                yield outcome.item, given_up(outcome.item, reason)
            else:
                yield outcome.item, outcome.result()


def _cut(cut: Cut, job: CutJob, _: Callable[[], bool]) -> VideoCut:
    return cut(job)
