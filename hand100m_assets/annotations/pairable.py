"""Which hands of a set can be shown with their positive, and with its positive, and so on: what a loader needs."""

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
    """A choice of rows of the hands table.

    Attributes:
        kept: A truth value a row.
        left_out: Reason -> count of the other rows; reasons that apply to none are absent.
    """

    kept: Booleans
    left_out: dict[str, int]


def pairable_hands(
    hands: pl.LazyFrame, has_crop: Booleans | None = None, image_faults: pl.Series | None = None
) -> PairableHands:
    """The largest part of a set in which all hands have an image, an id of their own, and a positive in that part.

    A hand without a distance to its positive is not in it, as the original loaders stop there. Of hands with the same
    id the first is kept. Takes 50 bytes of memory a hand.

    Args:
        hands: The hands table; `hand_id`, `video_id`, `positives` and `distances` are read.
        has_crop: A truth value a row: whether its box holds anything of its image; None where pictures will show it.
        image_faults: Why the image of each row cannot be opened, null where it can; None where that is no matter.
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
    """Row of each positive, -1 where there is none; and whether a row is the first of its id."""
    order = np.argsort(ids, kind="stable")
    in_order = ids[order]
    is_first = np.empty(len(ids), dtype=np.bool_)
    is_first[order] = np.diff(in_order, prepend=_NO_POSITIVE) != 0
    found = np.minimum(np.searchsorted(in_order, positives), max(len(ids) - 1, 0))
    return np.where(in_order[found] == positives, order[found], -1), is_first


def _leads_to(bad: Booleans, places: Integers) -> Booleans:
    """Rows from which the chain of positives comes to a bad row, by steps that double in length."""
    bad, ahead = bad.copy(), np.where(bad, np.arange(len(bad)), places)
    for _ in range(len(bad).bit_length()):
        bad |= bad[ahead]
        ahead = ahead[ahead]
    return bad


def _counts(faults: dict[str, Booleans]) -> dict[str, int]:
    """How many rows each fault left out, a row with several being counted once, under the first."""
    counted = np.zeros(len(next(iter(faults.values()))), dtype=np.bool_)
    counts = {}
    for reason, rows in faults.items():
        if count := int((rows & ~counted).sum()):
            counts[reason] = count
        counted |= rows
    return counts
