"""One annotation file -> images, hands and rejects as Parquet, streamed, every record held to the contract.

A broken *record* is rejected by name and the rest goes on: what the contract refuses (a field missing or of another
type, no number, no frame named) can be used by nothing. What is well-formed but doubtful (a positive that is not there,
an empty box, a frame beyond the end) is kept, so that it can be looked at, and is found by `rules.py`.
A *file* that breaks off leaves what was whole before, marked incomplete. What is no such file publishes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import polars as pl
from pydantic import BaseModel, ValidationError

from hand100m_assets.annotations.contract import HandRecord, ImageRecord
from hand100m_assets.annotations.reader import FileFault, RawReader, Section
from hand100m_assets.annotations.staging import folder_in_place_of
from hand100m_assets.annotations.tables import (
    HANDS_FILE,
    IMAGES_FILE,
    REJECTS_FILE,
    SET_FILES,
    SUMMARY_FILE,
    IngestSummary,
    Reject,
    hands_frame,
    images_frame,
    join_image_columns,
    read_summary,
    rejects_frame,
    rejects_of,
)
from hand100m_assets.errors import AnnotationFileError, RetryableError
from hand100m_assets.layout import LOOKUP_FILE
from hand100m_assets.outputtables import table_output_errors
from hand100m_assets.video.inbox import FileStamp

__all__ = ["IngestSummary", "ingest_file", "read_summary"]

BATCH_RECORDS: Final = 2_500
"""Batches of 10,000 took 35 MB more and were no faster."""

ROW_GROUP_ROWS: Final = 10_000

Record = TypeVar("Record", bound=BaseModel)
Row = TypeVar("Row")


def ingest_file(path: Path, out_dir: Path, *, batch_records: int = BATCH_RECORDS) -> IngestSummary:
    """Read a file once and make `out_dir` hold its tables and `summary.json`, in place of an earlier set.

    Args:
        path: JSON, plain or gzip; a byte order mark, either array first, and any key order are fine.
        out_dir: Folder of this annotation set; it may hold nothing else.
        batch_records: Records held in memory at a time.

    Raises:
        AnnotationFileError: The file is empty, not JSON of this shape, or cannot be read; nothing is published.
        OutputUnwritableError: The output disk refuses, or `out_dir` holds files that are not ours.
        RetryableError: The file changed while it was read, its disk failed, or another process writes `out_dir`.
    """
    stamp = _stamp(path)
    with folder_in_place_of(out_dir, (*SET_FILES, LOOKUP_FILE)) as folder:
        ingest = _Ingest(path, folder, batch_records)
        ingest.read()
        if _stamp(path) != stamp:
            raise RetryableError(
                "changed while it was read", where=path, fix="Let the download finish, then run again."
            )
        summary = ingest.finish(stamp)
        with table_output_errors(folder):
            (folder / SUMMARY_FILE).write_text(summary.model_dump_json(indent=2), encoding="utf-8")
    return summary


class _Parts(Generic[Row]):
    """Rows of one table, written to part files batch by batch."""

    def __init__(self, folder: Path, frame_of: Callable[[list[Row]], pl.DataFrame], batch_rows: int) -> None:
        self.folder, self.frame_of, self.batch_rows = folder, frame_of, batch_rows
        self.rows = self.files = 0
        self._batch: list[Row] = []

    def add(self, row: Row) -> None:
        self._batch.append(row)
        if len(self._batch) >= self.batch_rows:
            self._flush()

    def _flush(self) -> None:
        with table_output_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
            self.frame_of(self._batch).write_parquet(self.folder / f"{self.files:06d}.parquet", compression="lz4")
        self.rows += len(self._batch)
        self.files += 1
        self._batch = []

    def scan(self) -> pl.LazyFrame:
        """All parts in order; the last one is written even when empty, so that there are columns."""
        self._flush()
        return pl.scan_parquet([self.folder / f"{number:06d}.parquet" for number in range(self.files)])

    def remove(self) -> None:
        for part in self.folder.iterdir():
            part.unlink()
        self.folder.rmdir()


class _Section(Generic[Record]):
    """One of the two arrays: its records against the contract."""

    def __init__(
        self, name: Section, model: type[Record], parts: _Parts[tuple[int, Record]], rejects: _Parts[Reject]
    ) -> None:
        self.name, self.model, self.parts, self.rejects = name, model, parts, rejects
        self.read = self.rejected = 0

    def add(self, raw: object) -> None:
        number, self.read = self.read, self.read + 1
        try:
            record = self.model.model_validate(raw)
        except ValidationError as error:
            self.rejected += 1
            for reject in rejects_of(self.name, number, error):
                self.rejects.add(reject)
        else:
            self.parts.add((number, record))


class _Ingest:
    """One file's way into one folder."""

    def __init__(self, path: Path, folder: Path, batch_records: int) -> None:
        self.path, self.folder = path, folder
        self.reader = RawReader(path)
        self.rejects = _Parts(folder / ".rejects", rejects_frame, batch_records)
        self.images = _Section(
            "images", ImageRecord, _Parts(folder / ".images", images_frame, batch_records), self.rejects
        )
        self.hands = _Section(
            "annotations", HandRecord, _Parts(folder / ".hands", hands_frame, batch_records), self.rejects
        )

    def read(self) -> None:
        """Hold every record to the contract; what passes, and what does not, goes to part files."""
        images, hands = self.images, self.hands
        for section, _, raw in self.reader.records():
            if section == "images":
                images.add(raw)
            else:
                hands.add(raw)
        for fault in self.reader.faults:
            self.rejects.add(_reject_of_file(fault))

    def finish(self, stamp: FileStamp) -> IngestSummary:
        """Join the parts to the three tables."""
        images, hands = self.images.parts.scan(), self.hands.parts.scan()
        self._sink(images, IMAGES_FILE)
        self._sink(join_image_columns(hands, images), HANDS_FILE)
        self._sink(self.rejects.scan(), REJECTS_FILE)
        for parts in (self.images.parts, self.hands.parts, self.rejects):
            parts.remove()
        faults = self.reader.faults
        return IngestSummary(
            source_name=self.path.name,
            source_size_bytes=stamp.size_bytes,
            source_mtime_ns=stamp.mtime_ns,
            images_read=self.images.read,
            hands_read=self.hands.read,
            images_kept=self.images.parts.rows,
            hands_kept=self.hands.parts.rows,
            rejects=self.images.rejected + self.hands.rejected,
            complete=not faults,
            problem="; ".join(fault.reason for fault in faults) or None,
        )

    def _sink(self, table: pl.LazyFrame, name: str) -> None:
        # Row groups of one size whatever the batches were: identical input gives identical files.
        with table_output_errors(self.folder):
            table.sink_parquet(
                self.folder / name, compression="zstd", compression_level=1, row_group_size=ROW_GROUP_ROWS
            )


def _reject_of_file(fault: FileFault) -> Reject:
    return Reject("file", -1, "", f"file:{fault.rule}", fault.reason, fault.value)


def _stamp(path: Path) -> FileStamp:
    try:
        return FileStamp.of(path)
    except OSError as error:
        raise AnnotationFileError(
            f"cannot be read ({error.strerror})", where=path, fix="Check the path and its permissions."
        ) from error
