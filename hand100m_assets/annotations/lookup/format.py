"""The format of a lookup file: header, records, sorted ids, heap; and the stamp that identifies its tables."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from hand100m_assets.annotations.tables import read_summary
from hand100m_assets.errors import AnnotationFileError
from hand100m_assets.layout import HANDS_FILE, SUMMARY_FILE

MAGIC: Final = b"HANDROWS"
VERSION: Final = 2
HEADER_BYTES: Final = 4096
"""Space for magic and header: one page of memory, so that records begin at an aligned place."""

SIDES: Final = ("Left", "Right")
NONE: Final = -1
"""Stands for a frame index, or a length of text, that does not exist."""

RECORD: Final = np.dtype(
    [
        ("hand_id", "<i8"),
        ("image_at", "<i8"),
        ("video_at", "<i8"),
        ("positives_at", "<i8"),
        ("distances_at", "<i8"),
        ("row_index", "<u4"),
        ("frame_index", "<i4"),
        ("image_bytes", "<i4"),
        ("video_bytes", "<i4"),
        ("positive_count", "<u4"),
        ("distance_count", "<u4"),
        ("handedness", "u1"),
        ("unused", "V7"),
        ("box_px", "<f8", (4,)),
        ("keypoints", "<f4", (21, 3)),
        ("unused_end", "V4"),
    ]
)
"""One hand. `..._at` are offsets in the file; positives are int64, distances float64, texts UTF-8."""

HEAD: Final = struct.Struct("<qqqqqIiiiIIB")
"""The part of a record before the box, as Python numbers."""


class LookupHeader(BaseModel):
    """Header at the beginning of the file.

    Attributes:
        version: Version of this format.
        stamp: Stamp of the tables that the file was made of.
        rows: Number of hands.
        duplicate_hand_ids: Number of hands whose id an earlier row has too.
        total_bytes: Size of the whole file.
    """

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    stamp: str
    rows: int
    duplicate_hand_ids: int
    total_bytes: int

    @property
    def ids_offset(self) -> int:
        """Where the hand ids begin: int64, ascending, equal ids in the order of their rows. The records come before."""
        return HEADER_BYTES + self.rows * RECORD.itemsize

    @property
    def id_rows_offset(self) -> int:
        """Where the rows of these ids begin, uint32."""
        return self.ids_offset + self.rows * 8

    @property
    def heap_offset(self) -> int:
        """Where lists and texts begin."""
        return self.id_rows_offset + self.rows * 4

    def to_bytes(self) -> bytes:
        """The header as the bytes of the file."""
        text = self.model_dump_json().encode()
        return (MAGIC + text).ljust(HEADER_BYTES, b" ")


def read_header(path: Path) -> LookupHeader | None:
    """The header of a complete file of this version; None if there is no such file."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
            size = path.stat().st_size
        header = LookupHeader.model_validate_json(head.removeprefix(MAGIC))
    except (OSError, ValidationError):
        return None
    is_ours = head.startswith(MAGIC) and header.version == VERSION
    return header if is_ours and header.total_bytes == size else None


def stamp_of_tables(tables_dir: Path) -> str:
    """Fingerprint of the tables of a set. Other tables have another stamp; copies of these tables have the same.

    The stamp covers the summary, which has size and time of the annotation file, and the size and footer of
    `hands.parquet`, which has the place, size and extremes of every column chunk. Reading it takes a millisecond.

    Args:
        tables_dir: Folder with the tables of the set.

    Returns:
        A short text.

    Raises:
        AnnotationFileError: The folder has no finished tables. Ingest the annotation file first.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.lookup import stamp_of_tables
        >>> stamp = stamp_of_tables(Path("tables"))
        >>> stamp == stamp_of_tables(Path("annotations/simhand-50k"))
        True
    """
    read_summary(tables_dir)
    hands = tables_dir / HANDS_FILE
    try:
        summary = hashlib.sha256((tables_dir / SUMMARY_FILE).read_bytes()).hexdigest()[:16]
        with hands.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - 8, 0))
            footer_bytes = int.from_bytes(file.read(4), "little")
            file.seek(max(size - 8 - footer_bytes, 0))
            footer = zlib.crc32(file.read())
    except OSError as error:
        raise AnnotationFileError(
            f"cannot be read ({error.strerror or error})", where=hands, fix="Ingest the annotation file again."
        ) from error
    return f"{summary}-{size}-{footer:08x}"
