"""A window that moves over the text of a file, and a search for the end of one JSON value in it.

Only the structure is looked at here: brackets must match, and strings must end. This is enough to cut a text into
records with certainty. Whether a record is JSON is known when it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from hand100m_assets.annotations.reading.raw_bytes import BrokenArchiveError, without_mark

MAX_RECORD_BYTES: Final = 8 << 20
"""Longest record that is read; a longer one is skipped and reported. A real hand has 2 to 5 KB."""

_SPACE: Final = re.compile(rb"[ \t\n\r]*")
_TOKEN: Final = re.compile(rb'[\[\]{}]|"[^"\\]*"(?=[ \t\n\r]*[,:\]}])|"')
_STRING_STOP: Final = re.compile(rb'["\\]')
_SCALAR: Final = re.compile(rb'[^ \t\n\r,:"\[\]{}]*')
_CLOSER: Final = {b"{": ord("}"), b"[": ord("]")}


class StructureError(Exception):
    """The text is no JSON, and where its records begin and end cannot be known.

    Attributes:
        place: Position of the fault, in bytes after the position of the window.
        words: What is wrong there.
    """

    def __init__(self, place: int, words: str) -> None:
        super().__init__(words)
        self.place, self.words = place, words


class CutShortError(Exception):
    """The text ends in the middle of a value."""


class Extent(NamedTuple):
    """Where a value ends.

    Attributes:
        length: Bytes from the position of the window to the end of the value; 0 if the value was skipped.
        passed_bytes: Length of a value that was too long to be kept and was skipped; else 0.
    """

    length: int
    passed_bytes: int = 0


class Window:
    """The part of a text that is in memory.

    Attributes:
        data: The bytes in memory.
        pos: Position in `data`; everything before it is done.
        offset: The same position in the whole unpacked file, where a byte order mark counts too.
        broken: Why the packed data broke off; None if it did not.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.data, self.pos, self.offset = b"", 0, 0
        self.broken: BrokenArchiveError | None = None
        self._has_ended = False
        while len(self.data) < 3 and self.more():
            pass
        whole = len(self.data)
        self.data = without_mark(self.data)
        self.offset = whole - len(self.data)

    @property
    def ahead(self) -> int:
        """Number of bytes in memory after the position."""
        return len(self.data) - self.pos

    def more(self) -> bool:
        """Read the next chunk, and drop what is done; False at the end of the file."""
        if self._has_ended:
            return False
        try:
            chunk = next(self._chunks, b"")
        except BrokenArchiveError as error:
            self.broken, chunk = error, b""
        self._has_ended = not chunk
        self.data, self.pos = self.data[self.pos :] + chunk, 0
        return bool(chunk)

    def fill(self, wanted_bytes: int) -> None:
        """Read until so many bytes are ahead, or the file ends."""
        while self.ahead < wanted_bytes and self.more():
            pass

    def pass_over(self, count: int) -> None:
        """Move the position by so many bytes."""
        self.pos += count
        self.offset += count

    def peek(self) -> bytes:
        """The next byte that is no white space; the position moves to it. Empty at the end of the file."""
        while True:
            match = _SPACE.match(self.data, self.pos)
            self.pass_over(match.end() - self.pos if match else 0)
            if self.ahead:
                return self.data[self.pos : self.pos + 1]
            if not self.more():
                return b""


class ValueScan:
    """Finds the end of the value at the position of the window, over any number of chunks."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.at = 0
        """How far the search is, in bytes after the position of the window."""
        self.passed = 0
        self._closers = bytearray()

    def extent(self) -> Extent:
        """Where the value ends. The window moves only over a value that is too long to be kept.

        Raises:
            StructureError: Brackets do not match, or something follows a string that cannot follow one.
            CutShortError: The text ends before the value does.
        """
        first = self.window.peek()
        if first == b'"':
            self.at = 1
            self._string()
        elif first in (b"{", b"["):
            self._brackets()
        else:
            self._scalar()
        if not self.passed and self.at <= MAX_RECORD_BYTES:
            return Extent(self.at)
        self._let_go()
        return Extent(0, self.passed)

    def _brackets(self) -> None:
        while True:
            window = self.window
            match = _TOKEN.search(window.data, window.pos + self.at)
            if match is None:
                self.at = window.ahead
                self._more()
                continue
            self.at = match.end() - window.pos
            token = match[0]
            if token in _CLOSER:
                self._closers.append(_CLOSER[token])
                if len(self._closers) > MAX_RECORD_BYTES:
                    raise StructureError(self.at - 1, "brackets nested without end")
            elif token == b'"':
                self._string()
                self._insist_on_what_follows_a_string()
            elif len(token) == 1:
                if self._closers.pop() != token[0]:
                    raise StructureError(self.at - 1, f"a {token.decode()!r} that closes nothing")
                if not self._closers:
                    return

    def _string(self) -> None:
        """Move from the byte after the opening quote to the byte after the closing one."""
        while True:
            window = self.window
            match = _STRING_STOP.search(window.data, window.pos + self.at)
            if match is None:
                self.at = window.ahead
                self._more()
            elif match[0] == b'"':
                self.at = match.end() - window.pos
                return
            else:
                self.at = match.start() - window.pos
                while window.ahead < self.at + 2:
                    self._more()
                self.at += 2

    def _insist_on_what_follows_a_string(self) -> None:
        # With a quote too many or too few, strings begin where others end; what follows the first of them shows it.
        while True:
            window = self.window
            match = _SPACE.match(window.data, window.pos + self.at)
            place = match.end() if match else window.pos
            if place < len(window.data):
                if window.data[place] not in b",:]}":
                    raise StructureError(place - window.pos, "something that cannot follow a string")
                return
            self._more()

    def _scalar(self) -> None:
        while True:
            window = self.window
            match = _SCALAR.match(window.data, window.pos + self.at)
            self.at = (match.end() if match else 0) - window.pos
            if window.ahead > self.at:
                break
            self._more()  # A number is known to be whole only when something else follows it.
        if not self.at and not self.passed:
            raise StructureError(0, "nothing where a value should be")

    def _more(self) -> None:
        if self.at > MAX_RECORD_BYTES:
            self._let_go()
        if not self.window.more():
            raise CutShortError

    def _let_go(self) -> None:
        self.window.pass_over(self.at)
        self.passed += self.at
        self.at = 0
