"""Keypoints made comparable: named steps from the hands table to short vectors whose distances say how alike poses are.

Each step is a function of (n, 21, 2) float32, x to the right and y down, in crop sides unless a step says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.pairs.leaves import Floats, Integers
from hand100m_assets.pairs.resolve import mirrored_xy, plain_xy

Doubles: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.int64]

JOINTS: Final = 21
REJECTED_SCHEMA: Final = pl.Schema({"row_index": pl.UInt32(), "hand_id": pl.Int64(), "reason": pl.String()})
"""One row a hand that cannot be compared, and why."""

_CHUNK_ROWS: Final = 50_000
_NEEDED: Final = ("row_index", "hand_id", "video_id", "keypoints", "handedness")
_SMALLEST_SPREAD: Final = 1e-6
"""Crop sides; joints nearer than this to each other have no scale to remove."""
_LARGEST: Final = 1e6
"""Crop sides; what is beyond is no position, and its squares would be lost in float32."""


@dataclass(frozen=True)
class EmbeddingOptions:
    """Which steps are taken.

    Attributes:
        centre: What moves to the origin: the wrist, or the middle of the crop, which keeps where in it the hand is.
        remove_scale: Divide by the joints' RMS distance from their mean: the unit becomes that distance.
        remove_rotation: Turn each hand in the picture plane until the mean joint is straight above the wrist.
        components: Of the PCA, 1 to 42; 0 keeps all 42, turned onto the axes: distances as without PCA.
        mirror: First of all, take left hands as their mirror images, x -> 1 - x: both sides are one pose space.
    """

    centre: Literal["wrist", "crop"] = "crop"
    remove_scale: bool = True
    remove_rotation: bool = False
    components: int = 14
    mirror: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.components <= 2 * JOINTS:
            raise ValueError(f"components must be 0 (all) to {2 * JOINTS}, not {self.components}")


@dataclass(frozen=True)
class Embedding:
    """Hands that can be compared.

    Attributes:
        vectors: (n, d) float32, in crop sides, or in RMS joint distances where scale was removed.
        row_index: (n,) uint32, ascending as in the hands table.
        hand_ids: (n,) int64.
        videos: (n,) int32, equal for hands of one video.
        video_ids: Name of each video number.
        explained_variance: (d,) share of all variance along each axis, falling.
        rejected: Hands left out, `REJECTED_SCHEMA`.
    """

    vectors: Floats
    row_index: npt.NDArray[np.uint32]
    hand_ids: Rows
    videos: Integers
    video_ids: pl.Series
    explained_variance: Doubles
    rejected: pl.DataFrame


def embed_hands(hands: pl.DataFrame | pl.LazyFrame, options: EmbeddingOptions | None = None) -> Embedding:
    """Make the hands of one set comparable; the same hands give the same vectors, equal keypoints equal ones.

    Args:
        hands: The hands table, of which five columns are read.
        options: Which steps are taken.
    """
    options = options or EmbeddingOptions()
    table = hands.lazy().select(_NEEDED).collect()
    reasons = reasons_against(table, options)
    kept = table.filter(reasons.is_null())
    rejected = table.select("row_index", "hand_id").with_columns(reason=reasons).filter(reasons.is_not_null())
    names = kept["video_id"].unique(maintain_order=True)
    codes = kept.select(pl.col("video_id").replace_strict(names, pl.int_range(len(names), eager=True))).to_series()
    flat = np.empty((kept.height, 2 * JOINTS), np.float32)
    for part, xy in _in_chunks(kept, options):
        flat[part] = normalise(xy, options).reshape(len(xy), -1)
    mean, axes, shares = principal_axes(flat)
    wanted = options.components or 2 * JOINTS
    return Embedding(
        vectors=project(flat, mean, axes[:, :wanted]),
        row_index=kept["row_index"].to_numpy(),
        hand_ids=kept["hand_id"].to_numpy(),
        videos=codes.cast(pl.Int32).to_numpy(),
        video_ids=names,
        explained_variance=shares[:wanted],
        rejected=rejected.select(pl.col(name).cast(dtype) for name, dtype in REJECTED_SCHEMA.items()),
    )


def reasons_against(hands: pl.DataFrame, options: EmbeddingOptions) -> pl.Series:
    """Why each hand cannot be compared; null where it can."""
    finite, spread = np.empty(hands.height, np.bool_), np.empty(hands.height, np.bool_)
    for part, xy in _in_chunks(hands, options):
        finite[part] = (np.abs(xy) <= _LARGEST).all(axis=(1, 2))  # Written so that NaN fails.
        sound = np.where(finite[part][:, None, None], xy, 0)
        spread[part] = scales(sound) >= _SMALLEST_SPREAD
    needs_spread = options.remove_scale or options.remove_rotation
    no_spread = pl.Series(~spread) if needs_spread else pl.repeat(False, hands.height, eager=True)
    return hands.select(
        pl.when(pl.col("video_id").is_null())
        .then(pl.lit("its image is missing, so that its video is unknown"))
        .when(pl.Series(~finite))
        .then(pl.lit("keypoints are not finite"))
        .when(no_spread)
        .then(pl.lit("all keypoints are in one place"))
        .otherwise(None)
    ).to_series()


def normalise(xy: Floats, options: EmbeddingOptions) -> Floats:
    """The chosen steps after mirroring, in this order: centre, rotation, scale. Takes and gives (n, 21, 2)."""
    moved = centre_on_wrist(xy) if options.centre == "wrist" else centre_on_crop(xy)
    turned = remove_rotation(moved) if options.remove_rotation else moved
    return remove_scale(turned) if options.remove_scale else turned


def centre_on_wrist(xy: Floats) -> Floats:
    """Joint 0, the wrist in every joint order, at the origin."""
    moved: Floats = xy - xy[:, :1]
    return moved


def centre_on_crop(xy: Floats) -> Floats:
    """The middle of the crop at the origin."""
    moved: Floats = xy - np.float32(0.5)
    return moved


def scales(xy: Floats) -> Floats:
    """RMS distance of each hand's joints from their mean, (n,)."""
    gaps = xy - xy.mean(axis=1, keepdims=True)
    rms: Floats = np.sqrt((gaps * gaps).sum(axis=2).mean(axis=1))
    return rms


def remove_scale(xy: Floats) -> Floats:
    """In units of each hand's own RMS joint distance; hands must have one."""
    unscaled: Floats = xy / scales(xy)[:, None, None]
    return unscaled


def remove_rotation(xy: Floats) -> Floats:
    """Turned around the origin so that the mean joint is straight above the wrist; kept where both are in one place."""
    along = xy.mean(axis=1) - xy[:, 0]
    length = np.hypot(along[:, 0], along[:, 1])
    defined = length > 0
    x, y = (
        np.where(defined, along[:, axis] / np.where(defined, length, 1), default) for axis, default in ((0, 0), (1, -1))
    )
    # (x, y) goes to (0, -1): up, as y points down.
    turned = np.stack(
        [-y[:, None] * xy[..., 0] + x[:, None] * xy[..., 1], -x[:, None] * xy[..., 0] - y[:, None] * xy[..., 1]], 2
    )
    return turned.astype(np.float32)


def principal_axes(flat: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """Mean (d,), axes (d, d) as columns by falling variance, and each axis' share of the variance (d,).

    The largest entry of an axis is positive, the first of several, so that no library's choice of sign shows.
    """
    count, dimensions = flat.shape
    mean = flat.mean(axis=0, dtype=np.float64) if count else np.zeros(dimensions)
    scatter = np.zeros((dimensions, dimensions))
    for start in range(0, count, _CHUNK_ROWS):
        gaps = flat[start : start + _CHUNK_ROWS] - mean
        scatter += gaps.T @ gaps
    values, vectors = np.linalg.eigh(scatter)
    values, axes = np.maximum(values[::-1], 0), vectors[:, ::-1]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.where(axes[largest, np.arange(dimensions)] < 0, -1, 1)
    total = values.sum()
    return mean, axes, values / total if total else values


def project(flat: Floats, mean: Doubles, axes: Doubles) -> Floats:
    """Coordinates along the axes, (n, columns of `axes`) float32."""
    out = np.empty((len(flat), axes.shape[1]), np.float32)
    for start in range(0, len(flat), _CHUNK_ROWS):
        gaps = (flat[start : start + _CHUNK_ROWS] - mean).T
        for column in range(axes.shape[1]):
            # Not a matrix product: that rounds a row by where it stands, and equal hands would no longer be equal.
            along = np.zeros(gaps.shape[1])
            for dimension in range(len(gaps)):
                along += gaps[dimension] * axes[dimension, column]
            out[start : start + _CHUNK_ROWS, column] = along
    return out


def _in_chunks(hands: pl.DataFrame, options: EmbeddingOptions) -> Iterator[tuple[slice, Floats]]:
    xy_of = mirrored_xy if options.mirror else plain_xy
    for start in range(0, hands.height, _CHUNK_ROWS):
        part = slice(start, min(start + _CHUNK_ROWS, hands.height))
        yield part, xy_of(hands[part])
