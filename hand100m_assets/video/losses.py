"""Packets that are lost without a word of the reader.

Some readers, when they have lost their way, go on at the next thing that looks like a packet: what lay between is
gone, and frames behind it would be numbered too low.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

import av.packet
import av.video.stream

from hand100m_assets.video.avichunks import AviChunks
from hand100m_assets.video.bytestreamorder import ByteStreamOrder
from hand100m_assets.video.flvtags import FlvTags
from hand100m_assets.video.transportpackets import Pace, Start, TransportPackets

if TYPE_CHECKING:
    _Packet: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

LOSSY_FORMATS: Final = frozenset({"avi", "mpegts", "mpeg"})
"""Formats whose readers pass over what they do not understand. Matroska's complains, and mp4 has a table."""

WATCHED_FORMATS: Final = frozenset({"avi", "mpegts"})
"""Those of them in whose files it shows whether every packet is there, whatever the reader says."""


_SWALLOWED: Final = "packets are missing: a picture begins here within another one's packet"
_ONE_PACKET_EACH: Final = frozenset({"h264", "hevc"})
"""Codecs of which the reader makes a packet for each picture, or for each of two fields."""
_PLACES_KEPT: Final = 64
_LAST_GAP: Final = "packets may be missing: the last frames do not follow each other"


class LossWatch(Protocol):
    """Fed with every packet of a file, and told when there are no more."""

    def loss_before(self, packet: _Packet) -> str | None:
        """Words for what is missing right before or in this packet; None when nothing shows it."""
        ...

    def loss_at_end(self) -> str | None:
        """Words for what is missing after the last packet."""
        ...

    def loss_before_frame(self, pts: int | None, *, is_over: bool) -> str | None:
        """The same before a frame that comes out; `is_over` when the last packet was decoded."""
        ...

    def unmarked(self, packet: _Packet) -> _Packet:
        """The packet, without the reader's mark where that is known to be wrong."""
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


class AviWatch(_NoWatch):
    """AVI: the chunks follow each other, or something is missing."""

    def __init__(self, path: Path, track: int) -> None:
        self._chunks = AviChunks(path, track)
        self._chunks.look_ahead()

    def loss_before(self, packet: _Packet) -> str | None:
        """As `LossWatch.loss_before`; only the first loss is told, as from there on everything is out of step."""
        return self._chunks.loss_before(packet.pos)

    def loss_at_end(self) -> str | None:
        """As `LossWatch.loss_at_end`."""
        return self._chunks.loss_at_end()


class FlvWatch(_NoWatch):
    """FLV: the tags follow each other, each with a picture gave a packet, and the last one is whole.

    A file that was cut may lack a picture that is shown before those that are there.
    """

    def __init__(self, path: Path) -> None:
        self._tags = FlvTags(path)

    def loss_before(self, packet: _Packet) -> str | None:
        """As `LossWatch.loss_before`; only the first loss is told."""
        return self._tags.loss_before(packet.pos)

    def loss_at_end(self) -> str | None:
        """As `LossWatch.loss_at_end`."""
        return self._tags.loss_at_end()


class TransportWatch(_NoWatch):
    """Transport streams: their packets are counted."""

    def __init__(self, path: Path, stream: av.video.stream.VideoStream) -> None:
        self._packets = TransportPackets(path, stream.id)
        codec = stream.codec_context.name
        self._is_one_packet_each = codec in _ONE_PACKET_EACH
        self._order = ByteStreamOrder(codec, stream.codec_context.extradata) if codec in _ONE_PACKET_EACH else None
        self._places: OrderedDict[int, tuple[int, int]] = OrderedDict()
        """By timestamp, where the latest pictures stand in the decoder's order."""
        self._place: tuple[int, int] | None = None
        self._usual_step: int | None = None
        self._taken: Start | None = None
        """Where the last packet begins."""
        self._starts = self._packets.starts()
        self._ahead = next(self._starts, None)
        self._here: Start | None = None
        self._pace = Pace()
        self._is_steady = True

    def loss_before(self, packet: _Packet) -> str | None:
        """As `LossWatch.loss_before`; only the first loss is told."""
        place = None if self._order is None else self._order.place_of(memoryview(packet))
        if place is not None and packet.pts is not None:
            self._places[packet.pts] = place
            if len(self._places) > _PLACES_KEPT:
                self._places.popitem(last=False)
        return None if packet.pos is None else self._loss_until(packet.pos)

    def loss_at_end(self) -> str | None:
        """As `LossWatch.loss_at_end`."""
        return self._loss_until(None)

    def loss_before_frame(self, pts: int | None, *, is_over: bool) -> str | None:
        """As `LossWatch.loss_before_frame`: the file may be cut off right before a packet that is shown earlier.

        Nothing says where such a file ends. But the decoder's order of pictures tells whether one can stand between two
        others. Where that is not known, of the last frames a leap is a doubt where there was none before, or where the
        last picture does not seem to be whole.
        """
        _, is_leap = self._pace.step_to(pts)
        is_gap = self._is_gap(pts)
        is_doubt = is_leap and (self._is_steady or not self._packets.is_ended)
        self._is_steady = self._is_steady and (is_over or not is_leap)
        return _LAST_GAP if is_over and (is_doubt if is_gap is None else is_gap) else None

    def _is_gap(self, pts: int | None) -> bool | None:
        """Whether a picture is missing between this frame and the last one; None where that is not known."""
        last, self._place = self._place, None if pts is None else self._places.get(pts)
        if last is None or self._place is None:
            return None
        if self._place[0] > last[0]:
            return False  # what is decoded behind a restart is shown behind it
        step, usual = self._place[1] - last[1], self._usual_step
        if step <= 0:
            return None
        self._usual_step = step if usual is None else min(step, usual)
        return None if usual is None else step > usual

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
        """Whether a picture begins here and no packet does: the one before was broken, and has taken it in.

        Encoders may send what belongs to a picture ahead of it, with the same time.
        """
        if not self._is_one_packet_each or self._taken is None or start.position == position:
            return False
        return start.time is not None and start.time != self._taken.time

    def unmarked(self, packet: _Packet) -> _Packet:
        """As `LossWatch.unmarked`: the counters begin anew where another recording was appended to this one.

        The mark is that of the piece in which the packet's end was found, which may be the next one.
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
    """The watch that fits a container."""
    if format_name == "avi":
        return AviWatch(path, stream.index)
    if format_name == "flv":
        return FlvWatch(path)
    if format_name == "mpegts":
        return TransportWatch(path, stream)
    return _NoWatch()
