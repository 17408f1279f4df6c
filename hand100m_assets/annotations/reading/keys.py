"""Which keys records have beyond those the contract knows, and which records give a key more than once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import chain
from typing import Any, Final

import numpy as np

from hand100m_assets.annotations.reading.batches import Batch

MAX_NAMES: Final = 100
MAX_NAME_CHARS: Final = 200
OTHERS: Final = "(others)"
"""Stands for all names beyond the first hundred: what is counted here must not grow with the file."""


class KeyCount:
    """How often names were met, of which only so many are held."""

    def __init__(self, known: Collection[str] = ()) -> None:
        self.known = frozenset(known)
        self.names: Counter[str] = Counter()

    def add(self, key: str, count: int = 1) -> None:
        """Count a name, unless it is a known one."""
        if key in self.known:
            return
        name = key[:MAX_NAME_CHARS].encode("utf-8", "backslashreplace").decode()
        if name not in self.names and len(self.names) >= MAX_NAMES:
            name = OTHERS
        self.names[name] += count

    def add_records(self, values: list[Any]) -> None:
        """Count the keys of records; what is no object has none."""
        records = [value for value in values if type(value) is dict]
        if not records:
            return
        if all(map(self.known.issuperset, records)):
            return
        for key, count in Counter(chain.from_iterable(records)).items():
            self.add(key, count)

    def sorted(self) -> dict[str, int]:
        """Names and counts by name."""
        return dict(sorted(self.names.items()))


def may_repeat_keys(batch: Batch) -> set[int]:
    """Positions in the batch of every record that gives a key twice, and perhaps of some that do not.

    A parsed object does not show it, but its text has a colon for each member. No fewer colons can be, so where there
    are as many as members, no key is repeated; else the colons that are in strings and nested objects have to explain
    the rest.
    """
    members = [len(value) if type(value) is dict else 0 for value in batch.values]
    if batch.lean.count(b":") == sum(members):
        return set()
    starts, ends = batch.spans()
    colons = np.flatnonzero(np.frombuffer(batch.text, np.uint8) == ord(":"))
    counts = np.searchsorted(colons, ends) - np.searchsorted(colons, starts)
    return {
        int(place)
        for place in np.flatnonzero(counts != members)
        if _is_unexplained(batch.text[starts[place] : ends[place]], batch.values[place], int(counts[place]))
    }


def _is_unexplained(raw: bytes, value: object, colons: int) -> bool:
    if b"\\" in raw:  # an escaped colon has none in the text
        return True
    try:
        return colons != _colons_in(value)
    except RecursionError:
        return True


def _colons_in(value: object) -> int:
    if type(value) is str:
        return value.count(":")
    if type(value) is dict:
        return sum(1 + key.count(":") + _colons_in(inner) for key, inner in value.items())
    if type(value) is list:
        return sum(_colons_in(inner) for inner in value if type(inner) in (str, list, dict))
    return 0
