"""The sheets of the best and the worst pairs: those with the smallest and the largest distances of poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.imaging import CROP_SIZE_PX, JointOrder
from hand100m_assets.render.grids.crops import ImagePath
from hand100m_assets.render.grids.grid import GRID_PAIRS, PAIRS_PER_ROW, draw_grids
from hand100m_assets.render.grids.sheet import Sheet, headed

End: TypeAlias = Literal["best", "worst"]
"""Which end of the ranking of pairs is drawn."""


@dataclass(frozen=True)
class ExtremePairs:
    """The chosen pairs.

    Attributes:
        rows: `row_index` of the anchors, the most extreme first.
        how: One sentence that says among how many pairs they were chosen.
    """

    rows: tuple[int, ...]
    how: str


def choose_extreme_pairs(pairs: pl.DataFrame | pl.LazyFrame, end: End, count: int = GRID_PAIRS) -> ExtremePairs:
    """Choose the resolved pairs of different videos with the smallest or the largest pose distance.

    Equal distances are ordered by row. Two hands that are each other's positives are one pair.

    Args:
        pairs: The pairs table. Pairs with a `reason`, or with a distance that is null or not finite, are left out.
        end: `best`: the smallest distances; `worst`: the largest.
        count: Maximum number of pairs. At most half of all are chosen, so that no pair is among the best and the worst.

    Returns:
        `rows`, the `row_index` of the anchors, most extreme first; and `how`, one sentence about the choice.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.pairs import resolve_pairs
        >>> from hand100m_assets.render.grids import choose_extreme_pairs
        >>> pairs = resolve_pairs(pl.read_parquet("tables/hands.parquet"))
        >>> len(choose_extreme_pairs(pairs, "best").rows)  # of two pairs, one is the best and one the worst
        1
    """
    first, second = pl.col("row_index"), pl.col("positive_row_index")
    candidates = (
        pairs.lazy()
        .filter(pl.col("reason").is_null() & ~pl.col("same_video") & pl.col("pose_distance").is_finite())
        .with_columns(lower=pl.min_horizontal(first, second), higher=pl.max_horizontal(first, second))
        .select("row_index", "pose_distance", "lower", "higher")
        .sort("row_index")
        .unique(["lower", "higher"], keep="first", maintain_order=True)
        .sort("pose_distance", "row_index", descending=[end == "worst", False])
        .select("row_index")
        .collect()
    )
    rows = tuple(candidates["row_index"].head(min(count, -(-candidates.height // 2))).to_list())
    which = "smallest" if end == "best" else "largest"
    of = f"{counted(candidates.height, 'resolved pair')} of different videos, each pair of hands once"
    return ExtremePairs(
        rows,
        f"{counted(len(rows), f'{which} pose distance')} of {of}" if rows else "no resolved pair of different videos",
    )


def draw_extreme_pairs(
    pairs: pl.DataFrame | pl.LazyFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    chosen: ExtremePairs,
    image_path: ImagePath,
    *,
    title: str,
    images: pl.DataFrame | pl.LazyFrame | None = None,
    coverage: pl.DataFrame | pl.LazyFrame | None = None,
    neighbours: pl.DataFrame | pl.LazyFrame | None = None,
    joint_order: JointOrder = "mediapipe",
) -> Sheet:
    """Draw these pairs like the labelled grid, below a headline, with no more rows than they need.

    Args:
        pairs: The pairs table.
        hands: The hands table of the same annotation set.
        chosen: What `choose_extreme_pairs` chose.
        image_path: Finds an image on disk.
        title: Headline.
        images: The images table; needed only if `image_path` wants file names.
        coverage: The coverage table of the set, for the reason why a frame is not on disk.
        neighbours: The mined pairs of the set, for the rank of each positive.
        joint_order: Order of the keypoints in `hands`.

    Returns:
        The picture, and what each of its cells shows.

    Raises:
        ValueError: More than 50 pairs; choose fewer.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.pairs import resolve_pairs
        >>> from hand100m_assets.render.grids import choose_extreme_pairs, draw_extreme_pairs
        >>> from hand100m_assets.workspace import image_finder
        >>> hands = pl.read_parquet("tables/hands.parquet")
        >>> pairs = resolve_pairs(hands)
        >>> best = choose_extreme_pairs(pairs, "best")
        >>> sheet = draw_extreme_pairs(pairs, hands, best, image_finder(Path("frames"), {}), title="The most alike")
        >>> sheet.missing.height
        0
    """
    drawn = draw_grids(
        pairs,
        hands,
        chosen.rows,
        image_path,
        images=images,
        coverage=coverage,
        neighbours=neighbours,
        joint_order=joint_order,
    )
    return Sheet(headed(drawn.labelled[: _rows_px(chosen.rows)], title, chosen.how), drawn.cells)


def _rows_px(anchor_rows: Sequence[int]) -> int:
    return max(1, -(-len(anchor_rows) // PAIRS_PER_ROW)) * CROP_SIZE_PX
