"""Tells by changing parameter sets whether a track was joined from several encodings.

At such a joint decoders drop pictures that depend on what was cut off. Which ones they drop differs between decoders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import av.packet
import av.video.stream

from hand100m_assets.video.codec.bitstream import plain_units
from hand100m_assets.video.codec.holes import length_bytes_of
from hand100m_assets.video.codec.parameter_sets import ParameterSetError, avcc_sets, hvcc_sets

if TYPE_CHECKING:
    from typing import TypeAlias

    _VideoPacket: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

_H264_SETS: Final = frozenset({7, 8})
_HEVC_SETS: Final = frozenset({32, 33, 34})


class SpliceWatch:
    """Tells whether a track was joined from several encodings. Show it every packet of the track.

    Attributes:
        is_spliced: Whether other parameter sets came than those that the file began with.

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
        if self.is_spliced:
            return
        data = memoryview(packet)
        self.is_spliced = packet.has_sidedata("new_extradata") or (
            self._length_bytes is not None
            and any(
                self._is_set(data[start]) and bytes(data[start:end]) not in self._known
                for start, end in plain_units(data, self._length_bytes)
                if end > start
            )
        )

    def _is_set(self, header: int) -> bool:
        return header >> 1 in _HEVC_SETS if self._is_hevc else header & 31 in _H264_SETS
