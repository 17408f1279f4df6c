"""What the reader gives: records that were parsed together, and single records that have to be parsed alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from hand100m_assets.annotations.reading.window import ValueScan, Window

Section = Literal["images", "annotations"]
"""Name of one of the two arrays of an annotation file."""
SECTIONS: Final[tuple[Section, Section]] = ("images", "annotations")


class LoneRecord(NamedTuple):
    """One record that could not be parsed together with others.

    Attributes:
        section: The array that the record is in.
        record: Position of the record in that array, counted from 0.
        offset: Position of its first byte in the unpacked file.
        raw: Its bytes, from the opening bracket to the closing one; None if it is longer than `MAX_RECORD_BYTES`.
        length: Number of its bytes.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.reading import RecordReader
        >>> Path("broken").mkdir(exist_ok=True)
        >>> size = Path("broken/nan.json").write_text('{"images": [{"id": 1}, {"id": NaN}], "annotations": []}')
        >>> batch, lone = RecordReader(Path("broken/nan.json")).records()
        >>> lone.section, lone.record, lone.offset, lone.raw
        ('images', 1, 23, b'{"id": NaN}')
    """

    section: Section
    record: int
    offset: int
    raw: bytes | None
    length: int


class Batch(NamedTuple):
    """Records that follow each other and were parsed as one JSON array, which proves where each of them ends.

    Attributes:
        section: The array that the records are in.
        first: Position of the first record in that array, counted from 0.
        offset: Position of the first byte of `text` in the unpacked file.
        text: The bytes of the records, with the commas and spaces between them.
        values: The parsed records. If a record has a key twice, the last value counts, as in Python's own reader.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.reading import RecordReader
        >>> images, hands = RecordReader(Path("set.json")).records()
        >>> images.section, images.first, len(images.values)
        ('images', 0, 4)
        >>> hands.values[1]["hand_id"]
        '101'
    """

    section: Section
    first: int
    offset: int
    text: bytes
    values: list[Any]

    def spans(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Position in `text` of the first byte of each record, and of the byte after its last: two arrays of intp."""
        array = np.frombuffer(self.text, np.uint8)
        starts, ends = np.flatnonzero(array == ord("{")), np.flatnonzero(array == ord("}")) + 1
        if len(starts) == len(ends) == len(self.values) and set(map(type, self.values)) == {dict}:
            # Every record has at least one of each, so that no others are nested or in a string.
            return starts, ends
        exact = np.array(list(self._exact_spans()), dtype=np.intp).reshape(-1, 2)
        return exact[:, 0], exact[:, 1]

    def _exact_spans(self) -> Iterator[tuple[int, int]]:
        window = Window(iter([b"   " + self.text + b","]))  # never mistaken for a byte order mark; a number ends
        for _ in self.values:
            window.peek()
            length = ValueScan(window).extent().length
            start = window.offset - 3
            yield start, start + length
            window.pass_over(length)
            window.peek()
            window.pass_over(1)


class Parsed(NamedTuple):
    """Records that were parsed together.

    Attributes:
        values: The parsed records.
        length: Number of bytes that they take.
    """

    values: list[Any]
    length: int


_NOTHING: Final = Parsed([], 0)


def parse_together(text: bytes) -> Parsed:
    """Parse as much of a text as can be proved to be whole records. The text starts where a record starts.

    Returns:
        All of the text; or the text up to the comma before a record that is no JSON; or up to the end of the array;
        or nothing if none of these can be proved.
    """
    place = _place_of_no_number(text)
    if place is None:
        try:
            return Parsed(_parsed(text), len(text))
        except orjson.JSONDecodeError as error:
            place = _place_in_bytes(text, error)
    for end in _possible_ends(text, place):
        with suppress(orjson.JSONDecodeError):
            return Parsed(_parsed(text[:end]), end)
    return _NOTHING


def _place_of_no_number(text: bytes) -> int | None:
    """Position of the first NaN or Infinity, even in a string: parsing beyond it would fail."""
    # Finding one letter is ten times as fast as finding a word, and these two letters are rare.
    words = [word for word in (b"NaN", b"Infinity") if word[:1] in text]
    found = [place for place in map(text.find, words) if place >= 0]
    return min(found, default=None)


def _parsed(text: bytes) -> list[Any]:
    values: list[Any] = orjson.loads(b"".join((b"[", text, b"]")))
    return values


def _place_in_bytes(text: bytes, error: orjson.JSONDecodeError) -> int:
    """Position of an error in `text`, which was parsed with a bracket before it."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError as broken:
        return broken.start
    characters = max(error.pos - 1, 0)
    return characters if len(decoded) == len(text) else len(decoded[:characters].encode())


def _possible_ends(text: bytes, place: int) -> Iterator[int]:
    array_end = text.rfind(b"]", 0, place + 1)
    if array_end > 0 and not text[array_end + 1 : place].strip():
        yield array_end
    record = text.rfind(b"{", 0, place + 1)
    before = text[: max(record, 0)].rstrip()
    if before.endswith(b","):
        yield len(before) - 1
