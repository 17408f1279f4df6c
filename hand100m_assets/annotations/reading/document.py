"""The shape of an annotation document: text in a window -> the records of its two arrays.

Only the arrays directly below the top level count. Everything else is skipped, including keys of the same name deeper
down. The text is cut where a record seems to end, and the piece is parsed. If it parses as one array, the cut is
proved, because nothing else can stand between two values. If it does not, the records are cut one by one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from hand100m_assets.amounts import counted
from hand100m_assets.annotations.reading.batches import SECTIONS, Batch, LoneRecord, Section, parse_together
from hand100m_assets.annotations.reading.keys import KeyCount
from hand100m_assets.annotations.reading.window import (
    MAX_RECORD_BYTES,
    CutShortError,
    StructureError,
    ValueScan,
    Window,
)
from hand100m_assets.annotations.record_text import RecordTextError, parse_record

_SEEMING_END: Final = re.compile(rb"\}(?=[ \t\n\r]*,[ \t\n\r]*\{)")
_TAIL_BYTES: Final = 1 << 15
"""The part of the text in which the end of a record is searched first; it holds several records."""

_LEAST_REACH_BYTES: Final = 1 << 16
_BEYOND_BYTES: Final = 8
_MAX_FAULTS: Final = 20
"""Faults of each kind that are listed. All others are counted, so that memory does not grow with the file."""

_KINDS: Final = {
    b"{": "an object",
    b"[": "an array",
    b'"': "a string",
    b"t": "a boolean",
    b"f": "a boolean",
    b"n": "null",
}


class FileFault(NamedTuple):
    """A fault of a file as a whole, not of one of its records.

    Attributes:
        rule: Name of the rule that was broken, such as `cut_short`.
        offset_bytes: Position of the fault in the unpacked file; None if it has no single place.
        words: What is wrong.
        value: The text at this position; may be empty.
        severity: `warning` if nothing of the two arrays is lost, else `error`.
        breaks_off: Whether nothing after the fault could be read.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.reading import RecordReader
        >>> Path("broken").mkdir(exist_ok=True)
        >>> size = Path("broken/cut.json").write_text('{"images": [{"id": 1}, {"i')
        >>> reader = RecordReader(Path("broken/cut.json"))
        >>> records = list(reader.records())
        >>> [(fault.rule, fault.reason, fault.breaks_off) for fault in reader.faults]
        [('cut_short', 'the file ends in the middle, at byte 26', True)]
    """

    rule: str
    offset_bytes: int | None
    words: str
    value: str = ""
    severity: str = "error"
    breaks_off: bool = False

    @property
    def reason(self) -> str:
        """What is wrong, and where."""
        return self.words if self.offset_bytes is None else f"{self.words}, at byte {self.offset_bytes:,}"


class WrongTopLevelError(Exception):
    """The top level of the document is no object."""


class Document:
    """Reads one document from a window.

    Attributes:
        faults: What is wrong with the arrays themselves, and with the text outside of them.
        seen: The sections that were found as arrays.
        other_keys: Other keys of the top level, and how often each was found.
    """

    def __init__(self, window: Window, chunk_bytes: int) -> None:
        self.window = window
        self.faults: list[FileFault] = []
        self.seen: set[Section] = set()
        self.other_keys = KeyCount()
        self._faults_met: Counter[tuple[str, str]] = Counter()
        # A little less than a chunk, so that one chunk and the rest of the one before reach beyond its end.
        self._reach_bytes = self._chunk_bytes = max(min(chunk_bytes, MAX_RECORD_BYTES) - _BEYOND_BYTES, 1)

    def records(self) -> Iterator[Batch | LoneRecord]:
        """Yield the records of both arrays in the order of the file.

        Raises:
            WrongTopLevelError: The top level is no object.
            StructureError: The text is no JSON from here on. Its place counts from the position of the window.
            CutShortError: The text ends in the middle.
        """
        self._insist_on_object()
        is_first = True
        while not self._closes(b"}", is_first):
            is_first = False
            key = self._key()
            section = next((name for name in SECTIONS if name == key), None)
            opening = self.window.peek()
            if section is not None and opening == b"[" and section not in self.seen:
                self.seen.add(section)
                self.window.pass_over(1)
                yield from self._array(section)
                continue
            if section is None:
                self.other_keys.add(key)
            else:
                self._note(_array_fault(section, opening, section in self.seen, self.window.offset))
            self._pass_over_value()
        if self.window.peek():
            self._pass_over_zeros()

    def _pass_over_zeros(self) -> None:
        """Skip zero bytes that fill up a file after its end; anything else there may be records."""
        start = self.window.offset
        while self.window.ahead or self.window.more():
            if self.window.data[self.window.pos :].strip(b"\0"):
                raise StructureError(0, "something behind the end of the document")
            self.window.pass_over(self.window.ahead)
        self._note(FileFault("not_json", start, "zero bytes behind the end; nothing is lost", severity="warning"))

    def unnamed_faults(self) -> list[FileFault]:
        """One fault per kind that counts those that are not listed in `faults`, because there were too many."""
        return [
            FileFault(rule, None, f"{counted(count - _MAX_FAULTS, 'more fault')} of this kind", severity=severity)
            for (rule, severity), count in self._faults_met.items()
            if count > _MAX_FAULTS
        ]

    def _note(self, fault: FileFault) -> None:
        kind = (fault.rule, fault.severity)
        self._faults_met[kind] += 1
        if self._faults_met[kind] <= _MAX_FAULTS:
            self.faults.append(fault)

    def _insist_on_object(self) -> None:
        opening = self.window.peek()
        if opening == b"{":
            self.window.pass_over(1)
            return
        if opening not in _KINDS and not _begins_number(opening):
            self._refuse(opening, "nothing that JSON begins with")
        if opening != b"[":
            self._insist_on_json()
        raise WrongTopLevelError(f"its top level is {_KINDS.get(opening, 'a number')}")

    def _insist_on_json(self) -> None:
        try:
            raw = self._value()
        except CutShortError:
            if self.window.peek() == b'"':
                raise
            raw = self.window.data[self.window.pos :]  # a word or a number that is all there is
        try:
            parse_record(raw or b"0")
        except RecordTextError as error:
            raise StructureError(error.place, error.words) from error

    def _closes(self, closer: bytes, is_first: bool) -> bool:
        """Skip the comma before the next item, or the closing bracket; True if it was the closing bracket."""
        found = self.window.peek()
        if found == closer:
            self.window.pass_over(1)
            return True
        if not is_first:
            if found != b",":
                self._refuse(found, f"neither a comma nor a {closer.decode()!r}")
            self.window.pass_over(1)
            self.window.peek()
        return False

    def _refuse(self, found: bytes, words: str) -> None:
        if not found:
            raise CutShortError
        raise StructureError(0, words)

    def _key(self) -> str:
        found = self.window.peek()
        if found != b'"':
            self._refuse(found, "no key where one should be")
        raw = self._value()
        if raw is None:
            raise StructureError(0, "a key without end")
        self._insist_on_json()
        key = str(parse_record(raw).value)
        self.window.pass_over(len(raw))
        found = self.window.peek()
        if found != b":":
            self._refuse(found, "no colon behind a key")
        self.window.pass_over(1)
        if not self.window.peek():
            raise CutShortError
        return key

    def _value(self) -> bytes | None:
        """The value ahead, which is not skipped; None if it is too long to be kept, and then it is skipped."""
        extent = ValueScan(self.window).extent()
        if extent.passed_bytes:
            return None
        return self.window.data[self.window.pos : self.window.pos + extent.length]

    def _pass_over_value(self) -> None:
        raw = self._value()
        if raw is None:
            return
        try:
            parse_record(raw)
        except RecordTextError as error:
            words = f"{error.words}, outside of images and annotations"
            place = self.window.offset + error.place
            self._note(FileFault("not_json", place, words, _shown(raw[error.place :]), "warning"))
        self.window.pass_over(len(raw))

    def _array(self, section: Section) -> Iterator[Batch | LoneRecord]:
        record = 0
        while not self._closes(b"]", record == 0):
            batch = self._batch(section, record)
            yield batch or self._lone(section, record)
            record += len(batch.values) if batch else 1

    def _batch(self, section: Section, record: int) -> Batch | None:
        """Records up to the end of the window; None if the next record has to be parsed alone."""
        window = self.window
        window.fill(self._reach_bytes + _BEYOND_BYTES)
        text = self._seeming_records()
        values, length = parse_together(text)
        if length == len(text) and values:
            self._reach_bytes = min(2 * self._reach_bytes, self._chunk_bytes)
        else:
            # Now few records are tried at a time, so that many faults do not cost a whole chunk each.
            self._reach_bytes = min(max(length, _LEAST_REACH_BYTES), self._chunk_bytes)
        if not values:
            return None
        batch = Batch(section, record, window.offset, text[:length], values)
        window.pass_over(length)
        return batch

    def _seeming_records(self) -> bytes:
        window = self.window
        if window.ahead <= self._reach_bytes:
            return window.data[window.pos :]
        end = window.pos + self._reach_bytes
        for start in (max(window.pos, end - _TAIL_BYTES), window.pos):
            ends = [match.end() for match in _SEEMING_END.finditer(window.data, start, end)]
            if ends:
                return window.data[window.pos : ends[-1]]
        return b""

    def _lone(self, section: Section, record: int) -> LoneRecord:
        window = self.window
        offset = window.offset
        raw = self._value()
        if raw is None:
            return LoneRecord(section, record, offset, None, window.offset - offset)
        window.pass_over(len(raw))
        return LoneRecord(section, record, offset, raw, len(raw))


def _shown(raw: bytes) -> str:
    return json.dumps(raw[:40].decode("utf-8", "replace"))


def _array_fault(section: Section, opening: bytes, is_second: bool, offset_bytes: int) -> FileFault:
    if is_second:
        words = f"there is a second {section!r}; only the first was read"
        return FileFault("array_repeated", offset_bytes, words)
    kind = _KINDS.get(opening) or ("a number" if _begins_number(opening) else "no JSON value")
    return FileFault("array_expected", offset_bytes, f"{section!r} is {kind}, not an array", value=kind)


def _begins_number(opening: bytes) -> bool:
    return opening.isdigit() or opening == b"-"
