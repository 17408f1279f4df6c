"""Finds packets that are missing without an error from the reader.

When some readers lose their place, they continue at the next bytes that look like a packet. The data in between is
missing, and later frames would get too low numbers.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

import av.packet
import av.video.stream

from hand100m_assets.video.codec import ByteStreamOrder
from hand100m_assets.video.container import AviChunks, FlvTags, MatroskaBlocks, Pace, Start, TransportPackets

if TYPE_CHECKING:
    _Packet: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

LOSSY_FORMATS: Final = frozenset({"avi", "mpegts", "mpeg"})
"""Formats whose readers skip what they do not understand. Matroska's logs an error, and mp4 has a table."""

WATCHED_FORMATS: Final = frozenset({"avi", "mpegts"})
"""Formats among these whose files show whether every packet exists, independently of the reader."""


_SWALLOWED: Final = "packets are missing: a picture begins here within another one's packet"
_ONE_PACKET_EACH: Final = frozenset({"h264", "hevc"})
"""Codecs for which the reader makes one packet per picture, or per each of two fields."""
_PLACES_KEPT: Final = 64
_GAP: Final = "packets are missing: the pictures do not follow each other here, and the timestamps leap"
_LAST_GAP: Final = "packets may be missing: the last frames do not follow each other"


class LossWatch(Protocol):
    """Finds missing packets. Show it every packet of a file, and tell it when there are no more."""

    def loss_before(self, packet: _Packet) -> str | None:
        """Words for what is missing directly before or in this packet; None if nothing shows it."""
        ...

    def loss_at_end(self) -> str | None:
        """Words for what is missing after the last packet; None if nothing shows it."""
        ...

    def loss_before_frame(self, pts: int | None, *, is_over: bool) -> str | None:
        """Words for what is missing before a frame that comes out; `is_over` after the last packet was decoded."""
        ...

    def unmarked(self, packet: _Packet) -> _Packet:
        """Return the packet, without the reader's mark as corrupt where that is known to be wrong."""
        ...


class _NoWatch:
    def loss_before(self, packet: _Packet) -> str | None:
        return None

    def loss_at_end(self) -> str | None:
        return None

    def loss_before_frame(self, pts: int | None, *, is_over: bool) -> str | None:
        return None

    def unmarked(self, packet: _Packet) -> _Packet:
        return packet


class ChainWatch(_NoWatch):
    """Formats whose pieces each tell where the next one is, so that the file can be followed beside the reader."""

    def __init__(self, chain: AviChunks | FlvTags | MatroskaBlocks) -> None:
        self._chain = chain

    def loss_before(self, packet: _Packet) -> str | None:
        """As `LossWatch.loss_before`; only the first loss is reported, because everything after it is out of step."""
        return self._chain.loss_before(packet.pos)

    def loss_at_end(self) -> str | None:
        """As `LossWatch.loss_at_end`."""
        return self._chain.loss_at_end()


class TransportWatch(_NoWatch):
    """Transport streams: their packets are counted."""

    def __init__(self, path: Path, stream: av.video.stream.VideoStream) -> None:
        self._packets = TransportPackets(path, stream.id)
        codec = stream.codec_context.name
        self._is_one_packet_each = codec in _ONE_PACKET_EACH
        self._order = ByteStreamOrder(codec, stream.codec_context.extradata) if codec in _ONE_PACKET_EACH else None
        self._places: OrderedDict[int, tuple[int, int, int]] = OrderedDict()
        """By timestamp, where the latest pictures stand in the decoder's order, after the number of the encoding."""
        self._place: tuple[int, int, int] | None = None
        self._usual_step: int | None = None
        self._steps: dict[int, int | None] = {}
        """By the number of the encoding, the step between its pictures where that is known."""
        self._taken: Start | None = None
        """Where the last packet begins."""
        self._starts = self._packets.starts()
        self._ahead = next(self._starts, None)
        self._here: Start | None = None
        self._pace, self._packet_pace = Pace(), Pace()
        self._is_steady = True

    def loss_before(self, packet: _Packet) -> str | None:
        """As `LossWatch.loss_before`."""
        place = None if self._order is None else self._order.place_of(memoryview(packet))
        if self._order is not None and place is not None and packet.pts is not None:
            self._steps[self._order.encoding_count] = self._order.step
            self._places[packet.pts] = self._order.encoding_count, *place
            if len(self._places) > _PLACES_KEPT:
                self._places.popitem(last=False)
        is_pace_known = self._packet_pace.is_known
        _, is_leap = self._packet_pace.step_to(packet.dts)
        may_leap = is_leap or not is_pace_known
        if may_leap and self._order is not None and self._order.skips_references and not packet.is_keyframe:
            return _GAP
        return None if packet.pos is None else self._loss_until(packet.pos)

    def loss_at_end(self) -> str | None:
        """As `LossWatch.loss_at_end`."""
        return self._loss_until(None)

    def loss_before_frame(self, pts: int | None, *, is_over: bool) -> str | None:
        """As `LossWatch.loss_before_frame`: the file may be cut off directly before a packet that is shown earlier.

        Nothing says where such a file ends. The order of the pictures in the decoder shows whether one can be missing
        between two others. If that order is not known, a jump in time among the last frames is a doubt if there was
        none before, or if the last picture seems to be incomplete.

        A gap in that order where the timestamps leap also shows what the counters may not: they begin again after 16
        packets.
        """
        _, is_leap = self._pace.step_to(pts)
        is_gap = self._is_gap(pts)
        is_doubt = is_leap and (self._is_steady or not self._packets.is_ended)
        self._is_steady = self._is_steady and (is_over or not is_leap)
        if is_over and (is_doubt if is_gap is None else is_gap):
            return _LAST_GAP
        return _GAP if is_gap and is_leap else None

    def _is_gap(self, pts: int | None) -> bool | None:
        """Whether a picture is missing between this frame and the last one; None where that is not known.

        A packet from which no frame came, for instance behind a joint, is not missing.
        """
        last, self._place = self._place, None if pts is None else self._places.get(pts)
        if last is None or self._place is None:
            return None
        if self._place[0] != last[0]:
            self._usual_step = None
        if self._place[:2] > last[:2]:
            return False  # what is decoded behind a restart is shown behind it
        between = sorted(place for place in self._places.values() if last <= place <= self._place)
        steps = [after[2] - before[2] for before, after in pairwise(between)]
        if not steps or min(steps) <= 0:
            return None
        usual = self._steps[last[0]] or self._usual_step
        self._usual_step = min(steps) if usual is None else min(*steps, usual)
        return None if usual is None else max(steps) > usual

    def _loss_until(self, position: int | None) -> str | None:
        while self._ahead is not None and (position is None or self._ahead.position <= position):
            self._here, self._ahead = self._ahead, next(self._starts, None)
            loss = self._here.loss or (_SWALLOWED if self._is_swallowed(self._here, position) else None)
            if loss is not None:
                self._ahead = None
                return loss
            if self._here.position == position:
                self._taken = self._here
        return None

    def _is_swallowed(self, start: Start, position: int | None) -> bool:
        """Whether a picture begins here and no packet does: then the broken packet before has swallowed it.

        Encoders may send data that belongs to a picture ahead of it, with the same time.
        """
        if not self._is_one_packet_each or self._taken is None or start.position == position:
            return False
        return start.time is not None and start.time != self._taken.time

    def unmarked(self, packet: _Packet) -> _Packet:
        """As `LossWatch.unmarked`: the counters begin anew where another recording was appended to this one.

        The mark belongs to the piece in which the reader found the end of the packet, which may be the next piece.
        """
        is_at_joint = any(start is not None and start.ends_at_joint for start in (self._here, self._ahead))
        if not packet.is_corrupt or not is_at_joint:
            return packet
        copy = cast("_Packet", av.packet.Packet(bytes(packet)))
        copy.stream, copy.time_base = packet.stream, packet.time_base
        copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
        copy.is_keyframe = packet.is_keyframe
        return copy


def loss_watch(path: Path, format_name: str, stream: av.video.stream.VideoStream) -> LossWatch:
    """Return the watch for a container format."""
    if format_name == "avi":
        chunks = AviChunks(path, stream.index)
        chunks.look_ahead()
        return ChainWatch(chunks)
    if format_name == "flv":
        return ChainWatch(FlvTags(path))
    if format_name == "matroska,webm":
        return ChainWatch(MatroskaBlocks(path))
    if format_name == "mpegts":
        return TransportWatch(path, stream)
    return _NoWatch()
