"""The chart of the ranks of shipped positives among mined neighbours."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from hand100m_assets.amounts import counted
from hand100m_assets.render.charts.figure import (
    GOOD,
    INK,
    RULE,
    WAITING,
    count_axis,
    finite,
    label_axes,
    new_figure,
    png_bytes,
    say_nothing_to_show,
)

_RANK_STEPS: Final = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, 50), (51, 100), (101, 1000), (1001, 2**32 - 1))


def agreement_chart(agreement: pl.DataFrame, *, title: str = "Where the shipped positives stand") -> bytes:
    """Draw the ranks of the published positives among the hands of other videos, and how far away they are.

    Args:
        agreement: The agreement table. `rank` is null if it was not counted; `reason` is null if the pair can be
            compared; `positive_distance` and `nearest_distance` are also read.
        title: Headline of the picture.

    Returns:
        A PNG.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.render.charts import agreement_chart
        >>> agreement = pl.DataFrame(
        ...     {
        ...         "rank": [1, 4, None],
        ...         "positive_distance": [0.02, 0.05, None],
        ...         "nearest_distance": [0.02, 0.03, None],
        ...         "reason": [None, None, "no positive"],
        ...     }
        ... )
        >>> agreement_chart(agreement)[1:4]
        b'PNG'
    """
    comparable = agreement.filter(pl.col("reason").is_null())
    first = int((comparable["rank"] == 1).sum())
    share = f"our nearest: {first:,} of {counted(comparable.height, 'positive')}" if comparable.height else ""
    figure, (ranks, distances) = new_figure(title, share, 3.6, columns=2)
    _rank_bars(ranks, comparable)
    _distance_points(distances, comparable)
    return png_bytes(figure)


def _rank_bars(axes: Axes, comparable: pl.DataFrame) -> None:
    label_axes(axes, "rank among hands of other videos", "hands")
    if comparable.is_empty():
        say_nothing_to_show(axes)
        return
    rank = comparable["rank"]
    counts = [int(rank.is_between(low, high).sum()) for low, high in _RANK_STEPS]
    names = [str(low) if low == high else f"{low}–{high}" for low, high in _RANK_STEPS[:-1]] + ["more"]
    names, counts, colors = [*names, "not\ncounted"], [*counts, rank.null_count()], [GOOD] * len(counts) + [WAITING]
    axes.bar(range(len(counts)), counts, color=colors, width=0.8)
    axes.set_xticks(range(len(counts)), names, fontsize=7.5, rotation=35)
    axes.grid(axis="y", color=RULE)
    count_axis(axes.yaxis)


def _distance_points(axes: Axes, comparable: pl.DataFrame) -> None:
    label_axes(axes, "distance to the positive / to our nearest", "hands")
    both = comparable.filter(pl.col("nearest_distance") > 0)
    ratio = finite((both["positive_distance"] / both["nearest_distance"]).to_numpy())
    if not len(ratio):
        say_nothing_to_show(axes)
        return
    top = max(float(np.quantile(ratio, 0.99)), 1.01)
    axes.hist(np.minimum(ratio, top), bins=40, range=(min(1.0, float(ratio.min())), top), color=GOOD)
    note = f"median {np.median(ratio):.3g}\nlast bar: {top:.3g} and more"
    axes.text(0.98, 0.96, note, transform=axes.transAxes, ha="right", va="top", fontsize=9.5, color=INK)
    axes.grid(axis="y", color=RULE)
    count_axis(axes.yaxis)
