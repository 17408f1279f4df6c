"""Whole clips of any kind -> the same spoilt, as broken downloads and disks spoil them."""

from __future__ import annotations

from pathlib import Path

import av

KINDS = [
    *("hevc", "hevc_open_gop", "hevc_b_pyramid", "hevc_ten_bit.mkv"),
    *("vp9", "vp9.webm", "av1", "av1.mkv"),
    *("h264.mkv", "h264.mov", "index_in_front", "fragmented", "fragmented_b_frames"),
]
"""Codecs and containers whose damage must be seen, besides those of `media.DAMAGED`."""


def with_a_hole(whole: Path, folder: Path, *, into_packet: float = 0.0) -> Path:
    """Zeros from a packet in the middle of the file to half of the fourth one after it.

    Args:
        whole: The clip, which stays.
        folder: Where the spoilt one goes.
        into_packet: Which part of the first packet is spared.
    """
    with av.open(str(whole)) as container:
        packets = [(p.pos, p.size) for p in container.demux(container.streams.best("video")) if p.size]
    (first, first_bytes), (last, last_bytes) = packets[len(packets) // 2], packets[len(packets) // 2 + 3]
    start, end = first + int(first_bytes * into_packet), last + last_bytes // 2
    data = bytearray(whole.read_bytes())
    data[start:end] = bytes(end - start)
    return _written(data, whole, folder)


def cut(whole: Path, folder: Path) -> Path:
    """The first six tenths of the file."""
    data = whole.read_bytes()
    return _written(data[: len(data) * 6 // 10], whole, folder)


def _written(data: bytes | bytearray, whole: Path, folder: Path) -> Path:
    path = folder / f"spoilt_{whole.name}"
    path.write_bytes(data)
    return path
