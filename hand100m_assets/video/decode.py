"""A video file -> exactly the wanted frames, whole ones only, with an honest account of everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import av
import av.container
import av.error
import av.packet
import av.video.frame
import av.video.stream
import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.video.mp4boxes import read_outline
from hand100m_assets.video.probe import duration_from_header_s, frame_count_from_header, open_video
from hand100m_assets.video.selection import Selection
from hand100m_assets.video.timeline import Timeline

if TYPE_CHECKING:
    from typing import TypeAlias

    _VideoPacket: TypeAlias = "av.packet.Packet[av.video.stream.VideoStream]"

MAX_ERRORS_KEPT: Final = 100
MAX_SHORTFALL_S: Final = 2.0
"""Sound may outlast the pictures by this much in a whole file whose container gives only one duration."""

_ROTATIONS: Final = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


class DecoderError(NamedTuple):
    """One complaint of the demuxer or decoder, and how many frames had been placed by then."""

    frame_index_at: int
    words: str


@dataclass
class DecodeReport:
    """What happened while a file was decoded; filled in as it goes, final once the frames are used up.

    Attributes:
        mode: Which way was taken: `full` decodes every packet.
        packet_count: Packets read, those not shown included.
        discarded_count: Packets that an edit list hides; they have no index.
        frame_count_decoded: Frames that came out of the decoder.
        frame_count: Length of the index: frames decoded and frames lost to damage; None after an early stop.
        expected_from_header: Frames that the index of the file promises; None where no header knows.
        errors: The first complaints; `error_count` has them all.
        error_count: Complaints of the demuxer and the decoder.
        corrupt_indices: Frames that the decoder itself marked.
        damaged_indices: Frames that are missing, marked, or built on such ones; ascending.
        distrust: Why frames were counted rather than placed by their timestamps; None in the usual case.
        stopped_early: Decoding ended after the last wanted frame, so nothing is known of the rest.
    """

    mode: Literal["full"] = "full"
    packet_count: int = 0
    discarded_count: int = 0
    frame_count_decoded: int = 0
    frame_count: int | None = None
    expected_from_header: int | None = None
    errors: list[DecoderError] = field(default_factory=list)
    error_count: int = 0
    corrupt_indices: list[int] = field(default_factory=list)
    damaged_indices: list[int] = field(default_factory=list)
    distrust: str | None = None
    stopped_early: bool = False

    def add_error(self, frame_index_at: int, words: str) -> None:
        """Count a complaint and keep its words unless there are very many."""
        self.error_count += 1
        if len(self.errors) < MAX_ERRORS_KEPT:
            self.errors.append(DecoderError(frame_index_at, words))

    @property
    def is_damaged(self) -> bool:
        """Whether anything is not as the file promises."""
        return bool(self.error_count or self.damaged_indices)


@dataclass(frozen=True)
class PickedFrame:
    """One wanted frame. The picture is converted when it is asked for."""

    frame_index: int
    pts: int | None
    time_s: float | None
    _frame: av.video.frame.VideoFrame = field(repr=False)

    @property
    def image_bgr(self) -> npt.NDArray[np.uint8]:
        """Picture as shown, (height, width, 3) uint8, blue first: bit for bit what OpenCV 5's capture gives."""
        picture = self._frame.reformat(format="bgr24", interpolation="BICUBIC").to_ndarray()
        rotation = _ROTATIONS.get(round(self._frame.rotation) % 360)
        turned = picture if rotation is None else cv2.rotate(picture, rotation)
        return np.asarray(turned, dtype=np.uint8)


def decode_frames(
    path: Path,
    selection: Selection,
    report: DecodeReport,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[PickedFrame]:
    """Yield the wanted frames that are whole, ascending; a decoding error is recorded and never ends the loop.

    Args:
        path: The video file.
        selection: Which indices are wanted.
        report: Filled in on the way.
        should_stop: Asked before each packet; when it says yes the iteration ends with `stopped_early`.

    Raises:
        VideoUnreadableError: The file cannot be opened as a video.
        RetryableError: The file may not be read now.
    """
    container, stream = open_video(path)
    with container:
        outline = read_outline(path)
        report.expected_from_header = frame_count_from_header(stream, outline)
        if outline.missing_bytes:
            report.add_error(0, f"the file is {outline.missing_bytes:,} bytes too short: the download was cut")
        yield from _FullDecode(container, stream, selection, report).run(should_stop or (lambda: False))


class _FullDecode:
    """One pass over one file that decodes every packet."""

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        selection: Selection,
        report: DecodeReport,
    ) -> None:
        self._container, self._stream = container, stream
        self._selection, self._report = selection, report
        self._timeline = Timeline()
        self._held: dict[int, PickedFrame] = {}
        self._end_s = 0.0
        # Frame threads cost 15 % more and hide which packet an error belongs to; processes work on other videos.
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1

    def run(self, should_stop: Callable[[], bool]) -> Iterator[PickedFrame]:
        last = self._selection.last_wanted
        for packet in self._packets():
            if should_stop() or (last is not None and self._is_past(last)):
                self._report.stopped_early = True
                return
            self._decode(packet)
            yield from self._decided()
        self._decode(None)
        self._timeline.finish(self._packets_missing())
        yield from self._decided(is_over=True)
        self._compare_with_duration()
        self._report.frame_count = self._timeline.frame_count
        self._report.distrust = self._timeline.distrust

    def _packets(self) -> Iterator[_VideoPacket]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                self._report.add_error(self._timeline.frame_count, f"reading: {error.strerror}")
                self._timeline.packet_failed()
                return
            if packet.size == 0:
                return
            yield packet

    def _decode(self, packet: _VideoPacket | None) -> None:
        """Decode one packet, or with None what the decoder still holds."""
        if packet is not None:
            self._announce(packet)
        try:
            frames = self._stream.codec_context.decode(packet)
        except av.error.FFmpegError as error:
            self._report.add_error(self._timeline.frame_count, f"decoding: {error.strerror}")
            self._timeline.packet_failed()
            return
        for frame in frames:
            self._take(frame)

    def _announce(self, packet: _VideoPacket) -> None:
        self._report.packet_count += 1
        self._report.discarded_count += packet.is_discard
        self._timeline.add_packet(packet.pts, is_key=packet.is_keyframe, is_discard=packet.is_discard)
        if packet.is_corrupt:
            self._report.add_error(self._timeline.frame_count, "reading: packet cut or marked corrupt")
            self._timeline.packet_failed()

    def _take(self, frame: av.video.frame.VideoFrame) -> None:
        self._report.frame_count_decoded += 1
        time_s = self._time_s(frame.pts)
        self._end_s = max(self._end_s, time_s or 0.0)
        is_intra = frame.pict_type == av.video.frame.PictureType.I
        index = self._timeline.add_frame(frame.pts, is_corrupt=frame.is_corrupt, is_intra=is_intra)
        if frame.is_corrupt:
            self._report.corrupt_indices.append(index)
        elif self._selection.wants(index):
            self._held[index] = PickedFrame(index, frame.pts, time_s, frame)

    def _time_s(self, pts: int | None) -> float | None:
        # Not `frame.time`: that is NaN for the frames that come out last, when no packet brings a time base.
        time_base = self._stream.time_base
        return None if pts is None or time_base is None else float(pts * time_base)

    def _decided(self, *, is_over: bool = False) -> Iterator[PickedFrame]:
        for verdict in self._timeline.verdicts(is_over=is_over):
            picked = self._held.pop(verdict.frame_index, None)
            if not verdict.is_whole:
                self._report.damaged_indices.append(verdict.frame_index)
            elif picked is not None:
                yield picked

    def _is_past(self, last_wanted: int) -> bool:
        return self._timeline.frame_count > last_wanted and self._timeline.decided_count > last_wanted

    def _compare_with_duration(self) -> None:
        """Where no header counts frames, a cut shows in the time that is lacking."""
        duration_s = duration_from_header_s(self._container, self._stream)
        if self._report.expected_from_header is None and duration_s is not None:
            end_s = (self._stream.start_time or 0) * float(self._stream.time_base or 0) + duration_s
            if end_s - self._end_s > MAX_SHORTFALL_S:
                words = f"the video ends at {self._end_s:.1f} s, its header promises {end_s:.1f} s"
                self._report.add_error(self._timeline.frame_count, words)

    def _packets_missing(self) -> int:
        promised = self._report.expected_from_header
        return 0 if promised is None else max(0, promised - self._report.packet_count)
