"""What is right: a plain decode of every packet, and OpenCV's loop."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.video.pictures import PickedFrame
from hand100m_assets_tests.unit.video.oracle import opencv_frames, planes_of

ATTACHED = av.stream.Disposition.attached_pic


class NoFramesError(Exception):
    """A cut or an edit list has left nothing to be shown."""


@dataclass(frozen=True)
class Truth:
    """Every frame of a whole file, in the order in which a decoder gives them out.

    Attributes:
        digests: Of each frame's samples.
        pts: Each frame's timestamp.
        opencv: The pictures of OpenCV's loop; None where it reads nothing of this kind.
    """

    digests: list[bytes]
    pts: list[int | None]
    opencv: list[npt.NDArray[np.uint8]] | None

    def other_index_of(self, digest: bytes, frame_index: int) -> int | None:
        """The index of a frame that looks like this one, if it is not this one."""
        if digest not in self.digests or self.digest_at(frame_index) == digest:
            return None
        return self.digests.index(digest)

    def digest_at(self, frame_index: int) -> bytes | None:
        """Of one frame; None behind the end."""
        return self.digests[frame_index] if frame_index < len(self.digests) else None


def truth_of(path: Path, *, has_opencv: bool) -> Truth:
    """Decode with nothing of ours.

    Raises:
        NoFramesError: There is nothing to compare with.
    """
    frames = plain_frames(path)
    if not frames:
        raise NoFramesError(f"{path.name} shows no frame")
    seen = opencv_frames(path) if has_opencv else None
    return Truth([digest_of(frame) for frame in frames], [frame.pts for frame in frames], seen)


def plain_frames(path: Path) -> list[av.VideoFrame]:
    """Whatever the decoder gives of the first picture track that is no attached picture."""
    frames: list[av.VideoFrame] = []
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError):
        return frames
    with container:
        stream = next((s for s in container.streams.video if not s.disposition & ATTACHED), None)
        if stream is None or stream.codec_context is None:
            return frames
        stream.codec_context.thread_count = 1
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                packet = None
            with suppress(av.error.FFmpegError):
                frames += stream.codec_context.decode(packet if packet is not None and packet.size else None)
            if packet is None or not packet.size:
                return frames


def digest_of(frame: Any) -> bytes:
    """Of a frame's samples, before any conversion."""
    picked = frame if isinstance(frame, PickedFrame) else PickedFrame(0, frame.pts, None, frame)
    return hashlib.blake2b(b"".join(planes_of(picked)), digest_size=12).digest()


cv2.setNumThreads(1)
