"""What a worker of a cluster takes for the life and the death of its run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hand100m_assets.errors import RetryableError, SettingsError
from hand100m_assets.video import daskpool
from hand100m_assets.video.daskcluster import DaskCluster, connected
from hand100m_assets.video.daskpool import NotSharedError, SignOfLife


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(daskpool.time, "monotonic", clock)
    return clock


def test_a_worker_that_does_not_see_the_run_refuses_and_says_what_to_mount(tmp_path: Path) -> None:
    with pytest.raises(NotSharedError, match="under the same path on every machine"):
        SignOfLife(tmp_path / "elsewhere" / ".run-1")


def test_a_run_that_takes_its_sign_away_has_ended_at_the_next_look(tmp_path: Path, clock: Clock) -> None:
    (path := tmp_path / ".run-1").touch()
    sign = SignOfLife(path)
    path.unlink()
    assert not sign.has_ended()  # not looked yet: a look costs a question to the file server
    clock.now_s += daskpool.LOOK_S
    assert sign.has_ended()


def test_a_run_that_falls_silent_is_dead_and_one_that_beats_is_not(tmp_path: Path, clock: Clock) -> None:
    (path := tmp_path / ".run-1").touch()
    sign = SignOfLife(path)
    for beat in range(1, 100):
        clock.now_s += daskpool.BEAT_S
        os.utime(path, ns=(0, beat))  # another machine's clock may say anything
        assert not sign.has_ended()
    clock.now_s += daskpool.SILENCE_S
    assert not sign.has_ended()
    clock.now_s += daskpool.LOOK_S
    assert sign.has_ended()


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("hand100m_assets.video.daskcluster._CONNECT_S", 1)
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

    monkeypatch.setattr("hand100m_assets.video.daskcluster.import_module", absent)
    with pytest.raises(SettingsError, match=r"pip install 'hand100m_assets\[dask\]'"), connected(DaskCluster()):
        pass
