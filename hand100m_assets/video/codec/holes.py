"""Finds overwritten blocks in packets. Decoders accept many such blocks as pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import av.packet
import av.video.stream

from hand100m_assets.video.codec.bitstream import (
    H264_BY_THE_WAY,
    HEVC_BY_THE_WAY,
    Data,
    byte_stream_holds_hole,
    h264_kind,
    hevc_kind,
    holds_idr,
    units_hold_hole,
)
from hand100m_assets.video.codec.filling import FillingWatch
from hand100m_assets.video.codec.key_frames import av1_holds_hole, vp9_holds_hole
from hand100m_assets.video.codec.mjpeg_scan import mjpeg_holds_hole

if TYPE_CHECKING:
    _Packet: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

_WITHOUT_UNITS: Final[dict[str, Callable[[Data], bool]]] = {
    "vp9": vp9_holds_hole,
    "libvpx-vp9": vp9_holds_hole,
    "av1": av1_holds_hole,
    "libdav1d": av1_holds_hole,
    "mjpeg": mjpeg_holds_hole,
}
_SOME_ZEROS: Final = bytes(8)
"""Fewer zeros at the end of a packet prove nothing."""


class HoleWatch:
    """Finds overwritten blocks in the packets of one track. Show it the packets in the order of the file.

    Args:
        path: The video file.
        stream: Its picture track.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import HoleWatch
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     watch = HoleWatch(Path("video.mp4"), stream)
        ...     found = [watch.finds(packet) for packet in container.demux(stream) if packet.size]
        >>> any(found)
        False
    """

    def __init__(self, path: Path, stream: av.video.stream.VideoStream) -> None:
        self._length_bytes = length_bytes_of(stream)
        self._is_h264 = stream.codec_context.name == "h264"
        self._search = _search(stream.codec_context.name, self._length_bytes)
        self._tails = TailWatch(path, stream)

    def finds(self, packet: _Packet) -> bool:
        """Whether this packet holds bytes that its encoder did not write."""
        is_cut = self._tails.finds(packet)
        return is_cut or (self._search is not None and self._search(memoryview(packet)))

    def reaches_back(self, packet: _Packet) -> bool:
        """Whether the damage of this packet may have begun in the packet before, because its first bytes are wrong."""
        if packet.is_corrupt:
            return False  # its end was cut off
        if self._length_bytes is None:
            return True
        first_unit_bytes = int.from_bytes(memoryview(packet)[: self._length_bytes], "big")
        return not 0 < first_unit_bytes <= packet.size - self._length_bytes

    def is_restart(self, packet: _Packet, *, has_leftovers: bool) -> bool:
        """Whether a key frame clears the decoder's memory. Only some do in H.264, and none right after a fault.

        For H.264 in Annex B this is not examined, because its containers lose the count with the first fault.
        """
        if self._length_bytes is None or not self._is_h264:
            return True
        return holds_idr(memoryview(packet), self._length_bytes) and not has_leftovers


class TailWatch:
    """Tells zeros at the end of a packet that an encoder wrote, to reach a constant rate, from an overwritten block.

    An overwritten block continues after the packet: in sound, in a table, or up to the end of the file. What an encoder
    wrote ends with the packet. If such a block also ends there, the picture itself is examined.

    Args:
        path: The video file.
        stream: Its picture track.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import TailWatch
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     watch = TailWatch(Path("video.mp4"), stream)
        ...     found = [watch.finds(packet) for packet in container.demux(stream) if packet.size]
        >>> any(found)
        False
    """

    def __init__(self, path: Path, stream: av.video.stream.VideoStream) -> None:
        self._path = path
        self._filling = FillingWatch(stream, length_bytes_of(stream))
        self._is_filled_up = False
        """Whether zeros were seen that this encoder wrote."""

    def finds(self, packet: _Packet) -> bool:
        """Whether an overwritten block begins in this packet and reaches its end."""
        data = memoryview(packet)
        return self._goes_on(packet, data) or self._filling.is_lost(data)

    def _goes_on(self, packet: _Packet, data: memoryview) -> bool:
        if bytes(data[-len(_SOME_ZEROS) :]) != _SOME_ZEROS or packet.pos is None:
            return False
        with self._path.open("rb") as file:
            file.seek(packet.pos)
            if file.read(packet.size) != data:
                return False  # some containers give the place of their own header, and notice holes themselves
            behind = file.read(len(_SOME_ZEROS))
        if behind.strip(b"\0"):
            self._is_filled_up = True
        return not self._is_filled_up


def _search(codec: str, length_bytes: int | None) -> Callable[[Data], bool] | None:
    """Return the function that searches one packet of this codec; None if nothing is known of it."""
    if codec not in ("h264", "hevc"):
        return _WITHOUT_UNITS.get(codec)
    if length_bytes is None:
        return byte_stream_holds_hole
    if codec == "h264":
        return partial(units_hold_hole, length_bytes=length_bytes, kind_of=h264_kind, by_the_way=H264_BY_THE_WAY)
    return partial(units_hold_hole, length_bytes=length_bytes, kind_of=hevc_kind, by_the_way=HEVC_BY_THE_WAY)


def length_bytes_of(stream: av.video.stream.VideoStream) -> int | None:
    """Return the size of the length prefix that each unit of H.264 or HEVC has.

    Args:
        stream: A video stream that PyAV opened.

    Returns:
        1 to 4 bytes; None for other codecs and for streams with start codes (Annex B).

    Example:
        >>> import av
        >>> from hand100m_assets.video.codec import length_bytes_of
        >>> with av.open("video.mp4") as container:
        ...     print(length_bytes_of(container.streams.video[0]))
        4
    """
    place = {"h264": 4, "hevc": 21}.get(stream.codec_context.name)
    extradata = stream.codec_context.extradata or b""
    return None if place is None or len(extradata) <= place or extradata[0] != 1 else (extradata[place] & 3) + 1
