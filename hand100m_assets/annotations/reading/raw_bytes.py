"""The bytes of an annotation file, unpacked, chunk by chunk."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

import zstandard

from hand100m_assets.errors import AnnotationFileError, Hand100mError, RetryableError

_BOM: Final = b"\xef\xbb\xbf"
_MAGIC_BYTES: Final = 4
_HEADER_BYTES: Final = 18
"""The longest header of a zstd frame."""
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_INPUT_BYTES: Final = 4096
"""Packed bytes that are unpacked at one time. Few, because 4 KB can hold 128 MB of one repeated byte."""

_MAX_ZSTD_WINDOW_BYTES: Final = 1 << 31
"""The largest window that `zstd --long` packs with. Only the part that is used takes memory."""


class _Unpacker(Protocol):
    """Unpacks one gzip member or one zstd frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _GzipMember:
    """Also gives the whole bytes before a damage: the library alone would drop all that its last input holds."""

    def __init__(self, _head: bytes) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, /) -> bytes:
        before = self._stream.copy()
        try:
            return self._stream.decompress(data)
        except zlib.error as error:
            whole: list[bytes] = []
            with suppress(zlib.error):
                whole.extend(before.decompress(data[place : place + 1]) for place in range(len(data)))
            raise _DamagedError(b"".join(whole)) from error


class _DamagedError(Exception):
    """The packed data is damaged; its argument is the whole data before the damage."""


class BrokenArchiveError(Exception):
    """The packed data is cut short or damaged; the data that was unpacked before is whole."""


class TrailingBytesError(BrokenArchiveError):
    """Something that is not packed follows packed data that is whole; nothing of it was read."""


class DictionaryError(BrokenArchiveError):
    """The data was packed with a dictionary, or may have been, and cannot be unpacked without it."""


class _ZstdFrame:
    """Distinguishes data that needs a dictionary from damaged data.

    The library's stream reader is not used, because it takes data that was cut short for whole.
    """

    def __init__(self, head: bytes) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW_BYTES).decompressobj()
        self._has_given = False
        named = _dictionary_named(head)
        if named:
            raise DictionaryError(f"the zstd data was packed with a dictionary (number {named}), which is not in it")

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, /) -> bytes:
        try:
            given = self._stream.decompress(data)
        except zstandard.ZstdError as error:
            # The data need not name its dictionary. Then, references to the dictionary look like damage.
            if not self._has_given and "checksum" not in str(error):
                words = "the zstd data is damaged, or was packed with a dictionary that it does not name"
                raise DictionaryError(words) from error
            raise
        self._has_given = self._has_given or bool(given)
        return given


def _dictionary_named(head: bytes) -> int:
    """Number of the dictionary that a frame says it needs; 0 if it names none."""
    if head.startswith(_ZSTD_MAGIC):
        with suppress(zstandard.ZstdError):
            return int(zstandard.get_frame_parameters(head[:_HEADER_BYTES]).dict_id)
    return 0


class _Packing(NamedTuple):
    """One way to pack a file: in parts that follow each other."""

    name: str
    magic: re.Pattern[bytes]
    unpacker: Callable[[bytes], _Unpacker]


_PACKINGS: Final = (
    _Packing("gzip", re.compile(rb"\x1f\x8b"), _GzipMember),
    # Skippable frames can be anywhere.
    _Packing("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL), _ZstdFrame),
)


def read_chunks(path: Path, chunk_bytes: int) -> Iterator[bytes]:
    """Yield the unpacked bytes, a byte order mark included, in pieces of about `chunk_bytes`.

    Raises:
        AnnotationFileError: The file is absent, is no regular file, or may not be read.
        BrokenArchiveError: The packed data ends or is damaged here; everything before was yielded.
        RetryableError: The disk or the network share fails.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        # Opening a pipe waits until something writes into it, which may never happen.
        words, fix = (
            "is a pipe or a device, which cannot be read twice",
            "Write what it gives to a file, and name that.",
        )
        raise AnnotationFileError(words, where=path, fix=fix)
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
        head = raw.read(_MAGIC_BYTES)
        raw.seek(0)
        packing = next((packing for packing in _PACKINGS if packing.magic.match(head)), None)
        yield from _unpacked(raw, packing) if packing else iter(lambda: raw.read(part_bytes), b"")


def without_mark(head: bytes) -> bytes:
    """The first bytes of a file without a byte order mark."""
    return head.removeprefix(_BOM)


def _unpacked(raw: BinaryIO, packing: _Packing) -> Iterator[bytes]:
    packed = raw.read(_INPUT_BYTES)
    unpacker, is_open = packing.unpacker(packed), True
    try:
        while packed := packed or raw.read(_INPUT_BYTES):
            if not is_open:
                packed = packed.lstrip(b"\0")  # Some writers fill up their last block.
                if not packed:
                    continue
                packed += raw.read(_HEADER_BYTES) if len(packed) < _HEADER_BYTES else b""
                if not packing.magic.match(packed):
                    raise TrailingBytesError(f"behind the end of the {packing.name} data stands something else")
                unpacker, is_open = packing.unpacker(packed), True
            unpacked = unpacker.decompress(packed)
            packed, is_open = unpacker.unused_data, not unpacker.eof
            if unpacked:
                yield unpacked
    except _DamagedError as error:
        yield error.args[0]
        raise BrokenArchiveError(f"the {packing.name} data is damaged") from error
    except zstandard.ZstdError as error:
        raise BrokenArchiveError(f"the {packing.name} data is damaged") from error
    if is_open:
        raise BrokenArchiveError(f"the {packing.name} data breaks off: it ends in the middle")


def _unreadable(path: Path, error: OSError) -> Hand100mError:
    words = f"cannot be read ({error.strerror or error})"
    if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)):
        return AnnotationFileError(words, where=path, fix="Check the path and its permissions.")
    return RetryableError(words, where=path, fix="Check the disk or the share, then run again.")
