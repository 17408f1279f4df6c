"""Checks the claims of the sample tables of an mp4 file before a library uses them.

A table may give one size or one duration for all samples, and only their number. So a file of a kilobyte can claim two
thousand million samples, and a demuxer that opens it makes an entry for each, or says that there are so many frames.
Real samples have at least one byte each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from hand100m_assets.amounts import counted, sized
from hand100m_assets.errors import VideoUnreadableError
from hand100m_assets.video.container.mp4.box_walker import FIRST_BOXES, HEADER_BYTES, MAX_BOXES, boxes_between

MAX_TABLE_SAMPLES: Final = 50_000_000
"""Nine days at 60 frames per second; their index in memory takes more than a gigabyte."""

_MAX_TIMES_BYTES: Final = 64 * 2**20
"""At most so many bytes of a table of durations are read: eight million changes of the frame rate."""
_CONTAINERS: Final = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"edts"})
_LEAVES: Final = frozenset({b"hdlr", b"stsz", b"stz2", b"stts", b"trun", b"elst"})
_LEAF_BYTES: Final = 16
_MAX_EDITS_BYTES: Final = 4096
_MAX_DEPTH: Final = 10
"""As in FFmpeg's reader. Deeper boxes are not read."""


@dataclass
class _Track:
    """Facts about one sample table, collected from its boxes."""

    is_sound: bool = False
    is_picture: bool = False
    sample_bytes: int = 0
    sample_count: int = 0
    edit_count: int = 0
    has_unit_durations: bool = False

    @property
    def index_entries(self) -> int:
        """Number of entries that a demuxer makes of it. It reads plain sound samples in chunks."""
        return 0 if self.is_sound and self.sample_bytes and self.has_unit_durations else self.sample_count


def refuse_impossible_tables(path: Path) -> None:
    """Refuse an mp4 file whose tables cannot be true for a file of its size. Other formats pass.

    Args:
        path: The file, of any format.

    Raises:
        VideoUnreadableError: The file claims more samples than it has bytes, or than are allowed. Download it again, or
            leave it out.
        OSError: The file is absent or cannot be read, as with `open`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container.mp4 import refuse_impossible_tables
        >>> refuse_impossible_tables(Path("video.mp4"))
    """
    size_bytes = path.stat().st_size
    tracks, in_fragments = _tables_of(path)
    claimed = sum(track.index_entries for track in tracks) + in_fragments
    if claimed > min(size_bytes, MAX_TABLE_SAMPLES):
        raise VideoUnreadableError(
            f"its index claims {counted(claimed, 'sample')} in {sized(size_bytes)}: broken, or made to do harm",
            where=path,
            fix="Download it again, or leave it out.",
        )


def edit_count(path: Path) -> int:
    """Return the largest number of edits that a picture track of an mp4 file has, without empty ones.

    Args:
        path: The file, of any format.

    Returns:
        0 where there is no edit list: everything is shown. 1 where a beginning or an end may be cut off. More where
        anything may be left out.

    Raises:
        OSError: The file is absent or cannot be read, as with `open`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container.mp4 import edit_count
        >>> edit_count(Path("video.mp4"))
        1
    """
    tracks, _ = _tables_of(path)
    return max((track.edit_count for track in tracks if track.is_picture), default=0)


def _tables_of(path: Path) -> tuple[list[_Track], int]:
    """The sample table of each track, and the number of samples in fragments."""
    tracks: list[_Track] = []
    in_fragments = 0
    with path.open("rb") as file:
        if file.read(HEADER_BYTES)[4:] not in FIRST_BOXES:
            return [], 0
        for kind, body in _tree(file, path.stat().st_size):
            if kind == b"trak":
                tracks.append(_Track())
            elif kind == b"trun" and len(body) >= 8:
                in_fragments += struct.unpack(">I", body[4:8])[0]
            elif tracks:
                _note(tracks[-1], kind, body)
    return tracks, in_fragments


def _note(track: _Track, kind: bytes, body: bytes) -> None:
    """Take a leaf into account. Source: ISO/IEC 14496-12, sections 8.4.3, 8.6.1.2, 8.7.3."""
    if kind == b"hdlr" and len(body) >= 12:
        track.is_sound = track.is_sound or body[8:12] == b"soun"
        track.is_picture = track.is_picture or body[8:12] == b"vide"
    elif kind in (b"stsz", b"stz2") and len(body) >= 12:
        size, count = struct.unpack(">II", body[4:12])
        track.sample_bytes = size if kind == b"stsz" else 0
        track.sample_count = max(track.sample_count, count)
    elif kind == b"elst" and len(body) >= 8:
        track.edit_count = _edits_with_media(body)
    elif kind == b"stts" and len(body) >= 16:
        track.has_unit_durations = struct.unpack(">I4xI", body[4:16]) == (1, 1)
        if not track.is_picture:
            return  # the durations make no index longer, and nobody counts the frames of such a track
        runs = np.frombuffer(body[8 : len(body) // 8 * 8], ">u4")[::2]
        track.sample_count = max(track.sample_count, int(runs.sum(dtype=np.uint64)))


def _edits_with_media(body: bytes) -> int:
    """Source: ISO/IEC 14496-12, section 8.6.6."""
    form = ">QqI" if body[0] == 1 else ">IiI"
    entries = body[8 : 8 + (len(body) - 8) // struct.calcsize(form) * struct.calcsize(form)]
    return sum(media_time >= 0 for _, media_time, _ in struct.iter_unpack(form, entries))


def _tree(file: BinaryIO, size_bytes: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, first bytes) of the containers and leaves that matter, in the order of the file."""
    levels = [(boxes_between(file, 0, size_bytes), size_bytes)]
    for _ in range(MAX_BOXES):
        boxes, end = levels[-1]
        box = next(boxes, None)
        if box is None:
            levels.pop()
            if not levels:
                return
        elif box.kind in _CONTAINERS:
            yield box.kind, b""
            if len(levels) < _MAX_DEPTH:
                end = min(box.end, end)
                levels.append((boxes_between(file, box.body, end), end))
        elif box.kind in _LEAVES:
            limits = {b"stts": _MAX_TIMES_BYTES, b"elst": _MAX_EDITS_BYTES}
            yield box.kind, box.read(file, limits.get(box.kind, _LEAF_BYTES))
