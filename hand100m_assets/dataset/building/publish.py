"""Makes a training set from finished shards: writes records, missing hands and index, and removes other files."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.annotations import pairable_hands
from hand100m_assets.annotations.lookup import HandTable
from hand100m_assets.dataset import reader
from hand100m_assets.dataset.building.plan import Booleans, CropsHere, missing_hands
from hand100m_assets.dataset.reader import sample_dtype
from hand100m_assets.dataset.records import (
    INDEX_FILE,
    MISSING_FILE,
    READER_FILE,
    CutOrder,
    TrainingIndex,
    sealed,
    sha256_of,
)
from hand100m_assets.files import PART_SUFFIX, file_in_place_of, output_errors, table_output_errors
from hand100m_assets.interrupts import half_made
from hand100m_assets.layout import HANDS_FILE

_BATCH_ROWS: Final = 50_000
_STAGED_DIR: Final = ".unpublished"
_OWN_FILES: Final = ("shard-*", "samples-*.npy", ".shard-*", ".samples*", f".*{PART_SUFFIX}")


def publish(
    folder: Path,
    set_key: str,
    order: CutOrder,
    *,
    tables_dir: Path,
    pairable: Booleans,
    here: CropsHere,
    reasons: Mapping[int, str],
) -> TrainingIndex:
    """Write records and index of a training set, the index last; then remove shards that it does not name.

    A sample is a hand whose crop exists and whose positive is also a sample.

    Args:
        folder: Folder of the training set.
        set_key: Key of the annotation set.
        order: What all crops have in common.
        tables_dir: Folder of the tables of the annotation set, with their lookup.
        pairable: One truth value per row: whether it could be a sample if every frame were on disk.
        here: The existing crops.
        reasons: Row -> why there is no crop.

    Raises:
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    hands = pl.scan_parquet(tables_dir / HANDS_FILE)
    kept = _in_pairs(hands, (here.places["shard"] >= 0) & pairable)
    missing = missing_hands(hands, kept, reasons)
    with _staged(folder) as beside:
        with table_output_errors(folder):
            missing.write_parquet(beside / MISSING_FILE)
        name, digest = _write_samples(beside, hands, tables_dir, kept=kept, places=here.places)
        index = TrainingIndex(
            order=order,
            set_key=set_key,
            samples=int(kept.sum()),
            samples_file=name,
            samples_sha256=digest,
            shards=[record.shard for record in here.shards],
            hands=len(kept),
            left_out=dict(sorted(Counter(missing["reason"].to_list()).items())),
        )
        with output_errors(folder):
            (beside / READER_FILE).write_bytes(Path(reader.__file__).read_bytes())
            own = [beside / file for file in (MISSING_FILE, READER_FILE)]
            own += [(folder / shard.name).with_suffix(".json") for shard in index.shards]
            index = index.model_copy(update={"files": {file.name: sha256_of(file) for file in own}})
            (beside / INDEX_FILE).write_bytes(sealed(index))
            for file in (name, MISSING_FILE, READER_FILE, INDEX_FILE):
                (beside / file).replace(folder / file)
    with output_errors(folder):
        _sweep(folder, index)
    return index


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A folder for files that belong together, so that the earlier set stays unchanged if the disk is full."""
    beside = folder / _STAGED_DIR
    shutil.rmtree(beside, ignore_errors=True)  # a killed build's
    with output_errors(folder):
        beside.mkdir()
    with half_made(beside):
        try:
            yield beside
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _in_pairs(hands: pl.LazyFrame, has_crop: Booleans) -> Booleans:
    """The hands with a crop whose positive has one, whose positive's positive has one, and so on."""
    kept = np.array(has_crop)
    if has_crop.any():
        kept[has_crop] = pairable_hands(hands.filter(pl.Series(has_crop, dtype=pl.Boolean))).kept
    return kept


def _write_samples(
    folder: Path, hands: pl.LazyFrame, tables_dir: Path, *, kept: Booleans, places: npt.NDArray[Any]
) -> tuple[str, str]:
    """Write one record per kept row, into a file named by its digest."""
    rows, sample_of_row = np.flatnonzero(kept), np.cumsum(kept) - 1
    longest = hands.select(pl.col("video_id").str.len_bytes().max()).collect().item() or 0
    dtype = sample_dtype(int(longest))
    part = folder / ".samples.npy"
    with file_in_place_of(part) as file, HandTable(tables_dir) as table:
        head = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (len(rows),)}
        np.lib.format.write_array_header_1_0(file, head)
        for start in range(0, len(rows), _BATCH_ROWS):
            batch = rows[start : start + _BATCH_ROWS]
            first = int(batch[0])
            in_reach = hands.slice(first, int(batch[-1]) + 1 - first).collect()
            records = _records(in_reach[batch - first], places[batch], dtype)
            records["positive"] = sample_of_row[table.rows_of(records["positive_hand_id"])]
            file.write(records.tobytes())
    digest = sha256_of(part)
    name = f"samples-{digest[:8]}.npy"
    with output_errors(part):
        part.replace(folder / name)
    return name, digest


def _records(hands: pl.DataFrame, places: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    records = np.zeros(hands.height, dtype=dtype)
    for name in ("offset", "size_bytes", "shard", "picture_px", "region"):
        records[name] = places[name]
    for name in ("hand_id", "row_index", "frame_index", "box_px", "keypoints"):
        records[name] = hands[name].to_numpy()
    records["positive_hand_id"] = hands["positives"].list.first().to_numpy()
    records["distance"] = hands["distances"].list.first().fill_null(float("nan")).to_numpy()
    records["is_left"] = (hands["handedness"].cast(pl.String) == "Left").to_numpy()
    records["video_id"] = hands["video_id"].to_numpy().astype("S")
    return records


def _sweep(folder: Path, index: TrainingIndex) -> None:
    """Remove shards of other orders and the files of killed builds."""
    own = {index.samples_file}
    for shard in index.shards:
        own |= {shard.name, Path(shard.name).with_suffix(".json").name}
    for path in (path for pattern in _OWN_FILES for path in folder.glob(pattern)):
        if path.name not in own:
            path.unlink(missing_ok=True)
