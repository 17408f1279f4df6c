"""Reads from an mp4's sample table where decoding can begin and which indices follow, without reading the packets.

A table gives the decoding order only. That is enough: a decoder shows everything that was decoded before a clean
restart before anything that is decoded from there on. So the restart's packet number, minus the packets that an edit
list hides, is the frame index at which its group of pictures begins. Whether the place is a clean restart is read from
the packet itself, not taken from the table.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Final, NamedTuple

import av.video.stream

from hand100m_assets.video.codec import Bitstream
from hand100m_assets.video.decode.selection import Selection

MIN_JUMP_BYTES: Final = 256 * 2**10
"""Reading on is as fast as jumping over fewer bytes."""
MIN_FRAMES_PER_WANTED: Final = 50
"""A selection with fewer frames per wanted frame leaves little to skip, and reading the table of a long video takes a
second."""
_SELF_CONTAINED: Final = frozenset({"avc1", "hvc1", "vp09", "av01"})
"""Sample descriptions that promise no parameter sets within the stream. Source: ISO/IEC 14496-15."""


class Landing(NamedTuple):
    """A key frame in the table.

    Attributes:
        number: Number of its packet in decoding order.
        first_index: Number of shown packets before it.
        dts: Its decoding timestamp.
        position: Byte of the file at which its packet begins.
        size_bytes: Size of its packet.
    """

    number: int
    first_index: int
    dts: int
    position: int
    size_bytes: int


class SampleIndex:
    """The key frames of one picture track.

    Attributes:
        packet_count: Number of packets in the table.
        shown_count: Number of those that no edit list hides.
    """

    def __init__(self, path: Path, stream: av.video.stream.VideoStream) -> None:
        self._path = path
        self._keys: list[Landing] = []
        self.packet_count = self.shown_count = self._end = 0
        for entry in stream.index_entries:
            if entry.is_keyframe:
                key = Landing(self.packet_count, self.shown_count, entry.timestamp, entry.pos, entry.size)
                self._keys.append(key)
            self.packet_count += 1
            self.shown_count += not entry.is_discard
            self._end = max(self._end, entry.pos + entry.size)
        self._first_indices = [key.first_index for key in self._keys]

    def is_whole(self, expected_packets: int) -> bool:
        """Whether it has every packet that the header promises, and the file has all their bytes."""
        return self.packet_count == expected_packets and self._end <= self._path.stat().st_size

    def landing(self, frame_index: int, number: int, position: int, bitstream: Bitstream) -> Landing | None:
        """Return the last clean restart from which the frame can be reached; None if reading on is better.

        Args:
            frame_index: The wanted frame.
            number: Number of the packet that was read last.
            position: Byte at which that packet begins in the file.
            bitstream: Tells whether a key frame is a clean restart.

        Raises:
            UnsafeStreamError: A key frame is not understood.
        """
        place = bisect_right(self._first_indices, frame_index) - 1
        while place >= 0 and self._keys[place].number > number:
            key = self._keys[place]
            if key.position - position < MIN_JUMP_BYTES:
                return None
            if self._is_restart(key, bitstream):
                return key
            place -= 1
        return None

    def _is_restart(self, key: Landing, bitstream: Bitstream) -> bool:
        with self._path.open("rb") as file:
            file.seek(key.position)
            packet = file.read(key.size_bytes)
        return len(packet) == key.size_bytes and bitstream.nature(packet).is_restart


def sample_index(
    path: Path, stream: av.video.stream.VideoStream, packets_promised: int | None, selection: Selection
) -> SampleIndex | None:
    """Return the table if it can be relied on, and if few enough frames are wanted for it to be useful; else None.

    `packets_promised` is None if no table counts the frames, and so for anything but an mp4 without fragments.
    """
    if packets_promised is None:
        return None
    if packets_promised < len(selection.expected(packets_promised)) * MIN_FRAMES_PER_WANTED:
        return None
    if stream.codec_context.codec_tag not in _SELF_CONTAINED or not hasattr(stream, "index_entries"):
        return None
    index = SampleIndex(path, stream)
    return index if index.is_whole(packets_promised) else None
