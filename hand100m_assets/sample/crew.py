"""Many plans over worker processes, which end with the work, with its failure, and with their parent."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2

from hand100m_assets.errors import RetryableError
from hand100m_assets.sample.cast import VideoPlan
from hand100m_assets.sample.filming import FilmedVideo, film


def film_all(plans: Sequence[VideoPlan], data: Path, workers: int) -> Iterator[tuple[VideoPlan, FilmedVideo]]:
    """Film every video that anybody downloaded, the longest work first; yield each when it is done.

    Args:
        plans: Those whose fate is missing are passed over.
        data: Data root; the sources' video folders are made in it.
        workers: Processes; 1 works in this one.

    Raises:
        OutputUnwritableError: The disk refuses.
        RetryableError: A worker process was killed.
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
    # Spawned, not forked: the caller may have threads, and a fork would copy their locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_start_worker)
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
        _end(pool)


def _end(pool: ProcessPoolExecutor) -> None:
    """Leave no worker behind, whatever it is doing; an encoder ends when its worker's pipe closes."""
    processes = list((pool._processes or {}).values())  # no public way before Python 3.14
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
    for process in processes:
        process.join(timeout=2)


def _start_worker() -> None:
    """One thread, deaf to the terminal's interrupt, and gone when the parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
