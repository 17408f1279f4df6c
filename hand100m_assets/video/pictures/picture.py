"""Makes the picture that OpenCV's capture would give from a decoded frame, and its JPEG file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import av.video.frame
import av.video.stream
import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.video.pictures.converter import ColourRule, PictureConverter

__all__ = ["ColourRule", "PickedFrame", "encode_jpeg", "frame_time_s"]

_ROTATIONS: Final = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
"""OpenCV rotates by these angles only; for any other angle it shows the picture as it was coded."""


@dataclass(frozen=True)
class PickedFrame:
    """One wanted frame. Its picture is converted when you ask for it.

    Attributes:
        frame_index: Index of the frame among all shown frames of the video, from 0.
        pts: Presentation timestamp in the stream's time base; None if the stream has none.
        time_s: The same in seconds; None if the stream has none.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import FrameSetSelection, pick_frames
        >>> [frame], _ = pick_frames(Path("video.mp4"), FrameSetSelection([45]))
        >>> frame.frame_index, frame.time_s, frame.image_bgr.shape
        (45, 1.5, (240, 320, 3))
    """

    frame_index: int
    pts: int | None
    time_s: float | None
    _frame: av.video.frame.VideoFrame = field(repr=False)
    _converter: PictureConverter = field(repr=False, default_factory=PictureConverter)

    @classmethod
    def of(
        cls,
        frame_index: int,
        frame: av.video.frame.VideoFrame,
        stream: av.video.stream.VideoStream,
        converter: PictureConverter,
    ) -> PickedFrame:
        """Make one from a decoded frame; its time is that of the stream's clock."""
        return cls(frame_index, frame.pts, frame_time_s(frame, stream), frame, converter)

    @property
    def image_bgr(self) -> npt.NDArray[np.uint8]:
        """The picture as shown: (height, width, 3) uint8, blue first, bit for bit what OpenCV 5's capture gives."""
        return self.to_bgr("opencv5")

    def to_bgr(self, colour_rule: ColourRule) -> npt.NDArray[np.uint8]:
        """Convert the picture by the rule of either OpenCV version.

        Args:
            colour_rule: `opencv5` or `opencv4`.

        Returns:
            (height, width, 3) uint8, blue first.
        """
        picture = self._converter.to_bgr(self._frame, colour_rule)
        rotation = _ROTATIONS.get(self._converter.rotation_deg)
        turned = picture if rotation is None else cv2.rotate(picture, rotation)
        return np.asarray(turned, dtype=np.uint8)


def frame_time_s(frame: av.video.frame.VideoFrame, stream: av.video.stream.VideoStream) -> float | None:
    """Return when a frame is shown, by the stream's clock.

    `frame.time` is not used: it is NaN for the last frames that come out, when no packet gives a time base.

    Args:
        frame: The decoded frame.
        stream: The track that it is of.

    Returns:
        Seconds; None if the frame has no timestamp or the stream no time base.

    Example:
        >>> import av
        >>> from hand100m_assets.video.pictures import frame_time_s
        >>> with av.open("video.mp4") as container:
        ...     stream = container.streams.video[0]
        ...     times_s = [frame_time_s(frame, stream) for frame in container.decode(stream)]
        >>> times_s[45]
        1.5
    """
    return None if frame.pts is None or stream.time_base is None else float(frame.pts * stream.time_base)


def encode_jpeg(picked: PickedFrame, jpeg_quality: int, colour_rule: ColourRule = "opencv5") -> bytes:
    """Compress a frame's picture as OpenCV does: the same bytes as `imwrite` of the picture of its own capture.

    Args:
        picked: The frame.
        jpeg_quality: OpenCV's JPEG quality, 1 to 100.
        colour_rule: `opencv5` or `opencv4`.

    Returns:
        The JPEG file.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import FrameSetSelection, pick_frames
        >>> from hand100m_assets.video.pictures import encode_jpeg
        >>> [frame], _ = pick_frames(Path("video.mp4"), FrameSetSelection([45]))
        >>> encode_jpeg(frame, jpeg_quality=95)[:2].hex()
        'ffd8'
    """
    _, jpeg = cv2.imencode(".jpg", picked.to_bgr(colour_rule), [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    return jpeg.tobytes()
