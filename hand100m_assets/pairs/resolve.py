"""Each hand and its positive: the first of its positives, found by hand id as in the original."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

PAIRS_SCHEMA: Final = pl.Schema(
    {
        "row_index": pl.UInt32(),
        "hand_id": pl.Int64(),
        "image_id": pl.String(),
        "video_id": pl.String(),
        "frame_index": pl.Int32(),
        "positive_hand_id": pl.Int64(),
        "positive_row_index": pl.UInt32(),
        "positive_image_id": pl.String(),
        "positive_video_id": pl.String(),
        "positive_frame_index": pl.Int32(),
        "distance": pl.Float64(),
        "pose_distance": pl.Float32(),
        "same_video": pl.Boolean(),
        "reason": pl.String(),
    }
)
"""One row per hand. `reason` is null if the positive was found. If not, the columns of the positive, `pose_distance`
and `same_video` are null. `distance` is that of the annotation file; `pose_distance` is our own, in crop sides."""

_OF_THE_POSITIVE: Final = ("positive_row_index", "positive_image_id", "positive_video_id", "positive_frame_index")
_CHUNK_ROWS: Final = 100_000


def resolve_pairs(hands: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """Find the positive of each hand, or say why there is none.

    The pose distance is the mean distance of the 21 keypoints of both hands, from their x and y in crop sides; left
    hands are mirrored first.

    Args:
        hands: The hands table.

    Returns:
        One row per hand, in the order of `hands`: row, id, image, video and frame of the hand and of its positive,
        `distance` (Float64, of the annotation file), `pose_distance` (Float32, crop sides), `same_video` (Boolean)
        and `reason` (text, why there is no positive; null if there is one).

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.pairs import resolve_pairs
        >>> pairs = resolve_pairs(pl.scan_parquet("tables/hands.parquet").head(3))
        >>> pairs["positive_hand_id"].to_list(), pairs["same_video"].to_list()
        ([101, 102, 103], [True, False, None])
        >>> pairs["reason"].to_list()
        [None, None, 'positive not in this set']
    """
    anchors = (
        hands.lazy()
        .select(
            "row_index",
            "hand_id",
            "image_id",
            "video_id",
            "frame_index",
            positive_hand_id=pl.col("positives").list.first(),
            distance=pl.col("distances").list.first(),
        )
        .collect()
    )
    known = (
        anchors.with_row_index("place")
        .group_by("hand_id")
        .agg(
            count=pl.len(),
            place=pl.col("place").first(),
            positive_row_index=pl.col("row_index").first(),
            positive_image_id=pl.col("image_id").first(),
            positive_video_id=pl.col("video_id").first(),
            positive_frame_index=pl.col("frame_index").first(),
        )
    )
    joined = anchors.join(known, left_on="positive_hand_id", right_on="hand_id", how="left", maintain_order="left")
    joined = joined.with_columns(reason=_reason())
    resolved = pl.col("reason").is_null()
    joined = joined.with_columns(
        pl.when(resolved).then(name).alias(name) for name in (*_OF_THE_POSITIVE, "place")
    ).with_columns(same_video=pl.col("video_id") == pl.col("positive_video_id"))
    return joined.with_columns(pose_distance=_pose_distances(hands.lazy(), joined["place"])).select(
        pl.col(name).cast(dtype) for name, dtype in PAIRS_SCHEMA.items()
    )


def _reason() -> pl.Expr:
    return (
        pl.when(pl.col("positive_hand_id").is_null())
        .then(pl.lit("no positive"))
        .when(pl.col("positive_hand_id") == pl.col("hand_id"))
        .then(pl.lit("positive is the hand itself"))
        .when(pl.col("count").is_null())
        .then(pl.lit("positive not in this set"))
        .when(pl.col("count") > 1)
        .then(pl.lit("positive id is ambiguous (duplicate hand id)"))
        .otherwise(None)
    )


def _pose_distances(hands: pl.LazyFrame, places: pl.Series) -> pl.Series:
    """Distance per row; null if the place is null. Works in chunks, because keypoints are most of the table."""
    keypoints = np.empty((len(places), 21, 2), np.float32)
    for start in range(0, len(places), _CHUNK_ROWS):
        chunk = hands.select("keypoints", "handedness").slice(start, _CHUNK_ROWS).collect()
        keypoints[start : start + chunk.height] = mirrored_xy(chunk)
    out = np.full(len(places), np.nan, dtype=np.float32)
    rows = np.flatnonzero(places.is_not_null().to_numpy())
    partners = places.drop_nulls().to_numpy()
    for start in range(0, len(rows), _CHUNK_ROWS):
        part = slice(start, start + _CHUNK_ROWS)
        gaps = keypoints[rows[part]] - keypoints[partners[part]]
        out[rows[part]] = np.linalg.norm(gaps, axis=2).mean(axis=1)
    present = np.zeros(len(places), dtype=bool)
    present[rows] = True
    return pl.select(pl.when(pl.Series(present)).then(pl.Series(out))).to_series()


def mirrored_xy(hands: pl.DataFrame) -> npt.NDArray[np.float32]:
    """x, y of every hand, left hands mirrored (x -> 1 - x): (rows, 21, 2) float32 in crop sides."""
    xy = plain_xy(hands)
    left = (hands["handedness"].cast(pl.String) == "Left").to_numpy()
    xy[left, :, 0] = 1 - xy[left, :, 0]
    return xy


def plain_xy(hands: pl.DataFrame) -> npt.NDArray[np.float32]:
    """x, y of every hand, not mirrored: (rows, 21, 2) float32 in crop sides."""
    return hands["keypoints"].to_numpy().reshape(-1, 21, 3)[:, :, :2].astype(np.float32)
