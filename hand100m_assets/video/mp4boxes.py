"""The outermost boxes of an mp4 file: enough to say whether a download was cut, and how. Reads headers only."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_FIRST_BOXES: Final = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"sidx", b"uuid"}
_MAX_BOXES: Final = 100_000


@dataclass(frozen=True)
class Mp4Outline:
    """What the outermost boxes say.

    Attributes:
        is_mp4: The file begins with a box of the ISO base media format (mp4, mov).
        kinds: Kinds of the outermost boxes, each once, in order of appearance.
        missing_bytes: How far the last box reaches beyond the end of the file; 0 when nothing was cut off.
    """

    is_mp4: bool
    kinds: tuple[str, ...]
    missing_bytes: int

    @property
    def has_index(self) -> bool:
        """Whether there is a movie box (moov), without which nothing can be decoded."""
        return "moov" in self.kinds

    @property
    def is_fragmented(self) -> bool:
        """Whether frames are indexed piece by piece, so that no header knows their number."""
        return "moof" in self.kinds


def read_outline(path: Path) -> Mp4Outline:
    """Walk the outermost boxes. Source: ISO/IEC 14496-12, section 4.2. Raises OSError as `open` does."""
    size_bytes = path.stat().st_size
    kinds: dict[str, None] = {}
    end = 0
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:8] in _FIRST_BOXES
        if is_mp4:
            for kind, box_end in _boxes(file, size_bytes):
                kinds[kind] = None
                end = box_end
    return Mp4Outline(is_mp4, tuple(kinds), max(0, end - size_bytes))


def _boxes(file: BinaryIO, size_bytes: int) -> Iterator[tuple[str, int]]:
    """Yield (kind, offset of the box's end), stopping at what is no box."""
    start = 0
    for _ in range(_MAX_BOXES):
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        length, kind = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:])[0]
        elif length == 0:
            length = size_bytes - start
        if length < 8 or not kind.isascii():
            return
        start += length
        yield kind.decode("ascii"), start
        if start >= size_bytes:
            return
