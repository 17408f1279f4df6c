"""Finds the hands that a loader can use: those whose positive can be loaded, the positive's positive, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

Booleans: TypeAlias = npt.NDArray[np.bool_]
Integers: TypeAlias = npt.NDArray[np.int64]

_NO_POSITIVE: Final = -1
"""No hand id is negative."""


@dataclass(frozen=True)
class PairableHands:
    """A selection of rows of the hands table.

    Attributes:
        kept: (n,) bool, True for each row that is selected.
        left_out: Number of rows that are not selected, by reason. A row with several reasons counts for the first.
    """

    kept: Booleans
    left_out: dict[str, int]


def pairable_hands(
    hands: pl.LazyFrame, has_crop: Booleans | None = None, image_faults: pl.Series | None = None
) -> PairableHands:
    """Select the hands that can be loaded as pairs.

    The selection is the largest part of a set in which every hand has an image, a unique id, a positive that is also in
    the selection, and a distance to that positive (the original loaders fail without one). If several hands have the
    same id, the first one is kept. This takes 50 bytes of memory per hand.

    Args:
        hands: The hands table of n rows; `hand_id`, `video_id`, `positives` and `distances` are read.
        has_crop: (n,) bool, whether the box of each hand contains a part of its image; None if that is not known yet.
        image_faults: Text per row, why the image of the hand cannot be opened, null if it can; None if images are
            not looked at.

    Returns:
        Which rows are selected, and how many are not, by reason.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.annotations import pairable_hands
        >>> hands = pl.scan_parquet("tables/hands.parquet")
        >>> pairable_hands(hands).kept.tolist()
        [True, True, True, True]
        >>> pairable_hands(hands.head(3)).left_out
        {'positive not in this set': 1, 'positive is left out itself': 2}
    """
    table = hands.select(
        "hand_id",
        first_positive=pl.col("positives").list.first().fill_null(_NO_POSITIVE),
        has_image=pl.col("video_id").is_not_null(),
        has_distance=pl.col("distances").list.len() > 0,
    ).collect()
    ids, positives = table["hand_id"].to_numpy(), table["first_positive"].to_numpy()
    places, is_first = _places(ids, positives)
    faults = {
        "no image": ~table["has_image"].to_numpy(),
        "duplicate hand id": ~is_first,
        "no positive": positives == _NO_POSITIVE,
        "positive is the hand itself": positives == ids,
        "positive not in this set": places < 0,
        "no distance": ~table["has_distance"].to_numpy(),
        **_by_reason(image_faults),
        "no crop": np.zeros(len(ids), dtype=np.bool_) if has_crop is None else ~has_crop,
    }
    kept = ~np.logical_or.reduce(list(faults.values()))
    faults["positive is left out itself"] = kept & _leads_to(~kept, places)
    return PairableHands(kept & ~faults["positive is left out itself"], _counts(faults))


def _by_reason(faults: pl.Series | None) -> dict[str, Booleans]:
    if faults is None:
        return {}
    return {reason: (faults.eq_missing(reason)).to_numpy() for reason in faults.drop_nulls().unique().sort()}


def _places(ids: Integers, positives: Integers) -> tuple[Integers, Booleans]:
    """Row of each positive, -1 if there is none; and whether a row is the first with its id."""
    order = np.argsort(ids, kind="stable")
    in_order = ids[order]
    is_first = np.empty(len(ids), dtype=np.bool_)
    is_first[order] = np.diff(in_order, prepend=_NO_POSITIVE) != 0
    found = np.minimum(np.searchsorted(in_order, positives), max(len(ids) - 1, 0))
    return np.where(in_order[found] == positives, order[found], -1), is_first


def _leads_to(bad: Booleans, places: Integers) -> Booleans:
    """Rows whose chain of positives reaches a bad row; each step is twice as long as the one before."""
    bad, ahead = bad.copy(), np.where(bad, np.arange(len(bad)), places)
    for _ in range(len(bad).bit_length()):
        bad |= bad[ahead]
        ahead = ahead[ahead]
    return bad


def _counts(faults: dict[str, Booleans]) -> dict[str, int]:
    """How many rows each fault left out; a row with several faults counts once, for the first of them."""
    counted = np.zeros(len(next(iter(faults.values()))), dtype=np.bool_)
    counts = {}
    for reason, rows in faults.items():
        if count := int((rows & ~counted).sum()):
            counts[reason] = count
        counted |= rows
    return counts
