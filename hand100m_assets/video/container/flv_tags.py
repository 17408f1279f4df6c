"""Follows the chain of tags of an FLV file, to find out whether the file was cut and whether every picture was read.

Each tag gives its length, so a complete tag leads to the next one. When ffmpeg's reader loses its place, it continues
at the next bytes that look like a tag, and skips tags that it does not understand.

The tags are better evidence than the duration in the header, which is rounded, counts from the first picture in some
files and from zero in others, and may leave out the last frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_HEADER_BYTES: Final = 9
_TAG_HEADER_BYTES: Final = 11
_BACK_POINTER_BYTES: Final = 4
"""After the header and after each tag stands the length of the tag before."""
_TAG_KINDS: Final = frozenset({8, 9, 15, 18})
"""Sound, picture, and two kinds of script. Two higher bits are reserved, one says that the tag is encrypted."""
_SOUND: Final = 8
_PICTURE: Final = 9
_HEAD_BYTES: Final = 6
"""Number of bytes of a picture's tag that say what it contains."""
_KEY_FRAME: Final = 1

_COMMAND: Final = 5
_HAS_PACKET_KINDS: Final = frozenset({7, 12})
"""H.264 and HEVC: the second byte tells what is in the tag."""
_LEFTOVER_BYTES: Final = _TAG_HEADER_BYTES + _BACK_POINTER_BYTES
"""Fewer bytes than this after the last tag cannot be a lost picture."""

MISSING: Final = "packets are missing: the file's tags do not follow each other here"
CUT: Final = "packets are missing: the file ends within a tag"
NO_TAG: Final = "packets may be missing: the file ends with what is no tag"


class _Tag(NamedTuple):
    kind: int
    at: int
    end: int
    head: bytes

    @property
    def has_picture(self) -> bool:
        """Whether a reader makes a packet of it. It makes none of parameter sets, a command, or an announced end.

        Source: Adobe Flash Video File Format Specification 10.1, E.4.3; Enhanced RTMP, version 2.
        """
        if self.kind != _PICTURE or not self.head:
            return False
        flags = self.head[0]
        if flags & 0x80:
            return flags & 15 in (1, 3)
        if flags >> 4 == _COMMAND and len(self.head) < _HEAD_BYTES:
            return False
        if flags & 15 not in _HAS_PACKET_KINDS or len(self.head) < 2:
            return True
        is_of_sets = self.head[1] == 0 and self.head[5:6] == b"\x01"
        is_end = self.head[1] == 2 and len(self.head) < _HEAD_BYTES
        return not is_of_sets and not is_end


class FlvTags:
    """Walks over the tags of an FLV file in step with the packets of a reader, and reports packets that are missing.

    Source: Adobe Flash Video File Format Specification 10.1, annex E.

    Args:
        path: The FLV file.

    Example:
        >>> from pathlib import Path
        >>> import av
        >>> from hand100m_assets.video.container import FlvTags
        >>> tags = FlvTags(Path("video.flv"))
        >>> with av.open("video.flv") as container:
        ...     losses = [tags.loss_before(packet.pos) for packet in container.demux(video=0) if packet.size]
        >>> any(losses), tags.loss_at_end()
        (False, None)
    """

    def __init__(self, path: Path) -> None:
        self._size_bytes = path.stat().st_size
        self._tags = _tags(path)
        self._end = self._size_bytes
        self._is_over = False

    def loss_before(self, position: int | None) -> str | None:
        """Tell what is missing before a packet. Call it for every packet of the picture track, in order.

        Args:
            position: Byte at which the packet begins; None if the reader does not know it, which ends the watch.

        Returns:
            Words for what is missing, once; None if nothing is.
        """
        if self._is_over or position is None or position < 0:
            self._is_over = True
            return None
        tag = self._next_picture()
        if tag is not None and tag.at <= position < tag.end:
            return None
        self._is_over = True
        return MISSING

    def loss_at_end(self) -> str | None:
        """Tell what is missing after the last packet: words, or None if nothing is."""
        if self._is_over:
            return None
        self._is_over = True
        tag = self._next_picture()
        if tag is not None and tag.end <= self._size_bytes:
            return MISSING
        for tag in self._tags:
            self._end = tag.end
        if self._end > self._size_bytes:
            return CUT
        return NO_TAG if self._size_bytes - self._end > _LEFTOVER_BYTES else None

    def _next_picture(self) -> _Tag | None:
        for tag in self._tags:
            self._end = tag.end
            if tag.has_picture:
                return tag
        return None


def flv_missing_bytes(path: Path) -> int:
    """Number of bytes that the file lacks of its last tag; 0 if it ends with a complete tag or with something else.

    A file that was cut exactly between two tags looks whole.

    Raises:
        OSError: As `open` does.
    """
    end = 0
    for tag in _tags(path):
        end = tag.end
    return max(0, end - path.stat().st_size)


def is_tag_of_key_frame(path: Path, at: int) -> bool:
    """Tell whether an FLV tag says that its picture is a key frame.

    Args:
        path: The FLV file.
        at: Position in bytes where the tag begins.

    Raises:
        OSError: The file cannot be read now. Try again later.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.container import is_tag_of_key_frame
        >>> is_tag_of_key_frame(Path("video.flv"), at=0)
        False
    """
    with path.open("rb") as file:
        file.seek(at)
        tag = file.read(_TAG_HEADER_BYTES + 1)
    return len(tag) > _TAG_HEADER_BYTES and tag[0] & 0x1F == _PICTURE and tag[-1] >> 4 & 7 == _KEY_FRAME


def _tags(path: Path) -> Iterator[_Tag]:
    """Yield every tag up to the first place where there is none. The last one may be cut.

    Source: Adobe Flash Video File Format Specification 10.1, annex E.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or header[:3] != b"FLV":
            return
        at = int.from_bytes(header[5:9], "big") + _BACK_POINTER_BYTES
        heads: dict[int, set[int]] = {known: set() for known in _TAG_KINDS}
        """By kind, with which bytes its tags begin."""
        while True:
            file.seek(at)
            head = file.read(_TAG_HEADER_BYTES + _HEAD_BYTES)
            if not head:
                return
            size = int.from_bytes(head[1:4], "big")
            end = at + _TAG_HEADER_BYTES + (size + _BACK_POINTER_BYTES if len(head) >= _TAG_HEADER_BYTES else 0)
            kind = head[0] & 0x1F
            if kind not in _TAG_KINDS:
                return
            if len(head) > _TAG_HEADER_BYTES and size:
                first = head[_TAG_HEADER_BYTES]
                if kind == _SOUND and first in heads[_PICTURE] - heads[_SOUND]:
                    return  # a picture under a wrong name: all sound of a file has one format
                heads[kind].add(first)
            yield _Tag(kind, at, end, head[_TAG_HEADER_BYTES : _TAG_HEADER_BYTES + size])
            at = end
