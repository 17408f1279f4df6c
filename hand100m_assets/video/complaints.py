"""What ffmpeg's libraries say while they read and decode, for some faults show in no other way.

HEVC's decoder meets damage, logs a line, and gives out a smeared picture that nothing marks. Matroska's reader loses
packets in a broken cluster and goes on. So their words count.
"""

from __future__ import annotations

import logging
import re
from typing import Final, NamedTuple

import av.error
import av.logging
import av.packet
import av.video.frame
import av.video.stream

HARMLESS: Final = re.compile(
    r"mmco: unref short|number of reference frames .* exceeds max|SEI |Error parsing SEI|VUI|no frame!"
)
"""Complaints about what touches no sample of a picture, or about encoders' habits. Source: FFmpeg, libavcodec."""


class Decoded(NamedTuple):
    """What one packet brought.

    Attributes:
        frames: That came out; mostly of earlier packets.
        complaints: Lines that the decoder logged as errors; about this packet, not about earlier ones.
        error: What it ended with, None when it accepted the packet.
    """

    frames: list[av.video.frame.VideoFrame]
    complaints: list[str]
    error: str | None

    @property
    def fault(self) -> str | None:
        """In what way the packet is broken; None when nothing says so."""
        if self.error is not None:
            return "; ".join([self.error, *self.complaints[:1]])
        return next((line for line in self.complaints if not HARMLESS.search(line)), None)


def listen_to_libraries() -> None:
    """Let what they say in this process be heard; call it before decoding, as anybody may have silenced them."""
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # the same complaint about two packets is two complaints
    libav = logging.getLogger("libav")
    if not libav.handlers:
        libav.addHandler(logging.NullHandler())  # what nobody listens to is not for the console


def decode_packet(
    stream: av.video.stream.VideoStream, packet: av.packet.Packet[av.video.stream.VideoStream] | None
) -> Decoded:
    """Decode one packet, or with None what the decoder still holds. Single-threaded decoders only."""
    frames: list[av.video.frame.VideoFrame] = []
    error = None
    with av.logging.Capture() as lines:
        try:
            frames = stream.codec_context.decode(packet)
        except av.error.FFmpegError as failure:
            error = failure.strerror
    return Decoded(frames, complaints_in(lines), error)


def complaints_in(lines: list[tuple[int, str, str]]) -> list[str]:
    """The errors among the lines that `av.logging.Capture` caught."""
    return [text.strip() for level, _, text in lines if level <= av.logging.ERROR]
