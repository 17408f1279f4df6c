"""Makes many videos in worker processes, which end with the work, with its failure, and with their parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from hand100m_assets.errors import RetryableError
from hand100m_assets.parallel import kill_pool, start_pool
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
    if workers == 1:
        for plan, videos_dir in jobs:
            yield plan, film(plan, videos_dir)
    else:
        yield from _film_in_processes(jobs, workers)


def _effort(plan: VideoPlan) -> float:
    return plan.frame_count * (plan.width_px * plan.height_px / 3e5 + 2 * len(plan.tracks))


def _film_in_processes(jobs: Sequence[tuple[VideoPlan, Path]], workers: int) -> Iterator[tuple[VideoPlan, FilmedVideo]]:
    pool = start_pool(min(workers, len(jobs)))
    try:
        running = {pool.submit(film, plan, videos_dir): plan for plan, videos_dir in jobs}
        for future in as_completed(running):
            yield running[future], future.result()
    except BrokenProcessPool as error:
        raise RetryableError(
            "a worker process died (killed by the system, perhaps for memory)",
            where=jobs[0][1],
            fix="Check free memory; run again with fewer workers.",
        ) from error
    finally:
        kill_pool(pool)  # an encoder ends when its worker's pipe closes
