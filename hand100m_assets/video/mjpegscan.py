"""Overwritten blocks in pictures of Motion JPEG, whose decoder takes zeros for samples."""

from __future__ import annotations

from typing import Final

from hand100m_assets.video.bitstream import Data

_MARKER, _SCAN, _CODES, _STEPS, _INTERVAL = 0xFF, 0xDA, 0xC4, 0xDB, 0xDD
_TABLES: Final = frozenset({*range(0xC0, 0xD0), _STEPS, _INTERVAL})
"""Segments without which nothing decodes; of all others, notes above all, cameras write odd lengths."""
_STANDARD_CODE_LENGTHS: Final = bytes.fromhex("0002010303020403050504040000017d")
"""Of the standard's table for brightness: its codes for an unchanged block hold ones. Source: ITU-T T.81, table K.5."""
_HOLE: Final = bytes(32)
"""Of 140 pictures by FFmpeg and libjpeg with these tables, flat, noisy and smooth, none held more than 2 zeros."""


def mjpeg_holds_hole(data: Data) -> bool:
    """Whether a picture's tables or samples hold zeros that no encoder writes, or a table does not end where it should.

    Where a block of another picture lies over the tables, the decoder goes on at the next thing that looks like one.
    Samples are searched only with the standard's tables: an encoder that makes its own may call what is most frequent
    0, and write zeros for a flat picture.
    """
    packet = bytes(data)
    codes, others, samples = _parts(packet)
    if _HOLE in codes or _HOLE in others or not _tables_follow_each_other(packet):
        return True
    return (not codes or _STANDARD_CODE_LENGTHS in codes) and _HOLE in samples


def _parts(packet: bytes) -> tuple[bytes, bytes, bytes]:
    """Tables of codes, tables of steps, and samples, as far as the segments are understood. Source: T.81, annex B."""
    codes, steps, at = b"", b"", 2
    while at + 4 <= len(packet) and packet[at] == _MARKER and packet[at + 1] != _SCAN:
        end = at + 2 + int.from_bytes(packet[at + 2 : at + 4], "big")
        codes += packet[at:end] if packet[at + 1] == _CODES else b""
        steps += packet[at:end] if packet[at + 1] == _STEPS else b""
        at = end
    return codes, steps, packet[at:] if packet[at + 1 : at + 2] == bytes([_SCAN]) else b""


def _tables_follow_each_other(packet: bytes) -> bool:
    """Whether behind each table, up to the first scan, something else begins. Source: T.81, annex B."""
    at, is_behind_table = 2, False
    while at + 4 <= len(packet) and packet[at] == _MARKER and packet[at + 1] != _SCAN:
        if packet[at + 1] == _MARKER:  # any number of them may fill up before a segment
            at += 1
            continue
        is_behind_table = packet[at + 1] in _TABLES
        at += 2 + int.from_bytes(packet[at + 2 : at + 4], "big")
    return not is_behind_table or packet[at : at + 1] in (b"", bytes([_MARKER]))
