"""Worker processes: real deaths, hangs and ends of them. None costs more than its item, none outlives its parent."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from hand100m_assets.errors import DiskFullError, PermanentError, RetryableError
from hand100m_assets.parallel import Task, TimeLimitError, WorkerDiedError, work_through

UNCLOSED: list[object] = []


def process_id(_: object, __: Callable[[], bool]) -> int:
    return os.getpid()


def start_workers_and_return(tell: Connection) -> None:
    """As a run of Dagster's whose interrupt came between two events: nobody closes what holds the pool."""
    outcomes = work_through(itertools.count(), Task(work=process_id), workers=1)
    UNCLOSED.append(outcomes)
    tell.send(next(outcomes).value)


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


class Unpicklable:
    def __reduce__(self) -> str:
        raise TypeError("cannot leave its process")


class DeadlyToReceive:
    """Its receiver dies over it before the work begins, as when imports take too much memory."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (9,)


def do(item: tuple[str, object], _: Callable[[], bool]) -> object:
    what, how = item
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "die once" and not Path(str(how)).exists():
        Path(str(how)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # as a call that no handler interrupts
        time.sleep(60)
    if what == "fail":
        raise PermanentError("is broken", where="it")
    if what == "full":
        raise DiskFullError("cannot be written", fix="Free some space.")
    if what == "surprise":
        raise ZeroDivisionError("oops")
    if what == "return":
        return Unpicklable()
    time.sleep(float(how) if what == "sleep" else 0)
    return what


def test_whatever_happens_to_one_item_costs_no_other(tmp_path: Path) -> None:
    wanted = {
        ("die", 0): WorkerDiedError,
        ("hang", 0): TimeLimitError,
        ("fail", 0): PermanentError,
        ("surprise", 0): RetryableError,
        ("return", 0): RetryableError,
        ("receive", DeadlyToReceive()): WorkerDiedError,
        ("send", Unpicklable()): RetryableError,
        ("die once", tmp_path / "died"): type(None),
        **{("sleep", number / 100): type(None) for number in range(10)},
    }
    task = Task(work=do, name=lambda item: item[0], limit_s=lambda item: 3.0 if item[0] == "hang" else None)
    outcomes = {outcome.item: outcome for outcome in work_through(wanted, task, workers=2)}
    assert {item: type(outcome.error) for item, outcome in outcomes.items()} == wanted
    told = {item[0]: str(outcome.error) for item, outcome in outcomes.items()}
    assert "die: the worker process died twice" in told["die"] and "longer than the 3 s" in told["hang"]
    assert "surprise: unexpected ZeroDivisionError: oops" in told["surprise"]
    assert "Traceback" in outcomes["surprise", 0].details and outcomes["fail", 0].details is None
    with pytest.raises(PermanentError, match="is broken"):
        outcomes["fail", 0].result()
    assert outcomes["sleep", 0.01].result() == "sleep"


def when(marker: Path | None, _: Callable[[], bool]) -> tuple[float, float]:
    """Begin and end of the work, on the clock that all processes share; with a marker it dies the first time."""
    begun_s = time.monotonic()
    if marker is not None and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1 if marker is None else 1.0)
    return begun_s, time.monotonic()


def test_what_a_worker_died_over_is_tried_again_while_no_other_item_is_worked_on(tmp_path: Path) -> None:
    times: dict[Path | None, list[tuple[float, float]]] = {None: []}

    def others_until_it_is_done():
        yield tmp_path / "died"
        while len(times) == 1:
            yield None

    for outcome in work_through(others_until_it_is_done(), Task(work=when), workers=2):
        times.setdefault(outcome.item, []).append(outcome.result())
    ((begun_s, ended_s),) = times.pop(tmp_path / "died")
    assert times[None]
    assert all(other[1] <= begun_s or other[0] >= ended_s for other in times[None])


def test_outcomes_come_in_order_where_that_is_asked_for_though_one_dies() -> None:
    items = [("sleep", 0.3), ("die", 0), *[("sleep", number / 1000) for number in range(40)]]
    asked = []

    def lazily():
        for item in items:
            asked.append(item)
            yield item

    outcomes = work_through(lazily(), Task(work=do), workers=1, in_order=True)
    first = next(outcomes)
    assert len(asked) == 16
    assert [first.item, *[outcome.item for outcome in outcomes]] == items


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_ends_the_batch_and_what_came_before_it_stays(workers: int) -> None:
    outcomes = work_through([("sleep", 0), ("full", 0), ("sleep", 0)], Task(work=do), workers)
    assert next(outcomes).value == "sleep"
    with pytest.raises(DiskFullError, match="Free some space"):
        next(outcomes)
    assert list(outcomes) == []


def test_items_are_taken_as_workers_become_free_and_none_once_asked_to_stop() -> None:
    seen: list[int] = []
    asked: list[int] = []
    given: list[object] = []

    def lazily():
        for number in itertools.count():
            asked.append(number)
            yield ("sleep", number)

    outcomes = work_through(
        lazily(), Task(work=do), 2, should_stop=lambda: bool(given), watch=lambda running: seen.append(len(running))
    )
    given.append(next(outcomes).value)
    assert asked == [0, 1] and max(seen) <= 2
    assert list(outcomes) == [] and asked == [0, 1]
