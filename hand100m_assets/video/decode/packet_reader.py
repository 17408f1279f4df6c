"""Reads the packets of one picture track one after the other, and jumps over stretches that are not wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import av.container
import av.logging
import av.packet
import av.video.stream

from hand100m_assets.video.codec import Bitstream, UnsafeStreamError
from hand100m_assets.video.decode.complaints import complaints_about
from hand100m_assets.video.decode.sample_index import Landing, SampleIndex
from hand100m_assets.video.decode.selection import Selection

VideoPacket: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"


class PacketReader:
    """Iterates over packets in decoding order, and finds where to jump after a wanted packet was decoded."""

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        selection: Selection,
        bitstream: Bitstream,
        index: SampleIndex | None,
        *,
        is_counted: bool,
    ) -> None:
        self._container, self._stream, self._is_counted = container, stream, is_counted
        self._bitstream, self._index = bitstream, index
        self._wanted = selection.expected(index.shown_count) if index else []
        self._next_wanted = 0
        self._decoded: set[int] = set()
        self._is_due = False
        self._number = -1
        self._here: VideoPacket | None = None
        self._first_shift = 0
        self._packets: Iterator[VideoPacket] = iter(())

    def __iter__(self) -> Iterator[VideoPacket]:
        self._packets = self._container.demux(self._stream)
        while True:
            packet = next(self._packets, None) if self._is_counted else self._next_heard()
            if packet is None or packet.size == 0:  # the demuxer ends with an empty packet
                return
            if self._here is None:
                self._first_shift = (packet.pts or 0) - (packet.dts or 0)
            self._here = packet
            self._number += 1
            yield packet

    def _next_heard(self) -> VideoPacket | None:
        """Read a packet if no header counts packets: only the reader's messages show lost ones."""
        with av.logging.Capture() as lines:
            packet = next(self._packets, None)
        complaints = complaints_about(lines, self._container, self._stream)
        if complaints:
            raise UnsafeStreamError(f"the reader complains: {complaints[0]}")
        return packet

    def was_decoded(self, frame_index: int | None) -> None:
        """Note that a packet was given to the decoder that was wanted, or the first of all."""
        if frame_index is not None:
            self._decoded.add(frame_index)
        self._is_due = self._index is not None

    def landing(self) -> Landing | None:
        """Return where to jump now; None to read on. Call it after each packet."""
        if not self._is_due or self._index is None or self._here is None:
            return None
        self._is_due = False
        while self._next_wanted < len(self._wanted) and self._wanted[self._next_wanted] in self._decoded:
            self._decoded.discard(self._wanted[self._next_wanted])
            self._next_wanted += 1
        if self._next_wanted == len(self._wanted):
            return None
        position = self._here.pos or 0
        return self._index.landing(self._wanted[self._next_wanted], self._number, position, self._bitstream)

    def jump(self, landing: Landing) -> int:
        """Make the landing's packet the next one; return how many packets are skipped.

        Raises:
            UnsafeStreamError: The demuxer does not find it.
        """
        # The demuxer seeks by presentation time, and the table holds decoding times. The difference is mostly that
        # of the first packet. Where it is not, the packets before the landing are read and dropped.
        for shift in (self._first_shift, 0):
            self._container.seek(landing.dts + shift, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            for packet in self._packets:
                if packet.size == 0 or packet.dts is None or packet.dts > landing.dts:
                    break
                if packet.dts == landing.dts and packet.pos == landing.position:
                    return self._arrive(packet, landing)
        raise UnsafeStreamError("a packet that is not where the file's index says")

    def _arrive(self, packet: VideoPacket, landing: Landing) -> int:
        rest, skipped = self._packets, landing.number - self._number - 1
        self._packets = _put_back(packet, rest)
        self._number = landing.number - 1
        return skipped


def _put_back(packet: VideoPacket, rest: Iterator[VideoPacket]) -> Iterator[VideoPacket]:
    yield packet
    yield from rest
