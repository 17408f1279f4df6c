"""Walks over the boxes of an mp4 file, one level at a time. Only headers are read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

FIRST_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"sidx", b"uuid"})
"""Kinds with which a file begins."""
HEADER_BYTES: Final = 8
_LONG_HEADER_BYTES: Final = 16
MAX_BOXES: Final = 1_000_000
_length_and_kind: Final = struct.Struct(">I4s").unpack_from


class Box(NamedTuple):
    """Where a box stands.

    Attributes:
        kind: Its four letters.
        start: Byte at which its header begins.
        body: Byte at which its header ends.
        end: Byte behind it. It may lie beyond the end of the file.
        is_endless: Whether it gives no length, which means that it extends to the end of what holds it.
    """

    kind: bytes
    start: int
    body: int
    end: int
    is_endless: bool

    def read(self, file: BinaryIO, length: int) -> bytes:
        """Return what it holds, at most `length` bytes."""
        file.seek(self.body)
        return file.read(max(0, min(length, self.end - self.body)))


def boxes_between(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield one box after the other up to what cannot be a box. Source: ISO/IEC 14496-12, section 4.2."""
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        file.seek(start)
        header = file.read(_LONG_HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return
        length, kind = _length_and_kind(header)
        body, is_endless = start + HEADER_BYTES, length == 0
        if length == 1 and len(header) == _LONG_HEADER_BYTES:
            length, body = struct.unpack_from(">Q", header, HEADER_BYTES)[0], start + _LONG_HEADER_BYTES
        elif is_endless:
            length = end - start
        if start + length < body:
            return
        yield Box(kind, start, body, start + length, is_endless)
        start += length
