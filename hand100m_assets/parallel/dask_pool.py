"""Works on items with a Dask cluster, every machine of which mounts videos and outputs at the same path.

A run writes a small file beside its output and updates its time while it lives. A worker that cannot see this file
does not share the run's storage and refuses the job. A worker that sees the file vanish, or no longer change, stops.
So no worker continues to write after a run was interrupted or its machine died.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2

from hand100m_assets.errors import PermanentError, RetryableError, SettingsError
from hand100m_assets.files import output_errors
from hand100m_assets.parallel.task import POLL_S, Order, Outcome

if TYPE_CHECKING:
    from distributed import Client, Future

BEAT_S: Final = 10.0
"""How often a run updates its file, in seconds."""
SILENCE_S: Final = 180.0
"""Seconds without an update after which a run counts as dead. Network file systems may show changes 60 s late."""
LOOK_S: Final = 2.0
"""How often a worker looks at the file, in seconds."""

_ONE_AT_A_TIME: Final = threading.Lock()


class NotSharedError(PermanentError):
    """A worker does not see the folder that the run writes to."""


class SignOfLife:
    """The file by which workers see that their run still lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()
        self._changed_s = self._looked_s = time.monotonic()
        if self._seen is None:
            raise NotSharedError(
                f"the worker on {socket.gethostname()} does not see the run's folder",
                where=path.parent,
                fix="Mount the videos and HAND100M_OUTPUT_ROOT under the same path on every machine of the cluster.",
            )

    def has_ended(self) -> bool:
        """Whether the run was stopped or died. Looks at the file at most every two seconds."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return False
        self._looked_s, seen = now_s, self._look()
        if seen != self._seen:
            self._seen, self._changed_s = seen, now_s
        return seen is None or now_s - self._changed_s > SILENCE_S

    def _look(self) -> int | None:
        # Opened, not only asked for: that makes a network file system ask its server.
        try:
            with self._path.open("rb") as file:
                return os.fstat(file.fileno()).st_mtime_ns
        except OSError:
            return None


def work_for(order: Order, sign_of_life: Path) -> Outcome[Any, Any]:
    """Do one item on a worker for as long as its run lives.

    Raises:
        NotSharedError: This machine does not see the run's folder.
    """
    with _ONE_AT_A_TIME:  # a decoder's messages are captured per process, not per thread
        _say_begun(sign_of_life.name)
        cv2.setNumThreads(1)
        return order.attempt(SignOfLife(sign_of_life).has_ended)


def _say_begun(topic: str) -> None:
    """Tell the run that this item has begun: the scheduler cannot tell it from one that waits on the same worker."""
    worker = import_module("distributed").get_worker()
    worker.log_event(topic, {"key": worker.get_current_task(), "worker": worker.address})


class DaskPool:
    """A pool for `work_through` that works on a Dask cluster. When a worker dies, another one takes its item.

    Example:
        >>> from pathlib import Path
        >>> from distributed import Client
        >>> from hand100m_assets.parallel import DaskPool, Task, work_through
        >>> def length(word, should_stop):
        ...     return len(word)
        >>> task = Task(work=length, folder=Path("shared"))
        >>> with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        ...     [outcome] = work_through(["hand"], task, DaskPool(client))
        >>> outcome.value
        4
    """

    def __init__(self, client: Client, *, patience_s: float = 600.0) -> None:
        """Use a cluster, which others may use at the same time.

        Args:
            client: A connected client; the caller closes it.
            patience_s: For how many seconds the cluster may have no worker before the run fails.
        """
        self._orders: dict[Future, Order] = {}
        self._client = client
        self._address = str(client.scheduler.address)
        self._patience_s = patience_s
        self._sign_of_life: Path | None = None
        self._begun: dict[str, tuple[str, float]] = {}  # by key: the worker, and when it reported that it began
        self._beat_s = self._asked_s = float("-inf")
        self._last_worker_s = time.monotonic()
        self._workers = 0
        self._any_done = threading.Event()

    @property
    def size(self) -> int:
        """Two items per worker process, so that a worker always has the next one ready."""
        self._count_workers()
        return max(1, 2 * self._workers)

    def start(self, folder: Path | None) -> None:
        """Choose the run's file, in a folder that all workers see.

        Raises:
            SettingsError: There is no such folder.
        """
        if folder is None:
            raise SettingsError("a cluster needs a folder that all its workers see", fix="Set `Task.folder`.")
        self._sign_of_life = folder / f".run-{uuid.uuid4().hex}"
        self._client.subscribe_topic(self._sign_of_life.name, self._note_begun)

    def submit(self, order: Order) -> None:
        """Submit one item to the cluster.

        Raises:
            OutputUnwritableError: The run's file cannot be written.
        """
        self._beat()
        key = f"{Path(order.where).stem}-{uuid.uuid4().hex}"
        future = self._client.submit(work_for, order, self._sign_of_life, key=key, pure=False)
        self._orders[future] = order
        future.add_done_callback(lambda _: self._any_done.set())

    def collect(self) -> list[tuple[int, Outcome[Any, Any]]]:
        """Wait a little, then return the numbers and outcomes of what has ended or is overdue.

        Raises:
            RetryableError: The cluster is lost, or has had no worker for too long.
            NotSharedError: A worker does not see the run's folder.
        """
        self._beat()
        self._insist_on_workers()
        self._any_done.wait(POLL_S)
        self._any_done.clear()
        ended = [self._outcome(future) for future in list(self._orders) if future.done()]
        return ended + self._end_overdue()

    def _outcome(self, future: Future) -> tuple[int, Outcome[Any, Any]]:
        order = self._orders.pop(future)
        if future.status in ("cancelled", "lost"):
            raise RetryableError(
                "the connection to the Dask scheduler was lost",
                where=self._address,
                fix="See that it runs, then start again; finished work is kept.",
            )
        error = future.exception()
        if error is None:
            return order.number, future.result()
        if isinstance(error, NotSharedError):
            raise error
        failure = RetryableError(
            f"no worker of the cluster could do it ({type(error).__name__}: {error})",
            where=order.where,
            fix="Look at the workers' logs: out of memory, ended by the queue, or another version of this package?",
        )
        return order.number, Outcome(item=None, error=failure)

    def _end_overdue(self) -> list[tuple[int, Outcome[Any, Any]]]:
        """Give up an item beyond its limit and restart its worker, whose other items the cluster moves."""
        now_s = time.monotonic()
        for future, order in self._orders.items():
            worker, begun_s = self._begun.get(future.key, ("", now_s))
            if order.limit_s is None or now_s - begun_s <= order.limit_s:
                continue
            if self._has(worker, future):
                del self._orders[future]
                future.cancel()
                with suppress(Exception):  # without a nanny the worker is not restarted and goes on hanging
                    self._client.restart_workers([worker], timeout=10)
                return [(order.number, Outcome(item=None, error=order.too_slow()))]
            self._begun.pop(future.key, None)  # its worker died: the next one will say when it begins
        return []

    def _note_begun(self, event: tuple[float, dict[str, str]]) -> None:
        _, said = event
        self._begun[said["key"]] = (said["worker"], time.monotonic())

    def _has(self, worker: str, future: Future) -> bool:
        with suppress(OSError):
            return future.key in self._client.processing().get(worker, ())
        return False

    def kill(self) -> None:
        """Take back what has not begun, and make the workers stop the rest within seconds."""
        if self._sign_of_life is not None:
            self._sign_of_life.unlink(missing_ok=True)
            with suppress(Exception):
                self._client.unsubscribe_topic(self._sign_of_life.name)
            self._sign_of_life = None
        with suppress(Exception):  # the cluster may be what failed
            self._client.cancel(list(self._orders))
        self._orders.clear()

    def _beat(self) -> None:
        now_s = time.monotonic()
        if self._sign_of_life is None or now_s - self._beat_s < BEAT_S:
            return
        with output_errors(self._sign_of_life):
            self._sign_of_life.parent.mkdir(parents=True, exist_ok=True)
            self._sign_of_life.touch()
        self._beat_s = now_s

    def _count_workers(self) -> None:
        now_s = time.monotonic()
        if now_s - self._asked_s < LOOK_S:
            return
        self._asked_s = now_s
        with suppress(OSError):
            self._workers = len(self._client.nthreads())
            if self._workers:
                self._last_worker_s = now_s

    def _insist_on_workers(self) -> None:
        if time.monotonic() - self._last_worker_s > self._patience_s:
            raise RetryableError(
                f"the Dask cluster has had no worker for {self._patience_s:g} s",
                where=self._address,
                fix="Start workers, or see in the queue why none comes; finished work is kept.",
            )
