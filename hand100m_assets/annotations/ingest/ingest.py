"""Reads one annotation file into Parquet tables of images, hands and rejects; every record is checked.

A broken *record* is rejected and listed, and reading continues. A record is broken if it is not JSON or violates the
contract (a field is missing or has another type, a number is not finite, no frame is named): nothing can use it. A
record that is valid but doubtful (its positive does not exist, its box is empty, its frame is beyond the end of the
video) is kept, so that a user can look at it; `rules.py` finds it. A *file* that breaks off gives the records before
the break, and the set is marked incomplete. A file that is not an annotation file gives no tables.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.annotations.ingest.hand_frames import hands_with_frames
from hand100m_assets.annotations.ingest.sections import Parts, hands_table, images_table
from hand100m_assets.annotations.ingest.staging import folder_in_place_of
from hand100m_assets.annotations.reading import CHUNK_BYTES, FileFault, KeyCount, RecordReader
from hand100m_assets.annotations.rejects import Reject
from hand100m_assets.annotations.tables import SET_FILES, IngestSummary, rejects_frame
from hand100m_assets.errors import AnnotationFileError, RetryableError
from hand100m_assets.files import FileStamp, table_output_errors
from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE, LOOKUP_FILE, REJECTS_FILE, SUMMARY_FILE

ROW_GROUP_ROWS: Final = 10_000


def ingest_file(path: Path, out_dir: Path, *, chunk_bytes: int = CHUNK_BYTES) -> IngestSummary:
    """Read an annotation file and write its tables: `images.parquet`, `hands.parquet` and `rejects.parquet`.

    The folder also gets a `summary.json`. It replaces the tables of an earlier set only when all of it is finished.

    Args:
        path: The annotation file: JSON, plain or packed with gzip or zstd. A byte order mark, either of the two
            arrays first, and any order of keys are fine.
        out_dir: Folder for the tables of this set. It may hold no other files.
        chunk_bytes: Number of bytes of text that are in memory at one time. The tables do not depend on it.

    Returns:
        Counts of the records that were read, kept and rejected, and whether the file was complete.

    Raises:
        AnnotationFileError: The file is empty, is not an annotation file, or cannot be read. Nothing was written; the
            message says what to do.
        OutputUnwritableError: The output disk is full, read-only or not permitted, or `out_dir` holds other files.
            Make room, give permission, or name another folder.
        RetryableError: The file changed while it was read, its disk failed, or another process writes to `out_dir`.
            Run again later.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.annotations import ingest_file
        >>> summary = ingest_file(Path("set.json"), Path("new_tables"))
        >>> summary.images_kept, summary.hands_kept, summary.rejects
        (4, 4, 0)
        >>> pl.read_parquet("new_tables/hands.parquet")["hand_id"].to_list()
        [100, 101, 102, 103]
    """
    stamp = _stamp(path)
    with folder_in_place_of(out_dir, (*SET_FILES, LOOKUP_FILE)) as folder:
        ingest = _Ingest(path, folder, chunk_bytes)
        ingest.read()
        if _stamp(path) != stamp:
            raise RetryableError(
                "changed while it was read", where=path, fix="Let the download finish, then run again."
            )
        summary = ingest.finish(stamp)
        with table_output_errors(folder):
            (folder / SUMMARY_FILE).write_text(summary.model_dump_json(indent=2), encoding="utf-8")
    return summary


class _Ingest:
    """Turns one file into the tables of one folder."""

    def __init__(self, path: Path, folder: Path, chunk_bytes: int) -> None:
        self.path, self.folder = path, folder
        self.reader = RecordReader(path, chunk_bytes=chunk_bytes)
        self.rejects = Parts(folder / ".rejects", rejects_frame([]))
        self.images = images_table(folder / ".images", self._reject, chunk_bytes)
        self.hands = hands_table(folder / ".hands", self._reject, chunk_bytes)

    def read(self) -> None:
        """Check every record by the contract; good and rejected records go to part files."""
        with _without_search_for_cycles():
            self._read()
        self._reject([_reject_of_file(fault) for fault in self.reader.faults])

    def _read(self) -> None:
        section = None
        for found in self.reader.records():
            if section is not None and found.section != section.name:
                section.flush()  # rejects stay in the order of the file
            section = self.images if found.section == "images" else self.hands
            section.add(found)
        for section in (self.images, self.hands):
            section.flush()

    def _reject(self, rejects: list[Reject]) -> None:
        if rejects:
            self.rejects.add(rejects_frame(rejects))

    def finish(self, stamp: FileStamp) -> IngestSummary:
        """Join the parts to the three tables."""
        images, hands = self.images.parts.close(), self.hands.parts.close()
        self._sink(pl.scan_ipc(images), IMAGES_FILE)
        self._sink(hands_with_frames(hands, images), HANDS_FILE)
        self._sink(pl.scan_ipc(self.rejects.close()), REJECTS_FILE)
        for parts in (self.images.parts, self.hands.parts, self.rejects):
            parts.remove()
        faults = [fault for fault in self.reader.faults if fault.severity == "error"]
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
            unknown_keys=_by_section(
                file=self.reader.other_keys,
                images=self.images.unknown_keys,
                annotations=self.hands.unknown_keys,
            ),
            repeated_keys=_by_section(
                images=self.images.repeated_keys,
                annotations=self.hands.repeated_keys,
            ),
        )

    def _sink(self, table: pl.LazyFrame, name: str) -> None:
        # Row groups have one size, whatever the parts were: the same input gives the same files.
        with table_output_errors(self.folder):
            table.sink_parquet(
                self.folder / name, compression="zstd", compression_level=1, row_group_size=ROW_GROUP_ROWS
            )


@contextmanager
def _without_search_for_cycles() -> Iterator[None]:
    """Turn off Python's cycle collector: JSON values contain no cycles, and the collector costs a sixth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _by_section(**counts: KeyCount) -> dict[str, dict[str, int]]:
    return {section: count.sorted() for section, count in counts.items() if count.names}


def _reject_of_file(fault: FileFault) -> Reject:
    words = (f"file:{fault.rule}", fault.reason, fault.value)
    return Reject("file", -1, fault.offset_bytes, "", *words, fault.severity)


def _stamp(path: Path) -> FileStamp:
    try:
        return FileStamp.of(path)
    except OSError as error:
        raise AnnotationFileError(
            f"cannot be read ({error.strerror})", where=path, fix="Check the path and its permissions."
        ) from error
