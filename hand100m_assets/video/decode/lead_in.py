"""Handles the beginning of a recording that was started within a group of pictures, or was cut there without encoding.

Its first pictures depend on pictures that are not there. The decoder logs errors about them and returns none of them;
OpenCV's loop skips them, too. That is not damage: the file contains all that was recorded.

The same holds for some recordings that begin with a key frame of H.264. If the key frame does not clear the decoder's
memory, pictures after it may be shown before it. If it consists of predicted slices only, it begins to renew the
picture gradually, and nothing is shown before that is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import av.packet
import av.video.stream

from hand100m_assets.video.codec import (
    SLICE_HEAD_BYTES,
    Data,
    ParameterSetError,
    UnsafeStreamError,
    bits_of,
    h264_kind,
    hevc_kind,
    length_bytes_of,
    plain_units,
)
from hand100m_assets.video.container import is_tag_of_key_frame
from hand100m_assets.video.decode.selective import bitstream_of

if TYPE_CHECKING:
    _Packet: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

FIRST_IS_BROKEN: Final = "the first picture of the file is broken, and so nobody knows how many it had"
"""The fault of a transport stream whose first picture is broken, so that earlier ones may be missing."""

_UNIT: Final = re.compile(rb"\0\0\x01(..)", re.DOTALL)
_AT_MOST: Final = 1
"""The first unit of a picture begins after at most this many bytes, because a start code has three or four."""
_BY_THE_WAY: Final = {"h264": frozenset({6, 9}), "hevc": frozenset({35, 39}), "mpeg2video": frozenset[int]()}
_H264_BEFORE_SLICES: Final = frozenset({6, 7, 8, 9})
_H264_INTRA: Final = frozenset({2, 4, 7, 9})
"""Types of slices that refer to no other picture. Source: ITU-T H.264, table 7-6."""
KeyFrame: TypeAlias = Literal["clears the memory", "stands for itself", "is predicted"]
_PREDICTED: Final = {"h264": frozenset({1}), "hevc": frozenset(range(10)), "mpeg2video": frozenset({0, 0xB8})}


class LeadIn:
    """Finds the packets of a file that come before anything that can be decoded."""

    def __init__(self, format_name: str, stream: av.video.stream.VideoStream) -> None:
        self._stream, self._is_transport = stream, format_name == "mpegts"
        self._is_over = self._is_transport and stream.codec_context.name not in _PREDICTED
        self._is_begun = False
        self._key_pts: int | None = None
        self._first_pts: int | None = None
        self._length_bytes = length_bytes_of(stream)
        self._is_renewal = False
        """It began with a key frame that is predicted."""

    @property
    def is_under_way(self) -> bool:
        """Whether the last packet belongs to the beginning, or is the first key frame after it.

        After damage to a beginning, it is not known how many of its pictures would be shown.
        """
        return self._is_begun and not self._is_over

    def begins_broken(self, packet: _Packet) -> bool:
        """Whether the first packet of a transport stream is neither a key frame nor a whole predicted picture.

        Other containers mark key frames even when they are damaged, so there the first picture keeps its number.
        """
        if self._is_over or self._is_begun:
            return False
        self._is_begun = True
        key = self._key_frame(packet)
        self._is_renewal = key == "is predicted"
        if key == "is predicted":
            return False
        if key == "stands for itself":
            self._first_pts = packet.pts if self._is_transport else None
            return False
        looks_back = not packet.is_keyframe and self._looks_back(memoryview(packet))
        if not self._is_transport:
            looks_back = looks_back and not _is_key_to_container(self._stream, packet)
            self._is_over = not looks_back
            return False
        self._is_over = packet.is_keyframe
        self._first_pts = packet.pts if packet.is_keyframe else None
        return not packet.is_keyframe and not looks_back

    def is_late(self, pts: int | None) -> bool:
        """Whether the first frame that comes out is not the first picture of a file that begins with a key frame."""
        first, self._first_pts = self._first_pts, None
        return first is not None and pts is not None and pts > first

    def holds(self, packet: _Packet, *, any_frame: bool) -> bool:
        """Whether this packet, the next one of the file, is shown before the first key frame, which comes later.

        Some streams have a single key frame, or none: after the first frame has come out, any failure is damage.
        """
        self._is_over = self._is_over or (any_frame and self._key_pts is None and not self._is_transport)
        self._is_over = self._is_over or (any_frame and self._is_renewal)
        if self._is_over:
            return False
        self._is_renewal = self._is_renewal and self._key_frame(packet) in (None, "is predicted")
        if self._is_renewal:
            return True
        if packet.is_keyframe and self._key_pts is None:
            self._key_pts = packet.pts
            return False
        if self._key_pts is None or (packet.pts is not None and packet.pts < self._key_pts):
            return True
        self._is_over = packet.is_keyframe
        return False

    def _key_frame(self, packet: _Packet) -> KeyFrame | None:
        """What kind of key frame a packet of H.264 is; None if it is none, or of another codec."""
        if not packet.is_keyframe or self._stream.codec_context.name != "h264":
            return None
        return _h264_key_frame(memoryview(packet), self._length_bytes)

    def _looks_back(self, data: Data) -> bool:
        codec = self._stream.codec_context.name
        if codec == "vp8":
            return data[0] & 1 == 1  # source: RFC 6386, 9.1
        if codec in _PREDICTED and _is_predicted(data, codec):
            return True
        try:
            return not self._is_transport and not bitstream_of(self._stream).nature(data).is_restart
        except UnsafeStreamError:
            return False


def _is_key_to_container(stream: av.video.stream.VideoStream, packet: _Packet) -> bool:
    """Whether the container calls the first packet a key frame: the packet's own mark is what its bytes look like."""
    container = stream.container
    if container.format.name == "flv":  # whose index begins with what is no picture
        return packet.pos is not None and is_tag_of_key_frame(Path(container.name), packet.pos)
    first = next(iter(getattr(stream, "index_entries", ())), None)
    return first is not None and first.is_keyframe and first.timestamp in (packet.dts, packet.pts)


def _is_predicted(data: Data, codec: str) -> bool:
    """Whether the first unit after a start code that matters is a slice of a picture that depends on earlier ones.

    Source: as `bitstream`.
    """
    for number, unit in enumerate(_UNIT.finditer(data)):
        if number == 0 and unit.start() > _AT_MOST:
            return False
        kind = {"h264": h264_kind, "hevc": hevc_kind}.get(codec, int)(unit[1][0])
        if kind not in _BY_THE_WAY[codec]:
            return kind in _PREDICTED[codec]
    return False


def _h264_key_frame(data: Data, length_bytes: int | None) -> KeyFrame | None:
    """By the first slice of a packet. Source: ITU-T H.264, 7.3.3, 7.4.1."""
    for start in _unit_starts(data, length_bytes):
        kind = h264_kind(data[start])
        if kind == 5:
            return "clears the memory"
        if kind == 1:
            bits = bits_of(bytes(data[start + 1 : start + 1 + SLICE_HEAD_BYTES]))
            try:
                bits.golomb()  # first_mb_in_slice
                return "stands for itself" if bits.golomb() in _H264_INTRA else "is predicted"
            except ParameterSetError:
                return None
        if kind not in _H264_BEFORE_SLICES:
            return None
    return None


def _unit_starts(data: Data, length_bytes: int | None) -> Iterator[int]:
    if length_bytes is None:
        return (unit.end() - 2 for unit in _UNIT.finditer(data))
    return (start for start, end in plain_units(data, length_bytes) if start < end)
