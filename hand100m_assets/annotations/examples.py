"""A few annotated frames of a set with their hands, read without reading the poses of all other hands."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE


class Examples(NamedTuple):
    """A few frames to look at.

    Attributes:
        hands: Rows of the hands table: all hands of these frames.
        file_names: `file_name` of the annotation file, by video id and frame index.
    """

    hands: pl.DataFrame
    file_names: dict[tuple[str, int], str]


def frames_on_disk(tables_dir: Path, covered: pl.DataFrame, count: int = 3) -> Examples:
    """Choose a few frames that are on disk and have hands, spread evenly over the set.

    Args:
        tables_dir: Folder with the tables of the set.
        covered: The table that `coverage` made of the set.
        count: Maximum number of frames.

    Returns:
        The hands of these frames, and the names of the images in the annotation file. Both are empty if no frame with a
        hand is on disk.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.annotations import frames_on_disk
        >>> images = pl.read_parquet("tables/images.parquet")
        >>> covered = images.select("video_id", "frame_index", exists=pl.lit(True), hand_count=pl.lit(1))
        >>> found = frames_on_disk(Path("tables"), covered, count=2)
        >>> found.hands["hand_id"].to_list()
        [100, 102]
        >>> found.file_names["video_b", 0]
        'Hand2M/ego4d/video_b/frame_000000.jpg'
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
