"""Writes the tables of a set as an annotation file that the original loaders can read."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from hand100m_assets.annotations.export.numbered_images import NumberedImages
from hand100m_assets.annotations.frame_files import FrameFiles
from hand100m_assets.annotations.pairable import PairableHands, pairable_hands
from hand100m_assets.annotations.table_rows import Kept, batches, have_plain_ids
from hand100m_assets.annotations.tables import read_summary
from hand100m_assets.files import file_in_place_of
from hand100m_assets.imaging import have_crops
from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        path: The file.
        images: Number of images in the file.
        hands: Number of hands in the file.
        left_out: Number of hands of the tables that are not in the file, by reason; empty if all of them are.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.annotations.export import export_json
        >>> some = Path("exports/some_hands.parquet")
        >>> some.parent.mkdir(exist_ok=True)
        >>> pl.read_parquet("tables/hands.parquet").head(3).write_parquet(some)
        >>> made = export_json(Path("tables"), Path("exports/some.json"), frames_prefix="", hands_file=some)
        >>> made.hands, made.left_out
        (0, {'positive not in this set': 1, 'positive is left out itself': 2})
    """

    path: Path
    images: int
    hands: int
    left_out: Mapping[str, int]


def export_json(
    tables_dir: Path,
    out_file: Path,
    *,
    frames_prefix: str,
    all_hands: bool = False,
    hands_file: Path | None = None,
    video_sizes: pl.DataFrame | None = None,
    files: FrameFiles | None = None,
) -> Exported:
    """Write a set as an annotation file in the original schema, whose `file_name` points to the extracted frames.

    The original loaders can read the file without changes. Its values are those of the tables. As in the original
    files, boxes are JSON strings, hand ids are strings and keypoints are flat lists; image ids are integers if all of
    them can be. Rejected records are not in the tables, so that rows after them get smaller numbers.

    These hands are left out, because the original loaders fail on them: hands without an image, with an id that an
    earlier hand has, without a distance, with a box outside of its image, and without a positive that is also in the
    file. Images with an id that an earlier image has are also left out. With `files`, images that cannot be opened are
    left out, and their hands, and hands whose positives are among these.

    Args:
        tables_dir: Folder with the tables of the set.
        out_file: The JSON file. It appears under this name only when it is complete.
        frames_prefix: Folder before `<video id>/frame_NNNNNN.jpg`, as the data root of the loader needs it; may be
            empty.
        all_hands: Write all hands and images of the tables, whether or not the original loaders can use them.
        hands_file: A hands table to use instead of that of the set, such as one with other positives.
        video_sizes: Columns `video_id`, `width_px` and `height_px`, used for images whose size the annotation file
            does not give. If no size is known, a box counts as inside its image.
        files: Where the images are; their sizes are then used. None opens no images.

    Returns:
        Number of images and hands in the file, and how many hands were left out, by reason.

    Raises:
        AnnotationFileError: The folder has no finished tables. Ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import FrameFiles, export_json
        >>> files = FrameFiles(Path("frames"))
        >>> made = export_json(Path("tables"), Path("exports/hands.json"), frames_prefix="frames", files=files)
        >>> made.images, made.hands, made.left_out
        (4, 4, {})
    """
    read_summary(tables_dir)
    images = pl.scan_parquet(tables_dir / IMAGES_FILE)
    hands = pl.scan_parquet(hands_file or tables_dir / HANDS_FILE)
    kept_images, pairable = (None, None) if all_hands else _usable(images, hands, video_sizes, files)
    images, hands = _with_natural_ids(images, hands)
    with file_in_place_of(out_file) as file:
        file.write(b'{"images": [')
        image_records = (_image_records(batch, frames_prefix, files) for batch in batches(images, kept_images))
        images_written = write_records(file, map(json_lines, image_records))
        file.write(b'], "annotations": [')
        hand_records = map(_hand_records, batches(hands, pairable.kept if pairable else None))
        hands_written = write_records(file, map(json_lines, hand_records))
        file.write(b"]}\n")
    return Exported(out_file, images_written, hands_written, pairable.left_out if pairable else {})


def _usable(
    images: pl.LazyFrame, hands: pl.LazyFrame, video_sizes: pl.DataFrame | None, files: FrameFiles | None
) -> tuple[Kept, PairableHands]:
    """Images and hands that the original loaders can use."""
    numbered = NumberedImages(images, video_sizes, files)
    has_crop, faults = [], []
    for batch in batches(hands.select("image_id", "box_px")):
        found = numbered.of_hands(batch)
        has_crop.append(_have_crops(found))
        faults.append(found["fault"])
    if not has_crop:
        return numbered.openable, pairable_hands(hands)
    return numbered.openable, pairable_hands(hands, np.concatenate(has_crop), pl.concat(faults))


def _have_crops(hands: pl.DataFrame) -> Kept:
    sizes_px = hands.select(pl.col("width_px", "height_px").cast(pl.Float64).fill_null(np.inf))
    return have_crops(hands["box_px"].to_numpy(), sizes_px.to_numpy())


def _with_natural_ids(images: pl.LazyFrame, hands: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both tables with image ids as integers, if every id can be one; the tables have ids as text."""
    if not all(have_plain_ids(table) for table in (images, hands)):
        return images, hands
    as_integer = pl.col("image_id").cast(pl.Int64)
    return images.with_columns(as_integer), hands.with_columns(as_integer)


def write_records(file: BinaryIO, batches_of_lines: Iterable[Iterable[bytes]]) -> int:
    """Write the items of a JSON array, one per line, and return how many there were."""
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
    # Line ends inside strings are escaped, so that each line end separates two records.
    return buffer.getvalue().splitlines()


def file_names(frames_prefix: str) -> pl.Expr:
    """Path of each image for the readers of the export: `<prefix>/<video id>/frame_NNNNNN.jpg`."""
    prefix = f"{frames_prefix.rstrip('/')}/" if frames_prefix else ""
    frame = pl.col("frame_index").cast(pl.String).str.zfill(6)
    return pl.concat_str(pl.lit(prefix), "video_id", pl.lit("/frame_"), frame, pl.lit(".jpg")).alias("file_name")


def named(images: pl.DataFrame, frames_prefix: str, files: FrameFiles | None) -> pl.DataFrame:
    """The images, with the `file_name` that they have in the export."""
    names = file_names(frames_prefix)
    if files is not None:
        names = pl.coalesce(files.full_names(images), names).alias("file_name")
    return images.with_columns(names)


def _image_records(images: pl.DataFrame, frames_prefix: str, files: FrameFiles | None) -> pl.DataFrame:
    sizes = [pl.col(f"{side}_px").alias(side) for side in ("width", "height")]
    return named(images, frames_prefix, files).select(
        pl.col("image_id").alias("id"),
        "file_name",
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
