"""Reads names that other tools give to videos: which video a file contains, and which name it needs."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

from hand100m_assets.layout import SAFE_ID, VIDEO_SUFFIX, unsafe_id_reason
from hand100m_assets.sources import DOH, EGO4D, SOURCES, Source

_YOUTUBE: Final = DOH.video_id.pattern
_UUID: Final = EGO4D.video_id.pattern
_IN_NAME: Final = {
    # yt-dlp's own names end in [id], youtube-dl's in -id; browsers and copies add (1) or a word.
    DOH.name: rf".*\[({_YOUTUBE})\][^\[\]]*|.* .*-({_YOUTUBE})|({_YOUTUBE})(?: ?\(\d+\)| - Copy)?",
    EGO4D.name: rf"(?i:.*?(?<![0-9a-f])({_UUID})(?![0-9a-f]).*)",
}


def video_id_in(file_name: str, *sources: Source) -> str | None:
    """Find the id of the video in a file name, whatever else the name contains.

    Args:
        file_name: Name of a file, without its folder.
        sources: The datasets whose ids are looked for; all built-in ones when none is given.

    Returns:
        The video id; None if the name does not contain one.

    Example:
        >>> from hand100m_assets.video.downloads import video_id_in
        >>> video_id_in("How to cook [abcdefghijk].mkv")
        'abcdefghijk'
        >>> video_id_in("holiday.mp4") is None
        True
    """
    stem = PurePath(file_name).stem
    for source in sources or SOURCES:
        found = re.fullmatch(_IN_NAME[source.name], stem, re.DOTALL)
        if found:
            video_id = next(group for group in found.groups() if group)
            return video_id.lower() if source is EGO4D else video_id
    return None


def why_not_taken(file_name: str, source: Source) -> str:
    """Describe what is wrong with the name of a file that could be a video, and which name it needs."""
    path = PurePath(file_name)
    video_id = video_id_in(file_name, source) or (path.stem if SAFE_ID.fullmatch(path.stem) else None)
    if video_id is not None:
        return f"not named as a video of {source.title} has to be: rename it to {video_id}{VIDEO_SUFFIX}"
    fault = unsafe_id_reason(path.stem) if path.suffix == VIDEO_SUFFIX else f"not {VIDEO_SUFFIX}"
    return f"{fault}; rename it to <video id>{VIDEO_SUFFIX}, or move it away"
