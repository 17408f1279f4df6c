"""Builds the lookup file beside `hands.parquet`, batch by batch."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.annotations.lookup.format import (
    HEADER_BYTES,
    NONE,
    RECORD,
    SIDES,
    LookupHeader,
    read_header,
    stamp_of_tables,
)
from hand100m_assets.errors import RetryableError
from hand100m_assets.files import PART_SUFFIX, output_errors
from hand100m_assets.interrupts import half_made
from hand100m_assets.layout import HANDS_FILE, LOOKUP_FILE

_BATCH_ROWS: Final = 10_000


@dataclass(frozen=True)
class Lookup:
    """What `build_lookup` made.

    Attributes:
        path: The lookup file.
        rows: Number of hands that can be found by row.
        duplicate_hand_ids: Number of hands that cannot be found by id, because an earlier row has the same id.
        size_bytes: Size of the lookup file.
        reused: Whether a lookup of the same tables existed already.
    """

    path: Path
    rows: int
    duplicate_hand_ids: int
    size_bytes: int
    reused: bool


def build_lookup(tables_dir: Path) -> Lookup:
    """Build the lookup file of a set, which `HandTable` reads, unless the present tables have one already.

    The same tables always give the same bytes. Building takes 360 bytes of disk and 28 bytes of memory per hand;
    finding that the file exists already takes milliseconds.

    Args:
        tables_dir: Folder with the tables of the set. The lookup is written beside `hands.parquet`.

    Returns:
        Path and size of the lookup, the number of its hands, and whether it existed already.

    Raises:
        AnnotationFileError: The folder has no finished tables. Ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.
        RetryableError: Another process is building the same lookup. Wait for it, then run again.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import build_lookup
        >>> lookup = build_lookup(Path("tables"))
        >>> lookup.rows, lookup.duplicate_hand_ids, lookup.path.name
        (4, 0, 'hands.lookup')
    """
    place = Path(os.path.realpath(tables_dir))
    path, stamp = place / LOOKUP_FILE, stamp_of_tables(place)
    header = read_header(path)
    reused = header is not None and header.stamp == stamp
    if header is None or not reused:
        with _sole_file_in_place_of(path) as file:
            header = _write(file, pl.scan_parquet(place / HANDS_FILE), stamp)
    return Lookup(path, header.rows, header.duplicate_hand_ids, header.total_bytes, reused)


@contextmanager
def _sole_file_in_place_of(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name at the end. It is written beside the folder, so that no other file is left inside."""
    part = path.parent.with_name(f".{path.parent.name}.{path.name}{PART_SUFFIX}")
    # A killed process leaves the file behind, but not its lock: the next process takes the file over.
    with output_errors(path), os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        _lock(file, part)
        try:
            file.truncate(0)
            with half_made(part):
                yield file
            file.flush()
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _lock(file: BinaryIO, part: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if part.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return
    except OSError:
        pass  # Another process holds it, or has just renamed it.
    raise RetryableError("another process is building this lookup", where=part, fix="Wait for it, then run again.")


def _write(file: BinaryIO, hands: pl.LazyFrame, stamp: str) -> LookupHeader:
    rows = int(hands.select(pl.len()).collect().item())
    header = LookupHeader(stamp=stamp, rows=rows, duplicate_hand_ids=0, total_bytes=0)
    ids = np.empty(rows, dtype="<i8")
    heap = _Heap(file, header.heap_offset)
    for start in range(0, rows, _BATCH_ROWS):
        records = _records(hands.slice(start, _BATCH_ROWS).collect(), heap)
        ids[start : start + len(records)] = records["hand_id"]
        file.seek(HEADER_BYTES + start * RECORD.itemsize)
        file.write(records.tobytes())
    # A stable sort: of equal ids the first row comes first, and a search finds that one.
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    file.seek(header.ids_offset)
    file.write(ids.tobytes())
    file.write(order.astype("<u4").tobytes())
    duplicates = int((np.diff(ids) == 0).sum())
    header = header.model_copy(update={"duplicate_hand_ids": duplicates, "total_bytes": heap.end})
    file.seek(0)
    file.write(header.to_bytes())
    return header


class _Heap:
    """The last part of the file, which grows with each batch."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self.file, self.end = file, start
        self.videos: dict[str, int] = {}

    def add(self, data: bytes) -> int:
        """Append bytes, and return where in the file they begin."""
        start = self.end
        self.file.seek(start)
        self.file.write(data)
        self.end += len(data)
        return start

    def add_lists(self, lists: pl.Series, dtype: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Append numbers, and return where each list begins and how many numbers it has."""
        counts = lists.list.len().to_numpy().astype(np.int64)
        # An empty list explodes to a null; there are no others.
        data = lists.explode().drop_nulls().to_numpy().astype(dtype).tobytes()
        return self.add(data) + _starts(counts) * np.dtype(dtype).itemsize, counts

    def add_texts(self, texts: pl.Series) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Append texts, and return where each begins and how many bytes it has."""
        counts = texts.str.len_bytes().to_numpy().astype(np.int64)
        return self.add("".join(texts.to_list()).encode()) + _starts(counts), counts

    def add_videos(self, videos: pl.Series) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """As `add_texts`, but each video is appended once; null has the length `NONE`."""
        for video_id in videos.unique(maintain_order=True).drop_nulls():
            if video_id not in self.videos:
                self.videos[video_id] = self.add(video_id.encode())
        starts = np.array([self.videos.get(video_id, 0) for video_id in videos], dtype=np.int64)
        return starts, videos.str.len_bytes().cast(pl.Int64).fill_null(NONE).to_numpy()


def _starts(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(counts.cumsum() - counts)


def _records(hands: pl.DataFrame, heap: _Heap) -> npt.NDArray[Any]:
    records = np.zeros(hands.height, dtype=RECORD)
    for name in ("hand_id", "row_index", "box_px", "keypoints"):
        records[name] = hands[name].to_numpy()
    records["frame_index"] = hands["frame_index"].fill_null(NONE).to_numpy()
    records["handedness"] = (
        hands["handedness"]
        .cast(pl.String)
        .replace_strict({side: code for code, side in enumerate(SIDES)}, return_dtype=pl.UInt8)
    )
    for at, length, (starts, counts) in (
        ("image_at", "image_bytes", heap.add_texts(hands["image_id"])),
        ("video_at", "video_bytes", heap.add_videos(hands["video_id"])),
        ("positives_at", "positive_count", heap.add_lists(hands["positives"], "<i8")),
        ("distances_at", "distance_count", heap.add_lists(hands["distances"], "<f8")),
    ):
        records[at], records[length] = starts, counts
    return records
