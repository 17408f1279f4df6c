"""Tells whether the numbers by which pictures are ordered have gaps or repeat, as they do where one of them is broken.

Timestamps that contradict the decoder's order are mostly wrong themselves: some muxers write them so. But damage to a
picture's number has the same effect, and then the decoder shows the picture in another place. Nothing else shows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from hand100m_assets.video.codec.bitstream import Data

_PACKETS_KEPT: Final = 64
_REORDERED_PACKETS: Final = 17
"""After so many packets, every picture that is shown before a given one has been read: no codec reorders more."""


class OrderGaps:
    """Keeps the numbers of the latest pictures of a track. Show it every packet, in decoding order.

    Args:
        place_of: Tells from a packet's bytes the number by which the stream orders its picture, such as (3, 24): 24
            after the third restart. None where it cannot be read.

    Example:
        >>> import av
        >>> from hand100m_assets.video.codec import ByteStreamOrder, OrderGaps
        >>> with av.open("video.ts") as container:
        ...     stream = container.streams.video[0]
        ...     gaps = OrderGaps(ByteStreamOrder("h264", stream.codec_context.extradata).place_of)
        ...     for packet in container.demux(stream):
        ...         if packet.size:
        ...             gaps.look_at(bytes(packet))
        >>> gaps.count()
        0
    """

    def __init__(self, place_of: Callable[[Data], tuple[int, ...] | None]) -> None:
        self._place_of = place_of
        self._numbers: deque[tuple[int, ...]] = deque(maxlen=_PACKETS_KEPT)

    def look_at(self, data: Data) -> None:
        """Take the next packet into account.

        Args:
            data: The packet's bytes.
        """
        number = self._place_of(data)
        if number is None:
            self._numbers.clear()
        else:
            self._numbers.append(number)

    def count(self, *, is_over: bool = False) -> int:
        """Count the places among the latest pictures where a number is missing or stands twice.

        Args:
            is_over: Whether no packet follows. Otherwise those that were read last are left out: a later packet may
                hold what seems to be missing.
        """
        numbers = list(self._numbers)
        settled = numbers if is_over else numbers[:-_REORDERED_PACKETS]
        if not settled:
            return 0
        # Of pictures that are shown before those that were read first here, some are no longer kept.
        is_full = len(numbers) == _PACKETS_KEPT
        earliest, latest = max(numbers[:_REORDERED_PACKETS]) if is_full else min(numbers), max(settled)
        known = sorted(number for number in numbers if earliest <= number <= latest)
        steps = [after[-1] - before[-1] for before, after in pairwise(known) if before[:-1] == after[:-1]]
        usual = min((step for step in steps if step > 0), default=0)
        return sum(step != usual for step in steps)
