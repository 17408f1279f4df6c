"""The sample table of an mp4: where a group of pictures can be entered, and which indices it holds, without reading it.

A table gives decoding order only. That is enough: a decoder shows all that was decoded before a clean restart before
anything decoded from there on, so the restart's packet number, less what an edit list hides, is the index at which
its group begins. That the place is a clean restart is read from the packet itself, not believed of the table.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Final, NamedTuple

import av.video.stream

from hand100m_assets.video.codec import Bitstream
from hand100m_assets.video.decode.selection import Selection

MIN_JUMP_BYTES: Final = 256 * 2**10
"""Reading on is as quick as a jump over less than this."""
MIN_FRAMES_PER_WANTED: Final = 50
"""Selections denser than this leave little to jump over; the table of a long video takes a second to look through."""
_SELF_CONTAINED: Final = frozenset({"avc1", "hvc1", "vp09", "av01"})
"""Sample descriptions that promise no parameter sets within the stream. Source: ISO/IEC 14496-15."""


class Landing(NamedTuple):
    """A key frame in the table.

    Attributes:
        number: Its packet's place in decoding order.
        first_index: Shown packets before it.
        dts: Its decoding timestamp.
        position: Of its first byte in the file.
        size_bytes: Of its packet.
    """

    number: int
    first_index: int
    dts: int
    position: int
    size_bytes: int


class SampleIndex:
    """Key frames of one picture track.

    Attributes:
        packet_count: Packets in the table.
        shown_count: Those that no edit list hides.
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
        """Whether it has every packet that the header promises, and the file has their bytes."""
        return self.packet_count == expected_packets and self._end <= self._path.stat().st_size

    def landing(self, frame_index: int, number: int, position: int, bitstream: Bitstream) -> Landing | None:
        """Last clean restart from which the frame can be reached; None where it is better to read on.

        Args:
            frame_index: The frame that is wanted.
            number: Packet that was read last.
            position: Where that packet begins in the file.
            bitstream: To see whether a key frame is a clean restart.

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
    """The table, where it may be relied on and few enough frames are wanted for it to be of use.

    `packets_promised` is None where no table counts the frames, and so for anything but a plain mp4.
    """
    if packets_promised is None:
        return None
    if packets_promised < len(selection.expected(packets_promised)) * MIN_FRAMES_PER_WANTED:
        return None
    if stream.codec_context.codec_tag not in _SELF_CONTAINED or not hasattr(stream, "index_entries"):
        return None
    index = SampleIndex(path, stream)
    return index if index.is_whole(packets_promised) else None
