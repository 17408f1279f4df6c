"""Rows of the tables in small batches, and the ids that exports need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

_BATCH_ROWS: Final = 10_000
PLAIN_INTEGER: Final = r"^(?:0|[1-9][0-9]{0,17})$"

Kept = npt.NDArray[np.bool_]


def batches(table: pl.LazyFrame, kept: Kept | None = None) -> Iterator[pl.DataFrame]:
    """Rows of a table, or only those that are kept, in batches so small that memory stays small."""
    rows = table.select(pl.len()).collect().item()
    for start in range(0, rows, _BATCH_ROWS):
        batch = table.slice(start, _BATCH_ROWS).collect()
        chosen = batch if kept is None else batch.filter(pl.Series(kept[start : start + _BATCH_ROWS]))
        # Polars 2.1 panics where it joins texts of rows in several chunks of which one is empty.
        yield chosen.rechunk()


def first_of_each_id(images: pl.LazyFrame) -> Kept:
    """Which images are the first with their id."""
    return images.select(pl.col("image_id").is_first_distinct()).collect().to_series().to_numpy()


def have_plain_ids(table: pl.LazyFrame) -> bool:
    """Whether every image id is an integer, written as Python writes it."""
    return bool(table.select(pl.col("image_id").str.contains(PLAIN_INTEGER).all()).collect().item())
