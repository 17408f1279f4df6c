"""What the reader hands over: records that parsed together, and single ones that have to be looked at alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from hand100m_assets.annotations.reading.pose_text import lift_poses
from hand100m_assets.annotations.reading.window import ValueScan, Window

Section = Literal["images", "annotations"]
"""The two lists of an annotation file."""
SECTIONS: Final[tuple[Section, Section]] = ("images", "annotations")


class LoneRecord(NamedTuple):
    """One record that did not parse in company.

    Attributes:
        section: Its array.
        record: Its position there.
        offset: Its first byte in the unpacked file.
        raw: Its bytes, structurally whole; None if it was too long to be kept.
        length: How many bytes it has.
    """

    section: Section
    record: int
    offset: int
    raw: bytes | None
    length: int


class Batch(NamedTuple):
    """Records that follow each other and parsed as one JSON array, which proves that they are these records.

    Attributes:
        section: Their array.
        first: Position of the first of them there.
        offset: First byte of `text` in the unpacked file.
        text: Their bytes, with what is between them.
        values: What they hold; of equal keys in a record the last, as in Python's own reader. Poses may be arrays.
        lean: The text without the poses that became arrays, and else the same.
    """

    section: Section
    first: int
    offset: int
    text: bytes
    values: list[Any]
    lean: bytes

    def spans(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First byte of each record in `text`, and the byte behind its last."""
        array = np.frombuffer(self.text, np.uint8)
        starts, ends = np.flatnonzero(array == ord("{")), np.flatnonzero(array == ord("}")) + 1
        if len(starts) == len(ends) == len(self.values) and set(map(type, self.values)) == {dict}:
            # Every record has at least one of each: there are no others, neither nested nor in a string.
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
    """Records that parsed together.

    Attributes:
        values: What they hold.
        length: How many bytes they take.
        lean: As in `Batch`, where all of the text parsed.
    """

    values: list[Any]
    length: int
    lean: bytes


_NOTHING: Final = Parsed([], 0, b"")


def parse_together(text: bytes) -> Parsed:
    """Parse as much of a text as is proved to be records, from a place where a record begins.

    Returns:
        All of the text; or up to the comma before a record that is no JSON; or up to the end of the array; or nothing
        where none of these can be proved.
    """
    place = _place_of_no_number(text)
    if place is None:
        try:
            return Parsed(_parsed(text), len(text), text)
        except orjson.JSONDecodeError as error:
            place = _place_in_bytes(text, error)
    for end in _possible_ends(text, place):
        with suppress(orjson.JSONDecodeError):
            return Parsed(_parsed(text[:end]), end, text[:end])
    return _NOTHING


def parse_hands_together(text: bytes) -> Parsed:
    """The same for hands, whose poses become arrays where all of the text is plain JSON."""
    lifted = lift_poses(text)
    if lifted is not None and _place_of_no_number(lifted.text) is None:
        with suppress(orjson.JSONDecodeError):
            values = lifted.values()
            if values is not None:
                return Parsed(values, len(text), lifted.text)
    return parse_together(text)


def _place_of_no_number(text: bytes) -> int | None:
    """Where NaN or Infinity stands, be it in a string: looked for as parsing up to it would be in vain."""
    # One letter is found ten times as fast as a word, and these two are rare.
    words = [word for word in (b"NaN", b"Infinity") if word[:1] in text]
    found = [place for place in map(text.find, words) if place >= 0]
    return min(found, default=None)


def _parsed(text: bytes) -> list[Any]:
    values: list[Any] = orjson.loads(b"".join((b"[", text, b"]")))
    return values


def _place_in_bytes(text: bytes, error: orjson.JSONDecodeError) -> int:
    """Place of an error in `text`, which was parsed with a bracket before it."""
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
