"""Real worker processes, and real deaths of them."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from hand100m_assets.errors import RetryableError, VideoUnreadableError
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets.video.frames import job as job_module
from hand100m_assets.video.frames.batch import extract_many
from hand100m_assets.video.frames.catalog import frame_catalog, frame_files_at_fault
from hand100m_assets.video.frames.extract import extract_video
from hand100m_assets.video.frames.failures import read_failures
from hand100m_assets.video.frames.job import ExtractionJob
from hand100m_assets.video.frames.manifest import ExtractionOptions, finished_manifest, is_done
from hand100m_assets.video.frames.progress import Progress
from hand100m_assets.video.frames.work_folder import WorkFolder
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.oracle import folder_bytes

OPTIONS = ExtractionOptions()
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


def job(path: Path, out: Path, stride: int = 30) -> ExtractionJob:
    return ExtractionJob(
        video_path=path, frames_dir=out, video_id=path.stem, selection=StrideSelection(stride), options=OPTIONS
    )


def children() -> set[int]:
    """Process ids whose parent is this process."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z" and "resource_tracker" not in command(stat.parent):
            found.add(int(stat.parent.name))
    return found


def command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


def gone(pids: set[int], within_s: float) -> bool:
    deadline_s = time.monotonic() + within_s
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("workers", [0, 2])
def test_one_bad_video_stops_no_other(clip, tmp_path: Path, workers: int) -> None:
    paths = [clip(name) for name in ("defaults", "text", "vfr", "cut_without_index", "zeroed_blocks")]
    outcomes = {o.video_id: o for o in extract_many([job(p, tmp_path) for p in paths], workers)}
    assert set(outcomes) == {p.stem for p in paths}
    bad = {video_id for video_id, o in outcomes.items() if o.error is not None}
    assert bad == {"text", "cut_without_index"}
    assert all(isinstance(outcomes[video_id].error, VideoUnreadableError) for video_id in bad)
    assert outcomes["zeroed_blocks"].manifest.status == "damaged"
    assert set(read_failures(tmp_path)) == bad
    again = {o.video_id: o.reused for o in extract_many([job(p, tmp_path) for p in paths[::2]], workers)}
    assert again == {"defaults": True, "vfr": True, "zeroed_blocks": True}


def test_the_largest_file_is_begun_first(clip, tmp_path: Path) -> None:
    jobs = [job(clip(name), tmp_path) for name in ("single_frame", "defaults", "hevc")]
    begun = [o.video_id for o in extract_many(jobs, workers=0)]
    assert begun == sorted(begun, key=lambda name: -clip(name).stat().st_size)


def test_a_fault_of_ours_is_an_outcome_with_its_traceback(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_, **__):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(job_module, "extract_video", fail)
    (outcome,) = extract_many([job(clip("defaults"), tmp_path)], workers=0)
    assert isinstance(outcome.error, RetryableError)
    assert "ZeroDivisionError: oops" in str(outcome.error)
    assert "Traceback" in outcome.details


def test_no_jobs_give_no_outcomes() -> None:
    assert list(extract_many([], workers=2)) == []


def test_asking_to_stop_yields_nothing_more(clip, tmp_path: Path) -> None:
    assert list(extract_many([job(clip("defaults"), tmp_path)], workers=1, should_stop=lambda: True)) == []


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some seconds of work at stride 1."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return media.encode(path, size="1280x720", frames=150, g=30, preset="ultrafast")


def wait_for_jpegs(out: Path, video_id: str, count: int) -> None:
    deadline_s = time.monotonic() + 30
    while len(list((out / IN_PROGRESS_DIR / video_id).glob("frame_*.jpg"))) < count:
        assert time.monotonic() < deadline_s, "the worker makes no progress"
        time.sleep(0.01)


@pytest.mark.parametrize("workers", [0, 1])
def test_lines_come_while_a_long_video_is_worked_on(long_clip: Path, tmp_path: Path, workers: int) -> None:
    jobs = [job(long_clip, tmp_path, 1)]
    progress, lines = Progress.of(jobs, every_s=0.1), []
    outcomes = extract_many(jobs, workers, watch=lambda running: lines.append(progress.look(running)))
    assert next(outcomes).error is None
    frames = [int(line.split()[4]) for line in lines if line is not None]
    assert len(frames) > 1
    assert frames == sorted(frames)
    assert any(0 < count < 150 for count in frames)


def test_work_in_this_process_stops_within_a_video(long_clip: Path, tmp_path: Path) -> None:
    begun = lambda: any((tmp_path / IN_PROGRESS_DIR).glob("*/frame_*.jpg"))  # noqa: E731
    assert list(extract_many([job(long_clip, tmp_path, 1)], workers=0, should_stop=begun)) == []
    assert len(list((tmp_path / IN_PROGRESS_DIR / "long").iterdir())) < 150


@needs_proc
def test_closing_the_iterator_kills_the_workers_within_two_seconds(clip, long_clip: Path, tmp_path: Path) -> None:
    before = children()
    outcomes = extract_many([job(long_clip, tmp_path / "out", 1), job(clip("text"), tmp_path / "out")], 2)
    assert next(outcomes).video_id == "text"
    wait_for_jpegs(tmp_path / "out", "long", 1)
    workers = children() - before
    assert workers
    outcomes.close()
    assert gone(workers, within_s=2)
    assert not (tmp_path / "out" / "long").exists()


SCRIPT = """
import sys
from pathlib import Path
from hand100m_assets.video import ExtractionOptions, StrideSelection
from hand100m_assets.video.frames import ExtractionJob, extract_many

if __name__ == "__main__":
    path, out = map(Path, sys.argv[1:3])
    job = ExtractionJob(video_path=path, frames_dir=out, video_id=path.stem,
                        selection=StrideSelection(1), options=ExtractionOptions())
    list(extract_many([job], workers=1))
"""


def workers_of(pid: int) -> set[int]:
    """Whichever of its threads started them."""
    listed = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return {int(child) for child in listed if "spawn_main" in command(Path(f"/proc/{child}"))}


@needs_proc
def test_workers_do_not_outlive_a_killed_caller(long_clip: Path, tmp_path: Path) -> None:
    script = tmp_path / "run_extraction.py"
    script.write_text(SCRIPT)
    caller = subprocess.Popen([sys.executable, str(script), str(long_clip), str(tmp_path / "out")])
    wait_for_jpegs(tmp_path / "out", "long", 1)
    workers = workers_of(caller.pid)
    assert workers
    caller.kill()
    caller.wait()
    assert gone(workers, within_s=2)


@dataclass(frozen=True)
class Deadly(StrideSelection):
    """Kills its process at frame 50, as the system does when memory runs out: always, or once if there is a marker."""

    marker: Path | None = None

    def wants(self, frame_index: int) -> bool:
        if frame_index == 50 and not (self.marker is not None and self.marker.exists()):
            if self.marker is not None:
                self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().wants(frame_index)


def test_a_worker_killed_by_the_system_is_replaced_and_its_video_finished(clip, tmp_path: Path) -> None:
    once = Deadly(30, tmp_path / "died")
    jobs = [replace(job(clip("defaults"), tmp_path / "out"), selection=once), job(clip("vfr"), tmp_path / "out")]
    outcomes = {o.video_id: o for o in extract_many(jobs, workers=2)}
    assert (tmp_path / "died").exists()
    assert {video_id: o.error for video_id, o in outcomes.items()} == {"defaults": None, "vfr": None}
    assert outcomes["defaults"].manifest.status == "complete"


def test_a_video_that_kills_its_worker_twice_is_reported_and_the_others_go_on(clip, tmp_path: Path) -> None:
    names = ["with_audio", "vfr", "keyint15", "defaults", "hevc"]
    jobs = [job(clip(name), tmp_path) for name in names]
    jobs[0] = replace(jobs[0], selection=Deadly(30))
    errors = {o.video_id: o.error for o in extract_many(jobs, workers=2)}
    assert "died twice" in str(errors.pop("with_audio"))
    assert errors == dict.fromkeys(names[1:])
    assert read_failures(tmp_path)["with_audio"].permanent is False
    assert not (tmp_path / "with_audio").exists()


def test_killing_at_any_moment_never_leaves_a_folder_that_looks_finished_and_is_not(tmp_path: Path) -> None:
    video = media.encode(tmp_path / "video.mp4", size="640x480", frames=120, g=30)
    wanted = StrideSelection(2)
    fork = multiprocessing.get_context("fork")

    def started(out: Path) -> BaseProcess:
        process = fork.Process(target=extract_video, args=(video, out, "video", wanted, OPTIONS))
        process.start()
        return process

    undisturbed = tmp_path / "undisturbed"
    started_s = time.monotonic()
    started(undisturbed).join()
    whole_s = time.monotonic() - started_s
    truth = folder_bytes(undisturbed / "video")
    assert len(truth) == 61
    dice, out, killed = random.Random(20260101), tmp_path / "out", 0
    for _ in range(20):
        process = started(out)
        time.sleep(whole_s * dice.uniform(0, 1.1))
        killed += process.is_alive()
        process.kill()
        process.join()
        if (out / "video").exists():
            assert folder_bytes(out / "video") == truth
            shutil.rmtree(out / "video")
        if dice.random() < 0.3:
            shutil.rmtree(out / IN_PROGRESS_DIR, ignore_errors=True)
    assert killed >= 5, "the kills came too late to prove anything"
    extract_video(video, out, "video", wanted, OPTIONS)
    assert folder_bytes(out / "video") == truth
    assert list((out / IN_PROGRESS_DIR).iterdir()) == []


@pytest.mark.parametrize("step", range(1, 12))
@pytest.mark.parametrize("kind", ["widened", "replaced"])
def test_dying_at_any_step_of_publishing_leaves_the_old_or_the_new_folder_or_none(
    clip, tmp_path: Path, step: int, kind: str
) -> None:
    video = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    out, wide = tmp_path / "out", StrideSelection(10)
    extract_video(video, out, "vid", StrideSelection(50), OPTIONS)
    if kind == "replaced":
        os.utime(video, (1, 1))
    extract_video(video, tmp_path / "fresh", "vid", wide, OPTIONS)
    process = multiprocessing.get_context("fork").Process(target=_die_at_step, args=(step, video, out, wide))
    process.start()
    process.join()
    finished = finished_manifest(out, "vid")
    if finished is not None:
        assert frame_files_at_fault(out, frame_catalog(out)).is_empty()
        assert (is_done(out, video, wide, OPTIONS) is not None) == (len(finished.frames) == 10)
    extract_video(video, out, "vid", wide, OPTIONS)
    assert folder_bytes(out / "vid") == folder_bytes(tmp_path / "fresh" / "vid")
    assert list((out / IN_PROGRESS_DIR).iterdir()) == []


def _die_at_step(step: int, video: Path, out: Path, selection: StrideSelection) -> None:
    """In a process of its own: die before the step-th change that publishing makes to the disk."""
    steps = iter(range(1, 10_000))
    publish = WorkFolder.publish

    def counted(change):
        def do(*args, **kwargs):
            if next(steps) == step:
                os._exit(9)
            return change(*args, **kwargs)

        return do

    def publish_counting(*args, **kwargs):
        for name in ("replace", "unlink", "rmdir"):
            setattr(Path, name, counted(getattr(Path, name)))
        return publish(*args, **kwargs)

    WorkFolder.publish = publish_counting
    extract_video(video, out, "vid", selection, OPTIONS)
