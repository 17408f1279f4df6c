"""Tells which packets of MPEG-4 Part 2 must give a frame. The decoder drops some broken ones without an error."""

from __future__ import annotations

import re
from typing import Final

import av.video.stream

from hand100m_assets.video.codec.bitstream import Data

_PICTURE: Final = b"\0\0\x01\xb6"
_INTRA, _BIDIRECTIONAL = 0, 2
_PARAMETERS: Final = re.compile(rb"\0\0\x01[\x20-\x2f]")
_GROUP: Final = re.compile(rb"\0\0\x01\xb3(...)", re.DOTALL)
"""Hours, minutes, a one and seconds in 18 bits."""
_LARGEST_PLACEHOLDER_BYTES: Final = 32
"""A picture that repeats the one before has a header only, of 6 to 8 bytes; user data may stand before it."""
_FIRST_PACKETS: Final = 3
"""The decoder holds one picture back, and drops pictures at a beginning that depend on earlier ones."""


class Mpeg4Frames:
    """Tells which packets must give a frame as soon as they are decoded. Show it every packet of the track.

    Args:
        stream: The picture track. Packets of other codecs need not give a frame at once.

    Source:
        ISO/IEC 14496-2, 6.2.2, 6.2.5; FFmpeg, `mpeg4videodec.c`, which returns no picture where the times of a picture
        between two others contradict theirs, and where a picture says that it has no content.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import Mpeg4Frames
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     frames = Mpeg4Frames(stream)
        ...     [frames.owes(bytes(packet)) for packet in container.demux(stream)][:2]
        [False, False]
    """

    def __init__(self, stream: av.video.stream.VideoStream) -> None:
        self._is_mpeg4 = stream.codec_context.name == "mpeg4"
        self._count = 0
        self._group_time = 0
        self._may_be_joined = False
        """Whether pictures that come now may depend on some that were cut off."""

    def owes(self, data: Data) -> bool:
        """Whether the decoder returns a frame for this packet if it is not broken.

        Args:
            data: The packet's bytes.

        Returns:
            False where that is not known: at the beginning, for small packets, and where recordings may be joined.
        """
        if not self._is_mpeg4:
            return False
        packet = bytes(data)
        self._count += 1
        at = packet.find(_PICTURE)
        if not 0 <= at < len(packet) - 4:
            return False
        kind = packet[at + 4] >> 6
        if kind == _INTRA:
            self._may_be_joined = not self._goes_on(packet[:at])
        elif kind != _BIDIRECTIONAL:
            self._may_be_joined = False
        if self._count <= _FIRST_PACKETS or _PARAMETERS.search(packet, 0, at):
            return False
        if kind == _BIDIRECTIONAL:
            return not self._may_be_joined
        return len(packet) > _LARGEST_PLACEHOLDER_BYTES

    def _goes_on(self, head: bytes) -> bool:
        """Whether the time of day before a picture that stands for itself does not lie before the last one."""
        group = _GROUP.search(head)
        if group is None:
            return False
        before, self._group_time = self._group_time, int.from_bytes(group[1], "big") >> 6
        return self._group_time >= before
