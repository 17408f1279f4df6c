"""Kinds of damage: what is spoilt, how, and what may then be silent."""

from __future__ import annotations

from dataclasses import dataclass

from hand100m_assets_tests.explore import spoiling
from hand100m_assets_tests.explore.files import Maker
from hand100m_assets_tests.explore.ordinary import fragmented, plain

BASES: dict[str, list[Maker]] = {
    "h264": [*(plain("h264", s) for s in (".mp4", ".mov", ".mkv", ".flv", ".ts")), fragmented("h264")],
    "hevc": [*(plain("hevc", s) for s in (".mp4", ".mkv", ".ts")), fragmented("hevc")],
    "vp9": [*(plain("vp9", s) for s in (".mp4", ".webm")), fragmented("vp9")],
    "av1": [*(plain("av1", s) for s in (".mp4", ".mkv")), fragmented("av1")],
    "avi": [plain("h264", ".avi"), plain("mjpeg", ".avi", huffman="default"), plain("mpeg4", ".avi")],
    "ts": [plain("h264", ".ts"), plain("hevc", ".ts"), plain("mpeg2", ".ts")],
    "fragments": [fragmented(codec) for codec in ("h264", "hevc", "vp9", "av1")],
}
"""Of Motion JPEG only what has the standard's tables: with an encoder's own, zeros may be a flat picture."""
HEADS: dict[str, list[Maker]] = {
    **{codec: BASES[codec] for codec in ("vp9", "av1", "avi")},
    "h264": [plain("h264", s) for s in (".mp4", ".mov", ".mkv", ".flv")],
    "hevc": [plain("hevc", s) for s in (".mp4", ".mkv")],
}
"""Not transport streams: where one ends with a packet of an unknown track, nothing tells that it was a picture."""
WITHOUT_TIMES = frozenset({".avi", ".mpg"})
"""Containers that say nothing of when a frame is shown, so that a frame is known by its picture alone."""


@dataclass(frozen=True)
class DamageKind:
    """One kind of damage to one family of files.

    Attributes:
        name: As the table shows it.
        spoil: Makes the spoilt bytes.
        bases: Which files are spoilt.
        is_zeros: Nothing of it may be silent.
        is_cut: The end is gone, which cannot be seen where nothing in a file says where it ends.
    """

    name: str
    spoil: spoiling.Spoiler
    bases: list[Maker]
    is_zeros: bool = False
    is_cut: bool = False


_EVERYWHERE = ("h264", "hevc", "vp9", "av1", "avi")
KINDS = [
    *(DamageKind(f"truncated, {b}", spoiling.cut, BASES[b], is_cut=True) for b in _EVERYWHERE),
    *(
        DamageKind(f"blocks of zeros, {b}", spoiling.zeros(512, 1024, 4096), BASES[b], is_zeros=True)
        for b in _EVERYWHERE
    ),
    *(DamageKind(f"64 zeros, {b}", spoiling.zeros(64), BASES[b], is_zeros=True) for b in _EVERYWHERE),
    *(
        DamageKind(f"zeros in the first two packets, {b}", spoiling.zeros_in_first_packets, BASES[b], is_zeros=True)
        for b in ("h264", "hevc", "vp9", "av1")
    ),
    *(DamageKind(f"blocks of 0xFF, {b}", spoiling.ones, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"random bytes, {b}", spoiling.noise, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"foreign blocks, {b}", spoiling.foreign, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"repeated blocks, {b}", spoiling.repeated, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"shuffled blocks, {b}", spoiling.shuffled, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"flipped bits, {b}", spoiling.flips, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"flipped bits in heads, {b}", spoiling.head_flips, HEADS[b]) for b in _EVERYWHERE),
    *(DamageKind(f"lost packets, {b}", spoiling.lost_packets, BASES[b], is_cut=b == "ts") for b in ("ts", "avi")),
    DamageKind("broken index, avi", spoiling.broken_index, BASES["avi"]),
    DamageKind("lost fragments", spoiling.lost_fragment, BASES["fragments"], is_cut=True),
]
