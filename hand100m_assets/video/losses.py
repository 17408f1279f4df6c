"""Damage that neither the reader nor the decoder says a word about.

Some readers, when they have lost their way, go on at the next thing that looks like a packet: what lay between is
gone, and frames behind it would be numbered too low. And decoders take many a hole for a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import av.packet
import av.video.stream

from hand100m_assets.video.bitstream import Data, byte_stream_holds_hole, holds_idr, units_hold_hole
from hand100m_assets.video.keyframes import zeros_hold_hole

if TYPE_CHECKING:
    _Packet: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

LOSSY_FORMATS: Final = frozenset({"avi", "mpegts", "mpeg"})
"""Formats whose readers pass over what they do not understand. Matroska's complains, and mp4 has a table."""

_LEAPS: Final = "packets are missing: the timestamps leap"
_AVI_CHUNK_HEADER_BYTES: Final = 8
_STEPS_OF_A_HABIT: Final = 4
_LEAP: Final = 1.5
"""So many times the usual distance between frames; a lost one makes it 2."""


class LossWatch(Protocol):
    """Fed with every packet of a file."""

    def loss_before(self, packet: _Packet) -> str | None:
        """Words for what is missing right before this packet; None when nothing shows it."""
        ...

    def loss_before_frame(self, pts: int | None) -> str | None:
        """The same for a frame that comes out: the end of a file may be cut off right before a packet shown earlier."""
        ...


class _NoWatch:
    def loss_before(self, packet: _Packet) -> str | None:
        return None

    def loss_before_frame(self, pts: int | None) -> str | None:
        return None


class AviWatch(_NoWatch):
    """An AVI file's index names the place of every packet. An index that misses the first one is not understood."""

    def __init__(self, stream: av.video.stream.VideoStream) -> None:
        # Copied before anything is read, as the reader adds to a file's index what it finds.
        entries = getattr(stream, "index_entries", ())
        self._places = iter([entry.pos + _AVI_CHUNK_HEADER_BYTES for entry in entries if entry.size])
        self._is_trusted: bool | None = None

    def loss_before(self, packet: _Packet) -> str | None:
        """As `LossWatch.loss_before`; only the first loss is told, as from there on everything is out of step."""
        if self._is_trusted is False:
            return None
        is_first, is_here = self._is_trusted is None, next(self._places, packet.pos) == packet.pos
        self._is_trusted = is_here
        return None if is_here or is_first else "packets are missing: the file's index names another one here"


class Pace:
    """Whether times that have come at a steady pace leap. Of times that never were steady nothing is said."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._usual = 0
        self._steady_steps = 0

    def leaps_to(self, time: int | None) -> bool:
        """Take the next time; None is passed over."""
        if time is None:
            return False
        step = time - self._last if self._last is not None else 0
        self._last = time
        self._usual = self._usual or step
        if step <= self._usual * _LEAP:
            self._steady_steps += 1
            return False
        if self._steady_steps >= _STEPS_OF_A_HABIT:
            return True
        self._steady_steps = 0
        return False


class PaceWatch:
    """Transport streams only have timestamps."""

    def __init__(self) -> None:
        self._decoding, self._showing = Pace(), Pace()

    def loss_before(self, packet: _Packet) -> str | None:
        """As `LossWatch.loss_before`."""
        return _LEAPS if self._decoding.leaps_to(packet.dts) else None

    def loss_before_frame(self, pts: int | None) -> str | None:
        """As `LossWatch.loss_before_frame`."""
        return _LEAPS if self._showing.leaps_to(pts) else None


def loss_watch(format_name: str, stream: av.video.stream.VideoStream) -> LossWatch:
    """The watch that fits a container."""
    if format_name == "avi":
        return AviWatch(stream)
    return PaceWatch() if format_name == "mpegts" else _NoWatch()


class HoleWatch:
    """Finds overwritten blocks in packets that a decoder may accept.

    What the first two packets hold is the encoder's habit and no sign of a hole.
    """

    def __init__(self, stream: av.video.stream.VideoStream) -> None:
        self._length_bytes = _length_bytes(stream)
        self._holds_hole: Callable[[Data], bool] | None = None
        if stream.codec_context.name in ("vp9", "libvpx-vp9", "av1", "libdav1d"):
            self._holds_hole = zeros_hold_hole
        elif self._length_bytes is not None:
            self._holds_hole = partial(units_hold_hole, length_bytes=self._length_bytes)
        elif stream.codec_context.name in ("h264", "hevc"):
            self._holds_hole = byte_stream_holds_hole
        self._is_h264 = stream.codec_context.name == "h264"
        self._count = 0
        self._was_first = False

    def finds(self, packet: _Packet) -> bool:
        """Whether this packet, or the first of all right before it, holds what its encoder did not write."""
        if self._holds_hole is None:
            return False
        self._count += 1
        is_here = self._holds_hole(memoryview(packet))
        if self._count == 1:
            self._was_first = is_here
            return False
        if self._count == 2 and self._was_first:
            self._holds_hole = None if is_here else self._holds_hole
            return not is_here
        return is_here

    def reaches_back(self, packet: _Packet) -> bool:
        """Whether that which broke this packet may have begun in the one before: its first bytes are not its own."""
        if packet.is_corrupt:
            return False  # its end was cut off
        if self._length_bytes is None or self._count == 2:
            return True
        first_unit_bytes = int.from_bytes(memoryview(packet)[: self._length_bytes], "big")
        return not 0 < first_unit_bytes <= packet.size - self._length_bytes

    def is_restart(self, packet: _Packet, *, has_leftovers: bool) -> bool:
        """Whether a key frame clears the decoder's memory: of H.264 only some do, and not right after a fault.

        Of H.264 in Annex B nothing is asked: its containers lose the count with the first fault.
        """
        if self._length_bytes is None or not self._is_h264:
            return True
        return holds_idr(memoryview(packet), self._length_bytes) and not has_leftovers


def _length_bytes(stream: av.video.stream.VideoStream) -> int | None:
    """Size of the length before each unit of H.264 or HEVC; None for other codecs and for Annex B."""
    place = {"h264": 4, "hevc": 21}.get(stream.codec_context.name)
    extradata = stream.codec_context.extradata or b""
    return None if place is None or len(extradata) <= place or extradata[0] != 1 else (extradata[place] & 3) + 1
