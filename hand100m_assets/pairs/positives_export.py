"""Mined or temporal pairs as an annotation file in the original schema, which training reads unchanged."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from hand100m_assets.annotations import FrameFiles, read_summary
from hand100m_assets.annotations.export import Exported, export_json
from hand100m_assets.files import output_errors, table_output_errors
from hand100m_assets.interrupts import half_made
from hand100m_assets.layout import HANDS_FILE


def export_mined_json(
    tables_dir: Path,
    mined_file: Path,
    out_file: Path,
    *,
    frames_prefix: str,
    first_rank: int = 1,
    count: int = 1,
    files: FrameFiles | None = None,
) -> Exported:
    """Write a set as an annotation file whose `positive_sample` and `distance` are mined neighbours.

    The file has the original schema; see `export_json`. It holds only hands that have all the ranks asked for, and
    whose positives have them too.

    Args:
        tables_dir: Folder with the tables of the set that was mined.
        mined_file: The table that `mine_pairs` wrote for this set.
        out_file: The JSON file. It appears under this name only when it is complete.
        frames_prefix: Folder before `<video id>/frame_NNNNNN.jpg` in `file_name`; may be empty.
        first_rank: Rank of the first positive: 1 is the nearest hand. K gives a Top-K file, whose positive is the
            K-th nearest hand.
        count: Number of positives per hand, from that rank on.
        files: Where the images are; hands are then left out if their image, or that of their first positive, cannot
            be opened. None looks at no image.

    Returns:
        Number of images and hands in the file, and how many hands were left out, by reason.

    Raises:
        ValueError: `first_rank` or `count` is less than 1.
        AnnotationFileError: The folder has no finished tables. Ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.pairs import export_mined_json, mine_pairs
        >>> mined, out = Path("mined.parquet"), Path("mined.json")
        >>> report = mine_pairs(pl.scan_parquet("tables/hands.parquet"), mined, count=2)
        >>> export_mined_json(Path("tables"), mined, out, frames_prefix="frames", first_rank=2).hands
        4
        >>> hand = json.loads(out.read_text())["annotations"][0]
        >>> hand["hand_id"], hand["positive_sample"]
        ('100', ['103'])
    """
    if first_rank < 1 or count < 1:
        raise ValueError(f"rank {first_rank} and count {count} must be at least 1")
    chosen = pl.scan_parquet(mined_file).select(
        "row_index",
        "hand_id",
        positives=pl.col("neighbour_hand_ids").list.slice(first_rank - 1, count),
        distances=pl.col("distances").list.slice(first_rank - 1, count),
    )
    whole = chosen.filter(pl.col("positives").list.len() == count)
    return _export_with(whole, tables_dir, out_file, frames_prefix, files)


def export_temporal_json(
    tables_dir: Path, temporal_file: Path, out_file: Path, *, frames_prefix: str, files: FrameFiles | None = None
) -> Exported:
    """Write a set as an annotation file whose `positive_sample` and `distance` are the neighbour in time.

    The file has the original schema; see `export_json`. It holds only hands that have such a neighbour, and whose
    neighbours have one too. `distance` is the pose distance in crop sides.

    Args:
        tables_dir: Folder with the tables of the set that was paired.
        temporal_file: The table that `write_temporal_pairs` wrote for this set.
        out_file: The JSON file. It appears under this name only when it is complete.
        frames_prefix: Folder before `<video id>/frame_NNNNNN.jpg` in `file_name`; may be empty.
        files: Where the images are; hands are then left out if their image, or that of their positive, cannot be
            opened. None looks at no image.

    Returns:
        Number of images and hands in the file, and how many hands were left out, by reason.

    Raises:
        AnnotationFileError: The folder has no finished tables. Ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.pairs import export_temporal_json, write_temporal_pairs
        >>> pairs = write_temporal_pairs(Path("tables/hands.parquet"), Path("temporal.parquet"))
        >>> out = Path("temporal.json")
        >>> made = export_temporal_json(Path("tables"), Path("temporal.parquet"), out, frames_prefix="frames")
        >>> made.hands, made.left_out
        (0, {'no positive': 4})
    """
    paired = pl.scan_parquet(temporal_file).drop_nulls(["neighbour_hand_id", "pose_distance"])
    chosen = paired.select(
        "row_index", "hand_id", positives=pl.concat_list("neighbour_hand_id"), distances=pl.concat_list("pose_distance")
    )
    return _export_with(chosen, tables_dir, out_file, frames_prefix, files)


def _export_with(
    positives: pl.LazyFrame, tables_dir: Path, out_file: Path, frames_prefix: str, files: FrameFiles | None
) -> Exported:
    """Write the set with these `positives` and `distances`.

    If the set was ingested again, a row may be another hand now; it then gets no positive.
    """
    read_summary(tables_dir)
    hands = pl.scan_parquet(tables_dir / HANDS_FILE)
    order = hands.collect_schema().names()
    replaced = hands.drop("positives", "distances").join(
        positives, on=["row_index", "hand_id"], how="left", maintain_order="left"
    )
    empty = replaced.with_columns(pl.col("positives", "distances").fill_null([])).select(order)
    with output_errors(out_file):
        out_file.parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=f".{out_file.name}.", suffix=".part", dir=out_file.parent)
    with half_made(Path(folder.name)), folder as name:
        hands_file = Path(name) / HANDS_FILE
        with table_output_errors(out_file):
            empty.sink_parquet(hands_file, maintain_order=True)
        return export_json(tables_dir, out_file, frames_prefix=frames_prefix, hands_file=hands_file, files=files)
