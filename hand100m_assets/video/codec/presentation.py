"""Finds the frame index of each packet from its timestamps, after a small look-ahead.

A packet's frame index is the number of shown packets with a smaller presentation timestamp. It is final as soon as the
decoding timestamps have passed that timestamp, because every later packet is presented no earlier than it is decoded.
The timestamps must put the pictures in the order in which the decoder shows them; some containers give the decoding
time in both timestamps. If anything contradicts this, the whole stream must be decoded.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from hand100m_assets.video.codec.bitstream import UnsafeStreamError

MAX_LOOK_AHEAD_PACKETS: Final = 128
"""Longest look-ahead. No codec reorders more than 16 pictures; timestamps that need more are not understood here."""


class Timed(Protocol):
    """What `PresentationOrder` needs of a packet. PyAV's packets have it."""

    @property
    def pts(self) -> int | None:
        """Presentation timestamp."""
        ...

    @property
    def dts(self) -> int | None:
        """Decoding timestamp."""
        ...

    @property
    def is_discard(self) -> bool:
        """Whether an edit list hides it."""
        ...


_P = TypeVar("_P", bound=Timed)


@dataclass(frozen=True)
class Placed(Generic[_P]):
    """A packet and its frame index.

    Attributes:
        packet: The packet.
        frame_index: Index of its frame among all shown frames; None if an edit list hides it.

    Example:
        >>> from hand100m_assets.video.codec import Placed
        >>> Placed("a packet", frame_index=None).frame_index is None
        True
    """

    packet: _P
    frame_index: int | None


class PresentationOrder(Generic[_P]):
    """Takes packets in decoding order, and yields them in the same order with their frame indices.

    Args:
        first_index: Frame index of the first packet.
        delay_frames: How many pictures the decoder keeps back because later ones may have to be shown before them.

    Attributes:
        shown_count: Number of indices given so far; the frame count after `finish`.
        reorder_depth: Largest number of packets that were decoded before another one and are shown after it.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import PresentationOrder
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     order = PresentationOrder()
        ...     packets = [packet for packet in container.demux(stream) if packet.size]
        >>> placed = [each for packet in packets for each in order.add(packet)]
        >>> placed += order.finish()
        >>> sorted(each.frame_index for each in placed) == list(range(90))
        True
    """

    def __init__(self, first_index: int = 0, delay_frames: int = 0) -> None:
        self._delay_frames = delay_frames
        self.shown_count = first_index
        self.reorder_depth = 0
        self._waiting: deque[tuple[_P, int | None]] = deque()
        self._unplaced: list[tuple[int, tuple[int, ...]]] = []
        self._index_by_pts: dict[int, int] = {}
        self._last_dts: int | None = None
        self._last_placed_pts: int | None = None
        self._last_shown_as: tuple[int, ...] = ()

    @property
    def owes_packets(self) -> bool:
        """Whether a packet with a final index still waits for its turn in decoding order."""
        return bool(self._index_by_pts)

    def add(self, packet: _P, shown_as: tuple[int, ...] = ()) -> Iterator[Placed[_P]]:
        """Take the next packet, and yield the packets whose index has become final.

        Args:
            packet: The next packet in decoding order.
            shown_as: Its place in the order in which the decoder shows pictures, from `picture_order_of`; empty if
                that order is not known.

        Raises:
            UnsafeStreamError: The timestamps prove nothing. Decode the whole stream.
        """
        pts, dts = self._checked(packet)
        if not packet.is_discard:
            self.reorder_depth = max(self.reorder_depth, sum(other > pts for other, _ in self._unplaced))
            heapq.heappush(self._unplaced, (pts, shown_as))
        self._waiting.append((packet, None if packet.is_discard else pts))
        if len(self._waiting) > MAX_LOOK_AHEAD_PACKETS:
            raise UnsafeStreamError("decoding timestamps far behind the presentation")
        # Matroska has no decoding timestamps; they are deduced, and for the first few packets cannot be.
        yield from self._settle(-math.inf if dts is None else dts)

    def finish(self) -> Iterator[Placed[_P]]:
        """Yield all packets that are left; no packet follows."""
        yield from self._settle(math.inf)

    def _checked(self, packet: _P) -> tuple[int, int | None]:
        pts, dts = packet.pts, packet.dts
        if pts is None or (dts is None and self._last_dts is not None):
            raise UnsafeStreamError("a packet without timestamps")
        if dts is not None:
            if self._last_dts is not None and dts <= self._last_dts:
                raise UnsafeStreamError("decoding timestamps that do not increase")
            if pts < dts:
                raise UnsafeStreamError("a packet presented before it is decoded")
            self._last_dts = dts
        if not packet.is_discard and self._last_placed_pts is not None and pts <= self._last_placed_pts:
            raise UnsafeStreamError("a packet that comes too late or repeats a timestamp")
        return pts, dts

    def _settle(self, dts: float) -> Iterator[Placed[_P]]:
        while self._unplaced and self._unplaced[0][0] < dts and (dts == math.inf or self._is_out()):
            pts, shown_as = heapq.heappop(self._unplaced)
            if pts == self._last_placed_pts:
                raise UnsafeStreamError("two packets with the same timestamp")
            if shown_as <= self._last_shown_as != () or any(key < shown_as for _, key in self._unplaced):
                raise UnsafeStreamError("timestamps that put pictures in another order than the decoder does")
            self._last_placed_pts, self._last_shown_as = pts, shown_as
            self._index_by_pts[pts] = self.shown_count
            self.shown_count += 1
        while self._waiting and (self._waiting[0][1] is None or self._waiting[0][1] in self._index_by_pts):
            packet, shown_pts = self._waiting.popleft()
            yield Placed(packet, None if shown_pts is None else self._index_by_pts.pop(shown_pts))

    def _is_out(self) -> bool:
        """Whether the decoder must have shown the first of the pictures by now, so that no later one can precede it."""
        restarts = self._unplaced[0][1][:1]
        return len(self._unplaced) > self._delay_frames or any(key[:1] > restarts for _, key in self._unplaced)
