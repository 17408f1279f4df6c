"""One annotation file -> images, hands and rejects as Parquet, streamed, every record held to the contract.

A broken *record* is rejected by name and the rest goes on. A file that *ends in the middle* leaves what was validated
before, marked incomplete. What is not such a file at all publishes nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

import polars as pl
from pydantic import BaseModel, ValidationError

from hand100m_assets.annotations.contract import HandRecord, ImageRecord
from hand100m_assets.annotations.reader import SECTIONS, RawReader, Section, sections_present
from hand100m_assets.annotations.tables import (
    IMAGES_SCHEMA,
    IngestSummary,
    Reject,
    hands_frame,
    images_frame,
    join_image_columns,
    read_summary,
    rejects_frame,
    rejects_of,
)
from hand100m_assets.errors import AnnotationFileError
from hand100m_assets.outputfiles import output_errors

__all__ = ["IngestSummary", "ingest_file", "read_summary"]

BATCH_RECORDS: Final = 10_000
_COMPRESSION: Final = "zstd"

Record = TypeVar("Record", bound=BaseModel)


def ingest_file(path: Path, out_dir: Path, *, batch_records: int = BATCH_RECORDS) -> IngestSummary:
    """Read a file once and make `out_dir` hold its tables and `summary.json`, in place of what was there.

    Args:
        path: JSON, plain or gzip; a byte order mark, either array first, and any key order are fine.
        out_dir: Folder of this annotation set.
        batch_records: Records held in memory at a time.

    Raises:
        AnnotationFileError: The file is empty, not JSON of this shape, or cannot be read; nothing is published.
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    with output_errors(out_dir), _folder_in_place_of(out_dir) as folder:
        ingest = _Ingest(path, folder, batch_records)
        summary = ingest.run()
        (folder / "summary.json").write_text(summary.model_dump_json(indent=2))
    return summary


@contextmanager
def _folder_in_place_of(target: Path) -> Iterator[Path]:
    """A new folder that takes the target's place when nothing went wrong, and is removed otherwise."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.in_progress")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        old = target.with_name(f".{target.name}.{os.getpid()}.old")
        if target.exists():
            target.rename(old)
        beside.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _Table(Generic[Record]):
    """Checked records of one section, written to part files batch by batch."""

    def __init__(
        self,
        section: Section,
        model: type[Record],
        frame_of: Callable[[list[tuple[int, Record]]], pl.DataFrame],
        folder: Path,
        batch_records: int,
    ) -> None:
        self.section, self.model, self.frame_of = section, model, frame_of
        self.folder, self.batch_records = folder / f".{section}", batch_records
        self.folder.mkdir()
        self.read = self.kept = self.parts = 0
        self.batch: list[tuple[int, Record]] = []
        self.rejects: list[Reject] = []
        self.rejected_records = 0

    def add(self, raw: object) -> None:
        """Check one raw record, and flush when a batch is full."""
        number, self.read = self.read, self.read + 1
        try:
            self.batch.append((number, self.model.model_validate(raw)))
        except ValidationError as error:
            self.rejected_records += 1
            self.rejects += rejects_of(self.section, number, error)
        if len(self.batch) >= self.batch_records:
            self.flush()

    def flush(self) -> None:
        """Write the batch as the next part; the first part is written even when empty, for its columns."""
        if self.batch or not self.parts:
            self.frame_of(self.batch).write_parquet(self.folder / f"{self.parts:06d}.parquet", compression=_COMPRESSION)
            self.kept += len(self.batch)
            self.parts += 1
            self.batch = []

    def scan(self) -> pl.LazyFrame:
        """All parts in order."""
        self.flush()
        return pl.scan_parquet(sorted(self.folder.glob("*.parquet")))


class _Ingest:
    """One file's way into one folder."""

    def __init__(self, path: Path, folder: Path, batch_records: int) -> None:
        self.path, self.folder = path, folder
        self.reader = RawReader(path)
        self.images = _Table("images", ImageRecord, images_frame, folder, batch_records)
        self.hands = _Table("annotations", HandRecord, hands_frame, folder, batch_records)

    def run(self) -> IngestSummary:
        stamp = _stamp(self.path)
        tables: dict[str, _Table[ImageRecord] | _Table[HandRecord]] = {"images": self.images, "annotations": self.hands}
        for section, raw in self.reader.records():
            tables[section].add(raw)
        self._insist_on_shape()
        rejects = self.images.rejects + self.hands.rejects + self._file_rejects()
        images = self.images.scan()
        images.select(list(IMAGES_SCHEMA)).sink_parquet(self.folder / "images.parquet", compression=_COMPRESSION)
        join_image_columns(self.hands.scan(), images).sink_parquet(
            self.folder / "hands.parquet", compression=_COMPRESSION, row_group_size=BATCH_RECORDS
        )
        rejects_frame(rejects).write_parquet(self.folder / "rejects.parquet", compression=_COMPRESSION)
        for table in tables.values():
            shutil.rmtree(table.folder)
        return IngestSummary(
            source_name=self.path.name,
            source_size_bytes=stamp.st_size,
            source_mtime_ns=stamp.st_mtime_ns,
            images_read=self.images.read,
            hands_read=self.hands.read,
            images_kept=self.images.kept,
            hands_kept=self.hands.kept,
            rejects=self.images.rejected_records + self.hands.rejected_records,
            complete=self.reader.problem is None,
            problem=self.reader.problem,
        )

    def _insist_on_shape(self) -> None:
        read = {"images": self.images.read, "annotations": self.hands.read}
        absent = [name for name in SECTIONS if not read[name]]
        if not absent:
            return
        if self.reader.problem and len(absent) == len(SECTIONS):
            raise AnnotationFileError(self.reader.problem, where=self.path, fix="Download it again.")
        lacking = sorted(set(absent) - sections_present(self.path))
        if lacking and not self.reader.problem:
            raise AnnotationFileError(
                f"no top-level array {' and no '.join(repr(name) for name in lacking)}",
                where=self.path,
                fix="Put the original annotation file here, or move this one elsewhere.",
            )

    def _file_rejects(self) -> list[Reject]:
        problem = self.reader.problem
        return [] if problem is None else [Reject("file", -1, "", "file:incomplete", problem, "")]


def _stamp(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise AnnotationFileError(
            f"cannot be read ({error.strerror})", where=path, fix="Check the path and its permissions."
        ) from error
