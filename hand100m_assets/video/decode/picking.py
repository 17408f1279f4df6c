"""Decodes exactly the wanted frames of a video file, and reports everything that is damaged.

Frames are decoded selectively if it is proved that this gives the same pictures; otherwise every packet is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import av.container
import av.error
import av.logging
import av.video.stream

from hand100m_assets.amounts import sized
from hand100m_assets.video.codec import UnsafeStreamError
from hand100m_assets.video.container import (
    VideoInfo,
    describe_video,
    open_video,
    outline_of,
    packets_promised,
    stamp_video,
)
from hand100m_assets.video.container.mp4 import Mp4Outline, edit_count
from hand100m_assets.video.decode.complaints import complaints_about, listen_to_libraries
from hand100m_assets.video.decode.full import FullDecode
from hand100m_assets.video.decode.losses import WATCHED_FORMATS
from hand100m_assets.video.decode.report import DecodeReport, DecoderError
from hand100m_assets.video.decode.sample_index import sample_index
from hand100m_assets.video.decode.selection import Selection
from hand100m_assets.video.decode.selective import SelectiveDecode
from hand100m_assets.video.pictures import ColourRule, PickedFrame

HIDDEN: Final = "the tables hide packets that the edit list does not cut off"
_REORDERED_PACKETS: Final = 17
"""No codec reorders more pictures than 16."""

__all__ = [
    "ColourRule",
    "DecodeAgainError",
    "DecodeReport",
    "DecoderError",
    "PickedFrame",
    "decode_frames",
    "pick_frames",
]


class DecodeAgainError(Exception):
    """A selective pass met something that makes its frames doubtful: decode again with `why_full=error.reason`.

    Discard every frame of this pass. `pick_frames` does both by itself.

    Attributes:
        reason: What raised the doubt, as half a sentence.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import StrideSelection
        >>> from hand100m_assets.video.decode import DecodeAgainError, DecodeReport, decode_frames
        >>> path, selection, report = Path("video.mp4"), StrideSelection(30), DecodeReport()
        >>> try:
        ...     frames = list(decode_frames(path, selection, report))
        ... except DecodeAgainError as doubt:
        ...     report = DecodeReport()
        ...     frames = list(decode_frames(path, selection, report, why_full=doubt.reason))
        >>> len(frames)
        3
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def decode_frames(
    path: Path,
    selection: Selection,
    report: DecodeReport,
    should_stop: Callable[[], bool] | None = None,
    *,
    why_full: str | None = None,
) -> Iterator[PickedFrame]:
    """Yield the wanted frames that are undamaged, by ascending index, one at a time.

    Use `pick_frames` unless the frames do not fit into memory.

    Args:
        path: The video file.
        selection: Which frame indices are wanted.
        report: A new report; it is filled in while the frames are yielded and complete after the last one.
        should_stop: Called before each packet. When it returns True, the iteration ends with `report.stopped_early`.
        why_full: A reason to decode every packet. An error is then recorded in the report and does not end the
            iteration. None tries the selective way first.

    Yields:
        The frames; a wanted frame that is damaged or past the end is left out, and the report lists damaged ones.

    Raises:
        DecodeAgainError: The selective way met something doubtful. Discard the frames and call again with `why_full`.
            It is never raised with `why_full`.
        VideoUnreadableError: The file cannot be opened as a video. Download it again; the message says more.
        RetryableError: The file is not there or may not be read now. Try again later.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import StrideSelection
        >>> from hand100m_assets.video.decode import DecodeReport, decode_frames
        >>> report = DecodeReport()
        >>> for frame in decode_frames(Path("video.mp4"), StrideSelection(45), report):
        ...     print(frame.frame_index, frame.time_s, frame.image_bgr.shape)
        0 0.0 (240, 320, 3)
        45 1.5 (240, 320, 3)
        >>> report.is_damaged, report.frame_count
        (False, 90)
    """
    stop = should_stop or (lambda: False)
    listen_to_libraries()
    stamp = stamp_video(path)
    with av.logging.Capture() as lines:
        container, stream = open_video(path)
    with container:
        # Frame threads cost 15 % more and hide which packet an error belongs to. Other cores extract other videos.
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        outline = outline_of(path, container)
        report.video = describe_video(path, stamp, container, stream, outline)
        report.converter = report.video.converter()
        hidden_from = _hidden_from(path, stream) if outline.is_mp4 else None
        if hidden_from is not None:
            report.add_error(0, HIDDEN)
            why_full = why_full or HIDDEN
        report.expected_from_header = packets_promised(path, stream, report.video.frame_count_from_header)
        fault = _fault_of_bytes(outline, report.video, stream)
        if fault:
            report.add_error(0, fault)
            why_full = why_full or fault
        is_watched = container.format.name in WATCHED_FORMATS
        complaints = complaints_about(lines, container, stream, is_opening=True)
        if report.expected_from_header is None and complaints and not is_watched:
            words = f"reading: {complaints[0]}"
            report.add_error(0, words)
            report.packets_lost = True
            why_full = why_full or words
        if why_full is None:
            try:
                index = sample_index(path, stream, report.expected_from_header, selection)
                selective = SelectiveDecode(container, stream, selection, report, index)
            except UnsafeStreamError as doubt:
                why_full = doubt.reason
            else:
                report.mode = "selective"
                yield from _or_again(selective.run(stop))
                return
        report.mode, report.why_full = "full", why_full
        broken = [place for place in (outline.broken_from, hidden_from) if place is not None]
        yield from FullDecode(container, stream, selection, report, min(broken, default=None)).run(stop)


def _fault_of_bytes(outline: Mp4Outline, video: VideoInfo, stream: av.video.stream.VideoStream) -> str | None:
    """In what way bytes of the file are missing; None if nothing shows it, or when no picture is affected."""
    if not outline.is_mp4:
        return (
            f"the file is {sized(video.missing_bytes)} too short: the download was cut" if video.missing_bytes else None
        )
    entries = getattr(stream, "index_entries", ()) if video.frame_count_from_header else ()
    if len(entries) == video.frame_count_from_header and all(e.pos + e.size <= video.size_bytes for e in entries):
        return None
    return outline.fault


def _hidden_from(path: Path, stream: av.video.stream.VideoStream) -> int | None:
    """Byte of the first packet that the tables of an mp4 hide although its edit list hides a beginning or end only.

    None when there is no such packet. Near the first and the last shown packet, hidden ones may stand among the shown
    because of reordering.
    """
    is_hidden = [entry.is_discard for entry in getattr(stream, "index_entries", ())]
    if not any(is_hidden) or all(is_hidden):
        return None
    first, last = is_hidden.index(False), len(is_hidden) - 1 - is_hidden[::-1].index(False)
    inner = range(first + _REORDERED_PACKETS, last - _REORDERED_PACKETS)
    hidden = next((number for number in inner if is_hidden[number]), None)
    return None if hidden is None or edit_count(path) > 1 else stream.index_entries[hidden].pos


def _or_again(frames: Iterator[PickedFrame]) -> Iterator[PickedFrame]:
    while True:
        try:
            frame = next(frames)
        except StopIteration:
            return
        except UnsafeStreamError as doubt:
            raise DecodeAgainError(doubt.reason) from doubt
        except av.error.FFmpegError as error:
            raise DecodeAgainError(f"reading or decoding: {error.strerror}") from error
        yield frame


def pick_frames(
    path: Path, selection: Selection, *, why_full: str | None = None
) -> tuple[list[PickedFrame], DecodeReport]:
    """Decode the wanted frames of a video file into a list. It must fit into memory.

    Args:
        path: The video file, of any container and codec that ffmpeg reads.
        selection: Which frame indices are wanted, for instance `FrameSetSelection([0, 45])`.
        why_full: A reason to decode every packet; None decodes selectively if that gives the same frames.

    Returns:
        The undamaged frames by ascending index, and a report. Each frame has `frame_index`, `pts`, `time_s` (both None
        if the stream has no timestamps) and `image_bgr`, (height, width, 3) uint8, blue first. A wanted frame that
        is damaged or past the end of the video is left out. `report.damaged_indices` lists damaged frames.

    Raises:
        VideoUnreadableError: The file cannot be opened as a video. Download it again; the message says more.
        RetryableError: The file is not there or may not be read now. Try again later.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import FrameSetSelection, pick_frames
        >>> frames, report = pick_frames(Path("video.mp4"), FrameSetSelection([0, 45]))
        >>> [(frame.frame_index, frame.time_s) for frame in frames]
        [(0, 0.0), (45, 1.5)]
        >>> frames[0].image_bgr.shape, report.is_damaged
        ((240, 320, 3), False)
    """
    report = DecodeReport()
    try:
        return list(decode_frames(path, selection, report, why_full=why_full)), report
    except DecodeAgainError as doubt:
        return pick_frames(path, selection, why_full=doubt.reason)
