"""Reads where a Matroska or WebM file says that it ends, in bytes: one segment holds everything.

This is better evidence than the duration, which is that of the longest track and counts from zero in some muxers and
from the first picture in others.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

_EBML: Final = 0x1A45DFA3
_SEGMENT: Final = 0x18538067
_MAX_ELEMENTS: Final = 100
"""Maximum number of elements that are read: a header, and perhaps padding, come before the segment."""


def segment_missing_bytes(path: Path) -> int | None:
    """Number of bytes that the file lacks of its segment; None for other formats and for a segment of unknown size.

    Source: RFC 8794 (EBML), sections 4 to 6; RFC 9559 (Matroska), section 4.5.

    Raises:
        OSError: As `open` does.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        for number in range(_MAX_ELEMENTS):
            kind, _ = _number(file, keeps_marker=True)
            length, is_unknown = _number(file, keeps_marker=False)
            if kind is None or length is None or (number == 0 and kind != _EBML):
                return None
            if kind == _SEGMENT:
                return None if is_unknown else max(0, file.tell() + length - size_bytes)
            file.seek(length, 1)
    return None


def _number(file: BinaryIO, *, keeps_marker: bool) -> tuple[int | None, bool]:
    """A number of variable length, and whether all its bits are set, which means unknown; None at the file's end."""
    first = file.read(1)
    if not first or not first[0]:
        return None, False
    length = 9 - first[0].bit_length()
    data = first + file.read(length - 1)
    if len(data) < length:
        return None, False
    value = int.from_bytes(data, "big")
    bits = 7 * length
    is_unknown = value & ((1 << bits) - 1) == (1 << bits) - 1
    return (value if keeps_marker else value & ((1 << bits) - 1)), is_unknown
