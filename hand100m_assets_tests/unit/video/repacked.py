"""Whole clips -> the same pictures in other bytes, as other encoders and muxers write them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import av

Change: TypeAlias = Callable[[int, bytes], bytes]
"""Number and bytes of a packet -> what stands in its place."""


def repacked(clip: Path, path: Path, change: Change, **options: str) -> Path:
    """Copy the picture track with every packet changed, times and key frames kept."""
    with av.open(str(clip)) as source, av.open(str(path), "w", options=options) as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream, opaque=True)
        for number, packet in enumerate(p for p in source.demux(stream) if p.size):
            new: Any = av.Packet(change(number, bytes(packet)))
            new.pts, new.dts, new.time_base, new.duration = packet.pts, packet.dts, packet.time_base, packet.duration
            new.is_keyframe, new.stream = packet.is_keyframe, copy
            target.mux(new)
    return path


def units_of(packet: bytes) -> list[bytes]:
    """The units of H.264 or HEVC behind lengths of four bytes."""
    units = []
    while packet:
        (size,) = struct.unpack(">I", packet[:4])
        units.append(packet[4 : 4 + size])
        packet = packet[4 + size :]
    return units


def packed(units: list[bytes]) -> bytes:
    """The opposite of `units_of`."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def behind_slices(tail: bytes, *, every: int = 1, first: int = 0) -> Change:
    """Bytes behind the last slice of some packets, inside its own length."""

    def change(number: int, packet: bytes) -> bytes:
        if number % every != first:
            return packet
        *others, last = units_of(packet)
        return packed([*others, last + tail])

    return change


def with_unit(unit: bytes) -> Change:
    """Another unit at the end of each packet."""
    return lambda _, packet: packed([*units_of(packet), unit])


def before_slices(unit: bytes) -> Change:
    """Another unit before the others of each packet."""
    return lambda _, packet: packed([unit, *units_of(packet)])


def behind(data: bytes) -> Change:
    """Bytes at the end of each packet, whatever is in it."""
    return lambda _, packet: packet + data
