"""Worker processes never outlive, nor hold up, the process that started them."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path

from hand100m_assets.parallel.worker_processes import start_pool

UNCLOSED: list[object] = []


def start_workers_and_return(tell: Connection) -> None:
    """As a run of Dagster's whose interrupt came between two events: nobody closes what holds the pool."""
    pool = start_pool(1)
    UNCLOSED.append(pool)
    tell.send(pool.submit(os.getpid).result())


def test_a_process_that_leaves_its_pool_open_ends_and_takes_the_workers_along() -> None:
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe()
    run = context.Process(target=start_workers_and_return, args=(tell,))
    run.start()
    try:
        worker = told.recv()
        run.join(timeout=20)
        assert run.exitcode == 0
        assert not is_running(worker)
    finally:
        run.kill()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
