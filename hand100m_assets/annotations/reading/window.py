"""A window that slides over the text of a file, and where in it one JSON value ends.

Only structure is looked at here (brackets that match, strings that end), which is enough to cut a text into records
without a doubt; whether a record is JSON is found out when it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from hand100m_assets.annotations.reading.raw_bytes import BrokenArchiveError, without_mark

MAX_RECORD_BYTES: Final = 8 << 20
"""A value longer than this is passed over without being kept. A real hand has 2 to 5 KB."""

_SPACE: Final = re.compile(rb"[ \t\n\r]*")
_TOKEN: Final = re.compile(rb'[\[\]{}]|"[^"\\]*"(?=[ \t\n\r]*[,:\]}])|"')
_STRING_STOP: Final = re.compile(rb'["\\]')
_SCALAR: Final = re.compile(rb'[^ \t\n\r,:"\[\]{}]*')
_CLOSER: Final = {b"{": ord("}"), b"[": ord("]")}


class StructureError(Exception):
    """The text is no JSON in a way that leaves it open where records begin and end.

    Attributes:
        place: Bytes behind the window's position.
        words: What stands there.
    """

    def __init__(self, place: int, words: str) -> None:
        super().__init__(words)
        self.place, self.words = place, words


class CutShortError(Exception):
    """The text ends in the middle of something."""


class Extent(NamedTuple):
    """Where a value ends.

    Attributes:
        length: Bytes from the window's position to the end of the value; 0 when it was passed over.
        passed_bytes: Bytes of a value too long to be kept, which the window has left behind; else 0.
    """

    length: int
    passed_bytes: int = 0


class Window:
    """The part of a text that is in memory.

    Attributes:
        data: The bytes in memory.
        pos: Place in `data` up to which everything is done with.
        offset: The same place in the whole unpacked file, a byte order mark included.
        broken: Why the packed data broke off, or None.
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
        """Bytes in memory that are not done with."""
        return len(self.data) - self.pos

    def more(self) -> bool:
        """Take in the next chunk, letting go of what is done with; False at the end."""
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
        """Have as many bytes ahead, or all there are."""
        while self.ahead < wanted_bytes and self.more():
            pass

    def pass_over(self, count: int) -> None:
        """Be done with as many bytes."""
        self.pos += count
        self.offset += count

    def peek(self) -> bytes:
        """The next byte that is no white space, not passed over; empty at the end."""
        while True:
            match = _SPACE.match(self.data, self.pos)
            self.pass_over(match.end() - self.pos if match else 0)
            if self.ahead:
                return self.data[self.pos : self.pos + 1]
            if not self.more():
                return b""


class ValueScan:
    """Finds the end of the value at the window's position, however many chunks it spans."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.at = 0
        """Place reached, from the window's position."""
        self.passed = 0
        self._closers = bytearray()

    def extent(self) -> Extent:
        """Where the value ends; the window moves only over what is too long to be kept.

        Raises:
            StructureError: Brackets do not match, or a string stands where none can.
            CutShortError: The text ends first.
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
        """From behind the opening quote to behind the closing one."""
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
        # A quote too many or too few turns strings inside out: found at once by what follows the first of them.
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
            self._more()  # a number is whole only once something else follows it
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
