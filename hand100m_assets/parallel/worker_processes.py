"""Worker processes that end with the work, with its failure, and with their parent process."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import multiprocessing.process
import multiprocessing.util
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

import cv2


def start_pool(size: int) -> ProcessPoolExecutor:
    """Start a pool of worker processes that use one thread each. End it with `kill_pool`.

    The workers ignore Ctrl-C, which the caller handles, and end when this process does.

    Args:
        size: Number of worker processes.

    Returns:
        The pool. Its processes are started when work is submitted.

    Example:
        >>> from hand100m_assets.parallel import kill_pool, start_pool
        >>> pool = start_pool(1)
        >>> pool.submit(sum, [1, 2]).result()
        3
        >>> kill_pool(pool)
    """
    # Spawned, not forked: the caller may have threads, and a fork would copy their locks.
    context = multiprocessing.get_context("spawn")
    _allow_children()
    pool = ProcessPoolExecutor(size, mp_context=context, initializer=_start_worker)
    # A run of Dagster is itself a process of multiprocessing, which waits at its end for the processes it started. An
    # interrupt between two of its events leaves the generator that holds the pool open: both would wait forever.
    multiprocessing.util.Finalize(pool, _kill, args=(pool._processes,), exitpriority=0)
    return pool


def _allow_children() -> None:
    """Let this process have child processes, even if it is a worker of Celery.

    Celery's workers may have none, because children could outlive them; ours do not. Celery starts its workers with
    its own fork of multiprocessing, whose key the original module refuses to pass on.
    """
    settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    settings["daemon"] = False
    settings["authkey"] = multiprocessing.process.AuthenticationString(settings["authkey"])  # type: ignore[attr-defined]


def kill_pool(pool: ProcessPoolExecutor) -> None:
    """End every worker of a pool now, whatever it is doing. Work that has not begun is cancelled.

    Args:
        pool: From `start_pool`.

    Example:
        >>> import time
        >>> from hand100m_assets.parallel import kill_pool, start_pool
        >>> pool = start_pool(1)
        >>> sleeping = pool.submit(time.sleep, 3600)
        >>> kill_pool(pool)
    """
    _kill(pool._processes or {})  # no public way before Python 3.14
    pool.shutdown(wait=False, cancel_futures=True)


def _kill(processes: Mapping[int, multiprocessing.process.BaseProcess]) -> None:
    ending = list(processes.values())
    for process in ending:
        process.kill()
    for process in ending:
        process.join(timeout=2)


def _start_worker() -> None:
    """Prepare a worker: one thread, no reaction to the terminal's interrupt, and an end when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
