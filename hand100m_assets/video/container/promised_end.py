"""Checks whether a file ends before its header says. If no header counts frames, this is how a cut is detected."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
import av.container
import av.error
import av.stream

from hand100m_assets.errors import Hand100mError
from hand100m_assets.video.container.probe import VideoInfo, open_video

MAX_SHORTFALL_S: Final = 2.0
"""The last frame may be shown for this many seconds, so a smaller difference proves nothing."""

_READ_BEFORE_END_S: Final = 10.0


def duration_shortfall(video: VideoInfo | None, end_s: float) -> str | None:
    """Tell whether a video ends earlier than its header promises.

    A container may give one duration for all its tracks. So if the sound reaches the promised end, the file was not
    cut: its pictures merely end sooner.

    Args:
        video: What the headers say, from `probe_video`; None if nothing is known.
        end_s: When the last frame ends, in seconds by the stream's clock.

    Returns:
        A sentence with both times; None if the video is whole or promises nothing.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import probe_video
        >>> from hand100m_assets.video.container import duration_shortfall
        >>> info = probe_video(Path("video.mp4"))
        >>> duration_shortfall(info, end_s=3.0) is None
        True
        >>> duration_shortfall(info, end_s=0.5)
        'the video ends at 0.5 s, its header promises 3.0 s'
    """
    if video is None or video.duration_from_header_s is None:
        return None
    promised_s = (video.start_time_s or 0.0) + video.duration_from_header_s
    if promised_s - end_s <= MAX_SHORTFALL_S or promised_s - _last_end_s(video.path, promised_s) <= MAX_SHORTFALL_S:
        return None
    return f"the video ends at {end_s:.1f} s, its header promises {promised_s:.1f} s"


def _last_end_s(path: Path, promised_s: float) -> float:
    """When the last packet of any track ends, in seconds, read from the end of the file."""
    try:
        container, _ = open_video(path)
    except Hand100mError:
        return 0.0
    with container:
        return _end_of_other_tracks_s(container, promised_s) if len(container.streams) > 1 else 0.0


def _end_of_other_tracks_s(container: av.container.InputContainer, promised_s: float) -> float:
    last_s = 0.0
    for stream in container.streams:
        if hasattr(stream, "discard"):
            stream.discard = av.stream.Discard.default
    try:
        container.seek(int(max(0.0, promised_s - _READ_BEFORE_END_S) * av.time_base))
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                last_s = max(last_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except (av.error.FFmpegError, IndexError):  # the latter for a track that appears within a broken file
        return last_s
    return last_s
