"""Tells what a file that is not a video is instead, by its first bytes."""

from __future__ import annotations

import re
import stat
from typing import Final

_PICTURE: Final = "a picture ({}), not a video"
_BEGINNINGS: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (rb"GIF8[79]a", _PICTURE.format("GIF")),
        (rb"\x89PNG\r\n\x1a\n", _PICTURE.format("PNG")),
        (rb"\xff\xd8\xff", _PICTURE.format("JPEG")),
        (rb"RIFF....WEBP", _PICTURE.format("WebP")),
        (rb"BM.{12}[\x0c-\x7c]\0\0\0", _PICTURE.format("BMP")),
        (rb"II\*\0|MM\0\*", _PICTURE.format("TIFF")),
        (rb"....ftyp(?:avif|avis|heic|heix|mif1)", _PICTURE.format("AVIF or HEIF")),
        (rb"RIFF....WAVE|ID3|fLaC|\xff[\xfb\xf3\xf2\xf1\xf9]", "sound alone, not a video"),
        (rb"%PDF-", "a PDF document, not a video"),
        (rb"PK\x03\x04|PK\x05\x06", "a zip archive, not a video"),
        (rb"\x1f\x8b", "a gzip file, not a video"),
        (rb"7z\xbc\xaf'\x1c|Rar!\x1a\x07", "an archive, not a video"),
        (rb"\x28\xb5\x2f\xfd", "a zstd file, not a video"),
        (rb"version https://git-lfs", "a Git LFS pointer, not the video that it stands for"),
        (rb"#EXTM3U", "a playlist, not a video"),
    )
)
_NOT_FILES: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def known_kind(head: bytes) -> str | None:
    """What a file with this beginning is; None if it may be a video or its kind is not known."""
    return next((words for beginning, words in _BEGINNINGS if beginning.match(head)), None)


def not_a_file(mode: int) -> str | None:
    """What stands under a name instead of a file, by the mode of `stat`; None for a file."""
    if stat.S_ISREG(mode):
        return None
    return next((words for is_it, words in _NOT_FILES if is_it(mode)), "something that is no file")
