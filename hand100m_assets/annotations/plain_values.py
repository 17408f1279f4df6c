"""Decides which values the fast path accepts as plain: exactly the types that JSON gives, no subclasses, no casts.

It may refuse values that the contract accepts, because refused records go to the contract. It must never accept values
that the contract refuses, nor change a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]

ID_TYPES: Final = {str, int}
NUMBER_TYPES: Final = {float, int}

_DIGITS: Final = "^[0-9]{1,18}$"
"""Every such number fits into 64 bits."""


class Rows(NamedTuple):
    """The records that the fast path accepted.

    Attributes:
        places: Positions of these records among those that were given, ascending.
        frame: Their columns, one row per record.
    """

    places: NDArray[np.intp]
    frame: pl.DataFrame


def types_of(values: Iterable[Any]) -> set[type]:
    """The exact types; the type of `True` is `bool`, which is no `int` here."""
    return set(map(type, values))


def id_texts(ids: Sequence[str | int]) -> pl.Series:
    """Ids as text, as the contract makes it from strings and integers."""
    types = types_of(ids)
    if types == {str}:
        return pl.Series(ids, dtype=pl.String)
    if types == {int} and max(map(int, ids)) < 2**63:
        texts: pl.Series = pl.Series(ids, dtype=pl.Int64).cast(pl.String)
        return texts
    return pl.Series(list(map(str, ids)), dtype=pl.String)


def hand_ids(ids: Sequence[str | int]) -> tuple[pl.Series, Mask]:
    """Ids as 64-bit integers, and which of them have only digits."""
    texts = id_texts(ids)
    is_good = texts.str.contains(_DIGITS)
    return texts.cast(pl.Int64, strict=False).fill_null(0), is_good.to_numpy()


def within(numbers: NDArray[np.floating[Any]], limit: float) -> Mask:
    """Which numbers are finite and in [-limit, limit]."""
    found: Mask = np.asarray(np.abs(numbers) <= limit)  # False for NaN.
    return found


def all_within(rows: NDArray[np.floating[Any]], limit: float) -> Mask:
    """Which rows have only numbers that are finite and in [-limit, limit]."""
    found: Mask = np.asarray(within(rows, limit).all(axis=1))
    return found


def all_of_each(is_good: Mask, lengths: NDArray[np.int64]) -> Mask:
    """Which lists have only good items; the lists of these lengths follow each other in `is_good`."""
    if is_good.all():
        return np.ones(len(lengths), dtype=np.bool_)
    bad = np.zeros(len(lengths), dtype=np.int64)
    np.add.at(bad, np.repeat(np.arange(len(lengths)), lengths)[~is_good], 1)
    found: Mask = bad == 0
    return found


def list_column(items: pl.Series, lengths: NDArray[np.int64]) -> pl.Series:
    """A column of lists, cut from one flat series: making each list alone is ten times slower."""
    if not len(lengths):
        return pl.Series(dtype=pl.List(items.dtype))
    if lengths[0] and (lengths == lengths[0]).all():
        return items.reshape((len(lengths), int(lengths[0]))).arr.to_list()
    places = pl.DataFrame({"start": lengths.cumsum() - lengths, "length": lengths})
    return places.select(pl.lit(items).implode().list.slice("start", "length")).to_series()
