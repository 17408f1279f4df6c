"""Healthy streams with bytes that mean nothing: behind slices, between units, behind the file's end."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from pathlib import Path

from hand100m_assets_tests.explore.coded import Coded, Unit
from hand100m_assets_tests.explore.files import Kind, Maker
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.ordinary import NO_AV1, random_track

FILLERS = {"h264": b"\x0c", "hevc": b"\x4c\x01"}
VENDORS_BOX = b"\x00\x00\x00\x40uuid" + bytes(range(56))


def split(data: bytes) -> list[bytes]:
    """The units of a packet with four-byte lengths."""
    units = []
    while data:
        size = int.from_bytes(data[:4], "big")
        units.append(data[4 : 4 + size])
        data = data[4 + size :]
    return units


def joined(units: list[bytes]) -> bytes:
    """The opposite."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def _changed(rng: random.Random, track: Coded, change: str, first: bool) -> Coded:
    share, size = rng.choice([0.1, 0.5, 1.0]), rng.choice([3, 24, 60, 200, 1200])
    units = []
    for number, unit in enumerate(track.units):
        if rng.random() < share or (first and number < 3):
            units.append(replace(unit, data=_padded(rng, track.codec, unit, change, size)))
        else:
            units.append(unit)
    return track.with_units(units)


def _padded(rng: random.Random, codec: str, unit: Unit, change: str, size: int) -> bytes:
    parts = split(unit.data)
    if change == "zeros":
        parts[-1] += bytes(size)
    elif change == "cabac zero words":
        parts[-1] += b"\x00\x00\x03" * (size // 3)
    else:
        parts.insert(rng.choice([len(parts), len(parts)]), FILLERS[codec] + b"\xff" * size + b"\x80")
    return joined(parts)


def padded(codec: str, suffix: str, change: str) -> Maker:
    """What encoders of a constant bit rate fill their packets with, from the first packet on or later."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, codec)
        return write(folder / f"whole{suffix}", _changed(rng, track, change, rng.random() < 0.5))

    return make


def padded_av1(suffix: str) -> Maker:
    """AV1's own padding units, and zeros at the end of what a packet holds."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, "av1")
        units = []
        for unit in track.units:
            size = rng.choice([0, 0, 5, 40, 100])
            body = bytes(size - 1) + b"\x80" if size and rng.random() < 0.5 else bytes(size)
            units.append(replace(unit, data=unit.data + b"\x7a" + bytes([size]) + body if size else unit.data))
        return write(folder / f"whole{suffix}", track.with_units(units))

    return make


def constant_rate(codec: str, suffix: str) -> Maker:
    """The encoder's own filling up to a constant bit rate."""

    def make(rng: random.Random, folder: Path) -> Path:
        rate = rng.choice([200, 600])
        fixed = {"h264": {"nal_hrd": "cbr", "crf": 20}, "hevc": {"strict_cbr": 1, "hrd": 1}}[codec]
        limits = {"bitrate": rate, "vbv_maxrate": rate, "vbv_bufsize": rate // 2, "repeat_headers": 1, "keyint": 25}
        return write(folder / f"whole{suffix}", random_track(rng, codec, **{**fixed, **limits}))

    return make


def followed(codec: str, suffix: str) -> Maker:
    """Bytes behind the end of the file: zeros, a vendor's box, or what was on the disk."""

    def make(rng: random.Random, folder: Path) -> Path:
        path = write(folder / f"whole{suffix}", random_track(rng, codec))
        more = [
            bytes(rng.choice([1, 7, 512, 4096])),
            bytes(rng.choice([16, 1000])),
            VENDORS_BOX,
            VENDORS_BOX + bytes(64),
        ]
        with path.open("ab") as file:
            file.write(rng.choice(more))
        return path

    return make


KINDS = [
    *(
        Kind(f"{codec} {change} {suffix[1:]}", padded(codec, suffix, change))
        for codec in ("h264", "hevc")
        for suffix, change in [
            *((".mp4", "zeros"), (".mkv", "zeros"), (".ts", "zeros")),
            *((".mp4", "cabac zero words"), (".mp4", "filler"), (".mkv", "filler"), (".ts", "filler")),
        ]
    ),
    *(Kind(f"av1 padding units {s[1:]}", padded_av1(s), opencv="not asked", why=NO_AV1) for s in (".mp4", ".mkv")),
    *(Kind(f"h264 constant rate {s[1:]}", constant_rate("h264", s)) for s in (".mp4", ".ts")),
    *(
        Kind(f"{codec} bytes behind the end {suffix[1:]}", followed(codec, suffix))
        for codec, suffix in [
            *(("h264", ".mp4"), ("h264", ".mov"), ("hevc", ".mp4"), ("h264", ".mkv"), ("vp9", ".webm")),
            ("mjpeg", ".avi"),  # not of .ts and .flv: nothing says where they end, so it might as well be a hole
        ]
    ),
]
