"""Whether a broken packet stands in its place: what broke it may have changed the time that stands beside it.

In Matroska and FLV each packet carries its own time. With a wrong one, a packet without a frame is missed in another
place than its own, and every frame between the two gets the number of its neighbour. At a steady rate it shows: such a
time falls on another packet's, or far behind all of them.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

_KEPT_PACKETS: Final = 64
_ENOUGH_PACKETS: Final = 17
"""Among so many packets two are shown one after the other: no codec shows a picture after more than 16 later ones."""
_MOST_REORDERED: Final = 32
"""More steps than any codec shows a picture after one that is decoded later (16)."""

FORMATS: Final = frozenset({"matroska,webm", "flv"})
"""Those with the time beside the packet. Others keep all times in a table, or lose count with any fault."""


class FaultyTimes:
    """Fed with the timestamps of all packets, in decoding order."""

    def __init__(self) -> None:
        self._times: deque[int] = deque(maxlen=_KEPT_PACKETS)
        self._broken: deque[tuple[int, int]] = deque(maxlen=_KEPT_PACKETS)
        """Number of packet, and its time."""
        self._count = 0

    def add(self, pts: int) -> bool:
        """Take the next packet; whether its time shows that of a broken one to be wrong."""
        self._times.append(pts)
        self._count += 1
        while self._broken and self._broken[0][0] <= self._count - _KEPT_PACKETS:
            self._broken.popleft()
        return any(self._is_upon_another(number, time) for number, time in self._broken)

    def break_last(self) -> bool:
        """Whether the packet added last, which is broken, has a time that cannot be its own."""
        if not self._times:
            return False
        *others, pts = self._times
        self._broken.append((self._count, pts))
        step = self._step()
        if step is None or not others:
            return False
        return self._is_upon_another(self._count, pts) or pts > max(others) + _MOST_REORDERED * step

    def is_behind(self, pts: int | None) -> bool:
        """Whether a broken packet is still to be missed when this time has been shown: its time may yet prove wrong."""
        return any(pts is None or time > pts for _, time in self._broken)

    def is_wrong_at_end(self) -> bool:
        """Whether a broken packet's time lies behind the end, and not one step."""
        step, broken = self._step(), [time for _, time in self._broken]
        whole = [time for time in self._times if time not in broken]
        if step is None or not whole:
            return False
        return any(time > max(whole) and abs(time - max(whole) - step) * 2 > step for time in broken)

    def _is_upon_another(self, number: int, broken: int) -> bool:
        """Whether a broken packet's time is that of another. Only equal times count while the step is not sure."""
        step = self._step()
        first = self._count - len(self._times) + 1
        others = [time for i, time in enumerate(self._times, first) if i != number]
        if step is None or len(others) < _ENOUGH_PACKETS:
            return broken in others
        return any(2 * abs(other - broken) < step for other in others)

    def _step(self) -> int | None:
        """The least distance between packets that are whole; None for too few."""
        broken = {time for _, time in self._broken}
        whole = sorted(time for time in self._times if time not in broken)
        return min((later - earlier for earlier, later in pairwise(whole) if later > earlier), default=None)
