"""The pose map: every hand is a dot, similar hands are near each other, and a few hands are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from hand100m_assets.amounts import counted
from hand100m_assets.imaging import JointOrder, finger_joints
from hand100m_assets.render.charts.figure import INK, label_axes, new_figure, png_bytes, say_nothing_to_show

_MAX_HANDS: Final = 5_000
"""Maximum number of hands per source; more dots would only hide one another."""

_SOURCE_COLORS: Final = ("#2f6db5", "#d98e04", "#009e73", "#b8578f")
_DRAWN_COLUMNS, _DRAWN_ROWS = 7, 4
"""Parts of the map; in each part with hands, the hand nearest the middle is drawn."""

_COLORS: Final = 32
"""With more colours, tens of thousands of dots would not fit into the metadata of an asset."""

_SKELETON_SHARE: Final = 0.55
"""Size of a drawn hand, as a share of its part."""

Floats = npt.NDArray[np.float64]


def pose_map(
    hands_by_source: Mapping[str, pl.DataFrame | pl.LazyFrame],
    *,
    title: str = "Which poses there are",
    joint_order: JointOrder = "mediapipe",
) -> bytes:
    """Draw each hand as a dot, similar poses near each other, and a few of the hands at their dots.

    Left hands are mirrored, and each hand is centred on its mean keypoint and scaled to one size. The axes are the two
    principal components over all sources together. The same input gives the same bytes.

    Args:
        hands_by_source: Title of each source and its hands table; `keypoints` and `handedness` of at most 5,000 rows,
            spread evenly, are read. Hands with a coordinate that is not finite are left out.
        title: Headline of the picture.
        joint_order: Order of the keypoints.

    Returns:
        A PNG; with fewer than 3 hands it says that there is nothing to show.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.render.charts import pose_map
        >>> pose_map({"Ego4D": pl.scan_parquet("tables/hands.parquet")})[1:4]
        b'PNG'
    """
    poses = {name: _poses(hands) for name, hands in hands_by_source.items()}
    every = np.concatenate([*poses.values(), np.empty((0, 21, 2))])
    counts = [int(hands.lazy().select(pl.len()).collect().item()) for hands in hands_by_source.values()]
    shown = f"{len(every):,} of {counted(sum(counts), 'hand')}, left ones mirrored, size removed"
    figure, (axes,) = new_figure(title, shown, 5.6)
    if len(every) < 3:
        say_nothing_to_show(axes)
        return png_bytes(figure)
    xy, shares = _two_components(every.reshape(len(every), -1))
    source = np.repeat(np.arange(len(poses)), [len(one) for one in poses.values()])
    _draw_dots(axes, xy, source, [f"{name}: {count:,}" for name, count in zip(poses, counts, strict=True)])
    _draw_hands(axes, xy, every, joint_order)
    label_axes(axes, f"1st component ({shares[0]:.0%} of the variance)", f"2nd component ({shares[1]:.0%})")
    axes.set_xticks([])
    axes.set_yticks([])
    legend = figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=9.5, markerscale=3)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return png_bytes(figure, colors=_COLORS)


def _poses(hands: pl.DataFrame | pl.LazyFrame) -> Floats:
    """(n, 21, 2) x right, y down, mean keypoint at the origin, RMS distance of the keypoints from it 1, finite."""
    table = hands.lazy().select("keypoints", "handedness")
    count = int(table.select(pl.len()).collect().item())
    sample = table.gather_every(max(1, -(-count // _MAX_HANDS))).collect()
    xy: Floats = sample["keypoints"].to_numpy().reshape(-1, 21, 3)[..., :2].astype(np.float64)
    left = (sample["handedness"].cast(pl.String) == "Left").to_numpy()
    xy[left, :, 0] = 1 - xy[left, :, 0]
    centred = xy - xy.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=2).mean(axis=1))
    usable = np.isfinite(size) & (size > 0)
    return np.asarray(centred[usable] / size[usable, None, None], dtype=np.float64)


def _two_components(vectors: Floats) -> tuple[Floats, Floats]:
    """Coordinates (n, 2) and the shares of variance; the signs are fixed, as those of a decomposition are not."""
    centred = vectors - vectors.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    two = axes[:, [-1, -2]]
    two = two * np.sign(two[np.abs(two).argmax(axis=0), [0, 1]])
    total = float(variances.sum())
    return centred @ two, np.maximum(variances[[-1, -2]], 0) / (total or 1.0)


def _draw_dots(axes: Axes, xy: Floats, source: npt.NDArray[Any], names: list[str]) -> None:
    # Mixed by a fixed bit stream, in many layers: no source covers the other.
    layer = np.random.PCG64(0).random_raw(len(xy)) % np.uint64(8)
    size = float(np.clip(30_000 / len(xy), 3, 14))
    for number in range(8):
        for index, name in enumerate(names):
            dots = xy[(layer == number) & (source == index)]
            color = _SOURCE_COLORS[index % len(_SOURCE_COLORS)]
            axes.scatter(
                dots[:, 0], dots[:, 1], s=size, color=color, alpha=0.6, linewidths=0, label=None if number else name
            )


def _draw_hands(axes: Axes, xy: Floats, poses: Floats, joint_order: JointOrder) -> None:
    low, high = np.quantile(xy, [0.002, 0.998], axis=0)
    span = np.maximum(high - low, 1e-9)
    axes.set_xlim(low[0] - 0.06 * span[0], high[0] + 0.06 * span[0])
    axes.set_ylim(low[1] - 0.08 * span[1], high[1] + 0.08 * span[1])
    part = span / (_DRAWN_COLUMNS, _DRAWN_ROWS)
    for place in np.ndindex(_DRAWN_COLUMNS, _DRAWN_ROWS):
        middle = low + (np.array(place) + 0.5) * part
        away = np.abs((xy - middle) / part)
        nearest = int((away**2).sum(axis=1).argmin())
        if (away[nearest] <= 0.5).all():
            _draw_hand(axes, xy[nearest], poses[nearest], part, joint_order)


def _draw_hand(axes: Axes, at: Floats, pose: Floats, part: Floats, joint_order: JointOrder) -> None:
    extent = float((pose.max(axis=0) - pose.min(axis=0)).max())
    points = at + pose * (1, -1) * part * _SKELETON_SHARE / extent
    halo = [withStroke(linewidth=3.2, foreground="white")]
    for joints in finger_joints(joint_order):
        axes.plot(*points[list(joints)].T, color=INK, linewidth=1.3, solid_capstyle="round", path_effects=halo)
