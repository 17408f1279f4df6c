"""The bytes of an annotation file, unpacked, chunk by chunk, with the position reached."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from hand100m_assets.errors import AnnotationFileError, Hand100mError, RetryableError

CHUNK_BYTES: Final = 1 << 16
_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"


class BrokenArchiveError(Exception):
    """The gzip data is cut short or damaged; what was unpacked before it is whole."""


def read_chunks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes), offsets counted in the unpacked file, a byte order mark included but not yielded.

    Raises:
        AnnotationFileError: There is no such file, or it may not be read.
        BrokenArchiveError: The gzip data ends or breaks here.
        RetryableError: The disk or the share fails.
    """
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == _GZIP
            raw.seek(0)
            stream = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if is_gzip else raw
            yield from _chunks(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BrokenArchiveError(str(error)) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _chunks(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    offset = 0
    head = stream.read(len(_BOM))
    if head != _BOM and head:
        yield 0, head
    offset = len(head)
    # read1 hands over what there is before it meets the break of a broken archive; read would drop it.
    while chunk := stream.read1(CHUNK_BYTES):  # type: ignore[attr-defined]
        yield offset, chunk
        offset += len(chunk)


def _unreadable(path: Path, error: OSError) -> Hand100mError:
    words = f"cannot be read ({error.strerror or error})"
    if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)):
        return AnnotationFileError(words, where=path, fix="Check the path and its permissions.")
    return RetryableError(words, where=path, fix="Check the disk or the share, then run again.")
