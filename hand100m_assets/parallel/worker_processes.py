"""Worker processes that end with the work, with its failure, and with their parent."""

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
    """A pool of so many single-threaded workers; end it with `kill_pool`."""
    # Spawned, not forked: the caller may have threads, and a fork would copy their locks.
    context = multiprocessing.get_context("spawn")
    _allow_children()
    pool = ProcessPoolExecutor(size, mp_context=context, initializer=_start_worker)
    # A run of Dagster's is itself a process of multiprocessing, which at its end waits for those it started. An
    # interrupt between two of its events leaves the generator that holds the pool unclosed: both would wait for ever.
    multiprocessing.util.Finalize(pool, _kill, args=(pool._processes,), exitpriority=0)
    return pool


def _allow_children() -> None:
    """Let this process have children even if it is a worker of Celery's.

    Those may have none lest they outlive it, which ours do not; and they come from a fork of multiprocessing, whose
    key the original refuses to hand on.
    """
    settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    settings["daemon"] = False
    settings["authkey"] = multiprocessing.process.AuthenticationString(settings["authkey"])  # type: ignore[attr-defined]


def kill_pool(pool: ProcessPoolExecutor) -> None:
    """End every worker now, whatever it is doing."""
    _kill(pool._processes or {})  # no public way before Python 3.14
    pool.shutdown(wait=False, cancel_futures=True)


def _kill(processes: Mapping[int, multiprocessing.process.BaseProcess]) -> None:
    ending = list(processes.values())
    for process in ending:
        process.kill()
    for process in ending:
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
