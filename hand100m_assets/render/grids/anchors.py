"""Chooses the hands of a grid: the published choice if it applies, else a choice by the seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.set_names import AnnotationSetName
from hand100m_assets.sources import EGO4D

# fmt: off
PUBLISHED_ROWS: Final[tuple[int, ...]] = (
    32793, 5400, 11193, 3853, 8172, 438, 33450, 29931, 26570, 26056,
    21266, 31699, 45636, 48900, 26102, 9433, 37742, 6288, 49921, 39327,
    33158, 27045, 11754, 6008, 46605, 43014, 18308, 21070, 9114, 535,
    2904, 9873, 15716, 8117, 45060, 39359, 9943, 27840, 35185, 22536,
    36571, 18042, 41388, 38874, 24025, 24395, 25339, 29087, 25194, 18281,
)
# fmt: on
"""Positions in `annotations` of the Ego4D 50k file, row by row, five pairs per row. Source: the published picture."""


def is_published(name: AnnotationSetName) -> bool:
    """Say whether the published picture was made of this annotation set (Ego4D, 50k).

    Args:
        name: What the name of the annotation file says.

    Returns:
        True for that one set.

    Example:
        >>> from hand100m_assets.render.grids import is_published
        >>> from hand100m_assets.set_names import annotation_set_name
        >>> is_published(annotation_set_name("Hand100M_Ego4D_50k_v1-1.json"))
        True
    """
    return name.title.casefold() == EGO4D.title.casefold() and (name.family, name.scale) == ("simhand", "50k")


@dataclass(frozen=True)
class AnchorChoice:
    """The hands that a grid shows.

    Attributes:
        rows: `row_index` of each hand, in the order they are drawn; no row twice.
        how: One sentence: which choice was made, and why.

    Example:
        >>> from hand100m_assets.render.grids import AnchorChoice
        >>> AnchorChoice((0, 2), "two hands that I like").rows
        (0, 2)
    """

    rows: tuple[int, ...]
    how: str


def choose_anchor_rows(
    pairs: pl.DataFrame | pl.LazyFrame, *, published: bool, seed: int, count: int = len(PUBLISHED_ROWS)
) -> AnchorChoice:
    """Choose the hands to draw with their positives.

    Args:
        pairs: The pairs table; only `row_index` and `reason` (null if the pair is resolved) are read.
        published: Whether this is the set that the published picture was made of (the Ego4D 50k file).
        seed: Seed for the choice among the resolved pairs, if the published rows do not apply.
        count: Number of hands; fewer are returned if fewer pairs are resolved.

    Returns:
        The chosen hands and how they were chosen.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.pairs import resolve_pairs
        >>> from hand100m_assets.render.grids import choose_anchor_rows
        >>> pairs = resolve_pairs(pl.read_parquet("tables/hands.parquet"))
        >>> choice = choose_anchor_rows(pairs, published=False, seed=0, count=2)
        >>> choice.how
        '2 of 4 resolved pairs chosen with seed 0, as the published rows belong to the Ego4D 50k set'
    """
    table = pairs.lazy().select("row_index", "reason").collect()
    if published:
        absent = set(PUBLISHED_ROWS).difference(table["row_index"].to_list())
        if not absent:
            rows = PUBLISHED_ROWS[:count]
            return AnchorChoice(rows, f"the {counted(len(rows), 'row')} of the published Ego4D 50k picture")
        why = f"not in this table: {len(absent)} of the {len(PUBLISHED_ROWS)} published rows"
    else:
        why = "the published rows belong to the Ego4D 50k set"
    resolved = table.filter(pl.col("reason").is_null())["row_index"].unique().sort().to_numpy()
    rows = _seeded(resolved, seed, count)
    few = (
        f", all there are: the other {counted(count - len(rows), 'place stays', 'places stay')} empty"
        if len(rows) < count
        else ""
    )
    return AnchorChoice(
        rows, f"{len(rows)} of {counted(len(resolved), 'resolved pair')} chosen with seed {seed}{few}, as {why}"
    )


def _seeded(resolved: np.ndarray, seed: int, count: int) -> tuple[int, ...]:
    # Ranked by the raw bit stream, which numpy promises never to change; `choice` and `permutation` may change.
    keys = np.random.PCG64(seed).random_raw(len(resolved))
    chosen = resolved[np.argsort(keys, kind="stable")[:count]]
    return tuple(int(row) for row in chosen)
