"""Trusted tables -> a file that the original loaders read unchanged."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from hand100m_assets.annotations.tables import HANDS_FILE, IMAGES_FILE, read_summary
from hand100m_assets.outputfiles import PART_SUFFIX, output_errors

_BATCH_ROWS: Final = 10_000
_PLAIN_INTEGER: Final = r"^(?:0|[1-9][0-9]{0,17})$"


def export_json(tables_dir: Path, out_file: Path, *, frames_prefix: str) -> int:
    """Write one set's kept records in the original schema, `file_name` pointing at our frames.

    Values are those of the tables: rejected records are left out, so that row indices close up; boxes are JSON strings
    and hand ids strings, as in the original files; keypoints are flat; image ids are integers if all of them can be.

    Args:
        tables_dir: Folder of a finished set.
        out_file: The JSON file; in its place at once, when it is whole.
        frames_prefix: What the original loader's data root needs before `<video id>/frame_NNNNNN.jpg`; may be empty.

    Returns:
        Hands written.

    Raises:
        AnnotationFileError: The folder holds no finished set; ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    read_summary(tables_dir)
    images, hands = _with_natural_ids(
        pl.scan_parquet(tables_dir / IMAGES_FILE), pl.scan_parquet(tables_dir / HANDS_FILE)
    )
    part = out_file.with_name(f".{out_file.name}.{os.getpid()}{PART_SUFFIX}")
    with output_errors(out_file):
        out_file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(b'{"images": [')
                _write_records(file, (_image_records(batch, frames_prefix) for batch in _batches(images)))
                file.write(b'], "annotations": [')
                hands_written = _write_records(file, (_hand_records(batch) for batch in _batches(hands)))
                file.write(b"]}\n")
            part.replace(out_file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return hands_written


def _with_natural_ids(images: pl.LazyFrame, hands: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both tables with integer image ids, if every id is the plain notation of one; the tables keep ids as text."""
    image_id = pl.col("image_id")
    are_plain = image_id.str.contains(_PLAIN_INTEGER).all()
    if not all(table.select(are_plain).collect().item() for table in (images, hands)):
        return images, hands
    return images.with_columns(image_id.cast(pl.Int64)), hands.with_columns(image_id.cast(pl.Int64))


def _batches(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    rows = table.select(pl.len()).collect().item()
    for start in range(0, rows, _BATCH_ROWS):
        yield table.slice(start, _BATCH_ROWS).collect()


def _write_records(file: BinaryIO, batches: Iterator[pl.DataFrame]) -> int:
    separator, written = b"\n", 0
    for batch in batches:
        buffer = io.BytesIO()
        batch.write_ndjson(buffer)
        # Line ends inside strings are escaped, so that every one of these separates two records.
        for line in buffer.getvalue().splitlines():
            file.write(separator + line)
            separator = b",\n"
        written += batch.height
    return written


def _image_records(images: pl.DataFrame, frames_prefix: str) -> pl.DataFrame:
    prefix = f"{frames_prefix.rstrip('/')}/" if frames_prefix else ""
    frame = pl.col("frame_index").cast(pl.String).str.zfill(6)
    sizes = [pl.col(f"{side}_px").alias(side) for side in ("width", "height")]
    return images.select(
        pl.col("image_id").alias("id"),
        pl.concat_str(pl.lit(prefix), "video_id", pl.lit("/frame_"), frame, pl.lit(".jpg")).alias("file_name"),
        *(size for size in sizes if images.select(size).to_series().null_count() < images.height),
    )


def _hand_records(hands: pl.DataFrame) -> pl.DataFrame:
    box = pl.col("box_px")
    keypoints = hands["keypoints"]
    return hands.select(
        pl.col("hand_id").cast(pl.String),
        "image_id",
        pl.format("[{}, {}, {}, {}]", *(box.arr.get(side) for side in range(4))).alias("boxes"),
        keypoints.reshape((hands.height, -1)).alias("keypoint_25d"),
        pl.col("handedness").cast(pl.String).alias("left_right"),
        pl.col("positives").cast(pl.List(pl.String)).alias("positive_sample"),
        pl.col("distances").alias("distance"),
    )
