"""Hands tables of arrays, and the searches that everything is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.annotations.tables import HANDS_SCHEMA

Array = npt.NDArray[Any]


def hands_table(
    keypoints: Array, videos: list[str | None], sides: list[str] | None = None, **more: Any
) -> pl.DataFrame:
    count = len(keypoints)
    columns = {
        "row_index": 2 * np.arange(count),
        "hand_id": 1000 + np.arange(count),
        "image_id": [str(n) for n in range(count)],
        "video_id": videos,
        "frame_index": [None if v is None else 30 * n for n, v in enumerate(videos)],
        "box_px": [[0.0, 0.0, 10.0, 10.0]] * count,
        "keypoints": keypoints.astype(np.float32).tolist(),
        "handedness": sides or ["Right"] * count,
        "positives": [[]] * count,
        "distances": [[]] * count,
    }
    return pl.DataFrame(columns | more, schema=HANDS_SCHEMA)


def brute_force(vectors: Array, videos: Array, count: int) -> tuple[Array, Array]:
    """Rows and squared distances by (squared distance, row), added up in float32 one dimension after the other."""
    rows = np.full((len(vectors), count), -1)
    squares = np.full((len(vectors), count), np.inf, np.float32)
    for row in range(len(vectors)):
        sums = np.zeros(len(vectors), np.float32)
        for column in vectors.T:
            sums += (column - column[row]) ** 2
        allowed = np.flatnonzero(videos != videos[row])
        near = allowed[np.lexsort((allowed, sums[allowed]))][:count]
        rows[row, : len(near)], squares[row, : len(near)] = near, sums[near]
    return rows, squares
