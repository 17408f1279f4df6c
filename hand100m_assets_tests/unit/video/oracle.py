"""What the original scripts do: OpenCV's capture loop and its JPEG encoder; and what a plain decoder gives."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import av.error
import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.layout import MANIFEST_FILE
from hand100m_assets.video.container.probe import open_video
from hand100m_assets.video.pictures.picture import PickedFrame
from hand100m_assets_tests import media

OPENCV_HAS_NO_DECODER = ["av1", "av1.mkv", "av1_libaom.webm"]
OPENCV_CANNOT_CONVERT = ["interlaced", "interlaced_top_first.mkv"]
"""Interlaced H.264: OpenCV 5.0 counts its frames right, and shows whatever was in the memory."""

OPENCV_DECODES = [
    name for name in (*media.HEALTHY, *media.STREAMS) if name not in (*OPENCV_HAS_NO_DECODER, *OPENCV_CANNOT_CONVERT)
]
"""Every undamaged progressive kind of clip that OpenCV decodes at all."""


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


def planes_of(picked: PickedFrame) -> list[bytes]:
    """The decoder's own samples without the padding, before any conversion."""
    frame = picked._frame
    sample_bytes = (max(component.bits for component in frame.format.components) + 7) // 8
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
        planes.append(rows[:, : plane.width * sample_bytes].tobytes())
    return planes


def every_frame(path: Path) -> dict[int, list[bytes]]:
    """Samples of all that a plain decoder gives, by timestamp, whatever it thinks of them."""
    frames: dict[int, list[bytes]] = {}
    container, stream = open_video(path)
    with container, suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            with suppress(av.error.FFmpegError):
                for frame in stream.codec_context.decode(packet):
                    frames[frame.pts] = planes_of(PickedFrame(0, frame.pts, None, frame))
    return frames
