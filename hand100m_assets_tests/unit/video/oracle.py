"""What the original scripts do: OpenCV's capture loop and its JPEG encoder. For tests only."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.layout import MANIFEST_FILE


def opencv_frames(path: Path) -> list[npt.NDArray[np.uint8]]:
    """Every frame until the first failed read, as the original loop counts them."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        is_read, frame = capture.read()
        if not is_read:
            return frames
        frames.append(frame)


def opencv_jpeg(frame: npt.NDArray[np.uint8], folder: Path) -> bytes:
    """The bytes that `imwrite` with its default quality puts into a file."""
    path = folder / "oracle.jpg"
    assert cv2.imwrite(str(path), frame)
    return path.read_bytes()


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """Every file of a folder; of a manifest all but how much work the last pass was."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    if MANIFEST_FILE in files:
        files[MANIFEST_FILE] = re.sub(rb'"frame_count_decoded":\d+,', b"", files[MANIFEST_FILE])
    return files
