"""Hands free: a real daemon notices downloads, waits until they are whole, and extracts them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hand100m_assets.sources import DOH
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests.conftest import REPO, SampleWorkspace

pytestmark = pytest.mark.integration

SENSORS = ("100doh_new_videos", "100doh_new_annotation_files")


def wait_until(what: Callable[[], bool], reason: str, log: Path, timeout_s: float = 480) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline_s, f"{reason}\n{log.read_text()[-6000:]}"
        time.sleep(0.5)


@contextmanager
def daemon(workspace: SampleWorkspace, log: Path) -> Iterator[None]:
    binary = str(Path(sys.executable).with_name("dagster-daemon"))
    with (
        log.open("w") as out,
        subprocess.Popen(
            [binary, "run", "-w", str(REPO / "workspace.yaml")],
            env=workspace.env,
            cwd=REPO,
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def test_a_download_that_lands_while_the_daemon_runs_becomes_frames(sample: SampleWorkspace, tmp_path: Path) -> None:
    workspace = SampleWorkspace(tmp_path, sample.report)
    (tmp_path / ".env").write_text(
        f"HAND100M_DATA_ROOT={tmp_path}/data\nHAND100M_OUTPUT_ROOT={tmp_path}/output\nHAND100M_SENSOR_INTERVAL_S=5\n"
    )
    here, there = SourceWorkspace(workspace.settings, DOH), SourceWorkspace(sample.settings, DOH)
    here.folders.videos_dir.mkdir(parents=True)
    shutil.copytree(there.folders.annotations_dir, here.folders.annotations_dir)
    first, second = sorted(sample.report.sources["100doh"].healthy)[:2]
    shutil.copy(there.video_file(first), here.video_file(first))
    unfinished = here.video_file(second).with_name(f"{second}.mp4.part")
    shutil.copy(there.video_file(second), unfinished)
    log = tmp_path / "daemon.log"
    binary = str(Path(sys.executable).with_name("dagster"))
    for name in SENSORS:
        started = workspace.run(binary, "sensor", "start", name, "-w", str(REPO / "workspace.yaml"))
        assert started.returncode == 0, started.stderr
    with daemon(workspace, log):
        wait_until(here.output.manifest_file(first).exists, "the first video was not extracted", log)
        wait_until(lambda: bool(here.annotation_dirs()), "no annotation set was ingested", log)
        assert not here.output.frame_dir(second).exists()
        unfinished.rename(here.video_file(second))
        wait_until(here.output.manifest_file(second).exists, "the second video was not extracted", log)
    assert {path.name for path in here.output.frames_dir.glob("[!.]*")} == {first, second}
