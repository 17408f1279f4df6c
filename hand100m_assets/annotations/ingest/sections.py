"""Makes a table of one of the two arrays: plain records many at a time, all others one by one by the contract."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
import polars as pl
from pydantic import BaseModel, ValidationError

from hand100m_assets.amounts import sized
from hand100m_assets.annotations.contract import HandRecord, ImageRecord, Note
from hand100m_assets.annotations.ingest.plain_hands import plain_hands
from hand100m_assets.annotations.ingest.plain_images import plain_images
from hand100m_assets.annotations.plain_values import Rows
from hand100m_assets.annotations.reading import (
    MAX_RECORD_BYTES,
    Batch,
    KeyCount,
    LoneRecord,
    Section,
    may_repeat_keys,
)
from hand100m_assets.annotations.record_text import RecordTextError, no_number_in, parse_record_with_no_numbers
from hand100m_assets.annotations.rejects import Reject, no_number_reject, rejects_of, shortened, warnings_of
from hand100m_assets.annotations.tables import hands_frame, images_frame
from hand100m_assets.files import table_output_errors

PART_ROWS: Final = 20_000
"""With these, a part file of hands has about 8 MB, and twenty million hands give a thousand part files."""

_MAX_WARNINGS: Final = 20
"""Warnings about one record; the summary counts all repeated keys."""

Record = TypeVar("Record", bound=BaseModel)


class Parts:
    """Rows of one table, written to part files."""

    def __init__(self, folder: Path, empty: pl.DataFrame) -> None:
        self.folder, self._empty = folder, empty
        self.rows = self.files = self._waiting_rows = 0
        self._waiting: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows; they are written when there are enough of them."""
        self._waiting.append(frame)
        self._waiting_rows += frame.height
        if self._waiting_rows >= PART_ROWS:
            self._write()

    def close(self) -> list[Path]:
        """The part files in order. The last one is written even if it is empty, so that the table has columns."""
        self._write()
        return [self.folder / f"{number:06d}.arrow" for number in range(self.files)]

    def remove(self) -> None:
        """Delete the part files."""
        for part in self.folder.iterdir():
            part.unlink()
        self.folder.rmdir()

    def _write(self) -> None:
        frame = pl.concat([self._empty, *self._waiting])
        with table_output_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
            frame.write_ipc(self.folder / f"{self.files:06d}.arrow", compression="uncompressed")
        self.rows += self._waiting_rows
        self.files += 1
        self._waiting, self._waiting_rows = [], 0


class SectionTable(Generic[Record]):
    """Rows and rejects of one array.

    Attributes:
        read: Number of records so far.
        rejected: Number of these that violate the contract or are not JSON.
        unknown_keys: Keys that the contract does not know, and how many records have them.
        repeated_keys: Keys that stand twice in one record, and how many records have them twice.
    """

    def __init__(
        self,
        name: Section,
        model: type[Record],
        *,
        number: str,
        plain: Callable[[Sequence[Any]], Rows],
        frame_of: Callable[[Sequence[tuple[int, Record]]], pl.DataFrame],
        folder: Path,
        rejects: Callable[[list[Reject]], None],
        flush_bytes: int,
    ) -> None:
        self.name, self.model, self.number = name, model, number
        self.plain, self.frame_of, self.rejects = plain, frame_of, rejects
        self.flush_bytes = flush_bytes
        self.parts = Parts(folder, frame_of([]))
        self.read = self.rejected = 0
        self.unknown_keys, self.repeated_keys = KeyCount(known_keys(model)), KeyCount()
        self._batches: list[Batch] = []
        self._bytes = 0
        self._by_contract: list[tuple[int, Record]] = []
        self._faults: list[Reject] = []

    def add(self, found: Batch | LoneRecord) -> None:
        """Take the next records of the reader."""
        if isinstance(found, LoneRecord):
            self.read += 1
            self._add_lone(found)
            self._bytes += found.length if found.raw else 0
        else:
            self.read += len(found.values)
            self.unknown_keys.add_records(found.values)
            self._batches.append(found)
            self._bytes += len(found.text)
        if 2 * self._bytes >= self.flush_bytes:
            self.flush()

    def flush(self) -> None:
        """Make rows and rejects of all records taken so far."""
        # Between many broken records, batches are small but cost as much as large ones: they become one.
        values = [value for batch in self._batches for value in batch.values]
        numbers = [batch.first + n for batch in self._batches for n in range(len(batch.values))]
        rows = self.plain(values)
        is_plain = np.zeros(len(values), dtype=np.bool_)
        is_plain[rows.places] = True
        del values
        start = 0
        for batch in self._batches:
            end = start + len(batch.values)
            odd = may_repeat_keys(batch)
            is_plain[[start + place for place in odd]] = False
            odd.update(np.flatnonzero(~is_plain[start:end]).tolist())
            self._add_odd(batch, sorted(odd))
            start = end
        self._batches, self._bytes = [], 0
        self._write(np.array(numbers, dtype=np.uint32), rows, is_plain)

    def _write(self, numbers: Any, rows: Rows, is_plain: Any) -> None:  # noqa: ANN401 - numpy
        frames = []
        if len(rows.places):
            number = pl.Series(self.number, numbers[rows.places], dtype=pl.UInt32)
            frames.append(rows.frame.insert_column(0, number).filter(pl.Series(is_plain[rows.places])))
        if self._by_contract:
            frames.append(self.frame_of(self._by_contract))
        if frames:
            table = pl.concat(frames)
            # Exports, lookups and grids name hands by row, so that rows must be in the order of the file.
            self.parts.add(table if table[self.number].is_sorted() else table.sort(self.number))
        self.rejects(sorted(self._faults, key=lambda fault: fault.record))
        self._by_contract, self._faults = [], []
        # The collector of cycles is off while a file is read; the few cycles that exist must not pile up.
        gc.collect(1)

    def _add_odd(self, batch: Batch, places: list[int]) -> None:
        if not places:
            return
        starts, ends = batch.spans()
        for place in places:
            start, end = int(starts[place]), int(ends[place])
            raw = batch.text[start:end]
            self._judge(LoneRecord(self.name, batch.first + place, batch.offset + start, raw, end - start))

    def _add_lone(self, lone: LoneRecord) -> None:
        value = self._judge(lone)
        self.unknown_keys.add_records([value])

    def _judge(self, lone: LoneRecord) -> object:
        """Check one record by the contract; returns its raw value, None if it has none."""
        raw = lone.raw
        if raw is None:
            words = f"a record of {sized(lone.length)}; no more than {sized(MAX_RECORD_BYTES)} are read"
            self._reject_text(lone, "too_large", words, "")
            return None
        try:
            value, repeated, has_no_numbers = parse_record_with_no_numbers(raw)
        except RecordTextError as error:
            words = f"{error.words}, at byte {lone.offset + error.place:,}"
            shown = shortened(raw[error.place : error.place + 80].decode("utf-8", "backslashreplace"))
            self._reject_text(lone, error.rule, words, shown)
            return None
        for key in repeated:
            self.repeated_keys.add(key)
        for key in repeated[:_MAX_WARNINGS]:
            self._warn_of_repeated(lone, key)
        place = (self.name, lone.record, lone.offset)
        notes: list[Note] = []
        try:
            self._by_contract.append((lone.record, self.model.model_validate(value, context=notes)))
        except ValidationError as error:
            self.rejected += 1
            self._faults += rejects_of(*place, error)
            return value
        self._faults += warnings_of(*place, notes)
        if has_no_numbers:
            self._faults += self._warnings_of_no_numbers(lone, value)
        return value

    def _warnings_of_no_numbers(self, lone: LoneRecord, value: dict[str, Any]) -> Iterator[Reject]:
        """Warnings about NaN and Infinity under keys that no table has a column for."""
        held = ((key, no_number_in(member)) for key, member in value.items() if key not in self.unknown_keys.known)
        for key, found in islice(((key, found) for key, found in held if found is not None), _MAX_WARNINGS):
            place = (self.name, lone.record, lone.offset)
            yield no_number_reject(*place, found, field=shortened(key), severity="warning")

    def _reject_text(self, lone: LoneRecord, rule: str, words: str, value: str) -> None:
        self.rejected += 1
        self._faults.append(Reject(self.name, lone.record, lone.offset, "", f"json:{rule}", words, value))

    def _warn_of_repeated(self, lone: LoneRecord, key: str) -> None:
        words = "given more than once; the last value was taken"
        place = (self.name, lone.record, lone.offset, shortened(key))
        self._faults.append(Reject(*place, "json:key_repeated", words, "", "warning"))


def known_keys(model: type[BaseModel]) -> frozenset[str]:
    """Keys that the file has for the fields of a record."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def images_table(folder: Path, rejects: Callable[[list[Reject]], None], flush_bytes: int) -> SectionTable[ImageRecord]:
    """The table of images, its parts in `folder`."""
    return SectionTable(
        "images",
        ImageRecord,
        number="record",
        plain=plain_images,
        frame_of=images_frame,
        folder=folder,
        rejects=rejects,
        flush_bytes=flush_bytes,
    )


def hands_table(folder: Path, rejects: Callable[[list[Reject]], None], flush_bytes: int) -> SectionTable[HandRecord]:
    """The table of hands, its parts in `folder`, without the columns that come from the images."""
    return SectionTable(
        "annotations",
        HandRecord,
        number="row_index",
        plain=plain_hands,
        frame_of=hands_frame,
        folder=folder,
        rejects=rejects,
        flush_bytes=flush_bytes,
    )
