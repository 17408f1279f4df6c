"""Trusted tables -> a file that the original loaders read unchanged."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.annotations.pairable import pairable_hands
from hand100m_assets.annotations.tables import HANDS_FILE, IMAGES_FILE, read_summary
from hand100m_assets.outputfiles import file_in_place_of

_BATCH_ROWS: Final = 10_000
PLAIN_INTEGER: Final = r"^(?:0|[1-9][0-9]{0,17})$"

Kept = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Exported:
    """One file written.

    Attributes:
        path: The file.
        images: Images in it.
        hands: Hands in it.
        left_out: Reason -> hands of the tables that are not in it; reasons that left out none are absent.
    """

    path: Path
    images: int
    hands: int
    left_out: Mapping[str, int]


def export_json(
    tables_dir: Path, out_file: Path, *, frames_prefix: str, all_hands: bool = False, hands_file: Path | None = None
) -> Exported:
    """Write one set in the original schema, `file_name` pointing at our frames.

    Values are those of the tables: rejected records are left out, so that row indices close up; boxes are JSON strings
    and hand ids strings, as in the original files; keypoints are flat; image ids are integers if all of them can be.
    Hands that the original loaders stumble over (no image, an id taken before, no positive that is itself in the file)
    are left out too, as are images whose id was taken before.

    Args:
        tables_dir: Folder of a finished set.
        out_file: The JSON file; in its place at once, when it is whole.
        frames_prefix: What the original loader's data root needs before `<video id>/frame_NNNNNN.jpg`; may be empty.
        all_hands: Leave out nothing that is in the tables, whether or not the original loaders can use it.
        hands_file: A hands table that takes the place of the set's own, such as one with other positives.

    Raises:
        AnnotationFileError: The folder holds no finished set; ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    read_summary(tables_dir)
    images, hands = _with_natural_ids(
        pl.scan_parquet(tables_dir / IMAGES_FILE), pl.scan_parquet(hands_file or tables_dir / HANDS_FILE)
    )
    kept_images = None if all_hands else first_of_each_id(images)
    pairable = None if all_hands else pairable_hands(hands)
    with file_in_place_of(out_file) as file:
        file.write(b'{"images": [')
        image_records = (_image_records(batch, frames_prefix) for batch in batches(images, kept_images))
        images_written = write_records(file, map(json_lines, image_records))
        file.write(b'], "annotations": [')
        hand_records = map(_hand_records, batches(hands, pairable.kept if pairable else None))
        hands_written = write_records(file, map(json_lines, hand_records))
        file.write(b"]}\n")
    return Exported(out_file, images_written, hands_written, pairable.left_out if pairable else {})


def _with_natural_ids(images: pl.LazyFrame, hands: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both tables with integer image ids, if every id is the plain notation of one; the tables keep ids as text."""
    if not all(have_plain_ids(table) for table in (images, hands)):
        return images, hands
    as_integer = pl.col("image_id").cast(pl.Int64)
    return images.with_columns(as_integer), hands.with_columns(as_integer)


def have_plain_ids(table: pl.LazyFrame) -> bool:
    """Whether every image id is the plain notation of an integer."""
    return bool(table.select(pl.col("image_id").str.contains(PLAIN_INTEGER).all()).collect().item())


def first_of_each_id(images: pl.LazyFrame) -> Kept:
    """Which images have an id that no image before them has."""
    return images.select(pl.col("image_id").is_first_distinct()).collect().to_series().to_numpy()


def batches(table: pl.LazyFrame, kept: Kept | None = None) -> Iterator[pl.DataFrame]:
    """Rows of a table, or those that are kept, so many at a time that memory stays small."""
    rows = table.select(pl.len()).collect().item()
    for start in range(0, rows, _BATCH_ROWS):
        batch = table.slice(start, _BATCH_ROWS).collect()
        yield batch if kept is None else batch.filter(pl.Series(kept[start : start + _BATCH_ROWS]))


def write_records(file: BinaryIO, batches_of_lines: Iterable[Iterable[bytes]]) -> int:
    """Write the items of a JSON array, one a line, and return how many there were."""
    separator, written = b"\n", 0
    for lines in batches_of_lines:
        for line in lines:
            file.write(separator + line)
            separator = b",\n"
            written += 1
    return written


def json_lines(records: pl.DataFrame) -> list[bytes]:
    """Each row as a JSON object."""
    buffer = io.BytesIO()
    records.write_ndjson(buffer)
    # Line ends inside strings are escaped, so that every one of these separates two records.
    return buffer.getvalue().splitlines()


def file_names(frames_prefix: str) -> pl.Expr:
    """Where an image lies for those who read the export: `<prefix>/<video id>/frame_NNNNNN.jpg`."""
    prefix = f"{frames_prefix.rstrip('/')}/" if frames_prefix else ""
    frame = pl.col("frame_index").cast(pl.String).str.zfill(6)
    return pl.concat_str(pl.lit(prefix), "video_id", pl.lit("/frame_"), frame, pl.lit(".jpg")).alias("file_name")


def _image_records(images: pl.DataFrame, frames_prefix: str) -> pl.DataFrame:
    sizes = [pl.col(f"{side}_px").alias(side) for side in ("width", "height")]
    return images.select(
        pl.col("image_id").alias("id"),
        file_names(frames_prefix),
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
