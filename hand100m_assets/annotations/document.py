"""The shape of an annotation document: parser events -> raw records of the two arrays.

Coroutines that are sent one event after the other, so that nothing but the record being built is held. Only arrays
directly below the top count; keys of the same name deeper down, and everything else, are passed over.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

Section = Literal["images", "annotations"]
SECTIONS: Final[tuple[Section, Section]] = ("images", "annotations")

Following: TypeAlias = Generator[None, "tuple[str, Any]", Any]

_OPENING: Final = frozenset({"start_map", "start_array"})
_CLOSING: Final = frozenset({"end_map", "end_array"})
_KINDS: Final = {
    "start_map": "an object",
    "start_array": "an array",
    "string": "a string",
    "number": "a number",
    "boolean": "a boolean",
    "null": "null",
}


class RawRecord(NamedTuple):
    """One item of an array, as JSON gives it; anything may stand where an object should."""

    section: Section
    record: int
    value: Any


class FileFault(NamedTuple):
    """What is wrong with a file as a whole.

    Attributes:
        rule: Name of what was broken.
        offset_bytes: Where in the unpacked file; None where no single place is at fault.
        words: What is wrong.
        value: What stands there.
    """

    rule: str
    offset_bytes: int | None
    words: str
    value: str = ""

    @property
    def breaks_off(self) -> bool:
        """Whether nothing after it could be read."""
        return self.offset_bytes is not None

    @property
    def reason(self) -> str:
        """The words, with the place."""
        return self.words if self.offset_bytes is None else f"{self.words}, at byte {self.offset_bytes:,}"


class WrongTopLevelError(Exception):
    """The document is no object."""


def follow_document(found: list[RawRecord], faults: list[FileFault], seen: set[Section]) -> Following:
    """Follow a whole document; every finished record is appended to `found`.

    Args:
        found: Receives the records.
        faults: Receives what is wrong with the arrays themselves.
        seen: Receives the sections that are there as arrays.

    Raises:
        WrongTopLevelError: From `send`, on the first event.
    """
    event, _ = yield
    if event != "start_map":
        raise WrongTopLevelError(f"its top level is {_KINDS[event]}")
    while True:
        event, key = yield
        if event == "end_map":
            break
        event, _ = yield
        section = next((name for name in SECTIONS if name == key), None)
        if section is not None and event == "start_array" and section not in seen:
            seen.add(section)
            yield from _follow_array(section, found)
            continue
        if section is not None:
            faults.append(_array_fault(section, event, section in seen))
        if event in _OPENING:
            yield from _pass_over()
    while True:  # whatever follows the document is the parser's to refuse
        yield


def _array_fault(section: Section, event: str, is_second: bool) -> FileFault:
    if is_second:
        return FileFault("array_repeated", None, f"there is a second {section!r}; only the first was read")
    return FileFault("array_expected", None, f"{section!r} is {_KINDS[event]}, not an array", value=_KINDS[event])


def _follow_array(section: Section, found: list[RawRecord]) -> Following:
    record = 0
    while True:
        event, value = yield
        if event == "end_array":
            return
        if event in _OPENING:
            value = yield from _build(event)
        found.append(RawRecord(section, record, value))
        record += 1


def _build(event: str) -> Following:
    """Return the value whose opening event was just met. A loop, not a recursion: files may nest as deep as they like.

    Of equal keys in an object the last counts, as in Python's own reader.
    """
    top: Any = {} if event == "start_map" else []
    current, key = top, ""
    outer: list[tuple[Any, str]] = []
    while True:
        event, value = yield
        if event in _CLOSING:
            if not outer:
                return top
            current, key = outer.pop()
        elif event == "map_key":
            key = value
        else:
            is_opening = event in _OPENING
            if is_opening:
                value = {} if event == "start_map" else []
            if type(current) is list:
                current.append(value)
            else:
                current[key] = value
            if is_opening:
                outer.append((current, key))
                current = value


def _pass_over() -> Following:
    depth = 1
    while depth:
        event, _ = yield
        depth += (event in _OPENING) - (event in _CLOSING)
