"""Names that other tools give to videos: which video one is for, and how the file has to be named to be taken."""

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
    """Id of the video that a file is of by its name, whatever else the name holds; None where it does not tell."""
    stem = PurePath(file_name).stem
    for source in sources or SOURCES:
        found = re.fullmatch(_IN_NAME[source.name], stem, re.DOTALL)
        if found:
            video_id = next(group for group in found.groups() if group)
            return video_id.lower() if source is EGO4D else video_id
    return None


def why_not_taken(file_name: str, source: Source) -> str:
    """What is wrong with the name of a file that would be a video, and how it has to be named."""
    path = PurePath(file_name)
    video_id = video_id_in(file_name, source) or (path.stem if SAFE_ID.fullmatch(path.stem) else None)
    if video_id is not None:
        return f"not named as a video of {source.title} has to be: rename it to {video_id}{VIDEO_SUFFIX}"
    fault = unsafe_id_reason(path.stem) if path.suffix == VIDEO_SUFFIX else f"not {VIDEO_SUFFIX}"
    return f"{fault}; rename it to <video id>{VIDEO_SUFFIX}, or move it away"
