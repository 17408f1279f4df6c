"""Which annotated images exist as frames, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

COVERAGE_SCHEMA: Final = pl.Schema(
    {
        "image_id": pl.String(),
        "video_id": pl.String(),
        "frame_index": pl.Int32(),
        "hand_count": pl.UInt32(),
        "exists": pl.Boolean(),
        "reason": pl.String(),
    }
)
"""One row an image of the set; `reason` is null where the frame is on disk."""


def coverage(
    images: pl.DataFrame,
    hands: pl.DataFrame,
    frame_catalog: pl.DataFrame,
    inventory: pl.DataFrame,
    failures: Mapping[str, str],
) -> pl.DataFrame:
    """One row an annotated image: is its frame on disk, and if not, why.

    Args:
        images: `images.parquet` of the set.
        hands: Its hands; only `image_id` is read.
        frame_catalog: Finished frames; `video_id` and `frame_index` are read.
        inventory: Videos on disk or listed; `video_id`, `state`, `frame_count_from_header` are read.
        failures: Video id -> why its extraction failed.

    Returns:
        Columns of `COVERAGE_SCHEMA`, in the order of `images`.
    """
    on_disk = frame_catalog.select("video_id", pl.col("frame_index").cast(pl.Int32), exists=pl.lit(True)).unique()
    extracted = frame_catalog.select("video_id", extracted=pl.lit(True)).unique()
    failed = pl.DataFrame({"video_id": list(failures), "failure": list(failures.values())}, schema_overrides=_TEXT)
    videos = inventory.select("video_id", pl.col("state").cast(pl.String), "frame_count_from_header")
    counted = hands.group_by("image_id").agg(hand_count=pl.len())
    table = (
        images.select("image_id", "video_id", "frame_index")
        .join(counted, on="image_id", how="left", maintain_order="left")
        .join(on_disk, on=["video_id", "frame_index"], how="left", maintain_order="left")
        .join(extracted, on="video_id", how="left", maintain_order="left")
        .join(videos, on="video_id", how="left", maintain_order="left")
        .join(failed, on="video_id", how="left", maintain_order="left")
        .with_columns(pl.col("exists", "extracted").fill_null(False), pl.col("hand_count").fill_null(0))
    )
    return table.with_columns(reason=_reason()).select(list(COVERAGE_SCHEMA)).cast(COVERAGE_SCHEMA)


_TEXT: Final = {"video_id": pl.String, "failure": pl.String}


def _reason() -> pl.Expr:
    state, extracted = pl.col("state"), pl.col("extracted")
    beyond = (pl.col("frame_index") >= pl.col("frame_count_from_header")).fill_null(False)
    return (
        pl.when("exists")
        .then(None)
        .when(state.is_null() | (state == "missing"))
        .then(pl.lit("video missing"))
        .when(state == "in_progress")
        .then(pl.lit("video still downloading"))
        .when(state == "unreadable")
        .then(pl.lit("video unreadable"))
        .when(beyond)
        .then(pl.lit("frame beyond the end"))
        .when(pl.col("failure").is_not_null())
        .then(pl.lit("extraction failed"))
        .when(extracted)
        .then(pl.lit("frame damaged or not selected"))
        .otherwise(pl.lit("not extracted yet"))
    )
