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

from hand100m_assets.layout import EGO4D, MANIFEST_FILE
from hand100m_assets.video.manifest import read_manifest
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
    victim = SampleWorkspace(tmp_path / "victim", sample.report)
    victim.folder.mkdir()
    env = (sample.folder / ".env").read_text()
    (victim.folder / ".env").write_text(env.replace(str(sample.settings.output_root), str(victim.folder / "output")))
    assert victim.settings.output_root != sample.settings.output_root
    frames_dir = victim.settings.output(EGO4D).frames_dir
    seeded = random.Random(20)
    for _ in range(4):
        _run_and_kill(victim, seeded.uniform(0.05, 1.5))
        wreck_free(frames_dir)
    done = victim.catch_up()
    assert done.returncode == 0, done.stdout + done.stderr
    place = SourceWorkspace(finished.settings, EGO4D)
    assert hashes(frames_dir) == hashes(place.output.frames_dir)
    assert wreck_free(frames_dir) == sorted(sample.report.sources["ego4d"].healthy)
    shutil.rmtree(victim.folder)


def _run_and_kill(victim: SampleWorkspace, after_first_sign_s: float) -> None:
    """SIGKILL the whole process group some time after the first frame work shows on disk."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hand100m_assets.defs.catch_up"],
        env=victim.env,
        cwd=REPO,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    frames_dir = victim.settings.output(EGO4D).frames_dir
    try:
        deadline_s = time.monotonic() + 120
        while not frames_dir.exists() and process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(0.01)
        time.sleep(after_first_sign_s)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
