"""Reads the packets of an MPEG transport stream, to find out whether all packets of a picture track exist.

ffmpeg's reader skips what is lost and continues. Timestamps prove nothing, because pictures need not come at a steady
pace. But packets have one size, begin with the same byte, and are counted for each track, modulo 16.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]

SYNC: Final = 0x47
_BODY_BYTES: Final = 188
_PACKET_BYTES: Final = (188, 192, 204)
"""Plain packets, packets after a timestamp (cameras, Blu-ray), and packets followed by a checksum."""
_PACKETS_TO_BE_SURE: Final = 8
_PACKETS_AT_ONCE: Final = 4096
_NO_TRACK: Final = 0x1FFF
_HEADER_BYTES: Final = 4
_PES_HEADER_BYTES: Final = 19
_FIRST_STREAM_ID: Final = 0xBC
HOLE: Final = "packets are missing: the file holds what is no transport packet here"
UNCOUNTED: Final = "packets are missing: their counters do not follow each other here"
LEAP: Final = "packets are missing: a picture goes on behind its end, and the timestamps leap"
HEADLESS: Final = "packets are missing: a picture begins without its header"
BEGINNING: Final = "packets are missing: the tables begin here, and the first picture does not"
CUT: Final = "packets are missing: the file ends within one"


class Pace:
    """The usual distance between timestamps, to recognise a larger one.

    Example:
        >>> from hand100m_assets.video.container import Pace
        >>> pace = Pace()
        >>> [pace.step_to(time) for time in (0, 3000, 6000, 12000)]
        [(None, False), (3000, False), (3000, False), (6000, True)]
    """

    _STEPS_KEPT: Final = 64
    _LEAP: Final = 1.5
    """A distance of this many times the usual one is a jump. One lost picture makes it 2."""

    def __init__(self) -> None:
        self._steps: deque[int] = deque(maxlen=self._STEPS_KEPT)
        self._last: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether two distances were seen, so that another one can be compared with them."""
        return len(self._steps) > 1

    def step_to(self, time: int | None) -> tuple[int | None, bool]:
        """Take the next timestamp into account.

        Args:
            time: The timestamp, in any unit; None if there is none.

        Returns:
            The distance to the last timestamp, and whether it is known to be larger than usual; None and False if
            there is no distance.
        """
        if time is None:
            return None, False
        step = None if self._last is None else time - self._last
        self._last = time
        is_leap = step is not None and bool(self._steps) and step > median_low(self._steps) * self._LEAP
        if step is not None and step > 0:
            self._steps.append(step)
        return step, is_leap


class Start(NamedTuple):
    """Where a piece of the track begins (a PES packet, which mostly holds one picture).

    Attributes:
        position: Byte at which its first transport packet begins, as ffmpeg counts it.
        loss: Words for what is missing between the piece before and the end of this one; None if nothing is.
        ends_at_joint: Whether another recording, which was appended to this one, begins after it.
        time: Decoding time of the picture that begins in it, in 1/90000 s; None if it has none.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container import TransportPackets
        >>> first = next(TransportPackets(Path("video.ts"), track=256).starts())
        >>> first.loss is None, first.ends_at_joint
        (True, False)
    """

    position: int
    loss: str | None
    ends_at_joint: bool = False
    time: int | None = None


@dataclass
class _Track:
    """What has been seen of the picture track so far."""

    is_ended: bool = False
    """Its last packet was padded, so the picture does not continue after it."""
    loss: str | None = None
    other_loss: bool = False
    goes_on: bool = False
    """A packet came after the one that was padded."""
    is_begun_anew: bool = False
    """The table of programs came with the counter 0, as at the beginning of a recording."""


class TransportPackets:
    """The pieces of one track, in the order of the file, with what is missing. Source: ISO/IEC 13818-1, 2.4.3.

    Args:
        path: The transport stream.
        track: Packet id (PID) of the track, which PyAV calls the stream's `id`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container import TransportPackets, open_video
        >>> container, stream = open_video(Path("video.ts"))
        >>> with container:
        ...     packets = TransportPackets(Path("video.ts"), stream.id)
        >>> starts = list(packets.starts())
        >>> len(starts), any(start.loss for start in starts)
        (90, False)
    """

    def __init__(self, path: Path, track: int) -> None:
        self._path, self._track_id = path, track
        self._counters: npt.NDArray[np.int16] = np.full(_NO_TRACK + 1, -1, np.int16)
        self._pace = Pace()
        self._track = _Track()
        self._open: int | None = None
        self._open_time: int | None = None
        self._is_begun = False

    @property
    def is_ended(self) -> bool:
        """Whether the last packet that was looked at was padded, as the last one of a picture mostly is."""
        return self._track.is_ended

    def starts(self) -> Iterator[Start]:
        """Yield every piece as soon as its end is known. The first loss ends the iteration."""
        for start in self._blocks():
            yield start
            if start.loss is not None:
                return
        if self._open is not None:
            yield Start(self._open, self._track.loss, time=self._open_time)

    def _blocks(self) -> Iterator[Start]:
        first, size = _grid_of(self._path)
        prefix = size - _BODY_BYTES
        with self._path.open("rb") as file:
            if size == 0 or first >= size:
                yield Start(0, HOLE)
                return
            at = first
            file.seek(at)
            while block := file.read(size * _PACKETS_AT_ONCE):
                if len(block) % size >= _BODY_BYTES:  # what stands between two bodies does not stand behind the last
                    block = block.ljust(-(-len(block) // size) * size, b"\0")
                whole = len(block) // size * size
                packets = np.frombuffer(block[:whole], np.uint8).reshape(-1, size)[:, :_BODY_BYTES]
                yield from self._pieces_of(packets, at - prefix, size)
                if whole < len(block) and self._track.loss is None:
                    self._track.loss = CUT if block[whole] == SYNC else HOLE
                if self._track.loss is not None and self._open is None:
                    yield Start(at - prefix, self._track.loss)
                if self._track.loss is not None:
                    return
                at += whole

    def _pieces_of(self, packets: Bytes, at: int, size: int) -> Iterator[Start]:
        wrong = np.flatnonzero((packets[:, 0] != SYNC) | (packets[:, 1] >= 0x80))
        is_broken = wrong.size > 0
        packets = packets[: wrong[0]] if is_broken else packets
        tracks = (packets[:, 1].astype(np.int16) & 0x1F) << 8 | packets[:, 2]
        is_own = tracks == self._track_id
        breaks = self._breaks(packets, tracks)
        is_start = is_own & (packets[:, 1] & 0x40 > 0)
        if not self._is_begun and is_own.any():
            self._is_begun = True
            self._track.loss = BEGINNING if _lacks_beginning(packets, tracks, is_own) else None
        goes_on = self._goes_on(packets, is_own, is_start)
        is_first_table = (tracks == 0) & (packets[:, 3] & 15 == 0)
        for number in np.flatnonzero(is_start | breaks | goes_on | is_first_table):
            if is_start[number]:
                self._see_last(packets[:number][is_own[:number]])
                yield from self._begin(packets[number], at + int(number) * size, is_break=bool(breaks[number]))
            elif breaks[number] and is_own[number]:
                self._track.loss = UNCOUNTED
            self._track.other_loss |= bool(breaks[number] and not is_own[number])
            self._track.goes_on |= bool(goes_on[number])
            self._track.is_begun_anew |= bool(is_first_table[number])
        self._see_last(packets[is_own])
        if is_broken:
            self._track.loss = HOLE

    def _breaks(self, packets: Bytes, tracks: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
        """Mark packets that do not continue the count of their track and do not say themselves that they begin anew."""
        control, counters = packets[:, 3] >> 4 & 3, (packets[:, 3] & 15).astype(np.int16)
        says_so = (control & 2 > 0) & (packets[:, 4] > 0) & (packets[:, 5] & 0x80 > 0)
        breaks = np.zeros(len(packets), np.bool_)
        for track in np.unique(tracks):
            if track == _NO_TRACK:
                continue
            mine = np.flatnonzero(tracks == track)
            has_body = control[mine] & 1 > 0
            before = np.concatenate(([self._counters[track]], counters[mine][:-1]))
            breaks[mine] = ((before + has_body) & 15 != counters[mine]) & (before >= 0) & ~says_so[mine]
            self._counters[track] = counters[mine[-1]]
        return breaks

    def _goes_on(
        self, packets: Bytes, is_own: npt.NDArray[np.bool_], is_start: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Mark packets of the track that continue a piece whose last packet was padded."""
        goes_on = np.zeros(len(packets), np.bool_)
        own = np.flatnonzero(is_own)
        goes_on[own] = np.concatenate(([self._track.is_ended], _are_filled_up(packets[own])))[:-1] & ~is_start[own]
        return goes_on

    def _see_last(self, own: Bytes) -> None:
        if len(own):
            self._track.is_ended = bool(_are_filled_up(own[-1:])[0])

    def _begin(self, packet: Bytes, position: int, *, is_break: bool) -> Iterator[Start]:
        """A piece begins, which means that the one before ends."""
        before, header = self._track, _pes_header(packet)
        time = _dts_of(header)
        step, is_leap = self._pace.step_to(time)
        is_steady = step is not None and (step <= 0 or (self._pace.is_known and not is_leap))
        is_first = before.is_begun_anew and packet[3] & 15 == 0
        is_joint = (is_break or before.other_loss) and before.is_ended and bool(is_steady or is_first)
        loss = before.loss
        if not is_joint and (is_break or (before.other_loss and is_leap)):
            loss = loss or UNCOUNTED
        if before.goes_on and is_leap:
            loss = loss or LEAP
        if not _is_pes_header(header):
            loss = loss or HEADLESS
        if self._open is not None or loss is not None:
            yield Start(position if self._open is None else self._open, loss, is_joint, self._open_time)
        self._open, self._open_time = position, time
        self._track = _Track()


def _grid_of(path: Path) -> tuple[int, int]:
    """Where the first whole packet begins, and how long each packet is; (0, 0) if the file has no such packets."""
    with path.open("rb") as file:
        head = file.read(max(_PACKET_BYTES) * (_PACKETS_TO_BE_SURE + 64))
    for first in range(len(head)):
        for size in _PACKET_BYTES:
            places = range(first, min(len(head), first + size * _PACKETS_TO_BE_SURE), size)
            if all(head[place] == SYNC for place in places):
                return first, size
    return 0, 0


def _lacks_beginning(packets: Bytes, tracks: npt.NDArray[np.int16], is_own: npt.NDArray[np.bool_]) -> bool:
    """Whether a multiplexer began with these packets, as every counter says, and the picture track begins within one.

    A recording that was switched on later finds the counters somewhere.
    """
    first = int(np.argmax(is_own))
    if packets[first, 1] & 0x40:
        return False
    others = [track for track in np.unique(tracks[:first]) if track != _NO_TRACK]
    counters = [packets[int(np.argmax(tracks[:first] == track)), 3] & 15 for track in others]
    return 0 in others and len(others) > 1 and not any(counters)


def _are_filled_up(packets: Bytes) -> npt.NDArray[np.bool_]:
    """Mark packets that hold padding bytes. Source: ISO/IEC 13818-1, 2.4.3.5."""
    length, flags = packets[:, 4].astype(np.int16), packets[:, 5]
    used = 1 + 6 * (flags >> 4 & 1) + 6 * (flags >> 3 & 1) + (flags >> 2 & 1)
    has_more = (length == 0) | (flags == 0) | ((length > used) & (flags & 3 == 0))
    filled_up: npt.NDArray[np.bool_] = (packets[:, 3] & 0x20 > 0) & has_more
    return filled_up


def _pes_header(packet: Bytes) -> bytes:
    control = packet[3] >> 4 & 3
    start = _HEADER_BYTES + (1 + int(packet[4]) if control & 2 else 0)
    return packet[start : start + _PES_HEADER_BYTES].tobytes() if control & 1 else b""


def _is_pes_header(header: bytes) -> bool:
    return header[:3] == b"\0\0\1" and header[3:4] >= bytes([_FIRST_STREAM_ID])


def _dts_of(header: bytes) -> int | None:
    """Decoding time in 1/90000 s. Source: ISO/IEC 13818-1, 2.4.3.7."""
    flags = header[7] >> 6 if len(header) > 7 else 0
    place = {2: 9, 3: 14}.get(flags)
    if place is None or len(header) < place + 5:
        return None
    high, middle, low = header[place], *(int.from_bytes(header[place + at : place + at + 2], "big") for at in (1, 3))
    return (high >> 1 & 7) << 30 | middle >> 1 << 15 | low >> 1
