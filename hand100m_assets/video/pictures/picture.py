"""A decoded frame -> the picture that OpenCV's capture would have given, and its JPEG file."""

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
"""Only these: OpenCV shows a picture that is to be turned by any other angle as it was coded."""


@dataclass(frozen=True)
class PickedFrame:
    """One wanted frame. The picture is converted when it is asked for."""

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
        """The frame with its time by the stream's clock."""
        return cls(frame_index, frame.pts, frame_time_s(frame, stream), frame, converter)

    @property
    def image_bgr(self) -> npt.NDArray[np.uint8]:
        """Picture as shown, (height, width, 3) uint8, blue first: bit for bit what OpenCV 5's capture gives."""
        return self.to_bgr("opencv5")

    def to_bgr(self, colour_rule: ColourRule) -> npt.NDArray[np.uint8]:
        """The same by either version's rule."""
        picture = self._converter.to_bgr(self._frame, colour_rule)
        rotation = _ROTATIONS.get(self._converter.rotation_deg)
        turned = picture if rotation is None else cv2.rotate(picture, rotation)
        return np.asarray(turned, dtype=np.uint8)


def frame_time_s(frame: av.video.frame.VideoFrame, stream: av.video.stream.VideoStream) -> float | None:
    """When the frame is shown, by the stream's clock.

    Not `frame.time`: that is NaN for the frames that come out last, when no packet brings a time base.
    """
    return None if frame.pts is None or stream.time_base is None else float(frame.pts * stream.time_base)


def encode_jpeg(picked: PickedFrame, jpeg_quality: int, colour_rule: ColourRule = "opencv5") -> bytes:
    """JPEG file of one frame, byte for byte what OpenCV's `imwrite` of its own capture gives."""
    _, jpeg = cv2.imencode(".jpg", picked.to_bgr(colour_rule), [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    return jpeg.tobytes()
