"""An annotation file -> its raw records, streamed; or one clear error if it is no annotation file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hand100m_assets.annotations.reading.batches import SECTIONS, Batch, LoneRecord, Section
from hand100m_assets.annotations.reading.document import Document, FileFault, WrongTopLevelError
from hand100m_assets.annotations.reading.foreign_files import HEAD_BYTES, beginning, foreign_file
from hand100m_assets.annotations.reading.keys import KeyCount
from hand100m_assets.annotations.reading.raw_bytes import DictionaryError, TrailingBytesError, read_chunks
from hand100m_assets.annotations.reading.window import CutShortError, StructureError, Window
from hand100m_assets.annotations.record_text import RecordTextError, parse_record
from hand100m_assets.errors import AnnotationFileError

__all__ = ["CHUNK_BYTES", "SECTIONS", "Batch", "FileFault", "LoneRecord", "RecordReader", "Section"]

CHUNK_BYTES: Final = 4 << 20
"""Bytes of text that are read at one time. Measured: chunks of 16 MB took 100 MB more memory and were no faster."""

_NO_SUCH_FILE: Final = "not a Hand100M annotation file"
_WRONG_FILE: Final = "Put the original annotation file here, or move this one elsewhere."
_DICTIONARY: Final = (
    "Unpack it with that dictionary (`zstd -d -D DICTIONARY FILE.zst`), and put the JSON file that comes out here."
)
_DOWNLOAD: Final = "Download the file again; a copy cut short looks like this."


class RecordReader:
    """Reads both arrays of an annotation file in one pass, in any order, with one chunk of records in memory.

    Args:
        path: The annotation file: JSON, plain or packed with gzip or zstd.
        chunk_bytes: Number of bytes of text that are in memory at one time.

    Attributes:
        faults: What is wrong with the file as a whole, in the order of the file. It is complete after all records were
            read, and empty for a file without faults.
        records_read: Number of records of each section that were read so far.
        other_keys: Keys of the top level besides the two arrays, and how often each was found.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.reading import RecordReader
        >>> reader = RecordReader(Path("set.json"))
        >>> for batch in reader.records():
        ...     batch.section, len(batch.values)
        ('images', 4)
        ('annotations', 4)
        >>> reader.faults
        []
    """

    def __init__(self, path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.path, self.chunk_bytes = path, chunk_bytes
        self.faults: list[FileFault] = []
        self.records_read: Counter[Section] = Counter()
        self.other_keys = KeyCount()
        self._sections_seen: set[Section] = set()

    def records(self) -> Iterator[Batch | LoneRecord]:
        """Yield every whole record in the order of the file, even if the file breaks off later.

        Returns:
            Batches of records that were parsed together, and single records that have to be parsed alone.

        Raises:
            AnnotationFileError: The file cannot be opened, is no annotation file, or breaks off before its first
                record. The message says what to do.
            RetryableError: The disk or the network share fails. Try again later.
        """
        window = Window(read_chunks(self.path, self.chunk_bytes))
        document = Document(window, self.chunk_bytes)
        self.faults, self._sections_seen, self.other_keys = document.faults, document.seen, document.other_keys
        window.fill(HEAD_BYTES)
        head = window.data[window.pos : window.pos + HEAD_BYTES]
        self._insist_on_json(head)
        is_empty = not window.peek() and window.broken is None
        try:
            for found in document.records():
                self.records_read[found.section] += len(found.values) if isinstance(found, Batch) else 1
                yield found
        except WrongTopLevelError as error:
            raise AnnotationFileError(
                f"{_NO_SUCH_FILE}: {error}, not an object with images and annotations; {beginning(head)}",
                where=self.path,
                fix=_WRONG_FILE,
            ) from error
        except StructureError as error:
            self.faults.append(_structure_fault(window, error))
        except CutShortError:
            if is_empty:
                raise AnnotationFileError(self._emptiness(window), where=self.path, fix=_DOWNLOAD) from None
            end = window.offset + window.ahead
            self.faults.append(FileFault("cut_short", end, "the file ends in the middle", breaks_off=True))
        self.faults += document.unnamed_faults()
        self._heed_broken_archive(window)
        self._judge(head, window)

    def _insist_on_json(self, head: bytes) -> None:
        foreign = foreign_file(head)
        if foreign is not None:
            words = f"{_NO_SUCH_FILE} but {foreign.words}; {beginning(head)}"
            raise AnnotationFileError(words, where=self.path, fix=foreign.fix)

    def _emptiness(self, window: Window) -> str:
        if not self.path.stat().st_size:
            return "the file is empty"
        if not window.offset:
            return "the packed data is whole, and empty"
        return "the file is empty: it holds nothing but white space or a byte order mark"

    def _heed_broken_archive(self, window: Window) -> None:
        if window.broken is None:
            return
        end, is_whole = window.offset + window.ahead, not any(fault.breaks_off for fault in self.faults)
        if is_whole and isinstance(window.broken, TrailingBytesError):
            # Both arrays, and the document, were read to their end.
            words = f"{window.broken}; it was passed over, nothing is lost"
            self.faults.append(FileFault("archive_trailing", end, words, severity="warning"))
            return
        self.faults[:] = [fault for fault in self.faults if fault.rule != "cut_short"]
        self.faults.append(FileFault("archive_broken", end, str(window.broken), breaks_off=True))

    def _judge(self, head: bytes, window: Window) -> None:
        broken = [fault for fault in self.faults if fault.breaks_off]
        if broken and not self.records_read and isinstance(window.broken, DictionaryError):
            raise AnnotationFileError(str(window.broken), where=self.path, fix=_DICTIONARY)
        if broken and not self.records_read:
            fault = broken[0]
            is_other = fault.rule == "not_json"
            reason = f"no JSON at all: {fault.reason}" if _is_at_start(fault) else f"{fault.reason}, before any record"
            reason += f"; {beginning(head)}" if is_other else ""
            raise AnnotationFileError(reason, where=self.path, fix=_WRONG_FILE if is_other else _DOWNLOAD)
        if not self._sections_seen:
            raise AnnotationFileError(
                f"{_NO_SUCH_FILE}: neither an 'images' nor an 'annotations' array; {beginning(head)}",
                where=self.path,
                fix=_WRONG_FILE,
            )
        if not broken:
            known = " ".join(fault.words for fault in self.faults)
            missing = [name for name in SECTIONS if name not in self._sections_seen and repr(name) not in known]
            self.faults += [FileFault("array_missing", None, f"there is no array {name!r}") for name in missing]


def _structure_fault(window: Window, error: StructureError) -> FileFault:
    place, words = error.place, error.words
    try:
        # A missing quote is noticed only some bytes later: the strict reader says where the text became no JSON.
        parse_record(window.data[window.pos : window.pos + place + 1])
    except RecordTextError as exact:
        if exact.place < place:
            place, words = exact.place, exact.words.removeprefix("not JSON: ")
    at_fault = window.data[window.pos + place : window.pos + place + 1]
    return FileFault(
        "not_json", window.offset + place, f"not valid JSON ({words})", value=repr(at_fault)[1:], breaks_off=True
    )


def _is_at_start(fault: FileFault) -> bool:
    return fault.rule == "not_json" and fault.offset_bytes == 0
