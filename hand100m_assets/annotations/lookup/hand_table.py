"""Reads one hand of a set in microseconds, by row or by hand id, from a memory-mapped file beside the tables.

The file is made from `hands.parquet`: records of fixed size in the order of the rows, the sorted hand ids with their
rows, and a heap of texts and lists. Opening reads almost nothing, and all processes of a machine share the mapped
pages, so that memory depends neither on the size of the table nor on the number of workers. Everything is
little-endian.
"""

from __future__ import annotations

import mmap
import operator
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from hand100m_assets.annotations.lookup.format import (
    HEAD,
    HEADER_BYTES,
    NONE,
    RECORD,
    SIDES,
    LookupHeader,
    read_header,
    stamp_of_tables,
)
from hand100m_assets.errors import AnnotationFileError
from hand100m_assets.layout import LOOKUP_FILE

_MAX_ID: Final = 2**63 - 1
_RECORD_BYTES: Final = RECORD.itemsize
_REBUILD: Final = "Build it with build_lookup, or ingest the annotation file again."


class HandRow(NamedTuple):
    """One hand, in the units of `hands.parquet`. The arrays are copies, which you may change.

    Attributes:
        row_index: Position in the `annotations` of the file; rejected records also count.
        hand_id: Id of the hand.
        image_id: Id of its image.
        video_id: Id of its video; None if the image is missing or was rejected.
        frame_index: Number of the frame in the video, counted from 0; None if `video_id` is.
        box_px: (4,) float64 x1, y1, x2, y2 in image pixels.
        keypoints: (21, 3) float32, x and y in [0, 1] of the crop before mirroring, z relative.
        handedness: `Left` or `Right`.
        positives: Hand ids of similar hands, best first; may be empty.
        distances: Distance to each positive, in the unit of the annotation file.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.lookup import HandTable
        >>> with HandTable(Path("tables")) as table:
        ...     hand = table[1]
        >>> hand.hand_id, hand.video_id, hand.frame_index, hand.handedness, hand.positives
        (101, 'video_a', 30, 'Left', (102,))
        >>> hand.keypoints.shape, hand.keypoints.dtype
        ((21, 3), dtype('float32'))
    """

    row_index: int
    hand_id: int
    image_id: str
    video_id: str | None
    frame_index: int | None
    box_px: npt.NDArray[np.float64]
    keypoints: npt.NDArray[np.float32]
    handedness: str
    positives: tuple[int, ...]
    distances: tuple[float, ...]


class HandTable(Sequence[HandRow]):
    """The hands of a set as a sequence, in the order of `hands.parquet`.

    Opening takes a millisecond; reading a row or finding an id takes microseconds. A table can be used in `with`, and
    closed more than once. It works in forked processes. A pickled table is opened again where it is unpickled; this
    is refused if the tables were replaced in the meantime.

    Args:
        tables_dir: Folder with the tables of a set and its lookup, which `build_lookup` makes.

    Raises:
        AnnotationFileError: There are no finished tables, or no complete lookup of these tables. Run `build_lookup`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import HandTable
        >>> with HandTable(Path("tables")) as table:
        ...     hand = table[table.row_of(102)]
        ...     len(table), hand.image_id, hand.box_px.tolist()
        (4, '2', [200.0, 10.0, 330.0, 90.0])
    """

    def __init__(self, tables_dir: Path) -> None:
        """Open the lookup of a set; see the class."""
        self.tables_dir = Path(tables_dir)
        path = self.tables_dir / LOOKUP_FILE
        header = read_header(path)
        if header is None:
            stamp_of_tables(self.tables_dir)
            raise AnnotationFileError("no whole lookup of this version", where=path, fix=_REBUILD)
        if header.stamp != stamp_of_tables(self.tables_dir):
            raise AnnotationFileError("the lookup was made of other tables", where=path, fix=_REBUILD)
        self._header: LookupHeader = header
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._ids: npt.NDArray[Any] = np.frombuffer(self._map, "<i8", header.rows, header.ids_offset)
        self._id_rows: npt.NDArray[Any] = np.frombuffer(self._map, "<u4", header.rows, header.id_rows_offset)
        records = np.frombuffer(self._map, RECORD, header.rows, HEADER_BYTES)
        # Fields as arrays of their own: taking a row from these takes a tenth of the time of making it from bytes.
        self._boxes: npt.NDArray[Any] = records["box_px"]
        self._keypoints: npt.NDArray[Any] = records["keypoints"]

    @property
    def duplicate_hand_ids(self) -> int:
        """Number of hands that can be found by row only, because an earlier row has the same id."""
        return self._header.duplicate_hand_ids

    def __len__(self) -> int:
        return self._header.rows

    @overload
    def __getitem__(self, row: SupportsIndex) -> HandRow: ...

    @overload
    def __getitem__(self, row: slice) -> list[HandRow]: ...

    def __getitem__(self, row: SupportsIndex | slice) -> HandRow | list[HandRow]:
        """Read the hand of one row, or a list of hands for a slice.

        Args:
            row: Row of `hands.parquet`, counted from 0, or from the end if negative; or a slice of rows.

        Raises:
            IndexError: There is no such row.
            TypeError: `row` is neither an integer nor a slice. To find a hand id, use `row_of`.
            ValueError: The table is closed. Open it again.
        """
        if isinstance(row, slice):
            return [self._read(each) for each in range(*row.indices(len(self)))]
        try:
            place = operator.index(row)
        except TypeError:
            what = f"a row is an integer or a slice, not {row!r} of type {type(row).__name__}"
            raise TypeError(f"{what}; the row of a hand id is table.row_of(hand_id)") from None
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self._read(place)

    def __iter__(self) -> Iterator[HandRow]:
        return map(self._read, range(len(self)))

    def row_of(self, hand_id: int) -> int:
        """Find the row of a hand id.

        Args:
            hand_id: The id. If several hands have it, the first of them is found.

        Returns:
            Row of `hands.parquet`, counted from 0.

        Raises:
            KeyError: No hand has this id.
            TypeError: The id is not an integer.
            ValueError: The table is closed. Open it again.
        """
        self._insist_on_open()
        try:
            wanted = operator.index(hand_id)
        except TypeError:
            raise TypeError(f"a hand id is an integer, not {hand_id!r} of type {type(hand_id).__name__}") from None
        place = int(self._ids.searchsorted(np.int64(wanted))) if 0 <= wanted <= _MAX_ID else len(self)
        if place == len(self) or self._ids[place] != wanted:
            raise KeyError(hand_id)
        return int(self._id_rows[place])

    def rows_of(self, hand_ids: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Find the rows of many hand ids at once.

        Args:
            hand_ids: Integers of up to 64 bits, of any shape.

        Returns:
            Rows as int64, of the same shape; -1 if no hand has the id.

        Raises:
            TypeError: The ids are not integers of up to 64 bits.
            ValueError: The table is closed. Open it again.

        Example:
            >>> from pathlib import Path
            >>> from hand100m_assets.annotations import HandTable
            >>> with HandTable(Path("tables")) as table:
            ...     table.rows_of([103, 7, 100]).tolist()
            [3, -1, 0]
        """
        self._insist_on_open()
        given = np.asarray(hand_ids)
        if given.size and given.dtype.kind not in "iu":
            raise TypeError(f"hand ids are integers of 64 bits, not {given.dtype}")
        # No id is as large as this, and casting it would give another number.
        wanted = np.where(given > _MAX_ID, -1, given).astype(np.int64) if given.size else given.astype(np.int64)
        if not len(self):
            return np.full(wanted.shape, -1, dtype=np.int64)
        places = np.minimum(self._ids.searchsorted(wanted), len(self) - 1)
        return np.where(self._ids[places] == wanted, self._id_rows[places].astype(np.int64), -1)

    def _insist_on_open(self) -> None:
        if self._map.closed:
            raise ValueError("the table is closed: open it anew")

    def _read(self, row: int) -> HandRow:
        self._insist_on_open()
        (
            hand_id, image, video, positives, distances, row_index, frame_index,
            image_bytes, video_bytes, positive_count, distance_count, side,
        ) = HEAD.unpack_from(self._map, HEADER_BYTES + row * _RECORD_BYTES)  # fmt: skip
        return HandRow(
            row_index,
            hand_id,
            str(self._map[image : image + image_bytes], "utf-8"),
            None if video_bytes == NONE else str(self._map[video : video + video_bytes], "utf-8"),
            None if frame_index == NONE else frame_index,
            self._boxes[row].copy(),
            self._keypoints[row].copy(),
            SIDES[side],
            struct.unpack_from(f"<{positive_count}q", self._map, positives),
            struct.unpack_from(f"<{distance_count}d", self._map, distances),
        )

    def close(self) -> None:
        """Close the file. Hands that were already read stay valid."""
        # The arrays would keep the mapped file open.
        self._ids = self._id_rows = self._boxes = self._keypoints = np.empty(0)
        self._map.close()

    def __enter__(self) -> HandTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        return _opened_again, (self.tables_dir, self._header.stamp)


def _opened_again(tables_dir: Path, stamp: str) -> HandTable:
    table = HandTable(tables_dir)
    if table._header.stamp != stamp:
        raise AnnotationFileError(
            "the set was ingested anew since the table was opened, and its rows are others now",
            where=tables_dir,
            fix="Open it anew in the process that starts the workers, too.",
        )
    return table
