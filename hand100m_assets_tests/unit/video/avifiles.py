"""AVI files taken apart and put together again: with indexes, lists and sizes as other writers leave them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

KEY_FRAME: Final = 0x10


class Chunk(NamedTuple):
    """One packet, or anything else between the packets."""

    kind: bytes
    body: bytes

    @property
    def packed(self) -> bytes:
        return self.kind + struct.pack("<I", len(self.body)) + self.body + bytes(len(self.body) & 1)


Index: TypeAlias = "list[tuple[bytes, int, int, int]]"
"""Kind, flags, offset from the list's first byte behind its own name, and size of every chunk."""


@dataclass
class AviFile:
    """A file with one list of packets; the index is written behind it."""

    headers: bytes
    chunks: list[Chunk]
    flags: dict[int, int] = field(default_factory=dict)

    @classmethod
    def read(cls, data: bytes) -> AviFile:
        """Take apart what ffmpeg wrote."""
        movi = data.index(b"movi")
        headers, at, chunks = data[12 : movi - 8], movi + 4, []
        end = movi + int.from_bytes(data[movi - 4 : movi], "little")
        while at < end:
            kind, size = struct.unpack_from("<4sI", data, at)
            chunks.append(Chunk(kind, data[at + 8 : at + 8 + size]))
            at += 8 + size + (size & 1)
        file = cls(headers, chunks)
        if data[at : at + 4] == b"idx1":
            for number, (_, flags, _, _) in enumerate(
                struct.iter_unpack("<4sIII", data[at + 8 : at + 8 + len(file.own_index()) * 16])
            ):
                file.flags[number] = flags
        return file

    def own_index(self) -> Index:
        """What a careful writer puts down."""
        offset, index = 4, []
        for number, chunk in enumerate(self.chunks):
            if not chunk.kind.startswith((b"ix", b"JUNK")):
                index.append((chunk.kind, self.flags.get(number, 0), offset, len(chunk.body)))
            offset += len(chunk.packed)
        return index

    def written(
        self,
        spoil: Callable[[Index], Index] = lambda index: index,
        *,
        has_absolute_offsets: bool = False,
        has_sizes: bool = True,
        parts: int = 1,
        records: bool = False,
    ) -> bytes:
        """All of it in one piece.

        Args:
            spoil: What is done to the index; nothing is written of an empty one.
            has_absolute_offsets: The index counts from the file's first byte.
            has_sizes: The lists tell their lengths; what was written to a pipe cannot.
            parts: So many lists of packets, as files over a gigabyte have (OpenDML).
            records: Each packet stands in a list of its own.
        """
        index = spoil(self.own_index())
        movi_at = 12 + len(self.headers) + 8
        shift = movi_at if has_absolute_offsets else 0
        table = b"".join(struct.pack("<4sIII", kind, flags, at + shift, size) for kind, flags, at, size in index)
        per_part = -(-len(self.chunks) // parts)
        pieces = [self.chunks[at : at + per_part] for at in range(0, len(self.chunks), per_part)]
        file = b""
        for number, piece in enumerate(pieces):
            body = self.headers if number == 0 else b""
            body += _list(b"movi", b"".join(_record(c) if records else c.packed for c in piece), has_sizes=has_sizes)
            if number == 0 and table:
                body += Chunk(b"idx1", table).packed
            file += _riff(b"AVI " if number == 0 else b"AVIX", body, has_sizes=has_sizes)
        return file


def _record(chunk: Chunk) -> bytes:
    return _list(b"rec ", chunk.packed, has_sizes=True)


def _list(kind: bytes, body: bytes, *, has_sizes: bool) -> bytes:
    return b"LIST" + struct.pack("<I", len(body) + 4 if has_sizes else 0) + kind + body


def _riff(kind: bytes, body: bytes, *, has_sizes: bool) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4 if has_sizes else 0) + kind + body


def truncated(share: float) -> Callable[[Index], Index]:
    """An index that ends before the file does."""
    return lambda index: index[: int(len(index) * share)]


def zeroed(first: int, last: int) -> Callable[[Index], Index]:
    """An index with a hole."""
    return lambda index: [(b"\0\0\0\0", 0, 0, 0) if first <= n < last else entry for n, entry in enumerate(index)]


def shifted(by: int) -> Callable[[Index], Index]:
    """An index whose every offset is wrong."""
    return lambda index: [(kind, flags, max(0, at + by), size) for kind, flags, at, size in index]


def without(numbers: Sequence[int]) -> Callable[[Index], Index]:
    """An index that does not name some packets."""
    return lambda index: [entry for n, entry in enumerate(index) if n not in numbers]
