"""Rows of `rejects.parquet`: the faults of rejected records, and warnings about kept ones, in words."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import ValidationError

from hand100m_assets.annotations.contract import Note
from hand100m_assets.annotations.record_text import NoNumber
from hand100m_assets.wrong_values import in_words

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_VALUE_CHARS: Final = 200


class Reject(NamedTuple):
    """One row of `rejects.parquet`; see `REJECTS_SCHEMA`."""

    section: str
    record: int
    byte_offset: int | None
    field: str
    rule: str
    reason: str
    value: str
    severity: str = "error"


def rejects_of(section: str, record: int, byte_offset: int, error: ValidationError) -> list[Reject]:
    """One row per invalid field, with its reason; the first invalid item of a list stands for all of them."""
    by_field: dict[str, list[ErrorDetails]] = {}
    for fault in error.errors(include_url=False):
        by_field.setdefault(str(fault["loc"][0]) if fault["loc"] else "", []).append(fault)
    return [_reject(section, record, byte_offset, faults) for faults in by_field.values()]


def _reject(section: str, record: int, byte_offset: int, faults: Sequence[ErrorDetails]) -> Reject:
    first, more = faults[0], len(faults) - 1
    field, others = ".".join(str(part) for part in first["loc"]), f" (and {more} more of this field)" if more else ""
    if isinstance(first["input"], NoNumber):
        return no_number_reject(section, record, byte_offset, first["input"], field=field, and_more=others)
    is_absent = first["type"] == "missing"
    return Reject(
        section=section,
        record=record,
        byte_offset=byte_offset,
        field=field,
        rule=f"contract:{first['type']}",
        reason=in_words(first) + others,
        value="" if is_absent else shortened(first["input"]),
    )


def no_number_reject(
    section: str,
    record: int,
    byte_offset: int,
    found: NoNumber,
    *,
    field: str,
    and_more: str = "",
    severity: str = "error",
) -> Reject:
    """The row for a NaN or an Infinity."""
    words = f"{found.words}, at byte {byte_offset + found.place:,}{and_more}"
    return Reject(section, record, byte_offset, field, "json:nan", words, found.name, severity)


def warnings_of(section: str, record: int, byte_offset: int, notes: Iterable[Note]) -> list[Reject]:
    """One row per note about a record that was kept."""
    return [
        Reject(section, record, byte_offset, n.field, f"contract:{n.rule}", n.words, shortened(n.value), "warning")
        for n in notes
    ]


class _Shortener(reprlib.Repr):
    """Shows the beginning of any value, even if it is long or deeply nested."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxdict = 10
        self.maxstring = self.maxother = self.maxlong = MAX_VALUE_CHARS


_shortener: Final = _Shortener()


def shortened(value: object) -> str:
    """A raw value as text, cut to `MAX_VALUE_CHARS`."""
    text = value if isinstance(value, str) else _shortener.repr(value)
    # Some JSON parsers accept halves of characters, which no table can hold.
    text = text[: MAX_VALUE_CHARS + 1].encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"
