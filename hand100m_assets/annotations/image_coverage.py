"""Which annotated images exist as frames, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
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
"""One row an image of the set; `reason` is null where the frame is on disk, else one of `REASONS`."""

REASONS: Final = (
    "not where its prefix leads",
    "video missing",
    "video still downloading",
    "video unreadable",
    "video refused",
    "video forgotten",
    "frame beyond the end",
    "extraction failed",
    "extraction to be retried",
    "frame damaged",
    "not on the selection",
    "not extracted yet",
)


def coverage(
    images: pl.DataFrame,
    hands: pl.DataFrame,
    frame_catalog: pl.DataFrame,
    inventory: pl.DataFrame,
    failures: Mapping[str, bool],
    *,
    is_selected: pl.Expr | None = None,
    at_mapped_place: pl.Series | None = None,
) -> pl.DataFrame:
    """One row an annotated image: is its frame on disk, and if not, why.

    Of a damaged video, a frame that is not there counts as damaged if it lies on the same stride as the frames that
    are, and as not selected otherwise: which frames were lost is not recorded one by one.

    Args:
        images: `images.parquet` of the set; `image_id`, `video_id` and `frame_index` are read.
        hands: Its hands; only `image_id` is read.
        frame_catalog: Finished frames; `video_id`, `frame_index` and `status` are read.
        inventory: Videos on disk or listed; `video_id`, `state`, `frame_count_from_header` are read.
        failures: Videos whose extraction failed -> whether for good, that is, until the file changes.
        is_selected: Whether the present settings ask for a frame, from `video_id` and `frame_index`: one that they do
            not ask for will never come, one that they ask for since its video was extracted will. Where this is not
            known, what an extracted video lacks is taken for not asked for.
        at_mapped_place: Of each image whether it is where a mapped prefix leads; null where it is to be looked for
            among our own frames, and None where all are.

    Returns:
        Columns of `COVERAGE_SCHEMA`, in the order of `images`.
    """
    on_disk = frame_catalog.select("video_id", pl.col("frame_index").cast(pl.Int32), exists=pl.lit(True)).unique()
    failed = pl.DataFrame(list(failures.items()), schema={"video_id": pl.String, "for_good": pl.Boolean}, orient="row")
    videos = inventory.select("video_id", pl.col("state").cast(pl.String), "frame_count_from_header").unique("video_id")
    counted = hands.group_by("image_id").agg(hand_count=pl.len())
    mapped = pl.lit(None, dtype=pl.Boolean) if at_mapped_place is None else at_mapped_place
    table = images.select("image_id", "video_id", "frame_index", at_mapped_place=mapped)
    table = table.join(counted, on="image_id", how="left", maintain_order="left")
    table = table.join(on_disk, on=["video_id", "frame_index"], how="left", maintain_order="left")
    for of_video in (_extracted(frame_catalog), videos, failed):
        table = table.join(of_video, on="video_id", how="left", maintain_order="left")
    return (
        table.with_columns(
            pl.coalesce("at_mapped_place", "exists").fill_null(False).alias("exists"), pl.col("hand_count").fill_null(0)
        )
        .with_columns(reason=_reason(is_selected))
        .select(list(COVERAGE_SCHEMA))
        .cast(COVERAGE_SCHEMA)
    )


def _extracted(frame_catalog: pl.DataFrame) -> pl.DataFrame:
    """Video id -> `stride` of the frames that are there (0 for a single one), and whether it `is_damaged`."""
    by_video = frame_catalog.group_by("video_id").agg(
        "frame_index", is_damaged=(pl.col("status").cast(pl.String) == "damaged").any()
    )
    strides = [int(np.gcd.reduce(frames.to_numpy())) for frames in by_video["frame_index"]]
    return by_video.select("video_id", "is_damaged", stride=pl.Series(strides, dtype=pl.Int32))


def _reason(is_selected: pl.Expr | None) -> pl.Expr:
    state, stride = pl.col("state"), pl.col("stride")
    is_not_asked_for = stride.is_not_null() if is_selected is None else ~is_selected
    is_on_stride = (stride == 0) | (pl.col("frame_index") % pl.when(stride > 0).then(stride) == 0)
    is_beyond = pl.col("frame_index") >= pl.col("frame_count_from_header")
    cases = {
        "not where its prefix leads": ~pl.col("at_mapped_place"),
        "video missing": state.is_null() | (state == "missing"),
        "video still downloading": state == "in_progress",
        "video unreadable": state == "unreadable",
        "video refused": state == "refused",
        "video forgotten": state == "forgotten",
        "frame beyond the end": is_beyond.fill_null(False),
        "frame damaged": pl.col("is_damaged").fill_null(False) & is_on_stride,
        "not on the selection": is_not_asked_for,
        "extraction failed": pl.col("for_good").fill_null(False),
        "extraction to be retried": pl.col("for_good").is_not_null(),
        "not extracted yet": pl.lit(True),
    }
    first = pl.coalesce([pl.when(applies).then(pl.lit(words)) for words, applies in cases.items()])
    return pl.when(~pl.col("exists")).then(first)
