"""When a run's process counts as gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from hand100m_assets.launchers.local import START_SLACK_S, WatchfulRunLauncher, is_alive


def a_dead_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_this_process_lives_and_an_ended_one_does_not() -> None:
    assert is_alive(os.getpid(), time.time())
    assert not is_alive(a_dead_pid(), time.time())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to tell when a process began")
def test_a_process_that_began_later_was_given_the_number_of_one_that_is_gone() -> None:
    young = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert is_alive(young.pid, time.time())
        assert not is_alive(young.pid, time.time() - START_SLACK_S - 60)
    finally:
        young.kill()
        young.wait()


@pytest.fixture
def launcher() -> WatchfulRunLauncher:
    with dg.DagsterInstance.ephemeral() as instance:
        launcher = WatchfulRunLauncher()
        launcher.register_instance(instance)
        yield launcher


def a_run(launcher: WatchfulRunLauncher, pid: int | None, **tags: str) -> dg.DagsterRun:
    instance = launcher._instance
    run = instance.create_run_for_job(dg.job(name="frames")(lambda: None), tags=tags)
    if pid is not None:
        instance.report_engine_event("Started process for run", run, EngineEventData.in_process(pid))
    return run


def test_a_run_is_healthy_while_its_process_lives_and_failed_once_it_is_gone(launcher: WatchfulRunLauncher) -> None:
    assert launcher.check_run_worker_health(a_run(launcher, os.getpid())).status == WorkerStatus.RUNNING
    gone = launcher.check_run_worker_health(a_run(launcher, a_dead_pid()))
    assert gone.status == WorkerStatus.FAILED
    assert "is gone" in gone.msg


def test_a_run_that_has_not_said_its_number_is_left_to_the_start_timeout(launcher: WatchfulRunLauncher) -> None:
    assert launcher.check_run_worker_health(a_run(launcher, None)).status == WorkerStatus.RUNNING


def test_a_run_on_another_machine_is_not_judged_by_the_processes_of_this_one(launcher: WatchfulRunLauncher) -> None:
    run = a_run(launcher, a_dead_pid(), **{GRPC_INFO_TAG: '{"host": "node7", "port": 4000}'})
    assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
