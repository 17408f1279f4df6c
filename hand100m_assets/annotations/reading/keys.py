"""Which keys of records the contract does not know, and which records may have a key more than once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import chain
from typing import Any, Final

import numpy as np

from hand100m_assets.annotations.reading.batches import Batch

MAX_NAMES: Final = 100
"""Names that are counted one by one."""
MAX_NAME_CHARS: Final = 200
"""Characters of a name that are kept."""
OTHERS: Final = "(others)"
"""Stands for all names after the first hundred, so that memory does not grow with the file."""


class KeyCount:
    """Counts the keys of records, in little memory: after a hundred names, all others are counted together.

    Args:
        known: Keys that are not counted.

    Example:
        >>> from hand100m_assets.annotations.reading import KeyCount
        >>> keys = KeyCount(known=["id", "file_name"])
        >>> keys.add_records([{"id": 1, "licence": 3}, {"id": 2, "licence": 3, "date": "May"}])
        >>> keys.sorted()
        {'date': 1, 'licence': 2}
    """

    def __init__(self, known: Collection[str] = ()) -> None:
        self.known = frozenset(known)
        self.names: Counter[str] = Counter()

    def add(self, key: str, count: int = 1) -> None:
        """Count a key, unless it is a known one.

        Args:
            key: Name of the key.
            count: Number of records that have it.
        """
        if key in self.known:
            return
        name = key[:MAX_NAME_CHARS].encode("utf-8", "backslashreplace").decode()
        if name not in self.names and len(self.names) >= MAX_NAMES:
            name = OTHERS
        self.names[name] += count

    def add_records(self, values: list[Any]) -> None:
        """Count the keys of records.

        Args:
            values: Parsed records; a value that is no object has no keys.
        """
        records = [value for value in values if type(value) is dict]
        if not records:
            return
        if all(map(self.known.issuperset, records)):
            return
        for key, count in Counter(chain.from_iterable(records)).items():
            self.add(key, count)

    def sorted(self) -> dict[str, int]:
        """How often each key was found, in the order of their names."""
        return dict(sorted(self.names.items()))


def may_repeat_keys(batch: Batch) -> set[int]:
    """Find the records of a batch that may have a key twice: all that have one, and perhaps some that do not.

    A parsed object does not show repeated keys, but its text has at least one colon per member. If the text has as
    many colons as the object has members, no key is repeated. If it has more, they may be in strings and nested
    objects; where these do not explain them, a key may be repeated.

    Args:
        batch: Records that were parsed together.

    Returns:
        Positions of these records in `batch.values`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.reading import RecordReader, may_repeat_keys
        >>> Path("broken").mkdir(exist_ok=True)
        >>> size = Path("broken/twice.json").write_text('{"images": [{"id": 1}, {"id": 2, "id": 3}]}')
        >>> (batch,) = RecordReader(Path("broken/twice.json")).records()
        >>> may_repeat_keys(batch), batch.values
        ({1}, [{'id': 1}, {'id': 3}])
    """
    members = [len(value) if type(value) is dict else 0 for value in batch.values]
    if batch.text.count(b":") == sum(members):
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
    if b"\\" in raw:  # An escaped colon is no colon in the text.
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
