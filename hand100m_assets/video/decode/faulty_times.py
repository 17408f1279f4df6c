"""Finds broken packets with wrong times: the fault that broke a packet may also have changed the time beside it.

In Matroska and FLV each packet carries its own time. If the time of a packet without a frame is wrong, the frame seems
to be missing in another place, and every frame between both places gets the number of its neighbour. At a steady rate
this is noticed: such a time is equal to that of another packet, or far after all of them.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

_KEPT_PACKETS: Final = 64
_ENOUGH_PACKETS: Final = 17
"""Among this many packets, two are shown one after the other: no codec shows a picture after more than 16 later
ones."""
_MOST_REORDERED: Final = 32
"""More steps than any codec may delay a picture (16)."""

FORMATS: Final = frozenset({"matroska,webm", "flv"})
"""Formats with the time beside the packet. Others have all times in a table, or lose the count with any fault."""


class FaultyTimes:
    """Takes the timestamps of all packets, in decoding order."""

    def __init__(self) -> None:
        self._times: deque[int] = deque(maxlen=_KEPT_PACKETS)
        self._broken: deque[tuple[int, int]] = deque(maxlen=_KEPT_PACKETS)
        """Number of packet, and its time."""
        self._count = 0

    def add(self, pts: int) -> bool:
        """Take the next packet; return whether its time proves that the time of a broken packet is wrong."""
        self._times.append(pts)
        self._count += 1
        while self._broken and self._broken[0][0] <= self._count - _KEPT_PACKETS:
            self._broken.popleft()
        if not self._broken:
            return False
        tolerance = self._tolerance()
        return any(self._is_upon_another(number, time, tolerance) for number, time in self._broken)

    def break_last(self) -> bool:
        """Whether the packet added last, which is broken, has a time that cannot be its own."""
        if not self._times:
            return False
        *others, pts = self._times
        self._broken.append((self._count, pts))
        step = self._step()
        if step is None or not others:
            return False
        return self._is_upon_another(self._count, pts, self._tolerance()) or pts > max(others) + _MOST_REORDERED * step

    def is_behind(self, pts: int | None) -> bool:
        """Whether a broken packet is expected after this time, so that its time may still prove wrong."""
        return any(pts is None or time > pts for _, time in self._broken)

    def is_wrong_at_end(self) -> bool:
        """Whether the time of a broken packet is after the end by something else than one step."""
        step, whole = self._step(), self._whole()
        if step is None or not whole:
            return False
        return any(time > max(whole) and abs(time - max(whole) - step) * 2 > step for _, time in self._broken)

    def _is_upon_another(self, number: int, broken: int, tolerance: float) -> bool:
        """Whether a broken packet's time is that of another packet, or closer to it than the tolerance."""
        first = self._count - len(self._times) + 1
        return any(
            number != other and (time == broken or abs(time - broken) < tolerance)
            for other, time in enumerate(self._times, first)
        )

    def _tolerance(self) -> float:
        """Half a step; 0 as long as too few intact packets are known to be sure of the step."""
        step = self._step()
        return 0.0 if step is None or len(self._whole()) < _ENOUGH_PACKETS else step / 2

    def _step(self) -> int | None:
        """The smallest distance between intact packets; None if there are too few."""
        whole = sorted(self._whole())
        return min((later - earlier for earlier, later in pairwise(whole) if later > earlier), default=None)

    def _whole(self) -> list[int]:
        """Times of the packets that are not broken, in decoding order."""
        broken = {time for _, time in self._broken}
        return [time for time in self._times if time not in broken]
