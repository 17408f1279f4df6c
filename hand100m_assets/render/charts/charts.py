"""Charts for the UI, as PNG bytes: coverage, inventory, progress, distances, poses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from hand100m_assets.amounts import counted
from hand100m_assets.imaging import FINGER_NAMES, JointOrder, Keypoints, finger_joints, image_markdown, mirror_keypoints
from hand100m_assets.render.charts.figure import (
    GOOD,
    INK,
    QUIET_INK,
    RULE,
    WAITING,
    WRONG,
    count_axis,
    finite,
    label_axes,
    new_figure,
    png_bytes,
    say_nothing_to_show,
)
from hand100m_assets.render.charts.states import GOOD_STATES, WAITING_STATES
from hand100m_assets.render.grids import frames_preview, frames_preview_markdown

__all__ = [
    "coverage_chart",
    "distance_chart",
    "frames_preview",
    "frames_preview_markdown",
    "inventory_chart",
    "keypoint_chart",
    "png_markdown",
    "progress_chart",
]

_FINGER_COLORS: Final = ("#d98e04", "#3f9fd8", "#009e73", "#b3a100", "#b8578f")
_MAX_MEASURED_HANDS: Final = 50_000
_MAX_DRAWN_HANDS: Final = 20


def png_markdown(png: bytes, title: str) -> str:
    """Put a PNG into Markdown that needs no network.

    Args:
        png: Content of a PNG file, such as a chart of this room.
        title: What the picture shows, for readers who do not see it.

    Returns:
        One line of Markdown with the picture inside.

    Example:
        >>> from hand100m_assets.render.charts import inventory_chart, png_markdown
        >>> png_markdown(inventory_chart({"complete": 12}), "videos")
        '![videos](data:image/png;base64,...)'
    """
    return image_markdown(png, "image/png", title)


def coverage_chart(images_by_reason: Mapping[str, int], *, title: str = "Annotated images on disk") -> bytes:
    """Draw how many annotated images are on disk, and why the others are not.

    Args:
        images_by_reason: Number of images by reason; the key of those on disk is `on disk`.
        title: Headline of the picture.

    Returns:
        A PNG.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.render.charts import coverage_chart
        >>> png = coverage_chart({"on disk": 970, "video missing": 30})
        >>> Path("coverage.png").write_bytes(png) > 1000
        True
    """
    return _state_bars(images_by_reason, title, unit="images")


def inventory_chart(videos_by_state: Mapping[str, int], *, title: str = "Videos") -> bytes:
    """Draw how many videos are in which state.

    Args:
        videos_by_state: Number of videos by state. States in `GOOD_STATES` are drawn as good, those in `WAITING_STATES`
            as waiting, all others as faults.
        title: Headline of the picture.

    Returns:
        A PNG.

    Example:
        >>> from hand100m_assets.render.charts import inventory_chart
        >>> inventory_chart({"complete": 12, "missing": 2, "in_progress": 1})[1:4]
        b'PNG'
    """
    return _state_bars(videos_by_state, title, unit="videos")


def _state_bars(counts: Mapping[str, int], title: str, *, unit: str) -> bytes:
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: (item[0] not in GOOD_STATES, -item[1], item[0]))
    figure, (axes,) = new_figure(title, f"{total:,} {unit} in all", height_in=1.4 + 0.42 * max(len(ordered), 1))
    if not total:
        say_nothing_to_show(axes)
        return png_bytes(figure)
    places = range(len(ordered))
    axes.barh(places, [count for _, count in ordered], height=0.62, color=[_state_color(name) for name, _ in ordered])
    for place, (_, count) in zip(places, ordered, strict=True):
        axes.annotate(
            f"{count:,}  ({_share(count, total)})",
            (count, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9.5,
            color=INK,
        )
    axes.set_yticks(places, [name.replace("_", " ") for name, _ in ordered], fontsize=10, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * max(counts.values()))
    axes.grid(axis="x", color=RULE)
    count_axis(axes.xaxis)
    label_axes(axes, unit, "")
    return png_bytes(figure)


def _share(count: int, total: int) -> str:
    return "<0.1%" if 0 < count < total / 1000 else f"{count / total:.1%}"


def _state_color(name: str) -> str:
    if name in GOOD_STATES:
        return GOOD
    return WAITING if name in WAITING_STATES else WRONG


def progress_chart(videos_by_state: Mapping[str, int], *, title: str = "Videos by state") -> bytes:
    """Draw how far the extraction is: one bar, divided by state, good states first and faults last.

    Args:
        videos_by_state: Number of videos by state, as for `inventory_chart`.
        title: Headline of the picture.

    Returns:
        A PNG.

    Example:
        >>> from hand100m_assets.render.charts import progress_chart
        >>> progress_chart({"done": 12, "outstanding": 8, "failed": 1})[1:4]
        b'PNG'
    """
    total = sum(videos_by_state.values())
    rank = {GOOD: 0, WAITING: 1, WRONG: 2}
    ordered = sorted(videos_by_state.items(), key=lambda item: (rank[_state_color(item[0])], -item[1], item[0]))
    done = sum(count for name, count in ordered if name in GOOD_STATES)
    share = f"{done:,} of {total:,} done ({done / total:.1%})" if total else ""
    figure, (axes,) = new_figure(title, share, height_in=2.1)
    if not total:
        say_nothing_to_show(axes)
        return png_bytes(figure)
    left = 0
    for number, (name, count) in enumerate(ordered):
        label = f"{name.replace('_', ' ')}  {count:,}"
        # States of one colour are told apart by strength; a white edge keeps neighbours separate.
        alpha = 1 - 0.3 * (sum(_state_color(name) == _state_color(before) for before, _ in ordered[:number]) % 3)
        axes.barh(0, count, left=left, color=_state_color(name), alpha=alpha, edgecolor="white", label=label)
        left += count
    axes.set_xlim(0, total)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    count_axis(axes.xaxis)
    label_axes(axes, "videos", "")
    legend = figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=9.5)
    for text in legend.get_texts():
        text.set_color(INK)
    return png_bytes(figure)


def distance_chart(pairs: pl.DataFrame, *, title: str = "How alike the pairs are") -> bytes:
    """Draw histograms of the distance stated in the file and of the distance between the two poses.

    Args:
        pairs: The pairs table; `distance`, `pose_distance` (in sides of the crop) and `reason` are read. A distance
            that is null or not finite is left out.
        title: Headline of the picture.

    Returns:
        A PNG.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.pairs import resolve_pairs
        >>> from hand100m_assets.render.charts import distance_chart
        >>> pairs = resolve_pairs(pl.read_parquet("tables/hands.parquet"))
        >>> distance_chart(pairs)[1:4]
        b'PNG'
    """
    resolved = pairs["reason"].null_count()
    figure, (stated, pose) = new_figure(
        title, f"{resolved:,} of {counted(pairs.height, 'pair')} resolved", 3.6, columns=2
    )
    _histogram(stated, pairs["distance"].drop_nulls().to_numpy(), "distance stated in the file (its own unit)")
    _histogram(pose, pairs["pose_distance"].drop_nulls().to_numpy(), "mean distance of keypoints (crop sides)")
    return png_bytes(figure)


def _histogram(axes: Axes, values: npt.NDArray[Any], x_label: str) -> None:
    values = finite(values)
    label_axes(axes, x_label, "pairs")
    if not len(values):
        say_nothing_to_show(axes)
        return
    # A few far-out values would squeeze all others into one bar: the axis ends earlier, and says so.
    top = float(np.quantile(values, 0.995))
    top = float(values.max()) if values.max() <= 1.5 * top else top
    low = min(0.0, float(values.min()))
    beyond = int((values > top).sum())
    axes.hist(values, bins=min(60, max(10, int(len(values) ** 0.5))), range=(low, max(top, 1e-9)), color=GOOD)
    median = float(np.median(values))
    axes.axvline(median, color=INK, linewidth=1.2)
    note = f"median {median:.3g}" + (f"\n{beyond:,} beyond {top:.3g}" if beyond else "")
    axes.text(0.98, 0.96, note, transform=axes.transAxes, ha="right", va="top", fontsize=9.5, color=INK)
    axes.grid(axis="y", color=RULE)
    count_axis(axes.yaxis)


def keypoint_chart(
    hands: pl.DataFrame | pl.LazyFrame,
    *,
    title: str = "What the poses look like",
    joint_order: JointOrder = "mediapipe",
) -> bytes:
    """Draw the mean hand and the spread of each keypoint in the crop, right hands beside mirrored left hands.

    Tangled fingers mean that the keypoints have another order. Two different halves mean that handedness is mixed up.

    Args:
        hands: The hands table; `keypoints` and `handedness` of at most 50,000 rows, spread evenly, are read. Hands with
            a coordinate that is not finite are left out.
        title: Headline of the picture.
        joint_order: Order of the keypoints.

    Returns:
        A PNG.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.render.charts import keypoint_chart
        >>> keypoint_chart(pl.scan_parquet("tables/hands.parquet"), title="My poses")[1:4]
        b'PNG'
    """
    table = hands.lazy().select("keypoints", "handedness")
    count = int(table.select(pl.len()).collect().item())
    sample = table.gather_every(max(1, -(-count // _MAX_MEASURED_HANDS))).collect()
    figure, panels = new_figure(title, "", 4.6, columns=2)
    for axes, side in zip(panels, ("Right", "Left"), strict=True):
        points = sample.filter(pl.col("handedness") == side)["keypoints"].to_numpy().reshape(-1, 21, 3)
        seen = mirror_keypoints(points[np.isfinite(points[..., :2]).all(axis=(1, 2))], side)
        mirrored = ", mirrored" if side == "Left" else ""
        axes.set_title(f"{side.lower()} hand{mirrored}: {len(seen):,}", loc="left", fontsize=10, color=QUIET_INK)
        _draw_poses(axes, seen, joint_order)
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower left", ncols=6, frameon=False, fontsize=9.5)
    return png_bytes(figure, colors=64)  # Many fine lines: more colours would not fit into an asset's metadata.


def _draw_poses(axes: Axes, points: Keypoints, joint_order: JointOrder) -> None:
    if not len(points):
        say_nothing_to_show(axes)
        return
    fingers = finger_joints(joint_order)
    faint = points[:: -(-len(points) // _MAX_DRAWN_HANDS)]
    mean = points[..., :2].mean(axis=0, dtype=np.float64)
    for joints, color, name in zip(fingers, _FINGER_COLORS, FINGER_NAMES, strict=True):
        for hand in faint:
            axes.plot(*hand[list(joints), :2].T, color=color, linewidth=0.8, alpha=0.22, solid_capstyle="round")
        for joint in joints[1:]:
            axes.add_patch(_spread(points[:, joint, :2], color))
        axes.plot(*mean[list(joints)].T, color=color, linewidth=2.4, marker="o", markersize=4, label=name)
    axes.add_patch(_spread(points[:, 0, :2], INK))
    axes.plot(*mean[0], color=INK, marker="o", markersize=6, linestyle="none", label="wrist")
    axes.set(xlim=(0, 1), ylim=(1, 0), aspect="equal", xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    label_axes(axes, "x (crop widths)", "y (crop heights)")


def _spread(xy: npt.NDArray[Any], color: str) -> Ellipse:
    """Ellipse of one standard deviation around the mean of a keypoint."""
    covariance = np.cov(xy.T.astype(np.float64)) if len(xy) > 1 else np.zeros((2, 2))
    variances, directions = np.linalg.eigh(covariance)
    width, height = 2 * np.sqrt(np.maximum(variances, 0))
    angle = float(np.degrees(np.arctan2(directions[1, 0], directions[0, 0])))
    center = (float(xy[:, 0].mean()), float(xy[:, 1].mean()))
    return Ellipse(center, float(width), float(height), angle=angle, facecolor=color, alpha=0.22, edgecolor="none")
