"""Extracts videos on the workers of a Dask cluster. Every machine must mount the videos and frames at the same path.

A run writes a small file beside the frames and updates its time while it lives. A worker that cannot see this file
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
from typing import TYPE_CHECKING, Final

import cv2

from hand100m_assets.errors import PermanentError, RetryableError
from hand100m_assets.files import output_errors
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.video.frames.job import ExtractionJob, ExtractionOutcome, extract_one, remember
from hand100m_assets.video.frames.local_pool import GRACE_S, POLL_S

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


def extract_for(job: ExtractionJob, sign_of_life: Path) -> ExtractionOutcome:
    """Do one job on a worker for as long as its run lives.

    Raises:
        NotSharedError: This machine does not see the run's folder.
    """
    with _ONE_AT_A_TIME:  # a decoder's messages are captured per process, not per thread
        _say_begun(sign_of_life.name)
        cv2.setNumThreads(1)
        return extract_one(job, should_stop=SignOfLife(sign_of_life).has_ended)


def _say_begun(topic: str) -> None:
    """Tell the run that this video has begun: the scheduler cannot tell it from one that waits on the same worker."""
    worker = import_module("distributed").get_worker()
    worker.log_event(topic, {"key": worker.get_current_task(), "worker": worker.address})


class DaskPool:
    """A pool for `extract_many` that extracts on a Dask cluster. When a worker dies, another one takes its video.

    Attributes:
        running: The videos that were submitted to the cluster, by their futures.

    Example:
        >>> from pathlib import Path
        >>> from distributed import Client
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import DaskPool, ExtractionJob, extract_many
        >>> job = ExtractionJob(
        ...     video_path=Path("video.mp4"),
        ...     frames_dir=Path("extracted"),
        ...     video_id="video",
        ...     selection=StrideSelection(30),
        ...     options=ExtractionOptions(),
        ... )
        >>> with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        ...     outcomes = list(extract_many([job], DaskPool(client)))
        >>> outcomes[0].manifest.status
        'complete'
    """

    def __init__(self, client: Client, *, patience_s: float = 600.0) -> None:
        """Use a cluster, which others may use at the same time.

        Args:
            client: A connected client; the caller closes it.
            patience_s: For how many seconds the cluster may have no worker before the run fails.
        """
        self.running: dict[Future, ExtractionJob] = {}
        self._client = client
        self._patience_s = patience_s
        self._sign_of_life: Path | None = None
        self._begun: dict[str, tuple[str, float]] = {}  # by key: the worker, and when it reported that it began
        self._beat_s = self._asked_s = float("-inf")
        self._last_worker_s = time.monotonic()
        self._workers = 0
        self._any_done = threading.Event()

    @property
    def address(self) -> str:
        """Address of the scheduler."""
        scheduler = self._client.scheduler
        return str(scheduler.address) if scheduler else "(no scheduler)"

    @property
    def size(self) -> int:
        """Two videos per worker process, so that a worker always has the next one ready."""
        self._count_workers()
        return max(1, 2 * self._workers)

    def submit(self, job: ExtractionJob) -> None:
        """Submit one video to the cluster.

        Raises:
            OutputUnwritableError: The run's file cannot be written beside the frames.
        """
        if self._sign_of_life is None:
            self._sign_of_life = job.frames_dir / IN_PROGRESS_DIR / f".run-{uuid.uuid4().hex}"
            self._client.subscribe_topic(self._sign_of_life.name, self._note_begun)
        self._beat()
        key = f"{job.video_id}-{uuid.uuid4().hex}"
        future = self._client.submit(extract_for, job, self._sign_of_life, key=key, pure=False)
        self.running[future] = job
        future.add_done_callback(lambda _: self._any_done.set())

    def collect(self) -> tuple[list[ExtractionOutcome], list[ExtractionJob]]:
        """Wait a little, then return finished outcomes. No job is to be tried alone: the cluster tried other workers.

        Raises:
            RetryableError: The cluster is lost, or has had no worker for too long.
            NotSharedError: A worker does not see the run's folder.
        """
        self._beat()
        self._insist_on_workers()
        self._any_done.wait(POLL_S)
        self._any_done.clear()
        return [self._outcome(future) for future in list(self.running) if future.done()], []

    def _outcome(self, future: Future) -> ExtractionOutcome:
        job = self.running.pop(future)
        if future.status in ("cancelled", "lost"):
            raise RetryableError(
                "the connection to the Dask scheduler was lost",
                where=self.address,
                fix="See that it runs, then start again; finished videos are kept.",
            )
        error = future.exception()
        if error is None:
            outcome: ExtractionOutcome = future.result()
            return outcome
        if isinstance(error, NotSharedError):
            raise error
        failure = RetryableError(
            f"no worker of the cluster could do it ({type(error).__name__}: {error})",
            where=job.video_path,
            fix="Look at the workers' logs: out of memory, ended by the queue, or another version of this package?",
        )
        remember(job, failure)
        return ExtractionOutcome(video_id=job.video_id, error=failure)

    def end_overdue(self) -> tuple[list[ExtractionOutcome], list[ExtractionJob]]:
        """Give up videos far beyond their limit and restart their workers, whose other videos the cluster moves."""
        now_s = time.monotonic()
        for future, job in list(self.running.items()):
            worker, begun_s = self._begun.get(future.key, ("", now_s))
            limit_s = job.limits.max_seconds
            if limit_s is None or now_s - begun_s <= limit_s + GRACE_S:
                continue
            if self._has(worker, future):
                return [self._give_up(future, worker)], []
            self._begun.pop(future.key, None)  # its worker died: the next one will say when it begins
        return [], []

    def _note_begun(self, event: tuple[float, dict[str, str]]) -> None:
        _, said = event
        self._begun[said["key"]] = (said["worker"], time.monotonic())

    def _has(self, worker: str, future: Future) -> bool:
        with suppress(OSError):
            return future.key in self._client.processing().get(worker, ())
        return False

    def _give_up(self, future: Future, worker: str) -> ExtractionOutcome:
        job = self.running.pop(future)
        future.cancel()
        with suppress(Exception):  # without a nanny the worker is not restarted and goes on hanging
            self._client.restart_workers([worker], timeout=10)
        error = job.limits.too_slow(job.video_path)
        remember(job, error)
        return ExtractionOutcome(video_id=job.video_id, error=error)

    def kill(self) -> None:
        """Take back what has not begun, and make the workers stop the rest within seconds."""
        if self._sign_of_life is not None:
            self._sign_of_life.unlink(missing_ok=True)
            with suppress(Exception):
                self._client.unsubscribe_topic(self._sign_of_life.name)
            self._sign_of_life = None
        with suppress(Exception):  # the cluster may be what failed
            self._client.cancel(list(self.running))
        self.running.clear()

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
        self._count_workers()
        if time.monotonic() - self._last_worker_s > self._patience_s:
            raise RetryableError(
                f"the Dask cluster has had no worker for {self._patience_s:g} s",
                where=self.address,
                fix="Start workers, or see in the queue why none comes; finished videos are kept.",
            )
