"""What a worker of a cluster takes for the life and the death of its run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hand100m_assets.errors import RetryableError, SettingsError
from hand100m_assets.parallel import DaskCluster, Outcome, TimeLimitError, connected, dask_pool
from hand100m_assets.parallel.dask_pool import DaskPool, NotSharedError, SignOfLife
from hand100m_assets.parallel.task import Order

if TYPE_CHECKING:
    from distributed import Client


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(dask_pool.time, "monotonic", clock)
    return clock


def test_a_worker_that_does_not_see_the_run_refuses_and_says_what_to_mount(tmp_path: Path) -> None:
    with pytest.raises(NotSharedError, match="under the same path on every machine"):
        SignOfLife(tmp_path / "elsewhere" / ".run-1")


def test_a_run_that_takes_its_sign_away_has_ended_at_the_next_look(tmp_path: Path, clock: Clock) -> None:
    (path := tmp_path / ".run-1").touch()
    sign = SignOfLife(path)
    path.unlink()
    assert not sign.has_ended()  # not looked yet: a look costs a question to the file server
    clock.now_s += dask_pool.LOOK_S
    assert sign.has_ended()


def test_a_run_that_falls_silent_is_dead_and_one_that_beats_is_not(tmp_path: Path, clock: Clock) -> None:
    (path := tmp_path / ".run-1").touch()
    sign = SignOfLife(path)
    for beat in range(1, 100):
        clock.now_s += dask_pool.BEAT_S
        os.utime(path, ns=(0, beat))  # another machine's clock may say anything
        assert not sign.has_ended()
    clock.now_s += dask_pool.SILENCE_S
    assert not sign.has_ended()
    clock.now_s += dask_pool.LOOK_S
    assert sign.has_ended()


@pytest.fixture
def one_worker() -> Iterator[Client]:
    """A cluster of one thread of this process, so that a test decides how long each video takes."""
    distributed = pytest.importorskip("distributed")
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        yield client


RELEASED = {"long": threading.Event(), "short": threading.Event()}


def work(item: str, _: Callable[[], bool]) -> str:
    RELEASED[item].wait(60)
    return item


def test_the_time_of_an_item_begins_with_its_work_not_while_it_waits_behind_another(
    one_worker: Client, tmp_path: Path
) -> None:
    pool = DaskPool(one_worker)
    try:
        pool.start(tmp_path)
        pool.submit(Order(number=0, work=work, item="long", where="long.mp4"))
        pool.submit(Order(number=1, work=work, item="short", where="short.mp4", limit_s=0.5))
        for _ in range(4):
            assert pool.collect() == [], "given up while it waited"
        RELEASED["long"].set()
        ended = poll(pool.collect, number=2)
    finally:
        for event in RELEASED.values():
            event.set()
        pool.kill()
    assert (ended[0][0], ended[0][1].value, ended[0][1].error) == (0, "long", None)
    assert isinstance(ended[1][1].error, TimeLimitError)
    assert ended[1][0] == 1


Ended = list[tuple[int, Outcome[None, str]]]


def poll(outcomes: Callable[[], Ended], number: int) -> Ended:
    ended: Ended = []
    deadline_s = time.monotonic() + 30
    while len(ended) < number:
        assert time.monotonic() < deadline_s, ended
        ended += outcomes()
    return ended


def test_a_task_without_a_shared_folder_is_refused_with_what_to_set(one_worker: Client) -> None:
    with pytest.raises(SettingsError, match=r"needs a folder that all its workers see.*Task\.folder"):
        DaskPool(one_worker).start(None)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("hand100m_assets.parallel.dask_cluster._CONNECT_S", 1)
    with (
        pytest.raises(RetryableError, match=r"tcp://127\.0\.0\.1:1: the Dask scheduler does not answer"),
        connected(DaskCluster(scheduler="tcp://127.0.0.1:1")),
    ):
        pass


def test_an_option_that_the_batch_system_does_not_know_is_a_clear_error() -> None:
    pytest.importorskip("dask_jobqueue")
    cluster = DaskCluster(queue="slurm", queue_options={"cors": 2})
    with pytest.raises(SettingsError, match=r"SLURMCluster does not take these options.*cors"), connected(cluster):
        pass


def test_a_missing_package_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("hand100m_assets.parallel.dask_cluster.import_module", absent)
    advice = r"pip install 'distributed>=\S+' 'dask-jobqueue>=\S+'"
    with pytest.raises(SettingsError, match=advice), connected(DaskCluster()):
        pass
