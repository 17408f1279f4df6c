"""Keypoints -> short vectors whose distance says how similar two poses are, in named steps.

Each step is a function of (n, 21, 2) float32, x to the right and y down, in crop sides unless the step says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.pairs.leaves import Floats, Integers
from hand100m_assets.pairs.resolve import mirrored_xy, plain_xy

Doubles: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.int64]

JOINTS: Final = 21
REJECTED_SCHEMA: Final = pl.Schema({"row_index": pl.UInt32(), "hand_id": pl.Int64(), "reason": pl.String()})
"""One row per hand that cannot be compared, and why."""

_CHUNK_ROWS: Final = 50_000
_NEEDED: Final = ("row_index", "hand_id", "video_id", "keypoints", "handedness")
_SMALLEST_SPREAD: Final = 1e-6
"""Crop sides; if all keypoints are nearer to each other than this, there is no scale to remove."""
_LARGEST: Final = 1e6
"""Crop sides; a larger coordinate is not a position, and its square is not exact enough in float32."""


@dataclass(frozen=True)
class EmbeddingOptions:
    """How keypoints become vectors.

    Attributes:
        centre: What moves to the origin: the wrist, or the middle of the crop, which keeps the position of the hand
            in the crop.
        remove_scale: Divide by the RMS distance of the keypoints from their mean, which then is the unit.
        remove_rotation: Rotate each hand in the image plane until the mean of its keypoints is straight above the
            wrist.
        components: Number of principal components, 1 to 42; 0 keeps all 42, so that distances are those without PCA.
        mirror: Before all other steps, mirror left hands, x -> 1 - x, so that left and right hands can be compared.

    Raises:
        ValueError: `components` is not 0 to 42.

    Example:
        >>> from hand100m_assets.pairs import EmbeddingOptions
        >>> EmbeddingOptions(centre="wrist", remove_rotation=True).components
        14
        >>> EmbeddingOptions(components=43)
        Traceback (most recent call last):
        ValueError: components must be 0 (all) to 42, not 43
    """

    centre: Literal["wrist", "crop"] = "crop"
    remove_scale: bool = True
    remove_rotation: bool = False
    components: int = 14
    mirror: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.components <= 2 * JOINTS:
            raise ValueError(f"components must be 0 (all) to {2 * JOINTS}, not {self.components}")

    def in_words(self) -> str:
        """Say how poses are compared, for reports and logs.

        Example:
            >>> from hand100m_assets.pairs import EmbeddingOptions
            >>> EmbeddingOptions().in_words()
            'left hands mirrored, centred on the crop, size removed, 14 principal components'
        """
        steps = [
            "left hands mirrored" if self.mirror else "left hands not mirrored",
            f"centred on the {self.centre}",
            *(["size removed"] if self.remove_scale else []),
            *(["rotation removed"] if self.remove_rotation else []),
            counted(self.components, "principal component") if self.components else f"all {2 * JOINTS} coordinates",
        ]
        return ", ".join(steps)


@dataclass(frozen=True)
class Embedding:
    """The hands of a set that can be compared, as vectors.

    Attributes:
        vectors: (n, d) float32, in crop sides, or in RMS distances of keypoints if scale was removed.
        row_index: (n,) uint32, `row_index` of the hands table, in its order.
        hand_ids: (n,) int64.
        videos: (n,) int32, the number of the video of each hand.
        video_ids: The video id of each of these numbers.
        explained_variance: (d,) float64, share of all variance along each axis, largest first.
        rejected: Hands that cannot be compared: `row_index`, `hand_id` and `reason`.
    """

    vectors: Floats
    row_index: npt.NDArray[np.uint32]
    hand_ids: Rows
    videos: Integers
    video_ids: pl.Series
    explained_variance: Doubles
    rejected: pl.DataFrame


def embed_hands(hands: pl.DataFrame | pl.LazyFrame, options: EmbeddingOptions | None = None) -> Embedding:
    """Turn hands into vectors whose Euclidean distance says how similar two poses are.

    The same hands always give the same vectors, and hands with equal keypoints give equal vectors.

    Args:
        hands: The hands table; `row_index`, `hand_id`, `video_id`, `keypoints` and `handedness` are read.
        options: How keypoints become vectors; None for the defaults.

    Returns:
        The vectors of all hands that can be compared, and the other hands with the reason.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.pairs import EmbeddingOptions, embed_hands
        >>> hands = pl.read_parquet("tables/hands.parquet")
        >>> embedding = embed_hands(hands, EmbeddingOptions(components=2))
        >>> embedding.vectors.shape, embedding.vectors.dtype, embedding.videos.tolist()
        ((4, 2), dtype('float32'), [0, 0, 1, 1])
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
    """Say of each hand why it cannot be compared with others.

    Args:
        hands: The hands table; `video_id`, `keypoints` and `handedness` are read.
        options: How keypoints become vectors.

    Returns:
        One text per hand; null if the hand can be compared.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.pairs import EmbeddingOptions, reasons_against
        >>> hands = pl.read_parquet("tables/hands.parquet").with_columns(video_id=None).head(1)
        >>> reasons_against(hands, EmbeddingOptions()).to_list()
        ['its image is missing, so that its video is unknown']
    """
    finite, spread = np.empty(hands.height, np.bool_), np.empty(hands.height, np.bool_)
    for part, xy in _in_chunks(hands, options):
        finite[part] = (np.abs(xy) <= _LARGEST).all(axis=(1, 2))  # In this form, NaN fails.
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
    """Apply the chosen steps after mirroring, in this order: centre, rotation, scale. Takes and gives (n, 21, 2)."""
    moved = centre_on_wrist(xy) if options.centre == "wrist" else centre_on_crop(xy)
    turned = remove_rotation(moved) if options.remove_rotation else moved
    return remove_scale(turned) if options.remove_scale else turned


def centre_on_wrist(xy: Floats) -> Floats:
    """Move keypoint 0, which is the wrist in every order of keypoints, to the origin."""
    moved: Floats = xy - xy[:, :1]
    return moved


def centre_on_crop(xy: Floats) -> Floats:
    """Move the middle of the crop to the origin."""
    moved: Floats = xy - np.float32(0.5)
    return moved


def scales(xy: Floats) -> Floats:
    """RMS distance of the keypoints of each hand from their mean, (n,)."""
    gaps = xy - xy.mean(axis=1, keepdims=True)
    rms: Floats = np.sqrt((gaps * gaps).sum(axis=2).mean(axis=1))
    return rms


def remove_scale(xy: Floats) -> Floats:
    """Divide each hand by its own RMS distance of keypoints, which must not be 0."""
    unscaled: Floats = xy / scales(xy)[:, None, None]
    return unscaled


def remove_rotation(xy: Floats) -> Floats:
    """Rotate each hand around the origin until its mean keypoint is above the wrist, unless both are in one place."""
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
    """Mean (d,), axes (d, d) as columns, the one with the largest variance first, and their shares of it (d,).

    The largest entry of each axis is positive (the first one, if several are equally large), so that the result does
    not depend on the sign that a library chooses.
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
            # No matrix product: it rounds a row by its position, so that equal hands would get unequal vectors.
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
