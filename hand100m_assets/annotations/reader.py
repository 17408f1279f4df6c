"""An annotation file -> its raw records, streamed; and one clear word when the file is not what it should be."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, cast

import ijson

from hand100m_assets.errors import AnnotationFileError

CHUNK_BYTES: Final = 1 << 16
_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"

Section = Literal["images", "annotations"]
SECTIONS: Final[tuple[Section, Section]] = ("images", "annotations")


class RawReader:
    """Reads both arrays of a file in one pass, whichever comes first.

    Attributes:
        problem: Why reading ended before the end of the file, with the byte offset; None when it did not.
        offset_bytes: How many (uncompressed) bytes were read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        self.offset_bytes = 0

    def records(self) -> Iterator[tuple[Section, Any]]:
        """Yield (section, raw record) in file order within each section.

        Raises:
            AnnotationFileError: The file cannot be opened, is empty, or is not JSON from its first byte on.
        """
        try:
            with self._opened() as file:
                yield from self._stream(file)
        except OSError as error:
            raise AnnotationFileError(
                f"cannot be read ({error.strerror or error})",
                where=self.path,
                fix="Check the file and its permissions.",
            ) from error

    def _opened(self) -> BinaryIO:
        with self.path.open("rb") as file:
            is_gzip = file.read(2) == _GZIP
        return cast("BinaryIO", gzip.open(self.path, "rb")) if is_gzip else self.path.open("rb")

    def _stream(self, file: BinaryIO) -> Iterator[tuple[Section, Any]]:
        found = {section: ijson.sendable_list() for section in SECTIONS}
        parsers = {s: ijson.items_coro(found[s], f"{s}.item", use_float=True) for s in SECTIONS}
        while True:
            chunk = self._next_chunk(file)
            for section in SECTIONS:
                self._feed(parsers[section], chunk)
                yield from ((section, record) for record in found[section])
                found[section].clear()
            if not chunk or self.problem:
                return

    def _next_chunk(self, file: BinaryIO) -> bytes:
        try:
            chunk = file.read(CHUNK_BYTES)
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            self.problem = f"cannot be decompressed beyond byte {self.offset_bytes:,}: {error}"
            return b""
        if self.offset_bytes == 0:
            chunk = chunk.removeprefix(_BOM)
            _insist_on_object(self.path, chunk)
        self.offset_bytes += len(chunk)
        return chunk

    def _feed(self, parser: Any, chunk: bytes) -> None:  # noqa: ANN401 - ijson's coroutine has no type
        """An empty chunk ends the document."""
        if self.problem and chunk:
            return
        try:
            if chunk:
                parser.send(chunk)
            else:
                parser.close()
        except StopIteration:
            self._stop_at("something follows the end of the document")
        except (ijson.JSONError, UnicodeDecodeError, RecursionError, OverflowError, ValueError) as error:
            self._stop_at(str(error).splitlines()[0] if str(error) else type(error).__name__)

    def _stop_at(self, words: str) -> None:
        if self.problem is None:
            self.problem = f"not valid JSON within the {CHUNK_BYTES:,} bytes before byte {self.offset_bytes:,}: {words}"


def _insist_on_object(path: Path, head: bytes) -> None:
    text = head.lstrip()
    if not text:
        raise AnnotationFileError("the file is empty", where=path, fix="Download it again.")
    if text[:1] != b"{":
        kind = "a JSON array" if text[:1] == b"[" else f"something else, beginning with {text[:20]!r}"
        raise AnnotationFileError(
            f"not a Hand100M annotation file: its top level is {kind}, not an object with images and annotations",
            where=path,
            fix="Put the original file here, or move this one elsewhere.",
        )


def sections_present(path: Path) -> set[str]:
    """Which of the two arrays the file has at its top level; for files that gave no records there."""
    present: set[str] = set()
    reader = RawReader(path)
    try:
        with reader._opened() as file:
            present.update(p for p, event, _ in ijson.parse(file) if event == "start_array" and p in SECTIONS)
    except (ijson.JSONError, EOFError, OSError, UnicodeDecodeError):
        pass  # cut short: what was seen before counts
    return present
