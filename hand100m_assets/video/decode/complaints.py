"""Errors that ffmpeg's libraries log while they read and decode. Some damage is visible only there.

When HEVC's decoder meets damage, it logs a line and returns a smeared picture without any mark. Matroska's reader loses
packets in a broken cluster and continues. So the log lines count as proof of damage.
"""

from __future__ import annotations

import logging
import re
from typing import Final, NamedTuple

import av.container
import av.error
import av.logging
import av.packet
import av.video.frame
import av.video.stream

from hand100m_assets.video.codec import picture_is_the_same_without_notes

HARMLESS: Final = re.compile(
    r"mmco: unref short|number of reference frames .* exceeds max|SEI |Error parsing SEI|VUI|no frame!"
)
"""Log lines that do not concern any sample of a picture, or only an encoder's habits. Source: FFmpeg, libavcodec."""


_NAMED_TRACK: Final = re.compile(r"\bstream #?(\d+)\b", re.IGNORECASE)


class Decoded(NamedTuple):
    """What decoding one packet gave.

    Attributes:
        frames: The frames that came out; most belong to earlier packets.
        complaints: Lines that the decoder logged as errors; they are about this packet.
        error: The error that decoding ended with; None if the packet was accepted.
    """

    frames: list[av.video.frame.VideoFrame]
    complaints: list[str]
    error: str | None

    @property
    def fault(self) -> str | None:
        """In what way the packet is broken; None if nothing says so."""
        if self.error is not None:
            return "; ".join([self.error, *self.complaints[:1]])
        return next((line for line in self.complaints if not HARMLESS.search(line)), None)


def listen_to_libraries() -> None:
    """Make the libraries' log lines available in this process. Call it before decoding: they may have been silenced."""
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # the same complaint about two packets is two complaints
    libav = logging.getLogger("libav")
    if not libav.handlers:
        libav.addHandler(logging.NullHandler())  # otherwise Python prints the lines on the console


def decode_packet(
    stream: av.video.stream.VideoStream, packet: av.packet.Packet[av.video.stream.VideoStream] | None
) -> Decoded:
    """Decode one packet; None returns the frames that the decoder still holds. For single-threaded decoders only."""
    frames: list[av.video.frame.VideoFrame] = []
    error = None
    with av.logging.Capture() as lines:
        try:
            frames = stream.codec_context.decode(packet)
        except av.error.FFmpegError as failure:
            error = failure.strerror
    complaints = complaints_in(lines)
    if complaints and error is None and packet is not None and stream.codec_context.name == "mjpeg":
        complaints = [] if picture_is_the_same_without_notes(bytes(packet), frames) else complaints
    return Decoded(frames, complaints, error)


def complaints_in(lines: list[tuple[int, str, str]]) -> list[str]:
    """Return the errors among the lines that `av.logging.Capture` caught."""
    return [text.strip() for level, _, text in lines if level <= av.logging.ERROR]


def complaints_about(
    lines: list[tuple[int, str, str]],
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    *,
    is_opening: bool = False,
) -> list[str]:
    """Return the errors that were logged while a file was read and that may concern one track.

    Args:
        lines: What `av.logging.Capture` caught.
        container: The file.
        stream: The track.
        is_opening: Whether the lines were logged when the file was opened. FFmpeg then decodes the beginning of each
            track. The decoders' lines are left out: this track's decoder logs them again, and others do not matter.
    """
    decoders = {other.codec_context.name for other in container.streams if getattr(other, "codec_context", None)}
    deaf_to = decoders if is_opening else decoders - {stream.codec_context.name}
    heard = [line for line in lines if line[1] not in deaf_to]
    return [words for words in complaints_in(heard) if not _is_about_another(words, stream.index)]


def _is_about_another(words: str, track_index: int) -> bool:
    named = _NAMED_TRACK.search(words)
    return named is not None and int(named[1]) != track_index
