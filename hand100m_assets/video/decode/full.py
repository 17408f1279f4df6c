"""Decodes every packet of a file, yields the wanted frames that are undamaged, and reports all that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av.container
import av.error
import av.logging
import av.packet
import av.video.frame
import av.video.stream

from hand100m_assets.amounts import counted
from hand100m_assets.video.codec import (
    HOLE,
    ByteStreamOrder,
    Data,
    HoleWatch,
    Mpeg4Frames,
    OrderGaps,
    SpliceWatch,
    UnsafeStreamError,
    length_bytes_of,
    picture_order_of,
)
from hand100m_assets.video.container import duration_shortfall
from hand100m_assets.video.decode import faulty_times
from hand100m_assets.video.decode.complaints import complaints_about, decode_packet
from hand100m_assets.video.decode.lead_in import FIRST_IS_BROKEN, LeadIn
from hand100m_assets.video.decode.losses import LOSSY_FORMATS, WATCHED_FORMATS, loss_watch
from hand100m_assets.video.decode.report import DecodeReport
from hand100m_assets.video.decode.selection import Selection
from hand100m_assets.video.decode.selective import bitstream_of
from hand100m_assets.video.decode.timeline import LOOK_BACK_FRAMES, NO_TIMES, Timeline
from hand100m_assets.video.pictures import PickedFrame, frame_time_s

if TYPE_CHECKING:
    from typing import TypeAlias

    _VideoPacket: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

ONE_FRAME_EACH: Final = frozenset({"h264", "hevc", "vp9", "libvpx-vp9", "av1", "libdav1d"})
"""Codecs in which a packet without a frame is broken. In others some packets are empty: the picture does not change."""


class FullDecode:
    """One pass over one file that decodes every packet.

    From the byte `broken_from` on, if it is given, packets may be missing without an error.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        selection: Selection,
        report: DecodeReport,
        broken_from: int | None = None,
    ) -> None:
        self._container, self._stream = container, stream
        self._selection, self._report, self._broken_from = selection, report, broken_from
        self._is_lossy = container.format.name in LOSSY_FORMATS
        is_one_frame_each = stream.codec_context.name in ONE_FRAME_EACH and not self._is_lossy
        are_times_beside = container.format.name in faulty_times.FORMATS
        self._timeline = Timeline(is_one_frame_each=is_one_frame_each, are_times_beside=are_times_beside)
        path = Path(container.name)
        self._is_watched = container.format.name in WATCHED_FORMATS
        self._losses = loss_watch(path, container.format.name, stream)
        self._holes = HoleWatch(path, stream)
        self._held: dict[int, PickedFrame] = {}
        """Frames that may be wanted, by the number of frames that came out before."""
        self._end_s = 0.0
        self._passed_over = 0
        self._splices = SpliceWatch(stream)
        self._mpeg4_frames = Mpeg4Frames(stream)
        self._gaps = _order_gaps_of(stream)
        self._silent_packets = 0
        """Packets that were read whole since the last frame."""
        self._lead_in = LeadIn(container.format.name, stream)
        self._led_in: set[int | None] = set()
        """Timestamps of packets that need not give a frame."""
        self._has_leftovers = False
        self._is_over = False

    def run(self, should_stop: Callable[[], bool]) -> Iterator[PickedFrame]:
        """Yield the wanted frames that are undamaged, ascending."""
        last = self._selection.last_wanted
        for packet in self._packets():
            if should_stop() or (last is not None and self._is_past(last)):
                self._report.stopped_early = True
                return
            self._decode(packet)
            yield from self._decided()
        self._is_over = True
        self._note_loss(self._losses.loss_at_end())
        self._decode(None)
        self._compare_order()
        if self._broken_from is not None or self._is_cut_uncounted():
            self._timeline.lose_count()
        self._timeline.finish(self._packets_missing(), is_tail_numbered=not self._is_tail_foreign())
        yield from self._decided(is_over=True)
        self._compare_with_duration()
        self._report.frame_count = self._timeline.frame_count
        self._report.distrust = self._timeline.distrust

    def _packets(self) -> Iterator[_VideoPacket]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                with av.logging.Capture() as lines:
                    packet = next(packets, None)
            except av.error.FFmpegError as error:
                self._report.add_error(self._timeline.frame_count, f"reading: {error.strerror}")
                self._timeline.packet_failed()
                return
            self._notice_losses(complaints_about(lines, self._container, self._stream))
            if packet is None or packet.size == 0:
                return
            self._notice_leap(packet)
            yield self._losses.unmarked(packet)

    def _notice_losses(self, complaints: list[str]) -> None:
        """Where nothing else shows missing packets, the reader's messages are the only evidence."""
        if complaints and not self._is_watched and self._report.expected_from_header is None:
            self._report.add_error(self._timeline.frame_count, f"reading: {complaints[0]}")
            self._report.packets_lost = True
        if self._report.packets_lost:
            self._timeline.lose_count()

    def _notice_leap(self, packet: _VideoPacket) -> None:
        self._note_loss(self._losses.loss_before(packet))
        if self._broken_from is not None and (packet.pos or 0) >= self._broken_from:
            self._timeline.lose_count()

    def _note_loss(self, loss: str | None) -> None:
        if loss is not None:
            self._report.add_error(self._timeline.frame_count, f"reading: {loss}")
            self._timeline.lose_count()

    def _decode(self, packet: _VideoPacket | None) -> None:
        """Decode one packet, or with None what the decoder still holds."""
        is_leading_in = False
        if packet is not None:
            self._splices.look_at(packet)
            self._note_loss(FIRST_IS_BROKEN if self._lead_in.begins_broken(packet) else None)
            is_leading_in = self._leads_in(packet)
            self._announce(packet, may_be_dropped=is_leading_in or self._splices.is_spliced)
        owes_frame = packet is not None and self._owes_frame(packet)
        has_hole = packet is not None and self._holes.finds(packet)
        is_leading_in = is_leading_in and not has_hole
        decoded = decode_packet(self._stream, packet)
        # H.264's decoder adds what it has read of a broken block to a block of the next picture.
        self._has_leftovers = decoded.fault is not None
        if decoded.fault and packet is not None and is_leading_in:
            self._led_in.add(packet.pts)
        elif decoded.fault:
            self._note_fault(f"decoding: {decoded.fault}", packet)
        elif has_hole:
            self._note_fault(f"reading: {HOLE}", packet)
        elif owes_frame and not decoded.frames:
            self._note_fault("decoding: a packet gave no picture", packet)
        if packet is not None:
            is_silent = not (has_hole or decoded.frames or packet.is_corrupt or packet.is_discard)
            self._silent_packets = self._silent_packets + 1 if is_silent else 0
        for frame in decoded.frames:
            self._take(frame)
        if packet is not None and self._gaps is not None:
            self._gaps.look_at(memoryview(packet))
            self._compare_order()

    def _compare_order(self) -> None:
        """Where the timestamps contradict the decoder, the pictures' own numbers tell which of the two is broken.

        Without timestamps a single gap may be a cut. A broken number leaves a gap and stands in a wrong place.
        """
        distrust = self._timeline.distrust
        if self._gaps is None or distrust is None:
            return
        if self._gaps.count(is_over=self._is_over) >= (2 if distrust == NO_TIMES else 1):
            self._gaps = None
            self._note_loss("the numbers of the pictures do not follow each other")

    def _owes_frame(self, packet: _VideoPacket) -> bool:
        owes = self._mpeg4_frames.owes(memoryview(packet))
        return owes and not packet.is_discard and self._report.frame_count_decoded > 0

    def _leads_in(self, packet: _VideoPacket) -> bool:
        holds = self._lead_in.holds(packet, any_frame=self._report.frame_count_decoded > 0)
        return holds or self._splices.is_orphan(packet)

    def _is_tail_foreign(self) -> bool:
        """Whether nothing decodes from some place to the end although it was read whole.

        This happens where two recordings were joined and the second one's parameter sets were left out.
        """
        if not self._timeline.is_one_frame_each or self._silent_packets <= LOOK_BACK_FRAMES or self._packets_missing():
            return False
        words = f"decoding: none of the last {counted(self._silent_packets, 'packet')} gives a picture"
        self._report.add_error(self._timeline.frame_count, words)
        return True

    def _announce(self, packet: _VideoPacket, *, may_be_dropped: bool) -> None:
        self._report.packet_count += 1
        self._report.packet_count_decoded += 1
        self._report.discarded_count += packet.is_discard
        is_restart = packet.is_keyframe and self._holes.is_restart(packet, has_leftovers=self._has_leftovers)
        self._timeline.add_packet(
            packet.pts,
            packet.dts,
            is_key=packet.is_keyframe,
            is_discard=packet.is_discard,
            is_restart=is_restart,
            may_be_dropped=may_be_dropped,
        )
        if packet.is_corrupt:
            self._note_fault("reading: packet cut or marked corrupt", packet)

    def _note_fault(self, words: str, packet: _VideoPacket | None) -> None:
        self._report.add_error(self._timeline.frame_count, words)
        self._timeline.packet_failed(reaches_back=packet is not None and self._holes.reaches_back(packet))
        if self._is_lossy or self._splices.is_spliced or self._lead_in.is_under_way:
            self._timeline.lose_count()

    def _take(self, frame: av.video.frame.VideoFrame) -> None:
        if self._timeline.distrust is None:  # otherwise the times of frames prove nothing
            self._note_loss(self._losses.loss_before_frame(frame.pts, is_over=self._is_over))
            self._note_loss(FIRST_IS_BROKEN if self._lead_in.is_late(frame.pts) else None)
        self._end_s = max(self._end_s, frame_time_s(frame, self._stream) or 0.0)
        if frame.interlaced_frame:
            self._timeline.is_one_frame_each = False  # its two fields may come in two packets
        is_intra = frame.pict_type == av.video.frame.PictureType.I
        is_corrupt = frame.is_corrupt or frame.pts in self._led_in
        index = self._timeline.add_frame(frame.pts, is_corrupt=is_corrupt, is_intra=is_intra)
        self._report.saw(index, frame)
        if is_corrupt:
            self._report.corrupt_indices.append(index)
            if self._is_lossy:
                self._timeline.lose_count()
        elif any(map(self._selection.wants, range(index - self._timeline.suspected_count, index + 1))):
            self._held[self._report.frame_count_decoded - 1] = PickedFrame.of(
                index, frame, self._stream, self._report.converter
            )

    def _decided(self, *, is_over: bool = False) -> Iterator[PickedFrame]:
        for verdict in self._timeline.verdicts(is_over=is_over):
            picked = None if verdict.frame_number is None else self._held.pop(verdict.frame_number, None)
            if not verdict.is_whole:
                self._report.damaged_indices.append(verdict.frame_index)
            elif picked is not None and self._selection.wants(verdict.frame_index):
                yield replace(picked, frame_index=verdict.frame_index)
        while self._passed_over < self._timeline.packets_passed_over:
            self._passed_over += 1
            self._report.add_error(self._timeline.decided_count, "decoding: a packet gave no picture")

    def _is_past(self, last_wanted: int) -> bool:
        return self._timeline.frame_count > last_wanted and self._timeline.decided_count > last_wanted

    def _compare_with_duration(self) -> None:
        if self._report.expected_from_header is None and not self._is_watched:
            shortfall = duration_shortfall(self._report.video, self._end_s)
            if shortfall:
                self._report.add_error(self._timeline.frame_count, shortfall)

    def _is_cut_uncounted(self) -> bool:
        """Whether the end is gone and nothing says how many packets: any may be shown before those that are left."""
        is_cut = self._report.video is not None and self._report.video.missing_bytes > 0
        return is_cut and self._report.expected_from_header is None

    def _packets_missing(self) -> int:
        promised = self._report.expected_from_header
        return 0 if promised is None else max(0, promised - self._report.packet_count)


def _order_gaps_of(stream: av.video.stream.VideoStream) -> OrderGaps | None:
    """None where the pictures of the codec have no numbers that can be read."""
    codec, extradata = stream.codec_context.name, stream.codec_context.extradata
    if codec not in ("h264", "hevc"):
        return None
    if length_bytes_of(stream) is None:
        return OrderGaps(ByteStreamOrder(codec, extradata, only_whole_frames=True).place_of)
    try:
        reader, order = bitstream_of(stream), picture_order_of(stream)
    except UnsafeStreamError:
        return None

    def place_of(data: Data) -> tuple[int, ...] | None:
        try:
            return order.shown_as(reader.nature(data))
        except UnsafeStreamError:
            return None

    return OrderGaps(place_of)
