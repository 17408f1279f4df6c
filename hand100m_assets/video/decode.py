"""A video file -> exactly the wanted frames, whole ones only, with an honest account of everything else.

Selectively where that is proved to give the same, else by decoding every packet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av.container
import av.error
import av.logging
import av.video.stream

from hand100m_assets.video.bitstream import UnsafeStreamError
from hand100m_assets.video.complaints import complaints_about, listen_to_libraries
from hand100m_assets.video.fulldecode import FullDecode
from hand100m_assets.video.losses import WATCHED_FORMATS
from hand100m_assets.video.mp4boxes import Mp4Outline
from hand100m_assets.video.picture import ColourRule, PickedFrame
from hand100m_assets.video.probe import (
    VideoInfo,
    describe_video,
    open_video,
    outline_of,
    packets_promised,
    stamp_video,
)
from hand100m_assets.video.report import DecodeReport, DecoderError
from hand100m_assets.video.sampleindex import sample_index
from hand100m_assets.video.selection import Selection
from hand100m_assets.video.selective import SelectiveDecode

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
    """Throw away every frame of this pass and decode the file again with `why_full=error.reason`.

    Attributes:
        reason: What raised the doubt.
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
    """Yield the wanted frames that are whole, ascending, holding on to none of them.

    Args:
        path: The video file.
        selection: Which indices are wanted.
        report: A new one; filled in on the way.
        should_stop: Asked before each packet; when it says yes the iteration ends with `stopped_early`.
        why_full: A reason to decode every packet; then an error is recorded and never ends the loop.

    Raises:
        DecodeAgainError: The selective way met something that it cannot vouch for; never raised with `why_full`.
        VideoUnreadableError: The file cannot be opened as a video.
        RetryableError: The file may not be read now.
    """
    stop = should_stop or (lambda: False)
    listen_to_libraries()
    stamp = stamp_video(path)
    with av.logging.Capture() as lines:
        container, stream = open_video(path)
    with container:
        # Frame threads cost 15 % more and hide which packet an error belongs to; processes work on other videos.
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        outline = outline_of(path, container)
        report.video = describe_video(path, stamp, container, stream, outline)
        report.converter = report.video.converter()
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
        yield from FullDecode(container, stream, selection, report, outline.broken_from).run(stop)


def _fault_of_bytes(outline: Mp4Outline, video: VideoInfo, stream: av.video.stream.VideoStream) -> str | None:
    """In what way the file's bytes are not all there; None when nothing shows it, or when no picture lacks any."""
    if not outline.is_mp4:
        return (
            f"the file is {video.missing_bytes:,} bytes too short: the download was cut"
            if video.missing_bytes
            else None
        )
    entries = getattr(stream, "index_entries", ()) if video.frame_count_from_header else ()
    if len(entries) == video.frame_count_from_header and all(e.pos + e.size <= video.size_bytes for e in entries):
        return None
    return outline.fault


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
    """The same as a list, for as many frames as fit into memory: starts again by itself.

    Raises:
        VideoUnreadableError: The file cannot be opened as a video.
        RetryableError: The file may not be read now.
    """
    report = DecodeReport()
    try:
        return list(decode_frames(path, selection, report, why_full=why_full)), report
    except DecodeAgainError as doubt:
        return pick_frames(path, selection, why_full=doubt.reason)
