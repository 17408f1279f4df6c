"""An annotation file -> its raw records, streamed; and one clear word when the file is not what it should be."""

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
"""Chunks of 16 MB took 100 MB more and were no faster."""

LONG_FILE_BYTES: Final = 128 << 20
"""Loading the compiled loop that reads poses costs as much as it saves in a file a little shorter than this."""

_NO_SUCH_FILE: Final = "not a Hand100M annotation file"
_WRONG_FILE: Final = "Put the original annotation file here, or move this one elsewhere."
_DICTIONARY: Final = (
    "Unpack it with that dictionary (`zstd -d -D DICTIONARY FILE.zst`), and put the JSON file that comes out here."
)
_DOWNLOAD: Final = "Download the file again; a copy cut short looks like this."


class RecordReader:
    """Reads both arrays of a file in one pass, whichever comes first, holding one chunk's records at a time.

    Attributes:
        faults: What is wrong with the file as a whole, in the order met; empty for a sound file read to its end.
        records_read: Records of each section so far.
        other_keys: Keys of the top level besides the two, and how often each was met.
    """

    def __init__(self, path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.path, self.chunk_bytes = path, chunk_bytes
        self.faults: list[FileFault] = []
        self.records_read: Counter[Section] = Counter()
        self.other_keys = KeyCount()
        self._sections_seen: set[Section] = set()

    def records(self) -> Iterator[Batch | LoneRecord]:
        """Yield every record that is whole, in file order, whatever breaks off after it.

        Raises:
            AnnotationFileError: The file cannot be opened, has another shape, or breaks off before its first record.
            RetryableError: The disk or the share fails.
        """
        window = Window(read_chunks(self.path, self.chunk_bytes))
        document = Document(window, self.chunk_bytes, is_long=self._is_long())
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

    def _is_long(self) -> bool:
        try:
            return self.path.stat().st_size >= LONG_FILE_BYTES
        except OSError:
            return False  # opening it says what is wrong

    def _heed_broken_archive(self, window: Window) -> None:
        if window.broken is None:
            return
        end, is_whole = window.offset + window.ahead, not any(fault.breaks_off for fault in self.faults)
        if is_whole and isinstance(window.broken, TrailingBytesError):
            # Both arrays were read to their end, and so was the document.
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
        # A missing quote shows only some bytes on: the strict reader says where it became no JSON.
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
