"""Tells whether the numbers by which pictures are ordered have gaps or repeat, as they do where one of them is broken.

Timestamps that contradict the decoder's order are mostly wrong themselves: some muxers write them so. But damage to a
picture's number has the same effect, and then the decoder shows the picture in another place. Nothing else shows it.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

from hand100m_assets.video.codec.bitstream import Bitstream, Data, UnsafeStreamError
from hand100m_assets.video.codec.picture_order import PictureOrder

_PACKETS_KEPT: Final = 64
_REORDERED_PACKETS: Final = 17
"""After so many packets, every picture that is shown before a given one has been read: no codec reorders more."""


class OrderGaps:
    """Keeps the numbers of the latest pictures of a track. Show it every packet, in decoding order.

    Args:
        reader: What tells a packet's nature: the codec's `Bitstream`.
        order: What reads the numbers, from `picture_order_of`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import H264Bitstream, OrderGaps, picture_order_of
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     gaps = OrderGaps(H264Bitstream(stream.codec_context.extradata), picture_order_of(stream))
        ...     for packet in container.demux(stream):
        ...         if packet.size:
        ...             gaps.look_at(bytes(packet))
        >>> gaps.has_any()
        False
    """

    def __init__(self, reader: Bitstream, order: PictureOrder) -> None:
        self._reader, self._order = reader, order
        self._numbers: deque[tuple[int, ...]] = deque(maxlen=_PACKETS_KEPT)

    def look_at(self, data: Data) -> None:
        """Take the next packet into account.

        Args:
            data: The packet's bytes. What cannot be read has no number.
        """
        try:
            self._numbers.append(self._order.shown_as(self._reader.nature(data)))
        except UnsafeStreamError:
            self._numbers.clear()

    def has_any(self, *, is_over: bool = False) -> bool:
        """Whether a number is missing or stands twice among the latest pictures.

        Args:
            is_over: Whether no packet follows. Otherwise those that were read last are left out: a later packet may
                hold what seems to be missing.
        """
        numbers = list(self._numbers)
        settled = numbers if is_over else numbers[:-_REORDERED_PACKETS]
        if not settled:
            return False
        # Of pictures that are shown before those that were read first here, some are no longer kept.
        is_full = len(numbers) == _PACKETS_KEPT
        earliest, latest = max(numbers[:_REORDERED_PACKETS]) if is_full else min(numbers), max(settled)
        known = sorted(number for number in numbers if earliest <= number <= latest)
        steps = [after[-1] - before[-1] for before, after in pairwise(known) if before[:-1] == after[:-1]]
        return bool(steps) and (min(steps) <= 0 or max(steps) > min(steps))
