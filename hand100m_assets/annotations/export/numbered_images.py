"""The images of a set, each with an integer and a size, and a search for the image of each hand in little memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from hand100m_assets.annotations.frame_files import FrameFiles
from hand100m_assets.annotations.table_rows import PLAIN_INTEGER, Kept, batches, first_of_each_id, have_plain_ids

_SIDES = ("width_px", "height_px")
_FACTS = (*_SIDES, "fault")


class NumberedImages:
    """Images with a `number`, the best known `width_px` and `height_px`, and a `fault`; the first of each id.

    If files are looked at, the sizes are those of the files, and `fault` says why an image cannot be opened; else it
    is null. If all ids are plain integers, they are the numbers, and this takes 40 bytes of memory per image; else the
    ids themselves are kept too. Looking at files takes 24 bytes more.

    Attributes:
        kept: Which images these are.
    """

    def __init__(self, images: pl.LazyFrame, video_sizes: pl.DataFrame | None, files: FrameFiles | None = None) -> None:
        self._images = images
        self.kept: Kept = first_of_each_id(images)
        self._are_plain = have_plain_ids(images)
        self._video_sizes = None if video_sizes is None else _renamed(video_sizes)
        self._looks = None if files is None else files.looks(batches(images, self.kept))
        parts = [batch.select(self._key, "number", *_FACTS) for batch in self.batches()]
        self._index = pl.concat(parts).sort("key") if parts else None

    @property
    def openable(self) -> Kept:
        """Which images of the table these are, without those that cannot be opened."""
        openable: Kept = self.kept.copy()
        if self._looks is not None:
            openable[openable] = self._looks["fault"].is_null().to_numpy()
        return openable

    @property
    def _key(self) -> pl.Expr:
        """The id to search for: a number if all ids of images are; -1, which no image has, for another id."""
        if not self._are_plain:
            return pl.col("image_id").alias("key")
        is_plain = pl.col("image_id").str.contains(PLAIN_INTEGER)
        return pl.when(is_plain).then("image_id").otherwise(pl.lit("-1")).cast(pl.Int64).alias("key")

    def batches(self) -> Iterator[pl.DataFrame]:
        """All images; the sizes are null if they are not known."""
        first = 1
        for batch in batches(self._images, self.kept):
            count = pl.int_range(first, first + batch.height, dtype=pl.Int64, eager=True)
            first += batch.height
            numbered = batch.with_columns(number=pl.col("image_id").cast(pl.Int64) if self._are_plain else count)
            if self._looks is not None:
                yield numbered.with_columns(self._looks[first - batch.height - 1 : first - 1].get_columns())
                continue
            without_fault = numbered.with_columns(fault=pl.lit(None, dtype=pl.String))
            yield without_fault if self._video_sizes is None else _sized(without_fault, self._video_sizes)

    def of_hands(self, hands: pl.DataFrame) -> pl.DataFrame:
        """The hands with `number`, `width_px`, `height_px` and `fault` of their images, null if there is none."""
        if self._index is None or self._index.is_empty():
            nulls = {name: pl.lit(None, dtype=pl.Int64) for name in ("number", *_SIDES)}
            return hands.with_columns(**nulls, fault=pl.lit(None, dtype=pl.String))
        if not self._are_plain:
            index = self._index.rename({"key": "image_id"})
            return hands.join(index, on="image_id", how="left", maintain_order="left")
        # A join would hash all images anew for every batch of hands.
        wanted, keys = hands.select(self._key).to_series().to_numpy(), self._index["key"].to_numpy()
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = self._index.select("number", *_FACTS)[places]
        is_found = pl.lit(pl.Series(keys[places] == wanted))
        return hands.hstack(found.select(pl.when(is_found).then(pl.all())).get_columns())


def _renamed(video_sizes: pl.DataFrame) -> pl.DataFrame:
    columns = {f"video_{side}": pl.col(side) for side in _SIDES}
    return video_sizes.select("video_id", **columns).unique("video_id", keep="first", maintain_order=True)


def _sized(images: pl.DataFrame, video_sizes: pl.DataFrame) -> pl.DataFrame:
    """Take both sides of the image, or both sides of the video, or none; never one of each."""
    has_own = pl.col("width_px").is_not_null() & pl.col("height_px").is_not_null()
    joined = images.join(video_sizes, on="video_id", how="left", maintain_order="left")
    return joined.with_columns(pl.when(has_own).then(side).otherwise(f"video_{side}").alias(side) for side in _SIDES)
