"""Temporal pairs, as TempCLR uses them: a hand and the hand of the same side in the next frame of its video."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from hand100m_assets.files import file_in_place_of, table_output_errors
from hand100m_assets.pairs.resolve import mirrored_xy

TEMPORAL_SCHEMA: Final = pl.Schema(
    {
        "row_index": pl.UInt32(),
        "hand_id": pl.Int64(),
        "video_id": pl.String(),
        "frame_index": pl.Int32(),
        "neighbour_row_index": pl.UInt32(),
        "neighbour_hand_id": pl.Int64(),
        "neighbour_frame_index": pl.Int32(),
        "pose_distance": pl.Float32(),
        "reason": pl.String(),
    }
)
"""One row per hand. If there is a neighbour, `reason` is null; if there is none, its columns are null."""

_CHUNK_ROWS: Final = 100_000
_TRACK: Final = ["video_id", "handedness"]


def temporal_pairs(hands: pl.DataFrame | pl.LazyFrame, *, max_gap_frames: int | None = None) -> pl.DataFrame:
    """Pair each hand with a hand of the same side in another frame of its video.

    This is the next frame that has such a hand, or else the last one before. If several hands of that side are in
    that frame, the one with the most similar pose is taken; of equally similar ones, the one in the first row.

    Args:
        hands: The hands table.
        max_gap_frames: Largest distance of the two frames, in frames; None for any distance.

    Returns:
        Columns of `TEMPORAL_SCHEMA`, in the order of `hands`. `pose_distance` is the mean distance of keypoints in crop
        sides, left hands mirrored; null if keypoints are not finite.
    """
    table = hands.lazy().collect().with_row_index("place")
    lean = table.select("place", "row_index", "hand_id", "frame_index", *_TRACK)
    neighbours = _neighbouring_frames(lean, max_gap_frames)
    others = lean.select(*_TRACK, "frame_index", other="place")
    candidates = (
        lean.join(neighbours, on=[*_TRACK, "frame_index"], how="inner")
        .join(others, left_on=[*_TRACK, "near_frame"], right_on=[*_TRACK, "frame_index"], how="inner")
        .select("place", "other")
    )
    measured = candidates.with_columns(pose_distance=_pose_distances(table, candidates))
    best = measured.sort("place", "pose_distance", "other", nulls_last=True).unique("place", keep="first")
    found = lean.select(
        other="place",
        neighbour_row_index="row_index",
        neighbour_hand_id="hand_id",
        neighbour_frame_index="frame_index",
    )
    joined = lean.join(best, on="place", how="left").join(found, on="other", how="left").sort("place")
    return joined.with_columns(reason=_reason()).select(pl.col(n).cast(t) for n, t in TEMPORAL_SCHEMA.items())


def write_temporal_pairs(hands_file: Path, out_file: Path, *, max_gap_frames: int | None = None) -> pl.DataFrame:
    """Pair each hand with a hand of the same side in another frame of its video, and write the pairs as a table.

    This is the next annotated frame that has such a hand, or else the last one before. If several hands of that side
    are in that frame, the one with the most similar pose is taken; of equally similar ones, the one in the first row.

    Args:
        hands_file: `hands.parquet` of a set.
        out_file: The Parquet file to write. It appears under this name only when it is complete.
        max_gap_frames: Largest distance of the two frames, in frames; None for any distance.

    Returns:
        The table: one row per hand, in the order of the hands. Columns are `row_index`, `hand_id`, `video_id`,
        `frame_index`, `neighbour_row_index`, `neighbour_hand_id`, `neighbour_frame_index`, `pose_distance` (Float32,
        the mean distance of keypoints in crop sides, left hands mirrored; null if keypoints are not finite) and
        `reason` (text, why there is no neighbour; null if there is one).

    Raises:
        OutputUnwritableError: The output disk is full, read-only or not permitted.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.pairs import write_temporal_pairs
        >>> pairs = write_temporal_pairs(Path("tables/hands.parquet"), Path("temporal.parquet"))
        >>> pairs["neighbour_hand_id"].null_count(), pairs["reason"][0]
        (4, 'no neighbouring frame has a hand of its side')
    """
    found = temporal_pairs(pl.scan_parquet(hands_file), max_gap_frames=max_gap_frames)
    with table_output_errors(out_file), file_in_place_of(out_file) as file:
        found.write_parquet(file, compression="zstd")
    return found


def _neighbouring_frames(lean: pl.DataFrame, max_gap_frames: int | None) -> pl.DataFrame:
    frames = lean.select(*_TRACK, "frame_index").drop_nulls().unique().sort(*_TRACK, "frame_index")
    frame = pl.col("frame_index")
    near = [frame.shift(step).over(_TRACK) for step in (-1, 1)]
    if max_gap_frames is not None:
        near = [pl.when((one - frame).abs() <= max_gap_frames).then(one) for one in near]
    return frames.with_columns(near_frame=pl.coalesce(near)).drop_nulls()


def _pose_distances(table: pl.DataFrame, candidates: pl.DataFrame) -> pl.Series:
    xy = mirrored_xy(table)
    places, others = candidates["place"].to_numpy(), candidates["other"].to_numpy()
    out = np.empty(len(places), np.float32)
    for start in range(0, len(places), _CHUNK_ROWS):
        part = slice(start, start + _CHUNK_ROWS)
        out[part] = np.linalg.norm(xy[places[part]] - xy[others[part]], axis=2).mean(axis=1)
    return pl.Series(out).fill_nan(None)


def _reason() -> pl.Expr:
    return (
        pl.when(pl.col("video_id").is_null() | pl.col("frame_index").is_null())
        .then(pl.lit("its image is missing, so that its frame is unknown"))
        .when(pl.col("neighbour_row_index").is_null())
        .then(pl.lit("no neighbouring frame has a hand of its side"))
        .otherwise(None)
    )
