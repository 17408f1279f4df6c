"""An annotation file -> its raw records, streamed; and one clear word when the file is not what it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import ijson

from hand100m_assets.annotations.document import (
    SECTIONS,
    FileFault,
    RawRecord,
    Section,
    WrongTopLevelError,
    follow_document,
)
from hand100m_assets.annotations.rawbytes import BrokenArchiveError, read_chunks
from hand100m_assets.errors import AnnotationFileError

__all__ = ["SECTIONS", "FileFault", "RawReader", "RawRecord", "Section"]

_WRONG_FILE: Final = "Put the original annotation file here, or move this one elsewhere."
_NO_JSON: Final = (ijson.JSONError, UnicodeDecodeError)
"""What the parser raises; the second where an escape is the latter half of a character, its first half missing."""

_DOWNLOAD: Final = "Download the file again; a copy cut short looks like this."


class RawReader:
    """Reads both arrays of a file in one pass, whichever comes first, holding one chunk's records at a time.

    Attributes:
        faults: What is wrong with the file as a whole, in the order met; empty for a sound file read to its end.
        records_read: Records of each section so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[FileFault] = []
        self.records_read: Counter[Section] = Counter()
        self._sections_seen: set[Section] = set()

    def records(self) -> Iterator[RawRecord]:
        """Yield every record that is whole, in file order, whatever breaks off after it.

        Raises:
            AnnotationFileError: The file cannot be opened, has another shape, or breaks off before its first record.
            RetryableError: The disk or the share fails.
        """
        found: list[RawRecord] = []
        for _ in self._parse(found):
            for record in found:
                self.records_read[record.section] += 1
                yield record
            found.clear()
        self._judge()

    def _parse(self, found: list[RawRecord]) -> Iterator[None]:
        """Feed the parser, giving way after each chunk; ends at the end of the file or where it breaks."""
        document = follow_document(found, self.faults, self._sections_seen)
        next(document)
        parser = ijson.basic_parse_coro(document, use_float=True)
        end = 0
        try:
            for offset, chunk in read_chunks(self.path):
                end = offset
                parser.send(chunk)
                end += len(chunk)
                yield
            self._close(parser, end)
        except WrongTopLevelError as error:
            raise AnnotationFileError(
                f"not a Hand100M annotation file: {error}, not an object with images and annotations",
                where=self.path,
                fix=_WRONG_FILE,
            ) from error
        except BrokenArchiveError as error:
            words = f"the gzip data breaks off: {error}"
            self.faults.append(FileFault("archive_broken", end, words))
        except _NO_JSON as error:
            self.faults.append(self._json_fault(error, end))
        yield

    def _close(self, parser: Any, end: int) -> None:  # noqa: ANN401 - ijson's coroutine has no type
        try:
            parser.close()
        except ijson.JSONError:
            # Whatever the parser calls it: every byte was acceptable, and more should have followed.
            self.faults.append(FileFault("cut_short", end, "the file ends in the middle"))

    def _json_fault(self, error: Exception, offset: int) -> FileFault:
        words = " ".join(_text(error).split("\n")[0].split()).rstrip(".")
        exact, byte = _find_break(self.path, offset)
        if byte in (b"N", b"I"):
            words += "; NaN and Infinity are not JSON"
        if isinstance(error, UnicodeDecodeError):
            words = "a string with an escape that stands for no character"
        what = "a number too large to be read" if "overflow" in words else "not valid JSON"
        return FileFault("not_json", exact, f"{what} ({words})", value=repr(byte)[1:])

    def _judge(self) -> None:
        broken = [fault for fault in self.faults if fault.breaks_off]
        if broken and not self.records_read:
            fault = broken[0]
            is_other = fault.rule == "not_json"
            reason = "empty, or no JSON at all" if _is_at_start(fault) else f"{fault.reason}, before any whole record"
            raise AnnotationFileError(reason, where=self.path, fix=_WRONG_FILE if is_other else _DOWNLOAD)
        if not self._sections_seen:
            raise AnnotationFileError(
                "not a Hand100M annotation file: neither an 'images' nor an 'annotations' array",
                where=self.path,
                fix=_WRONG_FILE,
            )
        if not broken:
            known = " ".join(fault.words for fault in self.faults)
            missing = [name for name in SECTIONS if name not in self._sections_seen and repr(name) not in known]
            self.faults += [FileFault("array_missing", None, f"there is no array {name!r}") for name in missing]


def _is_at_start(fault: FileFault) -> bool:
    return fault.offset_bytes == 0 and fault.rule != "archive_broken"


def _text(error: Exception) -> str:
    # ijson passes on bytes where the offending text is no UTF-8.
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


class _Nowhere:
    def send(self, event: Any) -> None:  # noqa: ANN401 - ijson's protocol
        """Take an event and forget it."""


def _find_break(path: Path, start: int) -> tuple[int, bytes]:
    """Offset and value of the first byte at which the text is no JSON any more.

    The parser tells the chunk, not the byte: read once more up to that chunk, then byte by byte.

    Args:
        path: The file.
        start: Offset of the chunk in which the parser failed.
    """
    parser = ijson.basic_parse_coro(_Nowhere(), use_float=True)
    for offset, chunk in read_chunks(path):
        if offset < start:
            parser.send(chunk)
            continue
        place = 0
        try:
            for place in range(len(chunk)):
                parser.send(chunk[place : place + 1])
        except _NO_JSON:
            return offset + place, chunk[place : place + 1]
        break
    return start, b""
