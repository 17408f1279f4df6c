"""Each hand and its positive: `positive_samples[0]` found by a join on hand id, as the original pairs them."""

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
"""One row a hand. `reason` is null where the positive is resolved; where it is not, the `positive_*` columns and both
derived ones are null. `distance` is the file's own; `pose_distance` is ours, in crop sides."""

_OF_THE_POSITIVE: Final = ("positive_row_index", "positive_image_id", "positive_video_id", "positive_frame_index")
_CHUNK_ROWS: Final = 100_000


def resolve_pairs(hands: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """Find each hand's positive, or say why there is none.

    The pose distance is the mean over the 21 joints of the distance between x, y of both hands, left hands mirrored.

    Args:
        hands: The hands table.

    Returns:
        Columns of `PAIRS_SCHEMA`, in the order of `hands`.
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
    """Distances by row; null where the place is null. Works in chunks, as keypoints are the bulk of the table."""
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
    """x, y of every hand as if it were a right one: (rows, 21, 2) float32 in crop sides, x -> 1 - x for left hands."""
    xy = plain_xy(hands)
    left = (hands["handedness"].cast(pl.String) == "Left").to_numpy()
    xy[left, :, 0] = 1 - xy[left, :, 0]
    return xy


def plain_xy(hands: pl.DataFrame) -> npt.NDArray[np.float32]:
    """x, y of every hand as they stand in its crop: (rows, 21, 2) float32 in crop sides."""
    return hands["keypoints"].to_numpy().reshape(-1, 21, 3)[:, :, :2].astype(np.float32)
