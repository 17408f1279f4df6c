"""Container headers -> VideoInfo. Every figure says in its name where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.container
import av.error
import av.video.stream

from hand100m_assets.errors import RetryableError, VideoUnreadableError
from hand100m_assets.video.avichunks import avi_promises_end
from hand100m_assets.video.filekind import known_kind, not_a_file
from hand100m_assets.video.flvtags import flv_missing_bytes
from hand100m_assets.video.inbox import FileStamp
from hand100m_assets.video.matroskasegment import segment_missing_bytes
from hand100m_assets.video.mp4boxes import Mp4Outline, read_outline
from hand100m_assets.video.mp4tables import refuse_impossible_tables
from hand100m_assets.video.pictureconverter import PictureConverter
from hand100m_assets.video.picturetrack import (
    choose_picture_track,
    leave_other_tracks_unread,
    rotation_deg_of,
    tracks_not_taken,
)

_OPEN_OPTIONS: Final = {
    # A playlist renamed to .mp4 must not make us read other files or the network.
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,h264,hevc",
}
MAX_PIXELS: Final = 8192 * 8192
"""Larger pictures are refused, also where they turn up within a stream: one of these is 200 MB as colours."""

_ENDLESS: Final = frozenset({"mpegts", "mpeg", "h264", "hevc"})
"""Formats without a header for the whole file: ffmpeg derives the duration from what is there."""
_COUNTED_FROM_ZERO: Final = frozenset({"matroska,webm"})
"""Formats whose duration is the time at which the last track ends, however late the first one begins.

FLV is none of them: counted so, a late file that was cut passed for whole.
"""
_AGAIN: Final = "Download it again."
_PUT: Final = "Put the video in its place, or remove it."
_READ: Final = "MP4, MOV, Matroska, WebM, AVI, FLV, Ogg, WMV, MPEG, transport streams"
_REPACK: Final = "If it is a video, repack it (ffmpeg -i VIDEO -c copy NEW.mkv); if not, download it again."


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        path: The file.
        size_bytes: Its size when it was looked at.
        mtime_ns: Its modification time then.
        container: Container format as ffmpeg names it.
        codec: Decoder, such as `h264`.
        pixel_format: Such as `yuv420p`, None when the header does not say.
        width_px: Width as shown, after rotation.
        height_px: Height as shown, after rotation.
        coded_width_px: Width before rotation.
        coded_height_px: Height before rotation.
        rotation_deg: Counter-clockwise turn that the container asks for, 0 to 359.
        track_index: Which of the file's tracks holds the pictures that are taken.
        tracks_not_taken: A few words about each other picture track; None when there is none.
        frame_rate_fps: Average rate from the header, exact; None when it does not say.
        frame_count_from_header: Number of frames in the index; None unless the container is a plain mp4 or mov.
        duration_from_header_s: Length of the video stream, or of the container where the stream gives none, from the
            video stream's beginning on.
        start_time_s: When the video stream begins.
        has_audio: Whether there is a sound track.
        missing_bytes: How much the file lacks of what its boxes promise; 0 when whole or not an mp4.
        has_promised_end: Whether anything in the file says where it ends. Where nothing does (transport streams, some
            mp4 of fragments) a cut between two pieces cannot be seen.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    container: str
    codec: str
    pixel_format: str | None
    width_px: int
    height_px: int
    coded_width_px: int
    coded_height_px: int
    rotation_deg: int
    track_index: int
    tracks_not_taken: str | None
    frame_rate_fps: Fraction | None
    frame_count_from_header: int | None
    duration_from_header_s: float | None
    start_time_s: float | None
    has_audio: bool
    missing_bytes: int
    has_promised_end: bool

    @property
    def note_on_tracks(self) -> str | None:
        """Which track was taken, where there was a choice."""
        if self.tracks_not_taken is None:
            return None
        return f"The pictures are those of track {self.track_index}. Not taken: track {self.tracks_not_taken}."

    def converter(self) -> PictureConverter:
        """What makes this video's pictures."""
        return PictureConverter((self.coded_width_px, self.coded_height_px), self.rotation_deg)

    def to_row(self) -> dict[str, Any]:
        """Flat JSON values; the rate as `frame_rate_num_from_header` and `frame_rate_den_from_header`."""
        row = {name: value for name, value in vars(self).items() if name not in ("path", "frame_rate_fps")}
        rate = self.frame_rate_fps
        row["frame_rate_num_from_header"] = rate.numerator if rate else None
        row["frame_rate_den_from_header"] = rate.denominator if rate else None
        return row


def probe_video(path: Path) -> VideoInfo:
    """Read the headers; milliseconds, whatever the file's length.

    Raises:
        VideoUnreadableError: Not a video, without a picture track, or cut before its index; download it again.
        RetryableError: The file is not there or may not be read now.
    """
    stamp = stamp_video(path)
    container, stream = open_video(path)
    with container:
        return describe_video(path, stamp, container, stream, outline_of(path, container))


def outline_of(path: Path, container: av.container.InputContainer) -> Mp4Outline:
    """The boxes of an open file; of other containers none, though their first bytes may look like a box."""
    return read_outline(path) if "mp4" in container.format.name.split(",") else Mp4Outline()


_MISSING_BYTES: Final[Mapping[str, Callable[[Path], int | None]]] = {
    "matroska,webm": segment_missing_bytes,
    "flv": flv_missing_bytes,
}
"""How much a file of this format lacks at its end, besides mp4, whose outline says it."""


def describe_video(
    path: Path,
    stamp: FileStamp,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    outline: Mp4Outline,
) -> VideoInfo:
    """What the headers of an open file say."""
    context, rate = stream.codec_context, stream.average_rate
    rotation_deg = rotation_deg_of(container, stream)
    coded_size = (context.width, context.height)
    width_px, height_px = reversed(coded_size) if rotation_deg in (90, 270) else coded_size
    ask_format = _MISSING_BYTES.get(container.format.name)
    return VideoInfo(
        path=path,
        size_bytes=stamp.size_bytes,
        mtime_ns=stamp.mtime_ns,
        container=container.format.name,
        codec=context.name,
        pixel_format=context.pix_fmt,
        width_px=width_px,
        height_px=height_px,
        coded_width_px=context.width,
        coded_height_px=context.height,
        rotation_deg=rotation_deg,
        track_index=stream.index,
        tracks_not_taken="; track ".join(tracks_not_taken(container, stream)) or None,
        frame_rate_fps=Fraction(rate) if rate else None,
        frame_count_from_header=frame_count_from_header(stream, outline),
        duration_from_header_s=_duration_from_header_s(container, stream, outline),
        start_time_s=_seconds(stream.start_time, stream.time_base),
        has_audio=bool(container.streams.audio),
        missing_bytes=outline.missing_bytes or (ask_format and ask_format(path)) or 0,
        has_promised_end=_has_promised_end(path, container.format.name, outline),
    )


def _has_promised_end(path: Path, format_name: str, outline: Mp4Outline) -> bool:
    if format_name == "avi":
        return avi_promises_end(path)
    return outline.has_promised_end if outline.is_mp4 else format_name not in _ENDLESS


def stamp_video(path: Path) -> FileStamp:
    """Size and time of a video file.

    Raises:
        VideoUnreadableError: It is no file, or has zero bytes.
        RetryableError: It is not there or may not be read now.
    """
    try:
        other_kind = not_a_file(path.stat().st_mode)
        stamp = FileStamp.of(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and path.is_symlink():
            what = f"the video cannot be read now (it is a link to {path.readlink()}, where no file is)"
            fix = "Mount the folder that it leads to, or mend the link."
            raise RetryableError(what, where=path, fix=fix) from error
        raise RetryableError(
            f"the video cannot be read now ({error.strerror or error})",
            where=path,
            fix="Mount its folder, give read permission, or download it.",
        ) from error
    if other_kind is not None:
        raise VideoUnreadableError(f"it is {other_kind}, not a file", where=path, fix="Put the video there itself.")
    if stamp.size_bytes == 0:
        raise VideoUnreadableError("zero bytes: the download failed", where=path, fix=_AGAIN)
    return stamp


def open_video(path: Path) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """Open a file and choose the picture track that OpenCV would take; the caller closes the container.

    Raises:
        VideoUnreadableError: As `probe_video`.
        RetryableError: The file may not be read now.
    """
    try:
        refuse_impossible_tables(path)
        # An absolute path cannot be taken for a URL or an option, whatever the video id.
        container = av.open(str(path.absolute()), options=dict(_OPEN_OPTIONS))
    except OSError as error:
        if isinstance(error, av.error.InvalidDataError):
            raise _unreadable(path, error) from error
        raise RetryableError(
            f"the video cannot be read now ({error.strerror})", where=path, fix="Check the mount and its permissions."
        ) from error
    except (av.error.FFmpegError, UnicodeError) as error:
        raise _unreadable(path, error) from error
    stream = choose_picture_track(container)
    if stream is None:
        container.close()
        raise VideoUnreadableError("no picture track: it holds only sound or data", where=path, fix=_PUT)
    if stream.codec_context is None:
        container.close()
        what = "no decoder here knows the codec of its picture track"
        raise VideoUnreadableError(what, where=path, fix="Convert it with a program that does, or leave it out.")
    width_px, height_px = stream.codec_context.width, stream.codec_context.height
    if width_px * height_px > MAX_PIXELS:
        container.close()
        what = f"pictures of {width_px} x {height_px} pixels, more than the {MAX_PIXELS:,} that are allowed"
        raise VideoUnreadableError(what, where=path, fix="Scale it down, or leave it out.")
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    leave_other_tracks_unread(container, stream)
    return container, stream


def _unreadable(path: Path, error: Exception) -> VideoUnreadableError:
    """Say in plain words why ffmpeg refused the file."""
    outline = read_outline(path)
    with path.open("rb") as file:
        head = file.read(256)
    kind = known_kind(head)
    if kind is not None:
        return VideoUnreadableError(kind, where=path, fix=_PUT)
    if outline.is_mp4 and not outline.has_index:
        what = "the index (moov) is missing: the download was cut"
    elif outline.fault:
        what = outline.fault
    elif head.lstrip()[:1] == b"<" or (head.isascii() and b"\0" not in head):
        what = f"a text file, not a video; it begins with {head[:40].decode('ascii', 'replace')!r}"
    elif isinstance(error, av.error.ArgumentError):  # what ffmpeg says of a format that the list leaves out
        return VideoUnreadableError(f"not a video in a format that is read here ({_READ})", where=path, fix=_REPACK)
    else:
        what = f"not a video that can be opened ({getattr(error, 'strerror', None) or error})"
    return VideoUnreadableError(what, where=path, fix=_AGAIN)


def frame_count_from_header(stream: av.video.stream.VideoStream, outline: Mp4Outline) -> int | None:
    """Number of frames in the index, or None where that figure is known to be absent or nonsense."""
    return stream.frames if outline.is_mp4 and not outline.is_fragmented and stream.frames > 0 else None


def _seconds(ticks: int | None, time_base: Fraction | None) -> float | None:
    return None if ticks is None or time_base is None else float(ticks * time_base)


def packets_promised(path: Path, stream: av.video.stream.VideoStream, frame_count: int | None) -> int | None:
    """Packets that reading the file must give, by its index of `frame_count` frames; None where there is none.

    An edit list may drop whole groups of pictures, and then fewer packets come than the index has. Only when the
    index is whole without that list, it is the list that explains the difference, and not damage.
    """
    entries = getattr(stream, "index_entries", None)
    if frame_count is None or entries is None or len(entries) == frame_count:
        return frame_count
    with av.open(str(path.absolute()), options=_OPEN_OPTIONS | {"ignore_editlist": "1"}) as container:
        is_whole = len(container.streams[stream.index].index_entries) == frame_count
    return len(entries) if is_whole else frame_count


def _duration_from_header_s(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, outline: Mp4Outline
) -> float | None:
    """Length of the picture track, or of the container where the track gives none.

    Of fragments ffmpeg adds up what it finds; what the header promises may be more.
    """
    own = _seconds(stream.duration, stream.time_base)
    found = own if own is not None else _seconds(container.duration, Fraction(1, av.time_base))
    if found is not None and container.format.name in _COUNTED_FROM_ZERO:
        found -= max(0.0, _seconds(stream.start_time, stream.time_base) or 0.0)
    return max(filter(None, (found, outline.promised_s)), default=None)
