"""The chart of the number of hands per video."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from hand100m_assets.amounts import counted
from hand100m_assets.render.charts.figure import (
    GOOD,
    INK,
    QUIET_INK,
    RULE,
    count_axis,
    label_axes,
    new_figure,
    png_bytes,
    say_nothing_to_show,
)
from hand100m_assets.render.grids import short_id

_MOST_NAMED: Final = 24
"""More videos than this are drawn as a curve, and not as one bar per video."""


def hands_per_video_chart(hands: pl.DataFrame | pl.LazyFrame, *, title: str = "Hands per video") -> bytes:
    """Draw how many hands each video has, the largest count first.

    If a few videos have most of the hands, the set is less varied than its size suggests.

    Args:
        hands: The hands table; only `video_id` is read. Hands whose video is null are left out.
        title: Headline of the picture.

    Returns:
        A PNG.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.render.charts import hands_per_video_chart
        >>> hands_per_video_chart(pl.scan_parquet("tables/hands.parquet"))[1:4]
        b'PNG'
    """
    counts = (
        hands.lazy()
        .filter(pl.col("video_id").is_not_null())
        .group_by("video_id")
        .agg(hands=pl.len())
        .sort("hands", "video_id", descending=[True, False])
        .collect()
    )
    total = int(counts["hands"].sum())
    is_short = counts.height <= _MOST_NAMED
    height_in = 1.5 + 0.28 * max(counts.height, 3) if is_short else 3.4
    figure, (axes,) = new_figure(title, f"{counted(total, 'hand')} in {counted(counts.height, 'video')}", height_in)
    if not total:
        say_nothing_to_show(axes)
    elif is_short:
        _draw_bars(axes, counts)
    else:
        _draw_curve(axes, counts["hands"].to_numpy())
    return png_bytes(figure)


def _draw_bars(axes: Axes, counts: pl.DataFrame) -> None:
    places = range(counts.height)
    axes.barh(places, counts["hands"].to_list(), height=0.62, color=GOOD)
    for place, count in enumerate(counts["hands"]):
        axes.annotate(
            f"{count:,}", (count, place), (6, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    axes.set_yticks(places, [short_id(video_id) for video_id in counts["video_id"]], fontsize=9, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * int(counts["hands"][0]))
    axes.grid(axis="x", color=RULE)
    count_axis(axes.xaxis)
    label_axes(axes, "hands", "")


def _draw_curve(axes: Axes, counts: np.ndarray) -> None:
    places = np.arange(1, len(counts) + 1)
    axes.fill_between(places, counts, step="mid", color=GOOD, alpha=0.85, linewidth=0)
    half = int(np.searchsorted(counts.cumsum(), counts.sum() / 2)) + 1
    axes.axvline(half, color=INK, linewidth=1.2)
    axes.annotate(
        f"half of all hands are in {counted(half, 'video')} ({half / len(counts):.0%})",
        (half, counts[0]),
        (6, -4),
        textcoords="offset points",
        va="top",
        fontsize=9.5,
        color=INK,
    )
    note = f"median {np.median(counts):,.0f}, most {counts[0]:,}"
    axes.text(0.99, 0.78, note, transform=axes.transAxes, ha="right", va="top", fontsize=9.5, color=QUIET_INK)
    axes.set_xlim(0.5, len(counts) + 0.5)
    axes.set_ylim(0, 1.05 * counts[0])
    axes.grid(axis="y", color=RULE)
    count_axis(axes.xaxis)
    count_axis(axes.yaxis)
    label_axes(axes, "videos, those with most hands first", "hands")
