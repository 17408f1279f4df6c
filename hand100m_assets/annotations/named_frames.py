"""Which frames annotation sets name: the selection "only what is annotated"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl


def frames_named(images_tables: Sequence[Path], video_ids: Iterable[str]) -> dict[str, list[int]]:
    """Frame indices that any of the tables names, ascending and unique, of the given videos only.

    Args:
        images_tables: `images.parquet` files.
        video_ids: The videos wanted; those that no table names are absent from the answer.
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
