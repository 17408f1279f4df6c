"""Tasks over all cores, each with a time limit; a process that crashes or hangs is a finding and is replaced."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from hand100m_assets_tests.explore import compare
from hand100m_assets_tests.explore.catalogue import Task, run_task
from hand100m_assets_tests.explore.compare import Outcome


def run_all(tasks: Sequence[Task], processes: int, limit_s: float) -> Iterator[Outcome]:
    """Outcomes as they come; 0 processes are one per core."""
    todo = iter(tasks)
    count = min(processes or len(os.sched_getaffinity(0)), max(1, len(tasks)))
    workers = [_Worker.start() for _ in range(count)]
    try:
        for worker in workers:
            worker.give(next(todo, None))
        while busy := [worker for worker in workers if worker.task is not None]:
            wait([worker.pipe for worker in busy], timeout=min(1.0, limit_s))
            for worker in busy:
                outcome = worker.outcome(limit_s)
                if outcome is not None:
                    yield outcome
                    worker.give(next(todo, None))
    finally:
        for worker in workers:
            worker.end()


@dataclass
class _Worker:
    """A process and what it works on."""

    process: BaseProcess
    pipe: Connection
    task: Task | None = None
    since_s: float = 0.0

    @classmethod
    def start(cls) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)

    def give(self, task: Task | None) -> None:
        self.task, self.since_s = task, time.monotonic()
        if task is not None:
            self.pipe.send(task)

    def outcome(self, limit_s: float) -> Outcome | None:
        """Of its task; None while it works."""
        assert self.task is not None
        try:
            if self.pipe.poll():
                result: Outcome = self.pipe.recv()
                return result
        except EOFError:
            return self._replace(compare.CRASHED, "the process ended")
        if time.monotonic() - self.since_s > limit_s:
            return self._replace(compare.TOO_LONG, f"more than {limit_s:.0f} s")
        return None

    def _replace(self, what: str, words: str) -> Outcome:
        assert self.task is not None
        outcome = Outcome(self.task.kind, self.task.number)
        outcome.found(what, words)
        self.end()
        fresh = _Worker.start()
        self.process, self.pipe = fresh.process, fresh.pipe
        return outcome

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _work(pipe: Connection) -> None:
    # Encoders and OpenCV talk to the console; what matters is in the outcome.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        pipe.send(run_task(task))
