"""Finds the rows that break each rule, in the order of the file, with columns that help to find them there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl

from hand100m_assets.annotations.rules.rule_tables import RuleTables

Find = Callable[[RuleTables], pl.LazyFrame]
"""Takes the tables of a set, and gives the rows that break a rule."""

FAR_OUTSIDE: Final = (-1.0, 2.0)
"""A keypoint may be outside of the crop, as fingertips are, but not by more than one crop side."""

_HAND: Final = ("row_index", "hand_id", "image_id")
_FIRST_POSITIVE: Final = pl.col("positives").list.first()


def hands_where(condition: pl.Expr, *shown: pl.Expr | str) -> Find:
    """Hands for which the condition is true."""
    return lambda tables: tables.hands.filter(condition.fill_null(False)).select(*_HAND, *shown)


def record_rejected(tables: RuleTables) -> pl.LazyFrame:
    """Records that broke the contract, each with its first fault."""
    faults = tables.rejects.filter((pl.col("section") != "file") & (pl.col("severity") == "error"))
    first = faults.unique(["section", "record"], keep="first", maintain_order=True)
    return first.select("section", "record", "byte_offset", "field", "reason", "value")


def handedness_respelled(tables: RuleTables) -> pl.LazyFrame:
    """Kept hands whose side is written in another way than `Left` or `Right`."""
    return _warnings(tables, "contract:respelled")


def value_left_out(tables: RuleTables) -> pl.LazyFrame:
    """Kept records of which one value was left out: an impossible size, or a NaN under an unknown key."""
    return _warnings(tables, "contract:left_out", "json:nan")


def _warnings(tables: RuleTables, *rules: str) -> pl.LazyFrame:
    of_records = (pl.col("section") != "file") & (pl.col("severity") == "warning")
    found = tables.rejects.filter(of_records & pl.col("rule").is_in(rules))
    return found.select("section", "record", "byte_offset", "field", "reason", "value")


def file_incomplete(tables: RuleTables) -> pl.LazyFrame:
    """Faults of the file as a whole."""
    return _of_the_file(tables, "error")


def file_odd(tables: RuleTables) -> pl.LazyFrame:
    """Text outside of the two arrays that is not JSON, or that follows the end of the document."""
    return _of_the_file(tables, "warning")


def _of_the_file(tables: RuleTables, severity: str) -> pl.LazyFrame:
    found = tables.rejects.filter((pl.col("section") == "file") & (pl.col("severity") == severity))
    return found.select("byte_offset", "reason")


def unknown_key(tables: RuleTables) -> pl.LazyFrame:
    """Keys of the file that no table has a column for, and how many records have them."""
    return _counted_keys(tables.summary.unknown_keys)


def key_repeated(tables: RuleTables) -> pl.LazyFrame:
    """Keys that stand twice in one record, and how many records have them twice."""
    return _counted_keys(tables.summary.repeated_keys)


def _counted_keys(by_section: dict[str, dict[str, int]]) -> pl.LazyFrame:
    rows = [(section, key, count) for section, keys in by_section.items() for key, count in keys.items()]
    schema = {"section": pl.String, "key": pl.String, "records": pl.Int64}
    return pl.LazyFrame(rows, schema=schema, orient="row")


rows_out_of_order: Final = hands_where(pl.col("row_index").diff() <= 0)
"""Hands that are not in the order of the file: earlier versions wrote such tables if a record was broken."""


def no_hands(tables: RuleTables) -> pl.LazyFrame:
    """One row if no hand was kept, because every other rule passes on an empty table."""
    counts = {"hands_read": tables.summary.hands_read, "hands_kept": tables.summary.hands_kept}
    return pl.LazyFrame([counts]).filter(pl.col("hands_kept") == 0)


def totals_differ(tables: RuleTables) -> pl.LazyFrame:
    """Which of the two counts of records is not as expected."""
    read = (tables.summary.images_read, tables.summary.hands_read)
    expected = tables.expected_totals or read
    counts = pl.LazyFrame({"what": ["images", "hands"], "expected": expected, "read": read})
    return counts.filter(pl.col("expected") != pl.col("read"))


def totals_known(tables: RuleTables) -> pl.LazyFrame:
    """Whether a count is expected, one row for each of the two counts."""
    return pl.LazyFrame({"known": [tables.expected_totals is not None] * 2})


def hand_id_duplicate(tables: RuleTables) -> pl.LazyFrame:
    """Every hand whose id another hand has too."""
    repeated = tables.hands.group_by("hand_id").len().filter(pl.col("len") > 1)
    return tables.hands.select(_HAND).join(repeated, on="hand_id", how="semi", maintain_order="left")


def image_id_duplicate(tables: RuleTables) -> pl.LazyFrame:
    """Every image whose id another image has too."""
    repeated = tables.images.group_by("image_id").len().filter(pl.col("len") > 1)
    images = tables.images.select("record", "image_id", "file_name")
    return images.join(repeated, on="image_id", how="semi", maintain_order="left")


def positive_missing(tables: RuleTables) -> pl.LazyFrame:
    """Hands that name no positive, or one that is not in the set."""
    rows = tables.hands.select(*_HAND, positive=_FIRST_POSITIVE)
    # An anti join keeps null keys, so that a hand without any positive is found too.
    return rows.join(tables.hands, left_on="positive", right_on="hand_id", how="anti", maintain_order="left")


positive_is_itself: Final = hands_where(pl.col("hand_id") == _FIRST_POSITIVE)


def positive_from_same_video(tables: RuleTables) -> pl.LazyFrame:
    """Hands whose positive is another hand of the same video; none in a temporal set, where this is intended."""
    is_another = (pl.col("hand_id") != _FIRST_POSITIVE) & (not tables.is_temporal)
    rows = tables.hands.filter(is_another).select(*_HAND, "video_id", positive=_FIRST_POSITIVE)
    return rows.join(
        tables.hands,
        left_on=["positive", "video_id"],
        right_on=["hand_id", "video_id"],
        how="semi",
        maintain_order="left",
    )


numbers_differ: Final = hands_where(
    pl.col("positives").list.len() != pl.col("distances").list.len(),
    pl.col("positives").list.len().alias("positive_count"),
    pl.col("distances").list.len().alias("distance_count"),
)

_DISTANCE: Final = pl.element()
distance_negative: Final = hands_where(
    pl.col("distances").list.eval((_DISTANCE < 0).fill_null(True) | _DISTANCE.is_nan().fill_null(True)).list.any(),
    "distances",
)


def _farthest(keypoints: pl.Series) -> pl.Series:
    """The x or y of each hand that is farthest from the middle of the crop."""
    xy = keypoints.to_numpy().reshape(-1, keypoints.dtype.shape[0], 3)[:, :, :2].reshape(len(keypoints), -1)  # type: ignore[attr-defined]
    if not len(xy) or (xy.min() >= FAR_OUTSIDE[0] and xy.max() <= FAR_OUTSIDE[1]):
        return pl.Series(xy[:, 0], dtype=pl.Float32)  # None of them is far, so that any of them will do.
    column = np.abs(xy - np.float32(0.5)).argmax(axis=1)
    return pl.Series(xy[np.arange(len(xy)), column], dtype=pl.Float32)


def keypoint_far_outside_crop(tables: RuleTables) -> pl.LazyFrame:
    """Hands with an x or y outside `FAR_OUTSIDE`."""
    farthest = pl.col("keypoints").map_batches(_farthest, return_dtype=pl.Float32, is_elementwise=True)
    rows = tables.hands.select(*_HAND, farthest=farthest)
    return rows.filter(~pl.col("farthest").is_between(*FAR_OUTSIDE))


def _corners() -> tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]:
    box = pl.col("box_px")
    return box.arr.get(0), box.arr.get(1), box.arr.get(2), box.arr.get(3)


def _box_text() -> pl.Expr:
    return pl.format("[{}, {}, {}, {}]", *_corners()).alias("box_px")


def _box_empty() -> pl.Expr:
    # The crop rule truncates to whole pixels first.
    x1, y1, x2, y2 = (corner.cast(pl.Int64) for corner in _corners())
    return (x2 <= x1) | (y2 <= y1)


box_empty: Final = hands_where(_box_empty(), _box_text())


def image_size_known(tables: RuleTables) -> pl.LazyFrame:
    """Whether the size of the image is known, one row per hand."""
    sized = pl.col("width_px").is_not_null() & pl.col("height_px").is_not_null()
    return tables.hands_with_size.select(known=sized)


def box_misses_image(tables: RuleTables) -> pl.LazyFrame:
    """Hands whose box contains no part of the image, if its size is known. Empty boxes have a rule of their own."""
    x1, y1, x2, y2 = _corners()
    misses = (x2 <= 0) | (y2 <= 0) | (x1 >= pl.col("width_px")) | (y1 >= pl.col("height_px"))
    rows = tables.hands_with_size.filter((misses & ~_box_empty()).fill_null(False))
    return rows.select(*_HAND, _box_text(), "width_px", "height_px")


def box_outside_image(tables: RuleTables) -> pl.LazyFrame:
    """Hands whose box goes beyond the image, if its size is known."""
    x1, y1, x2, y2 = _corners()
    reaches_out = (x1 < 0) | (y1 < 0) | (x2 > pl.col("width_px")) | (y2 > pl.col("height_px"))
    rows = tables.hands_with_size.filter(reaches_out.fill_null(False))
    return rows.select(*_HAND, _box_text(), "width_px", "height_px")


def frame_off_stride(tables: RuleTables) -> pl.LazyFrame:
    """Images whose frame index is no multiple of `stride`."""
    off = tables.images.filter(pl.col("frame_index") % tables.stride != 0)
    return off.select("record", "image_id", "video_id", "frame_index")


def frame_count_known(tables: RuleTables) -> pl.LazyFrame:
    """Whether the number of frames of the video is known, one row per image."""
    return tables.images_with_video.select(known=pl.col("frame_count_from_header").is_not_null())


def frame_beyond_end(tables: RuleTables) -> pl.LazyFrame:
    """Images of frames that the video on disk does not have."""
    beyond = tables.images_with_video.filter(pl.col("frame_index") >= pl.col("frame_count_from_header"))
    return beyond.select("record", "image_id", "video_id", "frame_index", "frame_count_from_header")


def video_size_known(tables: RuleTables) -> pl.LazyFrame:
    """Whether the size of the video is known, one row per image whose size the annotation file gives."""
    stated = tables.images_with_video.filter(pl.col("width_px").is_not_null() & pl.col("height_px").is_not_null())
    return stated.select(known=pl.col("video_width_px").is_not_null() & pl.col("video_height_px").is_not_null())


def image_size_differs(tables: RuleTables) -> pl.LazyFrame:
    """Images whose annotated size is not the size of the video on disk."""
    differs = (pl.col("width_px") != pl.col("video_width_px")) | (pl.col("height_px") != pl.col("video_height_px"))
    return tables.images_with_video.filter(differs).drop("frame_count_from_header")
