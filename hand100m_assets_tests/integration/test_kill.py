"""A killed run leaves nothing that looks finished but is not, and the next one completes it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hand100m_assets.layout import IN_PROGRESS_DIR, MANIFEST_FILE
from hand100m_assets.sources import EGO4D
from hand100m_assets.video.frames import read_manifest
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests.conftest import REPO, SampleWorkspace

pytestmark = pytest.mark.integration


def wreck_free(frames_dir: Path) -> list[str]:
    """Names of finished folders, each proved to hold exactly what its manifest says."""
    done = []
    for folder in frames_dir.glob("[!.]*"):
        manifest = read_manifest(folder / MANIFEST_FILE)
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.jpg")}
        assert sizes == {f"frame_{f.frame_index:06d}.jpg": f.size_bytes for f in manifest.frames}
        done.append(folder.name)
    return sorted(done)


def hashes(frames_dir: Path) -> dict[str, bytes]:
    return {str(path.relative_to(frames_dir)): path.read_bytes() for path in frames_dir.rglob("*.jpg")}


def test_killing_the_whole_graph_at_random_moments_loses_nothing(
    sample: SampleWorkspace, finished: SampleWorkspace, tmp_path: Path
) -> None:
    victim = alone_with_ego4d(sample, tmp_path / "victim")
    frames_dir = victim.settings.output(EGO4D).frames_dir
    healthy = sample.report.sources["ego4d"].healthy
    expected = hashes(SourceWorkspace(finished.settings, EGO4D).output.frames_dir)
    seeded = random.Random(20)
    for _ in range(3):
        run_and_kill(victim, new_frames=seeded.randint(1, len(expected) // 6), after_s=seeded.uniform(0, 0.1))
        assert len(wreck_free(frames_dir)) < len(healthy), "killed too late: nothing was left to be done"
    done = victim.catch_up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert hashes(frames_dir) == expected
    assert wreck_free(frames_dir) == sorted(healthy)
    shutil.rmtree(victim.folder)


def alone_with_ego4d(sample: SampleWorkspace, folder: Path) -> SampleWorkspace:
    """The sample's data with an output of its own; the other source is empty, as its turn would come minutes later."""
    workspace = SampleWorkspace(folder, sample.report)
    (folder / "empty").mkdir(parents=True)
    env = (sample.folder / ".env").read_text().replace(str(sample.settings.output_root), str(folder / "output"))
    empty = f"HAND100M_DOH_VIDEOS_DIR={folder}/empty\nHAND100M_DOH_ANNOTATIONS_DIR={folder}/empty\n"
    (folder / ".env").write_text(env + empty)
    assert workspace.settings.output_root != sample.settings.output_root
    return workspace


def run_and_kill(victim: SampleWorkspace, new_frames: int, after_s: float) -> None:
    """SIGKILL the whole process group some time after it has added so many frames to what was there."""
    frames_dir = victim.settings.output(EGO4D).frames_dir
    enough = count_frames(frames_dir) + new_frames
    process = subprocess.Popen(
        [sys.executable, "-m", "hand100m_assets.headless.catch_up"],
        env=victim.env,
        cwd=REPO,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline_s = time.monotonic() + 240
        while count_frames(frames_dir) < enough:
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline_s, "it extracts nothing"
            time.sleep(0.005)
        time.sleep(after_s)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def count_frames(frames_dir: Path) -> int:
    """Of finished videos and of those in progress."""
    return sum(1 for _ in frames_dir.glob("*/*.jpg")) + sum(1 for _ in (frames_dir / IN_PROGRESS_DIR).glob("*/*.jpg"))
