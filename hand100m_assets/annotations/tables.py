"""The three tables of an annotation set: their columns, and how checked records become rows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from hand100m_assets.annotations.contract import KEYPOINT_COUNT, HandRecord, ImageRecord, named_frame
from hand100m_assets.annotations.plain_values import list_column
from hand100m_assets.annotations.rejects import Reject
from hand100m_assets.errors import AnnotationFileError
from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE, REJECTS_FILE, SUMMARY_FILE

HANDEDNESS: Final = pl.Enum(["Left", "Right"])

IMAGES_SCHEMA: Final = pl.Schema(
    {
        "record": pl.UInt32(),
        "image_id": pl.String(),
        "file_name": pl.String(),
        "video_id": pl.String(),
        "frame_index": pl.Int32(),
        "width_px": pl.Int32(),
        "height_px": pl.Int32(),
    }
)
"""One row per image: `record` is its position in the file's `images`; sizes are null if the file gives none."""

HANDS_SCHEMA: Final = pl.Schema(
    {
        "row_index": pl.UInt32(),
        "hand_id": pl.Int64(),
        "image_id": pl.String(),
        "video_id": pl.String(),
        "frame_index": pl.Int32(),
        "box_px": pl.Array(pl.Float64(), 4),
        "keypoints": pl.Array(pl.Float32(), (KEYPOINT_COUNT, 3)),
        "handedness": HANDEDNESS,
        "positives": pl.List(pl.Int64()),
        "distances": pl.List(pl.Float64()),
    }
)
"""One row per hand: `row_index` is its position in the file's `annotations`, in which rejected records also count;
`video_id` and `frame_index` are null if the image is missing or was rejected; `box_px` is x1, y1, x2, y2 in image
pixels; `keypoints` are x, y in [0, 1] of the crop before mirroring, and relative z; `distances` are exactly those of
the file."""

REJECTS_SCHEMA: Final = pl.Schema(
    {
        "section": pl.Enum(["images", "annotations", "file"]),
        "record": pl.Int64(),
        "byte_offset": pl.Int64(),
        "field": pl.String(),
        "rule": pl.String(),
        "reason": pl.String(),
        "value": pl.String(),
        "severity": pl.Enum(["error", "warning"]),
    }
)
"""One row per fault of a rejected record, and per warning about a kept one; `record` is -1 for the file as a whole.

`byte_offset` is where the record begins in the unpacked file, where a byte order mark counts too. For the file as a
whole it is where the fault is, and null if the fault has no single place."""

SET_FILES: Final = (IMAGES_FILE, HANDS_FILE, REJECTS_FILE, SUMMARY_FILE)
"""Files in the folder of one annotation set; the summary is written last."""


class IngestSummary(BaseModel):
    """Counts of one annotation file that was read, and facts about the file.

    Attributes:
        source_name: Name of the annotation file.
        source_size_bytes: Size of the file when it was read.
        source_mtime_ns: Modification time of the file when it was read; together with the size its fingerprint.
        images_read: Number of records in `images`, with invalid ones, as `len` in the original code counts them.
        hands_read: Number of records in `annotations`, counted in the same way.
        images_kept: Number of rows of `images.parquet`.
        hands_kept: Number of rows of `hands.parquet`.
        rejects: Number of records that violate the contract.
        complete: Whether the file was read to its end.
        problem: Why it was not, with the byte offset; None if complete.
        unknown_keys: Keys that no table has a column for, each with the number of records that have it; separately
            for the `file` itself, its `images` and its `annotations`. Only the first hundred names are kept; all
            others are counted together.
        repeated_keys: Keys that stand twice in one record, in the same form. The last value was taken.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import read_summary
        >>> summary = read_summary(Path("tables"))
        >>> summary.source_name, summary.hands_read, summary.rejects, summary.complete
        ('set.json', 4, 0, True)
    """

    model_config = ConfigDict(frozen=True)

    source_name: str
    source_size_bytes: int
    source_mtime_ns: int
    images_read: int
    hands_read: int
    images_kept: int
    hands_kept: int
    rejects: int
    complete: bool
    problem: str | None = None
    unknown_keys: dict[str, dict[str, int]] = {}
    repeated_keys: dict[str, dict[str, int]] = {}


def images_frame(records: Sequence[tuple[int, ImageRecord]]) -> pl.DataFrame:
    """Checked image records as a table of `IMAGES_SCHEMA`."""
    rows = [(n, r.image_id, r.file_name, *named_frame(r.file_name), r.width_px, r.height_px) for n, r in records]
    return pl.DataFrame(rows, schema=IMAGES_SCHEMA, orient="row")


def hands_frame(records: Sequence[tuple[int, HandRecord]]) -> pl.DataFrame:
    """Checked hand records as a table of `HANDS_SCHEMA`, without the columns that come from the images."""
    count = len(records)
    boxes = np.array([r.box_px for _, r in records], dtype=np.float64).reshape(count, 4)
    keypoints = np.array([r.keypoints for _, r in records], dtype=np.float32).reshape(count, KEYPOINT_COUNT, 3)
    return pl.DataFrame(
        {
            "row_index": pl.Series([n for n, _ in records], dtype=pl.UInt32),
            "hand_id": pl.Series([r.hand_id for _, r in records], dtype=pl.Int64),
            "image_id": pl.Series([r.image_id for _, r in records], dtype=pl.String),
            "box_px": pl.Series(boxes, dtype=HANDS_SCHEMA["box_px"]),
            "keypoints": pl.Series(keypoints, dtype=HANDS_SCHEMA["keypoints"]),
            "handedness": pl.Series([r.handedness for _, r in records], dtype=HANDEDNESS),
            "positives": _lists([r.positives for _, r in records], pl.Int64()),
            "distances": _lists([r.distances for _, r in records], pl.Float64()),
        }
    )


def _lists(values: Sequence[Sequence[float]], item: pl.DataType) -> pl.Series:
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    return list_column(pl.Series(list(chain.from_iterable(values)), dtype=item), lengths)


def rejects_frame(rejects: Iterable[Reject]) -> pl.DataFrame:
    """Rejects as a table of `REJECTS_SCHEMA`."""
    return pl.DataFrame(list(rejects), schema=REJECTS_SCHEMA, orient="row")


def read_summary(folder: Path) -> IngestSummary:
    """Read the summary of an ingested set.

    Args:
        folder: Folder with the tables of the set.

    Returns:
        Counts of the set, and facts about its annotation file.

    Raises:
        AnnotationFileError: The folder has no finished tables. Ingest the annotation file first.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import read_summary
        >>> read_summary(Path("tables")).images_kept
        4
    """
    path = folder / SUMMARY_FILE
    try:
        return IngestSummary.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise AnnotationFileError(
            "no finished tables of an annotation set", where=folder, fix="Ingest the annotation file first."
        ) from error
