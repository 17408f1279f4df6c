"""The bytes of an annotation file, unpacked, chunk by chunk, with the position reached."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from hand100m_assets.errors import AnnotationFileError, Hand100mError, RetryableError

_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_INPUT_BYTES: Final = 4096
"""Small, as the decompressor returns all that its input holds: 4 KB can hold 128 MB of one repeated byte."""


class BrokenArchiveError(Exception):
    """The packed data is cut short or damaged; what was unpacked before it is whole."""


def read_chunks(path: Path, chunk_bytes: int) -> Iterator[bytes]:
    """Yield the unpacked bytes, a byte order mark included, in pieces of about `chunk_bytes`.

    Raises:
        AnnotationFileError: There is no such file, or it may not be read.
        BrokenArchiveError: The packed data ends or breaks here; everything before it was yielded.
        RetryableError: The disk or the share fails.
    """
    parts: list[bytes] = []
    size, broken = 0, None
    try:
        for part in _parts(path, chunk_bytes):
            parts.append(part)
            size += len(part)
            if size >= chunk_bytes:
                yield b"".join(parts)
                parts, size = [], 0
    except BrokenArchiveError as error:
        broken = error
    except OSError as error:
        raise _unreadable(path, error) from error
    if parts:
        yield b"".join(parts)
    if broken is not None:
        raise broken


def _parts(path: Path, part_bytes: int) -> Iterator[bytes]:
    with path.open("rb") as raw:
        head = raw.read(len(_ZSTD))
        raw.seek(0)
        if head == _ZSTD:
            yield from _unpacked_zstd(raw)
        elif head.startswith(_GZIP):
            yield from _unpacked_gzip(raw, part_bytes)
        else:
            yield from iter(lambda: raw.read(part_bytes), b"")


def without_mark(head: bytes) -> bytes:
    """The first bytes of a file without a byte order mark."""
    return head.removeprefix(_BOM)


def _unpacked_gzip(raw: BinaryIO, part_bytes: int) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=raw) as stream:
            # read1 hands over what there is before it meets the break of a broken archive; read would drop it.
            yield from iter(lambda: stream.read1(part_bytes), b"")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BrokenArchiveError(f"the gzip data breaks off: {error}") from error


def _unpacked_zstd(raw: BinaryIO) -> Iterator[bytes]:
    # Not the library's stream reader: that one takes data cut short for whole.
    frame, packed = zstandard.ZstdDecompressor().decompressobj(), b""
    is_open = True
    try:
        while packed := packed or raw.read(_ZSTD_INPUT_BYTES):
            if not is_open:
                frame, is_open = zstandard.ZstdDecompressor().decompressobj(), True
            unpacked = frame.decompress(packed)
            packed, is_open = frame.unused_data, not frame.eof
            if unpacked:
                yield unpacked
    except zstandard.ZstdError as error:
        raise BrokenArchiveError(f"the zstd data breaks off: {error}") from error
    if is_open:
        raise BrokenArchiveError("the zstd data breaks off: it ends in the middle of a frame")


def _unreadable(path: Path, error: OSError) -> Hand100mError:
    words = f"cannot be read ({error.strerror or error})"
    if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)):
        return AnnotationFileError(words, where=path, fix="Check the path and its permissions.")
    return RetryableError(words, where=path, fix="Check the disk or the share, then run again.")
