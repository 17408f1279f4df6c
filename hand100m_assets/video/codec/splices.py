"""Detects by changing parameter sets whether a track was joined from several encodings.

At such a joint decoders drop pictures that depend on what was cut off. Which ones they drop differs between decoders.

HEVC's decoder forgets all pictures at a key frame with other parameter sets than before. Some muxers write the first
encoding's sets before those of the second at each key frame: then it forgets them each time, and drops the pictures
that look back across the key frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import av.packet
import av.video.stream

from hand100m_assets.video.codec.bitstream import Data, byte_stream_units, hevc_kind, plain_units
from hand100m_assets.video.codec.holes import length_bytes_of
from hand100m_assets.video.codec.parameter_sets import ParameterSetError, avcc_sets, hvcc_sets

if TYPE_CHECKING:
    from typing import TypeAlias

    _VideoPacket: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

_H264_SETS: Final = frozenset({7, 8})
_HEVC_SETS: Final = frozenset({33, 34})
"""Not the video parameter set: what it says of a stream with one layer stands in these, too, so that it never changes
alone. Where it does, it is broken.
"""
_HEVC_MEMORY_SET: Final = 33
"""That of them that tells how many pictures there are to be kept, and of what size."""
_HEVC_ENDS: Final = tuple(begin + end for begin in (b"\0\0\0\x02", b"\0\0\x01") for end in (b"\x48\x01", b"\x4a\x01"))
"""The last bytes of a packet that ends a sequence, or the stream: a unit of two bytes."""
_HEVC_KEYS: Final = range(16, 24)
_HEVC_LOOKS_BACK: Final = frozenset({8, 9})
"""RASL: it may refer to pictures before the key frame that it follows."""


class SpliceWatch:
    """Tells whether a track was joined from several encodings. Show it every packet of the track.

    Attributes:
        is_spliced: Whether other parameter sets came than those that the file began with, or HEVC's mark of an end.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import SpliceWatch
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     watch = SpliceWatch(stream)
        ...     for packet in container.demux(stream):
        ...         watch.look_at(packet)
        >>> watch.is_spliced
        False
    """

    def __init__(self, stream: av.video.stream.VideoStream) -> None:
        self.is_spliced = False
        self._length_bytes = length_bytes_of(stream)
        self._is_hevc = stream.codec_context.name == "hevc"
        self._known: frozenset[bytes] = frozenset()
        self._last_set = b""
        self._is_memory_cleared = self._is_ended = False
        if self._length_bytes is not None:
            try:
                self._known = (hvcc_sets if self._is_hevc else avcc_sets)(stream.codec_context.extradata or b"")
            except (ParameterSetError, IndexError):
                self._length_bytes = None

    def look_at(self, packet: _VideoPacket) -> None:
        """Take the next packet into account.

        Args:
            packet: A packet of the track, in the order of the file.
        """
        data = memoryview(packet)
        if self._is_hevc and packet.is_keyframe:
            self._look_at_sets(data)
        if self.is_spliced:
            return
        if self._is_hevc and bytes(data[-6:]).endswith(_HEVC_ENDS):
            self._is_ended = True
            return
        self.is_spliced = (
            self._is_ended
            or packet.has_sidedata("new_extradata")
            or (self._length_bytes is not None and self._has_other_sets(data, self._length_bytes))
        )

    def _has_other_sets(self, data: Data, length_bytes: int) -> bool:
        return any(
            self._is_set(data[start]) and bytes(data[start:end]) not in self._known
            for start, end in plain_units(data, length_bytes)
            if end > start
        )

    def is_orphan(self, packet: _VideoPacket) -> bool:
        """Whether a packet looks back across a key frame at which the decoder has forgotten all before it."""
        if not self._is_memory_cleared:
            return False
        kinds = [hevc_kind(unit[0]) for unit in self._units(memoryview(packet)) if len(unit)]
        return next((kind for kind in kinds if kind < 32), None) in _HEVC_LOOKS_BACK

    def _look_at_sets(self, data: Data) -> None:
        """Of a key frame."""
        is_changed = False
        for unit in self._units(data):
            kind = hevc_kind(unit[0]) if len(unit) else 0
            if kind == _HEVC_MEMORY_SET:
                is_changed |= (self._last_set or unit) != unit
                self._last_set = unit
            elif kind in _HEVC_KEYS:
                break
        self._is_memory_cleared = is_changed

    def _units(self, data: Data) -> Iterator[bytes]:
        if self._length_bytes is not None:
            yield from (bytes(data[start:end]) for start, end in plain_units(data, self._length_bytes))
            return
        yield from byte_stream_units(data)

    def _is_set(self, header: int) -> bool:
        return header >> 1 in _HEVC_SETS if self._is_hevc else header & 31 in _H264_SETS
