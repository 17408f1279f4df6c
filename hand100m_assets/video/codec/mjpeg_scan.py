"""Finds overwritten blocks in Motion JPEG pictures, whose decoder accepts zeros as samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from hand100m_assets.video.codec.bitstream import Data

_SCAN, _CODES, _STEPS, _INTERVAL = 0xDA, 0xC4, 0xDB, 0xDD
_BEGIN: Final = re.compile(rb"\xff[\xc0-\xcf\xda-\xfe]")
_PICTURE: Final = b"\xff\xd8"
_FILL: Final = b"\xff"
"""Any number of these bytes may come before a segment."""
_NOTES: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
_TABLES: Final = frozenset({*range(0xC0, 0xD0), _STEPS, _INTERVAL})
"""Segments without which nothing decodes; of all others, notes above all, cameras write odd lengths."""
_STANDARD_CODE_LENGTHS: Final = bytes.fromhex("0002010303020403050504040000017d")
"""Of the standard's table for brightness: its code for an unchanged block holds ones. Source: T.81, table K.5."""
_HOLE: Final = bytes(32)
"""None of 140 pictures by FFmpeg and libjpeg with these tables (flat, noisy, smooth) held more than 2 zeros."""


def mjpeg_holds_hole(data: Data) -> bool:
    """Whether a picture's tables or samples hold zeros that no encoder writes, or its parts do not follow each other.

    If a block of another picture overwrites the tables, the decoder continues at data that looks like the next table.
    Samples are searched only if the picture uses the standard's tables. An encoder that makes its own tables may give
    the most frequent symbol the code 0, and write zeros for a flat picture.

    A packet that begins within a picture shows that the sizes of packets are wrong.
    """
    packet = bytes(data)
    if packet[: packet.find(_PICTURE)].strip(b"\0" + _FILL):
        return True
    codes, end_of_table = b"", 0
    for kind, at, end in _segments(packet):
        if end_of_table and packet[end_of_table:at].strip(_FILL):
            return True
        if kind == _SCAN:
            return (not codes or _STANDARD_CODE_LENGTHS in codes) and _HOLE in packet[at:end]
        if kind in (_CODES, _STEPS) and _HOLE in packet[at:end]:
            return True
        codes += packet[at:end] if kind == _CODES else b""
        end_of_table = end if kind in _TABLES else 0
    return True  # without samples


def _segments(packet: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, begin and end of each part up to the first samples; these with all that follows. Source: T.81, annex B."""
    at = 2
    while (marker := _BEGIN.search(packet, at)) is not None:
        kind, at = marker[0][1], marker.start()
        end = len(packet) if kind == _SCAN else at + 2 + int.from_bytes(packet[at + 2 : at + 4], "big")
        if kind in _NOTES and not at + 4 <= end <= len(packet):
            end = at + 4
        else:
            yield kind, at, end
        at = end
