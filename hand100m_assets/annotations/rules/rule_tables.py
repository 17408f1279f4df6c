"""The input of the rules: the tables of one annotation set, and what is known about its videos."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hand100m_assets.annotations.tables import IngestSummary, read_summary
from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE, REJECTS_FILE
from hand100m_assets.set_names import DEFAULT_NAME_PATTERN, annotation_set_name


@dataclass(frozen=True, kw_only=True)
class RuleTables:
    """The annotation set that the rules are applied to.

    Attributes:
        images: `images.parquet`, scanned.
        hands: `hands.parquet`, scanned.
        rejects: `rejects.parquet`, scanned.
        summary: Counts of the annotation file.
        stride: Frame indices should be multiples of this number.
        inventory: The inventory table of the videos; None if it is not known. Rules that need it then say how many
            rows they could not check.
        expected_totals: Numbers of images and hands that the annotation file must have; None if they are not known.
        name_pattern: How annotation files are named; see `annotation_set_name`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.rules import RuleTables
        >>> tables = RuleTables.read(Path("tables"), stride=30)
        >>> tables.is_temporal, tables.summary.hands_kept
        (False, 4)
    """

    images: pl.LazyFrame
    hands: pl.LazyFrame
    rejects: pl.LazyFrame
    summary: IngestSummary
    stride: int
    inventory: pl.LazyFrame | None = None
    expected_totals: tuple[int, int] | None = None
    name_pattern: re.Pattern[str] = DEFAULT_NAME_PATTERN

    @classmethod
    def read(
        cls,
        folder: Path,
        *,
        stride: int,
        inventory: pl.DataFrame | None = None,
        expected_totals: tuple[int, int] | None = None,
        name_pattern: re.Pattern[str] = DEFAULT_NAME_PATTERN,
    ) -> RuleTables:
        """Scan the tables of a set.

        Args:
            folder: Folder with the tables of the set.
            stride: Frame indices should be multiples of this number.
            inventory: The inventory table of the videos: `video_id`, `frame_count_from_header`, `width_px` and
                `height_px` are read; None if it is not known.
            expected_totals: Numbers of images and hands that the annotation file must have; None if they are not
                known.
            name_pattern: How annotation files are named; see `annotation_set_name`.

        Returns:
            The set, ready for `apply_rules`.

        Raises:
            AnnotationFileError: The folder has no finished tables. Ingest the annotation file first.
        """
        summary = read_summary(folder)
        return cls(
            images=pl.scan_parquet(folder / IMAGES_FILE),
            hands=pl.scan_parquet(folder / HANDS_FILE),
            rejects=pl.scan_parquet(folder / REJECTS_FILE),
            summary=summary,
            stride=stride,
            inventory=None if inventory is None else inventory.lazy(),
            expected_totals=expected_totals,
            name_pattern=name_pattern,
        )

    @property
    def is_temporal(self) -> bool:
        """Whether positives are meant to come from the same video."""
        return annotation_set_name(self.summary.source_name, self.name_pattern).family == "tempclr"

    @property
    def hands_with_size(self) -> pl.LazyFrame:
        """Hands with `width_px` and `height_px` of their image, or else of their video; null if neither is known."""
        sizes = self.images.select("image_id", "width_px", "height_px").unique(
            "image_id", keep="first", maintain_order=True
        )
        hands = self.hands.select("row_index", "hand_id", "image_id", "video_id", "box_px").join(
            sizes, on="image_id", how="left", maintain_order="left"
        )
        # Both sides of the image or both sides of the video, never one of each.
        has_own = pl.col("width_px").is_not_null() & pl.col("height_px").is_not_null()
        return hands.join(self._videos, on="video_id", how="left", maintain_order="left").with_columns(
            pl.when(has_own).then(side).otherwise(f"video_{side}").alias(side) for side in ("width_px", "height_px")
        )

    @property
    def images_with_video(self) -> pl.LazyFrame:
        """Images with `frame_count_from_header`, `video_width_px` and `video_height_px`; null if not known."""
        images = self.images.select("record", "image_id", "video_id", "frame_index", "width_px", "height_px")
        return images.join(self._videos, on="video_id", how="left", maintain_order="left")

    @property
    def _videos(self) -> pl.LazyFrame:
        if self.inventory is None:
            return pl.LazyFrame(
                schema={
                    "video_id": pl.String,
                    "frame_count_from_header": pl.Int64,
                    "video_width_px": pl.Int32,
                    "video_height_px": pl.Int32,
                }
            )
        return self.inventory.select(
            "video_id", "frame_count_from_header", video_width_px="width_px", video_height_px="height_px"
        ).unique("video_id", keep="first", maintain_order=True)
