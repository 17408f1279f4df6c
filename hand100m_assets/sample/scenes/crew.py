"""Makes many videos in worker processes, which end with the work, with its failure, and with their parent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from hand100m_assets.parallel import Task, work_through
from hand100m_assets.sample.scenes.cast import VideoPlan
from hand100m_assets.sample.scenes.filming import FilmedVideo, film


def film_all(plans: Sequence[VideoPlan], data: Path, workers: int) -> Iterator[tuple[VideoPlan, FilmedVideo]]:
    """Make every video that was downloaded, the longest work first.

    Args:
        plans: The videos; those whose fate is `missing` are left out.
        data: Data root; the video folders of the sources are created in it.
        workers: Number of worker processes; 1 works in this process.

    Yields:
        Each plan and its video, when the video is finished.

    Raises:
        OutputUnwritableError: The disk is full, read-only or not permitted; free space or correct the permissions.
        RetryableError: A worker process was killed; check free memory and run again with fewer workers.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sample.scenes import SampleScale, cast_videos, film_all
        >>> from hand100m_assets.sources import EGO4D
        >>> plans = cast_videos(EGO4D, 0, SampleScale(2, shortest_s=0.1, longest_s=0.2))
        >>> [(plan, video)] = film_all(plans[1:2], Path("data"), workers=1)
        >>> video.size_bytes > 0
        True
    """
    wanted = sorted((plan for plan in plans if plan.fate != "missing"), key=lambda plan: -_effort(plan))
    jobs = [(plan, data / plan.source.videos_dir) for plan in wanted]
    for _, videos_dir in jobs:
        videos_dir.mkdir(parents=True, exist_ok=True)
    task = Task(work=_film, name=lambda job: job[1])
    # An encoder of a worker that is ended ends when its pipe closes.
    with closing(work_through(jobs, task, 0 if workers == 1 else workers)) as outcomes:
        for outcome in outcomes:
            yield outcome.item[0], outcome.result()


def _film(job: tuple[VideoPlan, Path], _: Callable[[], bool]) -> FilmedVideo:
    return film(*job)


def _effort(plan: VideoPlan) -> float:
    return plan.frame_count * (plan.width_px * plan.height_px / 3e5 + 2 * len(plan.tracks))
