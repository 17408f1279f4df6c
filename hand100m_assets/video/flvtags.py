"""Whether an FLV file was cut: each of its tags says how long it is.

Better evidence than the duration in its header: that is rounded, counts from the first picture in some files and from
zero in others, and may lack the last frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HEADER_BYTES: Final = 9
_TAG_HEADER_BYTES: Final = 11
_BACK_POINTER_BYTES: Final = 4
"""Behind the header and each tag stands the length of the tag before."""
_TAG_KINDS: Final = frozenset({8, 9, 18})
"""Sound, picture, script; two higher bits are reserved, one says that the tag is encrypted."""


def flv_missing_bytes(path: Path) -> int:
    """How much the file lacks of its last tag; 0 where it ends with a whole tag, or where what follows is no tag.

    A file that was cut right between two tags looks whole.

    Source: Adobe Flash Video File Format Specification 10.1, annex E.

    Raises:
        OSError: As `open` does.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or header[:3] != b"FLV":
            return 0
        at = int.from_bytes(header[5:9], "big") + _BACK_POINTER_BYTES
        while at < size_bytes:
            file.seek(at)
            tag = file.read(_TAG_HEADER_BYTES)
            if tag[0] & 0x1F not in _TAG_KINDS:
                return 0
            if len(tag) < _TAG_HEADER_BYTES:
                return _TAG_HEADER_BYTES - len(tag)
            at += _TAG_HEADER_BYTES + int.from_bytes(tag[1:4], "big") + _BACK_POINTER_BYTES
    return max(0, at - size_bytes)
