"""Reads the headers of the outermost boxes of an mp4 file, to find out whether a download was cut, and how.

A fragmented file has no table that counts its frames, and ffmpeg treats what it finds as everything. So every box of
such a file must be known, and the length that the file promises is compared with what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, Final

from hand100m_assets.amounts import sized
from hand100m_assets.video.container.mp4.box_walker import FIRST_BOXES, HEADER_BYTES, Box, boxes_between
from hand100m_assets.video.container.mp4.fragment_chain import FragmentChain, last_fragment_listed
from hand100m_assets.video.container.mp4.fragments import is_whole_fragment

_KNOWN_BOXES: Final = FIRST_BOXES | {b"moof", b"mfra", b"ssix", b"meta", b"emsg", b"prft", b"pdin", b"udta"}
_ENDLESS_BOXES: Final = frozenset({b"mdat", b"moov"})
"""Only these may have no length. Elsewhere it is a hole."""
_MAX_FRAGMENT_BYTES: Final = 2**20
"""Larger tables, of more than a quarter of a million samples each, are not examined."""


@dataclass(frozen=True)
class Mp4Outline:
    """What the outermost boxes of a file say.

    Attributes:
        is_mp4: Whether the file begins with a box of the ISO base media format (mp4, mov).
        kinds: Kinds of the outermost boxes, each once, in order of appearance.
        is_fragmented: Whether frames are indexed piece by piece, so that no header knows their number.
        missing_bytes: Bytes that were cut off, or that lie after a hole in a fragmented file; 0 when none are missing.
        broken_from: Byte at which a fragmented file holds something that is not a box, or a piece that does not follow
            the one before; None if there is no such place.
        is_gap: Whether that place is a piece that does not follow the one before.
        promised_s: Length in seconds that the header of a fragmented file promises; None if it does not.
        has_promised_end: Whether a file that ends early can be told from a whole one.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container.mp4 import read_outline
        >>> outline = read_outline(Path("video.mp4"))
        >>> outline.is_mp4, outline.has_index, outline.fault
        (True, True, None)
    """

    is_mp4: bool = False
    kinds: tuple[str, ...] = ()
    is_fragmented: bool = False
    missing_bytes: int = 0
    broken_from: int | None = None
    promised_s: float | None = None
    has_promised_end: bool = False
    is_gap: bool = False

    @property
    def has_index(self) -> bool:
        """Whether there is a movie box (moov), without which nothing can be decoded."""
        return "moov" in self.kinds

    @property
    def fault(self) -> str | None:
        """In what way the file is not whole, in words; None if nothing shows it."""
        if self.is_gap:
            return (
                f"the piece that begins at byte {self.broken_from:,} does not follow the one before: pieces are missing"
            )
        if self.broken_from is not None:
            return f"what begins at byte {self.broken_from:,} is no part of a video: the download has a hole"
        if self.missing_bytes:
            return f"the file is {sized(self.missing_bytes)} too short: the download was cut"
        return None


@dataclass
class _Findings:
    """What the boxes have shown so far."""

    kinds: dict[bytes, None] = field(default_factory=dict)
    end: int = 0
    known_end: int = 0
    last_kind: bytes = b""
    promised_end: int = 0
    segment_lists: int = 0
    is_fragmented: bool = False
    is_movie_broken: bool = False
    """The movie box holds something that is not a box, which may have said that fragments follow."""
    promised_s: float | None = None
    chain: FragmentChain = field(default_factory=FragmentChain)
    is_gap: bool = False
    last_fragment: int = -1

    def follows(self, file: BinaryIO, box: Box, size_bytes: int) -> bool:
        """Whether a fragment follows the one before, and the index of all fragments lists no later one than that."""
        if box.kind == b"moov":
            self.chain.begin()
        body = box.read(file, _MAX_FRAGMENT_BYTES) if box.kind in (b"moof", b"mfra") and box.end <= size_bytes else b""
        if body and len(body) < _MAX_FRAGMENT_BYTES:
            is_next = (
                self.chain.takes(body) if box.kind == b"moof" else last_fragment_listed(body) <= self.last_fragment
            )
            self.is_gap = not is_next
        self.last_fragment = box.start if box.kind == b"moof" else self.last_fragment
        return not self.is_gap

    def note(self, file: BinaryIO, box: Box) -> None:
        self.kinds[box.kind] = None
        self.end, self.last_kind = box.end, box.kind
        if box.kind in _KNOWN_BOXES:
            self.known_end = box.end
        if box.kind == b"moof":
            self.is_fragmented = True
        elif box.kind == b"moov":
            self._note_movie(file, box)
        elif box.kind == b"sidx":
            self.segment_lists += 1
            self.promised_end = max(self.promised_end, _segments_end(file, box))

    @property
    def is_at_its_end(self) -> bool:
        """Whether a fragmented file says that nothing follows the last box: the index of all fragments comes last."""
        return self.is_fragmented and (
            self.last_kind == b"mfra" or (self.segment_lists == 1 and self.end == self.promised_end)
        )

    def _note_movie(self, file: BinaryIO, movie: Box) -> None:
        """Source: ISO/IEC 14496-12, sections 8.2.2, 8.8.1, 8.8.2."""
        ticks_per_s, end = 0, movie.body
        for box in _boxes(file, movie.body, movie.end):
            end = box.end
            if box.kind == b"mvhd":
                ticks_per_s = _number(box.read(file, 32), 20 if _version(file, box) else 12, 4)
            elif box.kind == b"mvex":
                self.is_fragmented = True
                for inner in _boxes(file, box.body, box.end):
                    if inner.kind == b"mehd" and ticks_per_s:
                        length = 8 if _version(file, inner) else 4
                        self.promised_s = _number(inner.read(file, 12), 4, length) / ticks_per_s or None
        # Fewer bytes at the end of a list are ignored: old writers end it with four zeros.
        self.is_movie_broken = self.is_movie_broken or movie.end - end >= HEADER_BYTES


def read_outline(path: Path) -> Mp4Outline:
    """Read the headers of a file's outermost boxes. Source: ISO/IEC 14496-12, section 4.2.

    Args:
        path: The file, of any format.

    Returns:
        What the boxes say: whether it is an mp4 file, and what is missing.

    Raises:
        OSError: The file is absent or cannot be read, as with `open`.

    Example:
        A download that was cut:

        >>> from pathlib import Path
        >>> from hand100m_assets.video.container.mp4 import read_outline
        >>> _ = Path("cut.mp4").write_bytes(Path("video.mp4").read_bytes()[:5000])
        >>> outline = read_outline(Path("cut.mp4"))
        >>> outline.has_index, outline.missing_bytes > 0
        (False, True)
    """
    size_bytes, found = path.stat().st_size, _Findings()
    with path.open("rb") as file:
        if file.read(HEADER_BYTES)[4:] not in FIRST_BOXES:
            return Mp4Outline()
        for box in _boxes(file, 0, size_bytes):
            if found.is_fragmented and not _is_sound(file, box, size_bytes):
                break
            if not found.follows(file, box, size_bytes):
                break
            found.note(file, box)
        if found.is_at_its_end or _are_foreign_boxes(file, found.end, size_bytes):
            size_bytes = min(size_bytes, max(found.end, 0))  # bytes after the end do not matter
        found.is_fragmented = found.is_fragmented or (found.is_movie_broken and found.end < size_bytes)
    kinds = tuple(kind.decode("ascii") for kind in found.kinds)
    if not found.is_fragmented:
        # The table of such a file counts its frames, so bytes after the last box do not matter.
        missing_bytes = max(0, found.known_end - size_bytes)
        return Mp4Outline(is_mp4=True, kinds=kinds, missing_bytes=missing_bytes, has_promised_end=True)
    return Mp4Outline(
        is_mp4=True,
        kinds=kinds,
        is_fragmented=True,
        missing_bytes=0
        if found.is_gap
        else max(found.end, found.promised_end, size_bytes) - min(found.end, size_bytes),
        broken_from=found.end if found.end < size_bytes else None,
        promised_s=found.promised_s,
        is_gap=found.is_gap,
        # Several lists mean one before each segment: the last one that is there says nothing about the next.
        has_promised_end=found.segment_lists == 1 or found.promised_s is not None or kinds[-1] == "mfra",
    )


def _are_foreign_boxes(file: BinaryIO, start: int, size_bytes: int) -> bool:
    """Whether only whole boxes of kinds that hold no part of a movie follow, up to the last byte."""
    end = start
    for box in _boxes(file, start, size_bytes):
        if box.kind in _KNOWN_BOXES or box.end > size_bytes:
            return False
        end = box.end
    return end == size_bytes


def _is_sound(file: BinaryIO, box: Box, size_bytes: int) -> bool:
    if box.kind != b"moof" or box.end > size_bytes:
        return box.kind in _KNOWN_BOXES
    body = box.read(file, _MAX_FRAGMENT_BYTES)
    return len(body) == _MAX_FRAGMENT_BYTES or is_whole_fragment(body)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield one box after the other up to something that is not a box. The last one may extend beyond the end."""
    return takewhile(_is_likely, boxes_between(file, start, end))


def _is_likely(box: Box) -> bool:
    is_word = box.kind.isascii() and box.kind.decode("ascii").isprintable()
    return is_word and (not box.is_endless or box.kind in _ENDLESS_BOXES)


def _segments_end(file: BinaryIO, box: Box) -> int:
    """Where the last of the segments that a `sidx` box lists must end. Source: ISO/IEC 14496-12, section 8.16.3."""
    head = box.read(file, 32)
    at = 28 if _version(file, box) else 20  # reserved, then the number of references
    first_offset = _number(head, at - 8, 8) if _version(file, box) else _number(head, at - 4, 4)
    count = _number(head, at + 2, 2)
    references = box.read(file, at + 4 + 12 * count)[at + 4 :]
    sizes = (_number(references, 12 * i, 4) & 0x7FFFFFFF for i in range(count))
    return box.end + first_offset + sum(sizes)


def _version(file: BinaryIO, box: Box) -> int:
    return _number(box.read(file, 1), 0, 1)


def _number(data: bytes, start: int, length: int) -> int:
    """Read a big-endian number. Bytes beyond the data count as zero."""
    return int.from_bytes(data[start : start + length].ljust(length, b"\0"), "big")
