"""Ctrl-C and SIGTERM: the first one ends every command with one line and the signal's status, at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.video.manifest import read_manifest
from hand100m_assets_tests.conftest import REPO
from hand100m_assets_tests.media import encode
from hand100m_assets_tests.stopping import LINE, Stopped, stop_when

HAND100M = str(Path(sys.executable).with_name("hand100m"))
EXTRACT_ALL = (HAND100M, "extract", "--every", "1")
SIGNALS = pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HAND100M_", "DAGSTER_"))}
    mine = {"HAND100M_DATA_ROOT": str(tmp_path), "HAND100M_OUTPUT_ROOT": str(tmp_path / "out")}
    return {**clean, **mine, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(REPO)}


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "aaaaaaaaaaa.mp4"
    encode(path, frames=600, preset="ultrafast")
    return path


def after(seconds: float) -> Callable[[str], bool]:
    begun_s = time.monotonic()
    return lambda _: time.monotonic() > begun_s + seconds


def assert_only_the_line(stopped: Stopped, status: int) -> None:
    assert stopped.status == status, stopped.printed
    assert [line for line in stopped.printed.splitlines() if line not in ("", "ready")] == [LINE]


@SIGNALS
@pytest.mark.parametrize(
    "command",
    [
        (HAND100M, "status"),
        (sys.executable, "-m", "hand100m_assets.defs.catch_up"),
        (sys.executable, "-m", "hand100m_assets.defs.check_data"),
    ],
    ids=lambda command: command[-1].rpartition(".")[2],
)
def test_a_signal_while_modules_are_imported_ends_the_command_with_one_line(
    command: Sequence[str], how: int, status: int, env: dict[str, str], tmp_path: Path
) -> None:
    # Importing takes two seconds and more; the first tenths are the interpreter's own start.
    stopped = stop_when(command, tmp_path / "log", after(0.5), how, env=env)
    assert_only_the_line(stopped, status)


@pytest.mark.parametrize(
    ("how", "status", "whole_group"),
    [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False)],
    ids=["terminal", "kill"],
)
def test_extraction_stops_at_once_and_goes_on_where_it_was(
    how: int, status: int, whole_group: bool, long_video: Path, env: dict[str, str], tmp_path: Path
) -> None:
    frames_dir = tmp_path / "frames"
    begun = frames_dir / IN_PROGRESS_DIR / long_video.stem
    command = (*EXTRACT_ALL, str(long_video), str(frames_dir))
    stopped = stop_when(
        command,
        tmp_path / "log",
        lambda _: begun.exists() and any(begun.glob("*.jpg")),
        how,
        env=env,
        whole_group=whole_group,
    )
    assert_only_the_line(stopped, status)
    made = {path.name: path.stat().st_mtime_ns for path in begun.glob("[!.]*.jpg")}
    assert 0 < len(made) < 600 and not (frames_dir / long_video.stem).exists()
    assert subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0
    finished = frames_dir / long_video.stem
    assert len(read_manifest(finished / "manifest.json").frames) == 600
    kept = sum((finished / name).stat().st_mtime_ns == at_ns for name, at_ns in made.items())
    assert kept >= len(made) - 1, "the last one may not have been noted yet"


def test_a_signal_at_any_moment_leaves_either_a_whole_result_or_one_that_can_be_gone_on_with(
    long_video: Path, env: dict[str, str], tmp_path: Path
) -> None:
    seeded = random.Random(13)
    frames_dir = tmp_path / "frames"
    command = (*EXTRACT_ALL, str(long_video), str(frames_dir))
    for _ in range(3):
        stopped = stop_when(command, tmp_path / "log", after(seeded.uniform(0.3, 4)), signal.SIGINT, env=env)
        if stopped.status == 0:
            break  # it was quicker
        assert_only_the_line(stopped, 130)
        assert not (frames_dir / long_video.stem).exists()
    assert subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0


def test_a_sample_whose_workers_film_is_stopped_and_leaves_nothing_in_its_place(
    env: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "sample"
    stopped = stop_when(
        (HAND100M, "sample", str(folder)),
        tmp_path / "log",
        lambda printed: "video 1 of" in printed,
        signal.SIGINT,
        env=env,
        whole_group=True,
    )
    assert stopped.status == 130, stopped.printed
    assert stopped.printed.endswith(f"\n{LINE}\n") and "Traceback" not in stopped.printed
    assert not folder.exists()


BUSY = """
import sys, time
from hand100m_assets.interrupts import ending_when_told, end_if_told, listen
listen()
def swallow():
    while True:
        try:
            time.sleep(0.05)
        except BaseException:
            pass
with ending_when_told(anywhere=ANYWHERE):
    print("ready", flush=True)
    WORK
"""


@pytest.mark.parametrize("anywhere", [True, False])
def test_work_that_swallows_the_interrupt_is_ended_when_its_time_is_over(anywhere: bool, tmp_path: Path) -> None:
    code = "import hand100m_assets.interrupts as i; i.GRACE_S = 1.0" + BUSY.replace("ANYWHERE", str(anywhere))
    stopped = stop_when(
        (sys.executable, "-c", code.replace("WORK", "swallow()")),
        tmp_path / "log",
        lambda printed: "ready" in printed,
        signal.SIGINT,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert_only_the_line(stopped, 130)
    assert stopped.seconds < 8


def test_a_signal_that_another_handler_took_ends_the_command_at_its_next_question(tmp_path: Path) -> None:
    work = "import signal; signal.signal(signal.SIGINT, lambda *_: None); swallow_once = time.sleep(1); end_if_told()"
    code = BUSY.replace("ANYWHERE", "False").replace("WORK", f"{work}; print('went on')")
    stopped = stop_when(
        (sys.executable, "-c", code),
        tmp_path / "log",
        lambda printed: "ready" in printed,
        signal.SIGINT,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert_only_the_line(stopped, 130)


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    code = BUSY.replace("ANYWHERE", "True").replace("WORK", "time.sleep(1)")
    done = subprocess.run(
        ["sh", "-c", f"trap '' INT; {sys.executable} -c '{code}' & sleep 0.5; kill -INT $!; wait $!"],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
