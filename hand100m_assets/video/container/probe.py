"""Reads the headers of a video file into a VideoInfo. The name of each value says where it comes from."""

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
from hand100m_assets.files import FileStamp
from hand100m_assets.video.container.avi_chunks import avi_promises_end
from hand100m_assets.video.container.file_kind import known_kind, not_a_file
from hand100m_assets.video.container.flv_tags import flv_missing_bytes
from hand100m_assets.video.container.matroska_blocks import segment_missing_bytes
from hand100m_assets.video.container.mp4 import Mp4Outline, read_outline, refuse_impossible_tables
from hand100m_assets.video.container.picture_track import (
    choose_picture_track,
    leave_other_tracks_unread,
    rotation_deg_of,
    tracks_not_taken,
)
from hand100m_assets.video.pictures import PictureConverter

_OPEN_OPTIONS: Final = {
    # A playlist renamed to .mp4 must not make us read other files or the network.
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,h264,hevc",
}
MAX_PIXELS: Final = 8192 * 8192
"""Larger pictures are refused, also if they appear within a stream: one picture takes 200 MB as uint8 colours."""

_ENDLESS: Final = frozenset({"mpegts", "mpeg", "h264", "hevc"})
"""Formats without a header for the whole file: ffmpeg computes the duration from what is there."""
_COUNTED_FROM_ZERO: Final = frozenset({"matroska,webm"})
"""Formats whose duration is the time at which the last track ends, even if the first one begins late.

FLV is not one of them: if it were, a late file that was cut would pass as whole.
"""
_AGAIN: Final = "Download it again."
_PUT: Final = "Put the video in its place, or remove it."
_READ: Final = "MP4, MOV, Matroska, WebM, AVI, FLV, Ogg, WMV, MPEG, transport streams"
_REPACK: Final = "If it is a video, repack it (ffmpeg -i VIDEO -c copy NEW.mkv); if not, download it again."


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What the headers of a video file say.

    Attributes:
        path: The file.
        size_bytes: Size of the file when it was read.
        mtime_ns: Modification time then, in nanoseconds since 1970.
        container: Container format as ffmpeg names it.
        codec: Decoder, such as `h264`.
        pixel_format: Such as `yuv420p`; None if the header does not say.
        width_px: Width as shown, after rotation.
        height_px: Height as shown, after rotation.
        coded_width_px: Width before rotation.
        coded_height_px: Height before rotation.
        rotation_deg: Counter-clockwise rotation that the container asks for, 0 to 359.
        track_index: Index of the track whose pictures are taken.
        tracks_not_taken: A few words about each other picture track; None if there is none.
        frame_rate_fps: Exact average frame rate from the header; None if it does not say.
        frame_count_from_header: Number of frames in the index; None unless the container is an mp4 or mov without
            fragments.
        duration_from_header_s: Length of the picture track in seconds, counted from its beginning, or of the container
            where the track gives none; None if neither says.
        start_time_s: When the picture track begins, in seconds; None if the header does not say.
        has_audio: Whether there is a sound track.
        missing_bytes: How many bytes the file lacks of what its headers promise; 0 when it is whole, or when its format
            does not say.
        has_promised_end: Whether anything in the file says where it ends. If nothing does (transport streams, some
            fragmented mp4 files), a cut between two pieces cannot be detected.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import probe_video
        >>> info = probe_video(Path("video.mp4"))
        >>> info.frame_rate_fps, info.frame_count_from_header, info.duration_from_header_s
        (Fraction(30, 1), 90, 3.0)
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
        """A sentence about the track that was taken, if there was a choice; None otherwise."""
        if self.tracks_not_taken is None:
            return None
        return f"The pictures are those of track {self.track_index}. Not taken: track {self.tracks_not_taken}."

    def converter(self) -> PictureConverter:
        """Make a converter for this video's pictures."""
        return PictureConverter((self.coded_width_px, self.coded_height_px), self.rotation_deg)

    def to_row(self) -> dict[str, Any]:
        """Return flat JSON values; the rate becomes `frame_rate_num_from_header` and `frame_rate_den_from_header`."""
        row = {name: value for name, value in vars(self).items() if name not in ("path", "frame_rate_fps")}
        rate = self.frame_rate_fps
        row["frame_rate_num_from_header"] = rate.numerator if rate else None
        row["frame_rate_den_from_header"] = rate.denominator if rate else None
        return row


def probe_video(path: Path) -> VideoInfo:
    """Read what the headers of a video file say. Takes milliseconds, however long the video is.

    Args:
        path: The video file, of any container and codec that ffmpeg reads.

    Returns:
        Codec, size, frame rate, length and how many bytes are missing. A value that the headers do not give is None.

    Raises:
        VideoUnreadableError: The file is not a video, has no picture track, or was cut before its index. The message
            says what to do.
        RetryableError: The file is missing or may not be read now. Try again later.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import probe_video
        >>> info = probe_video(Path("video.mp4"))
        >>> info.codec, info.width_px, info.height_px, info.missing_bytes
        ('h264', 320, 240, 0)
    """
    stamp = stamp_video(path)
    container, stream = open_video(path)
    with container:
        return describe_video(path, stamp, container, stream, outline_of(path, container))


def outline_of(path: Path, container: av.container.InputContainer) -> Mp4Outline:
    """Read the boxes of an open mp4 file.

    Args:
        path: The file.
        container: The same file, opened by PyAV. It tells whether the file is an mp4: the first bytes of other
            containers may look like a box.

    Returns:
        The outline of an mp4 file, and an empty outline for every other container.

    Example:
        >>> from pathlib import Path
        >>> import av
        >>> from hand100m_assets.video.container import outline_of
        >>> with av.open("video.mp4") as container:
        ...     outline_of(Path("video.mp4"), container).missing_bytes
        0
    """
    return read_outline(path) if "mp4" in container.format.name.split(",") else Mp4Outline()


_MISSING_BYTES: Final[Mapping[str, Callable[[Path], int | None]]] = {
    "matroska,webm": segment_missing_bytes,
    "flv": flv_missing_bytes,
}
"""Function that returns how many bytes are missing at the end of a file of this format. For mp4 the outline says it."""


def describe_video(
    path: Path,
    stamp: FileStamp,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    outline: Mp4Outline,
) -> VideoInfo:
    """Return what the headers of an open file say. `probe_video` opens a file and calls this.

    Args:
        path: The video file.
        stamp: Its size and time before it was opened, from `stamp_video`.
        container: The open file, from `open_video`.
        stream: Its picture track, from `open_video`.
        outline: What the file's boxes say, from `container.mp4.read_outline`; for any format.

    Returns:
        Codec, size, frame rate, length and how many bytes are missing. A value that the headers do not give is None.

    Raises:
        OSError: The file cannot be read any more.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container import describe_video, open_video, stamp_video
        >>> from hand100m_assets.video.container.mp4 import read_outline
        >>> path = Path("video.mp4")
        >>> stamp = stamp_video(path)
        >>> container, stream = open_video(path)
        >>> with container:
        ...     info = describe_video(path, stamp, container, stream, read_outline(path))
        >>> info.codec
        'h264'
    """
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
    """Return size and modification time of a video file, and refuse what is not a file or is empty.

    Args:
        path: The video file.

    Returns:
        The file's stamp, which changes when the file does.

    Raises:
        VideoUnreadableError: It is not a file (a folder, a device), or it has zero bytes. Put the video there.
        RetryableError: It is missing or may not be read now. Mount its folder, or give read permission.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container import stamp_video
        >>> stamp_video(Path("video.mp4")).size_bytes > 0
        True
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
    """Open a video file and choose its picture track: the one that OpenCV would take, unless that is a cover picture.

    Args:
        path: The video file.

    Returns:
        The open file, which the caller closes, and its picture track.

    Raises:
        VideoUnreadableError: The file is not a video, has no picture track or decoder, or has too large pictures. The
            message says what to do.
        RetryableError: The file may not be read now. Check the mount and its permissions.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     print(stream.codec_context.name, stream.frames)
        h264 90
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
    elif isinstance(error, av.error.ArgumentError):  # ffmpeg's answer to a format that is not on the list
        return VideoUnreadableError(f"not a video in a format that is read here ({_READ})", where=path, fix=_REPACK)
    else:
        what = f"not a video that can be opened ({getattr(error, 'strerror', None) or error})"
    return VideoUnreadableError(what, where=path, fix=_AGAIN)


def frame_count_from_header(stream: av.video.stream.VideoStream, outline: Mp4Outline) -> int | None:
    """Number of frames in the index; None if that number is known to be absent or wrong."""
    return stream.frames if outline.is_mp4 and not outline.is_fragmented and stream.frames > 0 else None


def _seconds(ticks: int | None, time_base: Fraction | None) -> float | None:
    return None if ticks is None or time_base is None else float(ticks * time_base)


def packets_promised(path: Path, stream: av.video.stream.VideoStream, frame_count: int | None) -> int | None:
    """Return how many packets the reader must give, by the file's index.

    An edit list may hide whole groups of pictures, and then fewer packets come than the index has. To distinguish this
    from damage, the file is opened without its edit list: if the index is complete then, the edit list explains the
    difference.

    Args:
        path: The video file.
        stream: Its picture track, from `open_video`.
        frame_count: Number of frames in the index, `VideoInfo.frame_count_from_header`; None if it has none.

    Returns:
        The number of packets; None if the file has no such index.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container import open_video, packets_promised
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     packets_promised(Path("video.mp4"), stream, frame_count=90)
        90
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

    For a fragmented file ffmpeg adds up the fragments that it finds; the header may promise more.
    """
    own = _seconds(stream.duration, stream.time_base)
    found = own if own is not None else _seconds(container.duration, Fraction(1, av.time_base))
    if found is not None and container.format.name in _COUNTED_FROM_ZERO:
        found -= max(0.0, _seconds(stream.start_time, stream.time_base) or 0.0)
    return max(filter(None, (found, outline.promised_s)), default=None)
