"""A few annotated frames of a set with their hands, read without going through the rest of its poses."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE


class Examples(NamedTuple):
    """Frames to look at.

    Attributes:
        hands: Rows of the hands table.
        file_names: (video id, frame index) -> what the annotation file calls the image.
    """

    hands: pl.DataFrame
    file_names: dict[tuple[str, int], str]


def frames_on_disk(tables_dir: Path, covered: pl.DataFrame, count: int = 3) -> Examples:
    """Frames with hands that are on disk, from different places of the set.

    Args:
        tables_dir: Folder of the finished set.
        covered: Its coverage.
        count: At most this many frames.
    """
    there = covered.filter("exists", pl.col("hand_count") > 0).select("video_id", "frame_index")
    frames = there.unique(maintain_order=True)
    chosen = frames.gather_every(max(1, -(-frames.height // count)))
    conditions = [
        (pl.col("video_id") == video_id) & (pl.col("frame_index") == index) for video_id, index in chosen.rows()
    ]
    is_chosen = pl.any_horizontal(pl.lit(False), *conditions)
    hands = pl.scan_parquet(tables_dir / HANDS_FILE).filter(is_chosen).collect()
    images = pl.scan_parquet(tables_dir / IMAGES_FILE).filter(is_chosen)
    names = images.select("video_id", "frame_index", "file_name").collect().rows()
    return Examples(hands, {(video_id, index): name for video_id, index, name in names})
