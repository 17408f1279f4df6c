"""Chooses the track that holds the pictures, and reads what the container says about it.

OpenCV takes the first picture track. So does this module, except for covers and other attached pictures, of which
OpenCV would give a single frame.
"""

from __future__ import annotations

import math
import re
from typing import Final, TypeGuard

import av.container
import av.logging
import av.stream
import av.video.stream

_HEADING: Final = re.compile(r" *Stream #\d+:(\d+)\D")
_TURN: Final = re.compile(r" +display ?matrix: rotation of (\S+) degrees", re.IGNORECASE)
"""How FFmpeg's versions write the rotation, among a track's lines. Source: FFmpeg, libavformat/dump.c."""
_ATTACHED: Final = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails


def choose_picture_track(container: av.container.InputContainer) -> av.video.stream.VideoStream | None:
    """Return the first picture track that has a decoder and is no attached picture; None without any picture track.

    A file with covers only gives the first of them, and one without any decoder its first picture track.
    """
    tracks = [stream for stream in container.streams if _holds_pictures(stream)]
    moving = [track for track in tracks if not track.disposition & _ATTACHED]
    candidates = moving or tracks
    return next((track for track in candidates if track.codec_context is not None), next(iter(candidates), None))


def tracks_not_taken(container: av.container.InputContainer, taken: av.video.stream.VideoStream) -> list[str]:
    """Describe each other picture track in a few words."""
    others = [stream for stream in container.streams if _holds_pictures(stream) and stream.index != taken.index]
    return [_description(track) for track in others]


def leave_other_tracks_unread(container: av.container.InputContainer, taken: av.video.stream.VideoStream) -> None:
    """Make the demuxer drop every other track unread, so that damage in them does not matter."""
    for stream in container.streams:
        if stream.index != taken.index and hasattr(stream, "discard"):
            stream.discard = av.stream.Discard.all


def rotation_deg_of(container: av.container.InputContainer, track: av.video.stream.VideoStream) -> int:
    """Counter-clockwise rotation that the container asks for, 0 to 359, rounded to whole degrees as OpenCV does.

    The frames' own matrix is not used: an H.264 or HEVC stream may hold one, which OpenCV ignores.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)  # PyAV shows a track's matrix only in what FFmpeg logs about a file
    try:
        lines: list[str] = container.dumps_format().splitlines()  # type: ignore[attr-defined]
    finally:
        av.logging.set_level(level)
    index: int | None = None
    for line in lines:
        heading, turn = _HEADING.match(line), _TURN.fullmatch(line)
        if heading:
            index = int(heading[1])
        elif turn and index == track.index:
            degrees = float(turn[1])
            return round(degrees) % 360 if math.isfinite(degrees) else 0
    return 0


def _holds_pictures(stream: av.stream.Stream) -> TypeGuard[av.video.stream.VideoStream]:
    return isinstance(stream, av.video.stream.VideoStream)


def _description(track: av.video.stream.VideoStream) -> str:
    if track.codec_context is None:
        return f"{track.index} (no decoder here knows it)"
    what = ", a cover" if track.disposition & _ATTACHED else ""
    codec = track.codec_context
    return f"{track.index} ({codec.name}, {codec.width} x {codec.height}{what})"
