"""Whether an AVI file holds fewer bytes of pictures than its header and its index both say.

A chunk that is cut out neatly leaves a chain of chunks without a gap. Only the sums tell: the list of pictures says how
long it is, and the index how long each chunk is. One of them alone may be wrong in a whole file, as repairs and
recorders write them; where both agree and the index begins too early, chunks are missing, and nothing says which.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

HEADER_BYTES: Final = 8
_ENTRY: Final = np.dtype([("kind", "S4"), ("flags", "<u4"), ("place", "<u4"), ("size", "<u4")])
_MAX_LISTS: Final = 64
_MAX_LOST_BYTES: Final = 2**24
"""An index that begins earlier than by so much is not looked for."""
_MAX_INDEX_BYTES: Final = 2**28

SHORT: Final = "packets are missing: the file's index and its header promise more bytes of pictures than there are"


def pictures_are_short(path: Path) -> bool:
    """Whether both of them promise the same, and the file holds less.

    Source: Microsoft, AVI RIFF File Reference.
    """
    with path.open("rb") as file:
        size_bytes = path.stat().st_size
        movi = _find_list(file, size_bytes)
        if movi is None:
            return False
        begin, promised_bytes = movi
        if begin + promised_bytes >= size_bytes:
            return False  # cut at the end, or of unknown length
        index = _index_before(file, begin + promised_bytes, size_bytes)
    if index is None:
        return False
    place, sizes = index
    padded = sizes.astype(np.int64) + (sizes & 1) + HEADER_BYTES
    return int(padded.sum()) + 4 == promised_bytes and place < begin + promised_bytes


def _find_list(file: BinaryIO, size_bytes: int) -> tuple[int, int] | None:
    """Where the list of pictures begins behind its own header, and how long it says to be."""
    at = 12
    for _ in range(_MAX_LISTS):
        file.seek(at)
        header = file.read(12)
        if len(header) < 12 or at >= size_bytes:
            return None
        kind, length, name = struct.unpack("<4sI4s", header)
        if kind == b"LIST" and name == b"movi":
            return at + HEADER_BYTES, length
        at += HEADER_BYTES + length + (length & 1)
    return None


def _index_before(file: BinaryIO, promised_end: int, size_bytes: int) -> tuple[int, np.ndarray] | None:
    """The index that ends with the file, if it begins before the pictures should end: its place, the chunks' sizes."""
    file.seek(promised_end)
    if file.read(4) == b"idx1" or size_bytes - promised_end > _MAX_INDEX_BYTES:
        return None
    first = max(0, promised_end - _MAX_LOST_BYTES)
    file.seek(first)
    data = file.read(size_bytes - first)
    place = data.rfind(b"idx1")
    if place < 0:
        return None
    length = int.from_bytes(data[place + 4 : place + 8], "little")
    entries = data[place + HEADER_BYTES : place + HEADER_BYTES + length]
    if len(entries) != length or length % _ENTRY.itemsize:
        return None
    return first + place, np.frombuffer(entries, _ENTRY)["size"]
