"""Ctrl-C and SIGTERM: the first one ends every command with one line and the signal's status, at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.video.frames import read_manifest
from hand100m_assets_tests.conftest import INSTANCE_TEMPLATE, REPO
from hand100m_assets_tests.media import encode
from hand100m_assets_tests.stopping import LINE, Stopped, stop_when
from hand100m_assets_tests.unit.annotations.records import sound_set, write
from hand100m_assets_tests.unit.dataset.scene import KEY, Scene, ring
from hand100m_assets_tests.unit.pairs.hands import hands_table

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
    encode(path, frames=1200, preset="ultrafast")
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
        (sys.executable, "-m", "hand100m_assets.headless.catch_up"),
        (sys.executable, "-m", "hand100m_assets.headless.check_data"),
    ],
    ids=lambda command: command[-1].rpartition(".")[2],
)
def test_a_signal_while_modules_are_imported_ends_the_command_with_one_line(
    command: Sequence[str], how: int, status: int, env: dict[str, str], tmp_path: Path
) -> None:
    # Importing takes two seconds and more; the signal comes when the command has begun to handle signals.
    stopped = stop_when(command, tmp_path / "log", after(0), how, env=env)
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
    assert 0 < len(made) < 1200 and not (frames_dir / long_video.stem).exists()
    assert subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0
    finished = frames_dir / long_video.stem
    assert len(read_manifest(finished / "manifest.json").frames) == 1200
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
        if (frames_dir / long_video.stem).exists():
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
import signal, sys, time
import hand100m_assets.interrupts as interrupts
interrupts.GRACE_S = 2.0
interrupts.listen()
def work():
    print("ready", flush=True)
    WORK
interrupts.work_until_told(work)
"""
SWALLOWS = """
    while True:
        try:
            time.sleep(0.05)
        except BaseException as error:
            print("swallowed", error, file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize("work", [SWALLOWS, "    time.sleep(100)"], ids=["swallows", "is deaf"])
def test_work_that_does_not_end_is_ended_when_its_time_is_over_and_says_nothing_more(work: str, tmp_path: Path) -> None:
    stopped = stop_when(
        (sys.executable, "-c", BUSY.replace("    WORK", work)),
        tmp_path / "log",
        lambda printed: "ready" in printed,
        signal.SIGINT,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert_only_the_line(stopped, 130)
    assert 1.5 < stopped.seconds < 20


@pytest.mark.parametrize("work", ["sys.exit(7)", "sys.exit(0)", "raise ValueError('x')"])
def test_work_that_ends_by_itself_ends_as_it_does(work: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUSY.replace("WORK", work)],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == {"sys.exit(7)": 7, "sys.exit(0)": 0}.get(work, 1)
    assert ("ValueError: x" in done.stderr) == ("ValueError" in work)


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    script = tmp_path / "busy.py"
    script.write_text(BUSY.replace("WORK", "time.sleep(2)"))
    done = subprocess.run(
        ["sh", "-c", f"trap '' INT; {sys.executable} {script} & sleep 1; kill -INT $!; wait $!"],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def parts(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".part" in path.name]


@SIGNALS
def test_an_audit_is_stopped_with_its_ffmpeg_however_silent_that_one_is(
    how: int, status: int, long_video: Path, env: dict[str, str], tmp_path: Path
) -> None:
    videos = tmp_path / "100DOH" / "videos"
    videos.mkdir(parents=True)
    video = Path(shutil.copy2(long_video, videos))
    command = (HAND100M, "extract", "--every", "100", str(video), str(tmp_path / "out" / "100doh" / "frames"))
    assert subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0
    before = sorted((tmp_path / "out").rglob("*"))
    mute, says = tmp_path / "ffmpeg_mute", tmp_path / "says"
    mute.write_text(f"#!/bin/sh\ntouch {says}\nexec sleep 1000\n")
    mute.chmod(0o755)
    stopped = stop_when(
        (HAND100M, "audit", video.stem),
        tmp_path / "log",
        lambda _: says.exists(),
        how,
        env={**env, "IMAGEIO_FFMPEG_EXE": str(mute)},
    )
    assert_only_the_line(stopped, status)
    assert stopped.seconds < 60, "nobody waited for what will never come"
    assert sorted((tmp_path / "out").rglob("*")) == before
    assert subprocess.run((HAND100M, "audit", video.stem), env=env, capture_output=True, check=False).returncode == 0


@SIGNALS
def test_mining_is_stopped_and_leaves_nothing_half_made(
    how: int, status: int, env: dict[str, str], tmp_path: Path
) -> None:
    tables = tmp_path / "tables"
    ingest_file(write(tmp_path / "set.json", sound_set(4)), tables)
    count, rng = 60_000, np.random.default_rng(0)
    points = rng.normal(0.5, 0.2, (count, 21, 3)).astype(np.float32)
    few = hands_table(points[:1], ["a"])
    many = few.sample(count, with_replacement=True).with_columns(
        row_index=pl.int_range(count, dtype=pl.UInt32),
        hand_id=pl.int_range(count, dtype=pl.Int64),
        video_id=pl.Series([f"v{n % 9}" for n in range(count)]),
        keypoints=pl.Series(points, dtype=few.schema["keypoints"]),
    )
    many.write_parquet(tables / "hands.parquet")
    out = tmp_path / "mined" / "mined.parquet"
    stopped = stop_when(
        (HAND100M, "mine", str(tables), str(out), "--count", "100"),
        tmp_path / "log",
        lambda _: parts(tmp_path),
        how,
        env={**env, "HAND100M_WORKERS": "1", "HAND100M_EMBEDDING_COMPONENTS": "0"},
        whole_group=how == signal.SIGINT,
    )
    assert stopped.status == status, stopped.printed
    assert stopped.printed.endswith(f"\n{LINE}\n") and "Traceback" not in stopped.printed
    assert list(out.parent.iterdir()) == []


def test_a_training_set_that_is_stopped_keeps_what_is_finished_and_goes_on_with_the_rest(
    env: dict[str, str], tmp_path: Path
) -> None:
    scene = Scene(tmp_path / "out" / "100doh")
    ring(scene, [f"video_{n:03}" for n in range(50)], draw=False)
    drawn = scene.add_frame("video_000", 0, (1920, 1440))
    for n in range(50):
        for frame in (0, 30):
            path = scene.frames_dir / f"video_{n:03}" / drawn.name.replace("000000", f"{frame:06d}")
            path.parent.mkdir(exist_ok=True)
            path.exists() or os.link(drawn, path)
    folder = tmp_path / "out" / "100doh" / "training_set" / KEY
    command = (HAND100M, "training-set", KEY, "--source", "100doh", "--codec", "png")
    stopped = stop_when(
        command,
        tmp_path / "log",
        lambda _: len(list(folder.glob(".packs/*.pack"))) > 3,
        signal.SIGINT,
        env={**env, "HAND100M_WORKERS": "2"},
        whole_group=True,
    )
    assert_only_the_line(stopped, 130)
    assert parts(tmp_path) == [] and not (folder / "index.json").exists()
    made = {path.name: path.stat().st_mtime_ns for path in folder.glob(".packs/*.pack")}
    assert 3 < len(made) < 50
    done = subprocess.run((*command, "--json"), env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (facts,) = json.loads(done.stdout)
    assert (facts["samples"], facts["left_out"]) == (100, {})
    assert not (folder / ".packs").exists()


@pytest.mark.parametrize(
    ("how", "status", "moment_s"),
    [(signal.SIGINT, 130, 1.5), (signal.SIGTERM, 143, 0)],
    ids=["in its middle", "before the run began"],
)
def test_checks_that_are_stopped_leave_no_run_that_seems_to_go_on(
    how: int, status: int, moment_s: float, env: dict[str, str], tmp_path: Path
) -> None:
    """The sensors of the daemon would wait for its end, for ever."""
    shutil.copy(INSTANCE_TEMPLATE, tmp_path)

    seen_s: list[float] = []

    def is_under_way(_: str) -> bool:
        if any((tmp_path / "history" / "runs").glob("*-*.db")):
            seen_s.append(time.monotonic())
        return bool(seen_s) and time.monotonic() >= seen_s[0] + moment_s

    stopped = stop_when(
        (sys.executable, "-m", "hand100m_assets.headless.check_data"),
        tmp_path / "log",
        is_under_way,
        how,
        env=env,
        whole_group=how == signal.SIGINT,
    )
    assert_only_the_line(stopped, status)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        found = [run.status for run in instance.get_runs()]
    assert found and not set(NOT_FINISHED_STATUSES).intersection(found)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_deaf_work_has_half_made_is_removed_when_it_is_ended(what: str, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    begin = {
        "file": "file_in_place_of(Path('made/it'))",
        "folder": "folder_in_place_of(Path('made/it'), ())",
    }[what]
    work = f"""
    from pathlib import Path
    from hand100m_assets.files import file_in_place_of
    from hand100m_assets.annotations.ingest.staging import folder_in_place_of
    with {begin} as it:
        it.write(b"half") if "{what}" == "file" else (it / "x").touch()
        print("begun", flush=True)
        time.sleep(100)
"""
    stopped = stop_when(
        (sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r})\n{BUSY.replace('    WORK', work)}"),
        tmp_path / "log",
        lambda printed: "begun" in printed,
        signal.SIGINT,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert stopped.status == 130 and list((tmp_path / "made").iterdir()) == []
