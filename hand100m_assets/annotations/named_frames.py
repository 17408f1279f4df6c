"""Finds the annotated frames, for users who want only these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl


def frames_named(images_tables: Sequence[Path], video_ids: Iterable[str]) -> dict[str, list[int]]:
    """List the annotated frames of some videos, over one or more annotation sets.

    Args:
        images_tables: The `images.parquet` of each set.
        video_ids: The videos to list.

    Returns:
        Frame indices by video id, ascending, each once. A video without an annotated frame is absent.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import frames_named
        >>> frames_named([Path("tables/images.parquet")], ["video_a", "another_video"])
        {'video_a': [0, 30]}
    """
    if not images_tables:
        return {}
    wanted = pl.LazyFrame({"video_id": sorted(set(video_ids))}, schema={"video_id": pl.String})
    named = (
        pl.scan_parquet(list(images_tables))
        .select("video_id", "frame_index")
        .join(wanted, on="video_id", how="semi")
        .unique()
        .group_by("video_id")
        .agg(pl.col("frame_index").sort())
        .collect()
    )
    return dict(named.iter_rows())
