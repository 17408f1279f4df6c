"""Application segments ("notes") of MJPEG pictures, such as Exif, and whether an error message is only about these.

Cameras write invalid ones: an Exif segment without Exif, a length of zero. The decoder logs an error and still decodes
the picture. The message does not say whether the picture is affected, so it is decoded again without the notes.
"""

from __future__ import annotations

from typing import Final

import av.codec.context
import av.error
import av.logging
import av.packet
import av.video.frame
import av.video.plane
import numpy as np
import numpy.typing as npt

_START_OF_IMAGE: Final = b"\xff\xd8"
_START_OF_SCAN: Final = 0xDA
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_APPLICATION: Final = frozenset(range(0xE0, 0xF0))
_MATTERS: Final = frozenset({0xE0, 0xEE})
"""JFIF and AVI1 (which field comes first), Adobe (which colours). Source: FFmpeg, libavcodec/mjpegdec.c."""
_COMMENT: Final = 0xFE


def picture_is_the_same_without_notes(packet_data: bytes, frames: list[av.video.frame.VideoFrame]) -> bool:
    """Whether an MJPEG packet without its notes decodes to the same picture, and without an error message.

    Notes are application segments that no decoder needs, such as Exif.

    Args:
        packet_data: A packet that made the decoder log an error.
        frames: The frames that the decoder gave for it.

    Returns:
        True if the error was only about notes; False also if the packet has none or did not give exactly one frame.

    Example:
        >>> import av, cv2, numpy as np
        >>> from hand100m_assets.video.codec import picture_is_the_same_without_notes
        >>> _, jpeg = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))
        >>> odd_note = bytes.fromhex("ffe1 0006 45786966")
        >>> data = jpeg[:2].tobytes() + odd_note + jpeg[2:].tobytes()
        >>> decoder = av.CodecContext.create("mjpeg", "r")
        >>> frames = decoder.decode(av.Packet(data)) + decoder.decode(None)
        >>> picture_is_the_same_without_notes(data, frames)
        True
    """
    bare = without_notes(packet_data)
    if bare is None or len(frames) != 1:
        return False
    decoder = av.codec.context.CodecContext.create("mjpeg", "r")
    again: list[av.video.frame.VideoFrame] = []
    with av.logging.Capture() as lines:
        try:
            for packet in (av.packet.Packet(bare), None):
                again += decoder.decode(packet)
        except av.error.FFmpegError:
            return False
    if any(level <= av.logging.ERROR for level, _, _ in lines) or len(again) != 1:
        return False
    return _have_same_samples(frames[0], again[0])


def without_notes(data: bytes) -> bytes | None:
    """Return the picture without application segments that no decoder needs; None if there are none, or it is no JPEG.

    Source: ITU-T T.81, annex B.
    """
    if not data.startswith(_START_OF_IMAGE):
        return None
    kept, position = [_START_OF_IMAGE], 2
    while position < len(data):
        if position + 4 > len(data):
            kept.append(data[position:])
            break
        if data[position] != 0xFF or data[position + 1] in (0x00, 0xFF):
            position += 1
            continue
        kind = data[position + 1]
        if kind == _START_OF_SCAN:
            # The second field of an interlaced picture is an image of its own in the same packet.
            after = data.find(_START_OF_IMAGE, position)
            end = len(data) if after < 0 else after + 2
            kept.append(data[position:end])
            position = end
            continue
        length = 0 if kind in _WITHOUT_LENGTH else int.from_bytes(data[position + 2 : position + 4], "big")
        end = position + 2 + length
        is_broken = kind not in _WITHOUT_LENGTH and (length < 2 or end > len(data))
        if is_broken and kind not in (*_APPLICATION, _COMMENT):
            return None
        if is_broken:
            end = position + 4
        elif kind not in _APPLICATION or kind in _MATTERS:
            kept.append(data[position:end])
        position = end
    bare = b"".join(kept)
    return bare if len(bare) < len(data) else None


def _have_same_samples(one: av.video.frame.VideoFrame, other: av.video.frame.VideoFrame) -> bool:
    if (one.format.name, one.width, one.height) != (other.format.name, other.width, other.height):
        return False
    for plane, again in zip(one.planes, other.planes, strict=True):
        if not np.array_equal(_samples_of(plane), _samples_of(again)):
            return False
    return True


def _samples_of(plane: av.video.plane.VideoPlane) -> npt.NDArray[np.uint8]:
    rows = np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
