"""Worker processes on this machine. Each has a pipe and a thread of its own, so that its death costs one item.

No two workers share a pipe or a lock: whatever happens to one, at whatever moment, the others do not notice.
"""

from __future__ import annotations

import multiprocessing.connection
import multiprocessing.process
import os
import pickle
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import cv2

from hand100m_assets.parallel.task import POLL_S, Order, Outcome, WorkerDiedError, failed

_SPAWN: Final = multiprocessing.get_context("spawn")
"""Spawned, not forked: the caller may have threads, and a fork would copy their locks."""


class LocalPool:
    """A pool of worker processes for `work_through`; a death, or an item over its time limit, costs only that item.

    Attributes:
        size: Number of worker processes; each is started when there is an item for it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._orders: SimpleQueue[Order | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[int, Outcome[Any, Any]]] = SimpleQueue()
        self._workers: list[_Worker] = []

    def start(self, _: Path | None) -> None:
        """Make ready for orders."""
        _allow_children()

    def submit(self, order: Order) -> None:
        """Accept one item, which the next free worker takes."""
        self._orders.put(order)
        if len(self._workers) < self.size:
            self._workers.append(_Worker(self._orders, self._ended))
            self._workers[-1].start()

    def collect(self) -> list[tuple[int, Outcome[Any, Any]]]:
        """Wait a little for an item that has ended; return its number and outcome."""
        with suppress(Empty):
            return [self._ended.get(timeout=POLL_S)]
        return []

    def kill(self) -> None:
        """End every worker now, whatever it is doing."""
        for worker in self._workers:
            worker.end()
            self._orders.put(None)


class _Worker(threading.Thread):
    """Has one item after the other done by a process of its own, which it starts anew after a death."""

    def __init__(self, orders: SimpleQueue[Order | None], ended: SimpleQueue[tuple[int, Outcome[Any, Any]]]) -> None:
        super().__init__(daemon=True)
        self._orders, self._ended = orders, ended
        self._lock = threading.Lock()  # no process is started once the work was ended
        self._process: multiprocessing.process.BaseProcess | None = None
        self._is_over = False

    def run(self) -> None:
        """Work until told to end."""
        while (order := self._orders.get()) is not None:
            self._ended.put((order.number, self._ask(order)))

    def _ask(self, order: Order) -> Outcome[Any, Any]:
        started_s = time.monotonic()
        try:
            pipe = self._pipe_to_process()
            pipe.send_bytes(pickle.dumps(order))
            if pipe.poll(order.limit_s):
                answer: Outcome[Any, Any] = pickle.loads(pipe.recv_bytes())  # noqa: S301 - of our own process
                return answer
            error = order.too_slow()
        except (EOFError, OSError):
            error = WorkerDiedError(
                "the worker process died twice on it (killed by the system, perhaps for memory)",
                where=order.where,
                fix="Check free memory and the system log; run again with fewer workers.",
            )
        except Exception as unknown:  # noqa: BLE001 - an item or an answer that cannot be pickled
            return failed(unknown, order.where)
        self._end_process()
        self._process = None
        return Outcome(item=None, error=error, seconds=time.monotonic() - started_s)

    def _pipe_to_process(self) -> multiprocessing.connection.Connection:
        with self._lock:
            if self._process is None and not self._is_over:
                self._pipe, theirs = _SPAWN.Pipe()
                # A daemon, so that it is ended where nobody closes the generator that holds the pool, as when a run of
                # Dagster's, itself a process of multiprocessing, is interrupted between two of its events.
                process = _SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
                process.start()
                theirs.close()
                self._process = process
            return self._pipe

    def end(self) -> None:
        """End the process now, and start no other."""
        with self._lock:
            self._is_over = True
        self._end_process()

    def _end_process(self) -> None:
        if (process := self._process) is not None:
            process.kill()
            process.join(timeout=2)


def _allow_children() -> None:
    """Let this process have child processes, even if it is a worker of Celery.

    Celery's workers may have none, because children could outlive them; ours do not. Celery starts its workers with
    its own fork of multiprocessing, whose key the original module refuses to pass on.
    """
    settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    settings["daemon"] = False
    settings["authkey"] = multiprocessing.process.AuthenticationString(settings["authkey"])  # type: ignore[attr-defined]


def _serve(pipe: multiprocessing.connection.Connection) -> None:
    """Be a worker: one thread, no reaction to the terminal's interrupt, and an end when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with suppress(EOFError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _answer(order: bytes) -> bytes:
    try:
        return pickle.dumps(pickle.loads(order).attempt(lambda: False))  # noqa: S301 - of our own parent
    except Exception as error:  # noqa: BLE001 - a function that cannot be imported here, a value not pickled
        return pickle.dumps(failed(error))


def _exit_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
