"""Follows the elements of a Matroska or WebM file, to tell where it ends and whether every block of a track was read.

ffmpeg's reader skips elements that it does not know, without an error. One wrong bit in the name of a block is enough:
the picture is missing, and later frames would be numbered too low.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

_EBML, _SEGMENT, _CLUSTER, _TRACKS, _TRACK_ENTRY, _BLOCK_GROUP = (
    *(0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B),
    *(0xAE, 0xA0),
)
_NO_ELEMENT, _TRACK_NUMBER, _BLOCK, _SIMPLE_BLOCK = -1, 0xD7, 0xA1, 0xA3
_ANYWHERE: Final = frozenset({0xEC, 0xBF})
"""Padding and checksums."""
_IN_SEGMENT: Final = _ANYWHERE | {
    _CLUSTER,
    _TRACKS,
    0x114D9B74,
    0x1549A966,
    0x1C53BB6B,
    0x1043A770,
    0x1941A469,
    0x1254C367,
}
_CHILDREN: Final[dict[int, frozenset[int]]] = {
    0: _ANYWHERE | {_EBML, _SEGMENT},
    _SEGMENT: frozenset(_IN_SEGMENT),
    _CLUSTER: _ANYWHERE | {0xE7, 0x5854, 0xA7, 0xAB, _SIMPLE_BLOCK, _BLOCK_GROUP},
    _BLOCK_GROUP: _ANYWHERE | {_BLOCK, 0x75A1, 0xA2, 0x9B, 0xFA, 0xFB, 0xFD, 0xA4, 0x75A2, 0x8E, 0xC8},
}
"""What an element may hold, where that matters. Source: RFC 9559, section 5; 0 stands for the file."""
_OPENED: Final = frozenset({_SEGMENT, _CLUSTER, _TRACKS, _TRACK_ENTRY, _BLOCK_GROUP})
_ENDLESS: Final = frozenset({_SEGMENT, _CLUSTER})
"""These may have an unknown length, in a recording that is still going on or was written to a pipe."""
_NUMBERS: Final = frozenset({0xE7, 0xA7, 0xAB, 0x9B, 0xFA, 0xFB, 0xFD, 0x75A2})
"""Elements that hold one number. A longer one is something else under a wrong name."""
_MAX_NUMBER_BYTES: Final = 8
_BLOCKS: Final = frozenset({_BLOCK, _SIMPLE_BLOCK})
_HEAD_BYTES: Final = 12
"""An element's name takes 4 bytes at most, and its length 8."""
_MAX_ELEMENTS: Final = 100
"""Maximum number of elements that are read before the segment: a header, and perhaps padding."""

HOLE: Final = "packets are missing: the file holds what is no element of Matroska here"
MISSING: Final = "packets are missing: the reader has passed over a block of the file"


class _Block(NamedTuple):
    """A block; a `track` of None stands for a place that cannot be understood."""

    position: int
    track: int | None


class MatroskaBlocks:
    """Walks over the blocks of a Matroska file in step with the packets of a reader, and reports missing packets.

    Source: RFC 8794 (EBML); RFC 9559 (Matroska).

    Args:
        path: The Matroska or WebM file.

    Example:
        >>> from pathlib import Path
        >>> import av
        >>> from hand100m_assets.video.container import MatroskaBlocks
        >>> blocks = MatroskaBlocks(Path("video.mkv"))
        >>> with av.open("video.mkv") as container:
        ...     losses = [blocks.loss_before(packet.pos) for packet in container.demux(video=0) if packet.size]
        >>> any(losses), blocks.loss_at_end()
        (False, None)
    """

    def __init__(self, path: Path) -> None:
        self._blocks = _blocks(path)
        self._track: int | None = None
        self._position = -1
        self._is_over = False

    def loss_before(self, position: int | None) -> str | None:
        """Tell what is missing before a packet. Call it for every packet of the picture track, in order.

        Args:
            position: Byte at which the packet's block begins; None where the reader does not know it, which ends the
                watch.

        Returns:
            Words for what is missing, once; None when nothing is.
        """
        if self._is_over or position == self._position:
            return None  # one block may hold several packets
        if position is None or position < 0:
            self._is_over = True
            return None
        loss = self._loss_until(position)
        self._position, self._is_over = position, loss is not None
        return loss

    def loss_at_end(self) -> str | None:
        """Tell what is missing after the last packet: words, or None when nothing is."""
        return None if self._is_over or self._track is None else self._loss_until(None)

    def _loss_until(self, position: int | None) -> str | None:
        passed_over: set[int] = set()
        for block in self._blocks:
            if block.track is None:
                return HOLE
            if block.position == position:
                self._track = block.track if self._track is None else self._track
                return MISSING if self._track in passed_over or self._track != block.track else None
            passed_over.add(block.track)
        return MISSING if position is not None or self._track in passed_over else None


def segment_missing_bytes(path: Path) -> int | None:
    """Number of bytes that the file lacks of its segment; None for other formats and for a segment of unknown size.

    This is better evidence than the duration, which is that of the longest track and counts from zero in some muxers
    and from the first picture in others. Source: RFC 8794 (EBML), sections 4 to 6; RFC 9559 (Matroska), section 4.5.

    Raises:
        OSError: As `open` does.
    """
    size_bytes, at = path.stat().st_size, 0
    with path.open("rb") as file:
        for number in range(_MAX_ELEMENTS):
            kind, _, end = _element_at(file, at) or (_NO_ELEMENT, at, None)
            if end is None or (number == 0 and kind != _EBML):
                return None
            if kind == _SEGMENT:
                return max(0, end - size_bytes)
            at = end
    return None


def _blocks(path: Path) -> Iterator[_Block]:
    """Every block, up to a place that cannot be understood, or to the end of the file or of what is whole of it."""
    tracks: set[int] = set()
    with path.open("rb") as file:
        for kind, body, end in _elements(file, path.stat().st_size):
            file.seek(body)
            if kind == _TRACK_NUMBER:
                tracks.add(int.from_bytes(file.read(end - body), "big"))
            elif kind in _BLOCKS:
                track = _variable(file.read(8), keeps_marker=False)
                yield _Block(body, track[0] if track is not None and track[0] in tracks else None)
            elif kind == _NO_ELEMENT:
                yield _Block(body, None)


def _elements(file: BinaryIO, size_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Name, first byte of the content, and end of all elements that hold no others. What is no element is the last."""
    opened: list[tuple[int, int | None]] = [(0, None)]
    at = 0
    while at < size_bytes:
        while opened[-1][1] == at:
            opened.pop()
        element = _element_at(file, at)
        if element is None and at + _HEAD_BYTES > size_bytes:
            return  # the file was cut
        kind, body, end = element or (_NO_ELEMENT, at, at)
        if opened[-1] == (_CLUSTER, None) and kind in _IN_SEGMENT - _ANYWHERE:
            opened.pop()
        parent, parent_end = opened[-1]
        if (parent == 0 and kind not in _CHILDREN[0]) or (kind == _EBML and at > 0):
            return  # bytes and files behind the end do not matter: no reader goes on there
        if _is_out_of_place(parent, parent_end, kind, body, end):
            yield _NO_ELEMENT, at, at
            return
        if kind in _OPENED:
            opened.append((kind, end))
            at = body
            continue
        if end is None or end > size_bytes:
            return  # the file was cut
        yield kind, body, end
        at = end


def _is_out_of_place(parent: int, parent_end: int | None, kind: int, body: int, end: int | None) -> bool:
    if parent in _CHILDREN and kind not in _CHILDREN[parent]:
        return True
    if end is None:
        return kind not in _ENDLESS
    return end > (parent_end or inf) or (kind in _NUMBERS and end - body > _MAX_NUMBER_BYTES)


def _element_at(file: BinaryIO, at: int) -> tuple[int, int, int | None] | None:
    """Name, first byte of the content, and end of an element; an unknown end is None. None where there is none."""
    file.seek(at)
    head = file.read(_HEAD_BYTES)
    name = _variable(head, keeps_marker=True)
    length = _variable(head[name[1] :], keeps_marker=False) if name is not None else None
    if name is None or length is None or name[1] > 4:
        return None
    body = at + name[1] + length[1]
    is_unknown = length[0] == (1 << 7 * length[1]) - 1
    return name[0], body, None if is_unknown else body + length[0]


def _variable(data: bytes, *, keeps_marker: bool) -> tuple[int, int] | None:
    """A number of variable length, and its length. Source: RFC 8794, section 4."""
    if not data or not data[0]:
        return None
    length = 9 - data[0].bit_length()
    if len(data) < length:
        return None
    value = int.from_bytes(data[:length], "big")
    return (value if keeps_marker else value & ((1 << 7 * length) - 1)), length
