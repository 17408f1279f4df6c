"""Finds which annotated images are on disk as frames, and why the others are not."""

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
"""One row per image of the set; `reason` is null if the frame is on disk, else one of `REASONS`."""

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
    """Find for each annotated image whether its frame is on disk, and if not, why.

    If a video is damaged, nothing records which of its frames were lost. A missing frame then counts as damaged if
    its index fits the stride of the frames that exist, and as not selected otherwise.

    Args:
        images: The images table of the set; `image_id`, `video_id` and `frame_index` are read.
        hands: The hands table of the set; only `image_id` is read.
        frame_catalog: One row per finished frame; `video_id`, `frame_index` and `status` are read.
        inventory: One row per video on disk or on the list; `video_id`, `state` and `frame_count_from_header` (null
            if it is not known) are read.
        failures: Videos whose extraction failed, each with whether it failed for good, which means until the video
            file changes.
        is_selected: Polars expression over `video_id` and `frame_index`: whether the present settings select a frame.
            A frame that is selected will be extracted later, one that is not never will. If it is None, frames that
            an extracted video does not have count as not selected.
        at_mapped_place: One Boolean per image from `FrameFiles.are_at_mapped_places`, null if the image belongs
            among the extracted frames; None if all images belong there.

    Returns:
        One row per image, in the order of `images`: `image_id`, `video_id`, `frame_index`, `hand_count` (UInt32),
        `exists` (Boolean) and `reason` (text, null if the frame is on disk).

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.annotations import coverage
        >>> images = pl.read_parquet("tables/images.parquet")
        >>> hands = pl.read_parquet("tables/hands.parquet")
        >>> catalog = pl.DataFrame({"video_id": ["video_a"], "frame_index": [0], "status": ["complete"]})
        >>> inventory = pl.DataFrame({"video_id": ["video_a", "video_b"], "state": ["present", "missing"]})
        >>> inventory = inventory.with_columns(frame_count_from_header=9)
        >>> coverage(images, hands, catalog, inventory, {})["reason"].to_list()
        [None, 'frame beyond the end', 'video missing', 'video missing']
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
    """Per extracted video the `stride` of its frames (0 if there is only one), and whether it `is_damaged`."""
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
