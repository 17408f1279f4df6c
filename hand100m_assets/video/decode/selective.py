"""Decodes wanted frames by decoding only the packets that they depend on. Any doubt ends it: then all must be decoded.

Packets that are not wanted and on which nothing depends are dropped. The others wait until a wanted packet needs them,
or until a clean restart shows that nothing will. Dropped packets are read and classified all the same. Only damage that
lies completely inside the slices of dropped packets is not seen, and it affects no frame that is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import av.container
import av.video.frame
import av.video.stream

from hand100m_assets.amounts import counted
from hand100m_assets.video.codec import (
    HOLE,
    Av1Bitstream,
    Bitstream,
    H264Bitstream,
    HevcBitstream,
    PacketNature,
    Placed,
    PresentationOrder,
    TailWatch,
    UnsafeStreamError,
    Vp9Bitstream,
    picture_order_of,
)
from hand100m_assets.video.container import duration_shortfall
from hand100m_assets.video.decode.complaints import decode_packet
from hand100m_assets.video.decode.losses import LOSSY_FORMATS, loss_watch
from hand100m_assets.video.decode.packet_reader import PacketReader, VideoPacket
from hand100m_assets.video.decode.report import DecodeReport
from hand100m_assets.video.decode.sample_index import Landing, SampleIndex
from hand100m_assets.video.decode.selection import Selection
from hand100m_assets.video.pictures import PickedFrame

MAX_WAITING_BYTES: Final = 32 * 2**20
"""When more bytes of packets wait, they are decoded anyway, so that memory stays limited if key frames are rare."""

PACKETS_PER_QUESTION: Final = 16
"""Decoding the waiting packets may take tens of seconds, so after so many of them `should_stop` is called."""


def bitstream_of(stream: av.video.stream.VideoStream) -> Bitstream:
    """Return the reader for this stream's codec.

    Raises:
        UnsafeStreamError: There is none, or it refuses the stream.
    """
    codec, extradata = stream.codec_context.name, stream.codec_context.extradata
    if codec == "h264":
        return H264Bitstream(extradata)
    if codec == "hevc":
        return HevcBitstream(extradata)
    if codec in ("vp9", "libvpx-vp9"):
        return Vp9Bitstream()
    if codec in ("av1", "libdav1d"):
        return Av1Bitstream()
    raise UnsafeStreamError(f"codec {codec}")


class _Arrived(NamedTuple):
    """A packet as it was read."""

    packet: VideoPacket
    nature: PacketNature
    pts: int | None
    dts: int | None
    is_discard: bool


class SelectiveDecode:
    """One selective pass over one file.

    Raises:
        UnsafeStreamError: The stream's headers are enough to refuse it.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        selection: Selection,
        report: DecodeReport,
        index: SampleIndex | None = None,
    ) -> None:
        self._stream = stream
        self._selection, self._report = selection, report
        self._bitstream = bitstream_of(stream)
        if container.format.name in LOSSY_FORMATS:
            raise UnsafeStreamError(f"a reader ({container.format.name}) that passes over what it does not understand")
        is_counted = report.expected_from_header is not None
        self._reader = PacketReader(container, stream, selection, self._bitstream, index, is_counted=is_counted)
        self._losses = loss_watch(Path(container.name), container.format.name, stream)
        self._tails = TailWatch(Path(container.name), stream)
        self._reorder_depth = stream.codec_context.reorder_depth
        self._order: PresentationOrder[_Arrived] = PresentationOrder(delay_frames=self._reorder_depth)
        self._picture_order = picture_order_of(stream)
        self._waiting: list[Placed[_Arrived]] = []
        self._waiting_bytes = 0
        self._awaited: dict[int, int] = {}
        """Timestamp and index of every frame that the decoder owes."""
        self._first_pts: int | None = None
        self._last_pts = 0
        self._last_index = -1
        self._should_stop: Callable[[], bool] = lambda: False
        self._is_stopped = False

    def run(self, should_stop: Callable[[], bool]) -> Iterator[PickedFrame]:
        """Yield the wanted frames, ascending.

        Raises:
            UnsafeStreamError: Nothing that was yielded so far, or would follow, is proved; discard it.
            av.error.FFmpegError: The same.
        """
        last, self._should_stop = self._selection.last_wanted, should_stop
        for packet in self._reader:
            if self._is_asked_to_stop():
                self._report.stopped_early = True
                return
            if last is not None and self._order.shown_count > last and not self._order.owes_packets:
                self._report.stopped_early = True
                break
            arrived = self._checked(packet)
            for placed in self._order.add(arrived, self._picture_order.shown_as(arrived.nature)):
                yield from self._meet(placed)
            landing = self._reader.landing()
            if landing is not None:
                yield from self._jump(landing)
        if not self._report.stopped_early:
            self._insist_on_no(self._losses.loss_at_end())
            for placed in self._order.finish():
                yield from self._meet(placed)
        if self._is_stopped:
            self._report.stopped_early = True
            return
        yield from self._drained()
        if not self._report.stopped_early:
            self._insist_on_whole_file()
            self._report.frame_count = self._order.shown_count

    def _jump(self, landing: Landing) -> Iterator[PickedFrame]:
        """Continue at a clean restart. Everything wanted before it is decoded, and nothing else there matters."""
        yield from self._drained()
        self._report.packet_count_skipped += self._reader.jump(landing)
        self._report.discarded_count = landing.number - landing.first_index
        self._waiting.clear()
        self._waiting_bytes = 0
        self._order = PresentationOrder(landing.first_index, self._reorder_depth)

    def _checked(self, packet: VideoPacket) -> _Arrived:
        self._report.packet_count += 1
        self._report.discarded_count += packet.is_discard
        self._insist_on_no(self._losses.loss_before(packet))
        if packet.is_corrupt:
            raise UnsafeStreamError("a packet cut or marked corrupt")
        if packet.has_sidedata("new_extradata"):
            raise UnsafeStreamError("codec parameters that change within the stream")
        if self._tails.finds(packet):
            raise UnsafeStreamError(HOLE)
        nature = self._bitstream.nature(memoryview(packet))
        return _Arrived(packet, nature, packet.pts, packet.dts, packet.is_discard)

    @staticmethod
    def _insist_on_no(loss: str | None) -> None:
        if loss is not None:
            raise UnsafeStreamError(loss)

    def _meet(self, placed: Placed[_Arrived]) -> Iterator[PickedFrame]:
        """Drop, keep or decode the next packet in decoding order."""
        (packet, nature, *_), index = placed.packet, placed.frame_index
        if self._order.reorder_depth > self._reorder_depth:
            raise UnsafeStreamError("more reordering than the decoder allows for")
        pts = placed.packet.pts or 0
        is_first = self._first_pts is None
        if self._first_pts is None:
            if not nature.is_restart:
                raise UnsafeStreamError("no clean key frame at the start")
            self._first_pts = pts
        elif pts < self._first_pts:
            raise UnsafeStreamError("pictures before the first key frame")
        if index is not None:
            self._last_pts = max(self._last_pts, pts)
        if nature.is_restart:
            self._waiting.clear()
            self._waiting_bytes = 0
        is_wanted = index is not None and self._selection.wants(index)
        if nature.is_disposable and not is_wanted:
            return
        self._waiting.append(placed)
        self._waiting_bytes += packet.size
        # The first packet names the encoder, and some decoders work around the faults of old encoders.
        if is_wanted or is_first or self._waiting_bytes > MAX_WAITING_BYTES:
            yield from self._decode_waiting()
            self._reader.was_decoded(index)

    def _decode_waiting(self) -> Iterator[PickedFrame]:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for number, (packet, index) in enumerate((placed.packet.packet, placed.frame_index) for placed in waiting):
            if number % PACKETS_PER_QUESTION == PACKETS_PER_QUESTION - 1 and self._is_asked_to_stop():
                return
            if index is not None and packet.pts is not None:
                self._awaited[packet.pts] = index
            self._report.packet_count_decoded += 1
            yield from self._decoded(packet)

    def _is_asked_to_stop(self) -> bool:
        self._is_stopped = self._is_stopped or self._should_stop()
        return self._is_stopped

    def _decoded(self, packet: VideoPacket | None) -> Iterator[PickedFrame]:
        """Decode one packet, or with None what the decoder still holds; yield the wanted frames that come out."""
        decoded = decode_packet(self._stream, packet)
        if decoded.error or decoded.complaints:
            raise UnsafeStreamError(f"the decoder complains: {decoded.fault or decoded.complaints[0]}")
        for frame in decoded.frames:
            index = self._index_of(frame)
            if self._selection.wants(index):
                yield PickedFrame.of(index, frame, self._stream, self._report.converter)

    def _index_of(self, frame: av.video.frame.VideoFrame) -> int:
        index = None if frame.pts is None else self._awaited.pop(frame.pts, None)
        if index is None or index <= self._last_index:
            raise UnsafeStreamError("a frame that came out of turn")
        if frame.is_corrupt:
            raise UnsafeStreamError("a frame marked corrupt")
        if frame.interlaced_frame:
            raise UnsafeStreamError("interlaced frames")
        if self._stream.codec_context.reorder_depth != self._reorder_depth:
            raise UnsafeStreamError("reordering that grew within the stream")
        self._report.saw(index, frame)
        if len(self._report.converter.sizes) > 1:
            raise UnsafeStreamError("a picture size that changes within the track")
        self._last_index = index
        return index

    def _drained(self) -> Iterator[PickedFrame]:
        """Yield what the decoder still holds. After that it owes nothing."""
        yield from self._decoded(None)
        if self._awaited:
            raise UnsafeStreamError(f"{counted(len(self._awaited), 'frame')} that did not come out")

    def _insist_on_whole_file(self) -> None:
        expected = self._report.expected_from_header
        found = self._report.packet_count + self._report.packet_count_skipped
        if expected is None:
            end_s = float(self._last_pts * (self._stream.time_base or 0))
            shortfall = duration_shortfall(self._report.video, end_s)
            if shortfall:
                raise UnsafeStreamError(shortfall)
        elif expected != found:
            raise UnsafeStreamError(f"{counted(found, 'packet')} where the header promises {expected:,}")
