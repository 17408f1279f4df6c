"""Mined or temporal pairs as an annotation file of the original schema, which training reads unchanged."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from hand100m_assets.annotations.export import Exported, export_json
from hand100m_assets.annotations.frame_files import FrameFiles
from hand100m_assets.annotations.tables import HANDS_FILE, read_summary
from hand100m_assets.interrupts import half_made
from hand100m_assets.outputfiles import output_errors
from hand100m_assets.outputtables import table_output_errors


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
    """Write one set with `positive_sample` and `distance` replaced by mined neighbours.

    Only hands that have all the ranks asked for, and whose positives have them too, are in the file. Where files are
    looked at, hands leave with the first of their positives whose image cannot be opened, as in `export_json`.

    Args:
        tables_dir: Folder of the finished set that was mined.
        mined_file: Its mined pairs.
        out_file: The JSON file; in its place at once, when it is whole.
        frames_prefix: As of `export_json`.
        first_rank: Of the first positive: 1 is the nearest; K gives a Top-K file, whose positive is the K-th.
        count: How many positives are listed, from that rank on.
        files: As of `export_json`.

    Raises:
        ValueError: A rank is less than 1.
        AnnotationFileError: The folder holds no finished set; ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.
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
    """Write one set with `positive_sample` and `distance` replaced by the neighbour in time and its pose distance.

    Only hands that have such a neighbour, and whose neighbours have one too, are in the file.

    Args:
        tables_dir: Folder of the finished set that was paired.
        temporal_file: Its temporal pairs.
        out_file: The JSON file; in its place at once, when it is whole.
        frames_prefix: As of `export_json`.
        files: As of `export_json`.

    Raises:
        AnnotationFileError: The folder holds no finished set; ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    paired = pl.scan_parquet(temporal_file).drop_nulls(["neighbour_hand_id", "pose_distance"])
    chosen = paired.select(
        "row_index", "hand_id", positives=pl.concat_list("neighbour_hand_id"), distances=pl.concat_list("pose_distance")
    )
    return _export_with(chosen, tables_dir, out_file, frames_prefix, files)


def _export_with(
    positives: pl.LazyFrame, tables_dir: Path, out_file: Path, frames_prefix: str, files: FrameFiles | None
) -> Exported:
    """The set with these `positives` and `distances`.

    A row that is another hand by now, as the set was ingested anew, has none.
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
