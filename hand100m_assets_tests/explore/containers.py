"""Healthy streams in files that are cut, joined, edited, written to a pipe or otherwise odd, and yet whole."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from pathlib import Path

import av

from hand100m_assets_tests.explore import mp4edit
from hand100m_assets_tests.explore.coded import Coded, EncoderError, random_look
from hand100m_assets_tests.explore.files import Kind, Maker
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.ordinary import random_track
from hand100m_assets_tests.explore.spoiling import TS_PACKET_BYTES

ODD_SEGMENTS = [
    b"\xff\xe1" + struct.pack(">H", 18) + b"Exif\0\0XX*\0no tiff"[:16],
    b"\xff\xe5\0\0",
    b"\xff\xe1" + struct.pack(">H", 8) + b"Exif\0\0",
    b"\xff\xfe" + struct.pack(">H", 10) + b"comment!",
    b"\xff\xe2" + struct.pack(">H", 20) + b"ICC_PROFILE\0\xff\xffabcd",
    b"\xff\xee" + struct.pack(">H", 14) + b"Adobe\0e\0\0\0\0\x01",
    b"\xff\xe0" + struct.pack(">H", 10) + b"AVI1\0\0\0\0",
]

_NO_KEY = "OpenCV opens no VP9 that does not begin with a key frame"


def odd_segments(suffix: str) -> Maker:
    """MJPEG whose pictures carry an application segment that is not what its name says."""

    def make(rng: random.Random, folder: Path) -> Path:
        track, segment, share = random_track(rng, "mjpeg"), rng.choice(ODD_SEGMENTS), rng.choice([0.2, 1.0])
        units = [replace(u, data=u.data[:2] + segment + u.data[2:]) if rng.random() < share else u for u in track.units]
        return write(folder / f"whole{suffix}", track.with_units(units))

    return make


def to_a_pipe(codec: str, suffix: str) -> Maker:
    """Written where the muxer could not go back: no index, and lengths that are not known."""

    def make(rng: random.Random, folder: Path) -> Path:
        fixed = {"repeat_headers": 1} if codec == "h264" else {}
        return write(folder / f"whole{suffix}", random_track(rng, codec, **fixed), is_piped=True)

    return make


def within_a_group(codec: str) -> Maker:
    """A transport stream whose beginning is gone, as a recorder switched on later has it."""

    def make(rng: random.Random, folder: Path) -> Path:
        path = write(folder / "whole.ts", random_track(rng, codec, **_often(codec)))
        data = path.read_bytes()
        cells = len(data) // TS_PACKET_BYTES
        path.write_bytes(data[rng.randrange(1, max(2, cells // 3)) * TS_PACKET_BYTES :])
        with av.open(str(path)) as container:
            if container.format.name != "mpegts":
                raise EncoderError("so short that FFmpeg takes it for a stream without a container")
        return path

    return make


def copied_within_a_group(codec: str, suffix: str) -> Maker:
    """What was cut from a longer file without encoding and without regard to key frames."""

    def make(rng: random.Random, folder: Path) -> Path:
        often = {"g": 8} if codec == "vp9" else {"keyint": 8, "open_gop": 0}
        track = random_track(rng, codec, **often | ({"intra_refresh": 0} if codec == "h264" else {}))
        return write(folder / f"whole{suffix}", track.with_units(track.units[rng.randint(1, 7) :]))

    return make


def _often(codec: str) -> dict[str, int]:
    return (
        {"repeat_headers": 1, "keyint": 8, "intra_refresh": 0}
        if codec == "h264"
        else {"repeat_headers": 1, "keyint": 8}
    )


def two_files(codec: str) -> Maker:
    """Two transport streams, one behind the other; times begin again, or go on."""

    def make(rng: random.Random, folder: Path) -> Path:
        look = random_look(rng, frame_count=rng.choice([20, 30, 40]))
        parts = []
        for number in range(2):
            track = random_track(rng, codec, look, **({} if codec == "mpeg2" else _often(codec)))
            track = track.shifted(int(rng.choice([0, 2, 100]) / track.time_base))
            parts.append(write(folder / f"part{number}.ts", track).read_bytes())
        path = folder / "whole.ts"
        path.write_bytes(b"".join(parts))
        return path

    return make


def stream_copied(codec: str, suffix: str) -> Maker:
    """A cut without encoding: from the key frame before it, what lies before the cut is hidden by an edit list."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, codec, **({"keyint": rng.choice([8, 15, 25])} if codec in ("h264", "hevc") else {}))
        begin = rng.randrange(len(track.units) // 2)
        key = max(n for n, unit in enumerate(track.units) if unit.is_key and n <= begin)
        kept = track.with_units(track.units[key:]).shifted(-(track.units[begin].pts or 0))
        return write(folder / f"whole{suffix}", kept)

    return make


def from_a_key_frame(codec: str, suffix: str) -> Maker:
    """A cut at a key frame, whose leading pictures look back to what is gone."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, codec, keyint=12, open_gop=1, bframes=3, repeat_headers=1)
        keys = [number for number, unit in enumerate(track.units) if unit.is_key]
        key = rng.choice(keys)
        later = -min(u.pts or 0 for u in track.units[key:]) + 2 * (track.units[0].duration or 640)
        return write(folder / f"whole{suffix}", track.with_units(track.units[key:]).shifted(later))

    return make


def edited(codec: str, how: str) -> Maker:
    """An edit list that hides the beginning, the end or both, or has more entries."""

    def make(rng: random.Random, folder: Path) -> Path:
        path = write(folder / "whole.mp4", random_track(rng, codec, **_groups(codec, rng)))
        data = path.read_bytes()
        duration, start = mp4edit.first_edit(data)
        tick = rng.randrange(duration // 2) if how in ("beginning", "both") else 0
        length = rng.randrange(1, duration - tick) if how in ("end", "both") else duration - tick
        edits = [(length, start + tick * _ticks_per_ms(data))]
        if how == "pause":
            edits = [(rng.choice([100, 1000]), -1), (duration, start)]
        path.write_bytes(mp4edit.with_edits(data, edits))
        return path

    return make


def _groups(codec: str, rng: random.Random) -> dict[str, int]:
    return {"keyint": rng.choice([8, 15, 25])} if codec in ("h264", "hevc") else {}


def _ticks_per_ms(data: bytes) -> int:
    place = mp4edit.box_places(data, b"mdhd")[0]
    return int.from_bytes(data[place + 20 : place + 24], "big") // 1000


def spliced_mov(rng: random.Random, folder: Path) -> Path:
    """Two recordings in one track of a mov, an edit for each, as editors save them."""
    first, second = (
        random_track(
            rng, "h264", random_look(rng, width_px=96, height_px=64), repeat_headers=1, intra_refresh=0, open_gop=0
        )
        for _ in "ab"
    )
    gap = first.end - min(u.dts or 0 for u in second.units)
    track: Coded = first.with_units(first.units + second.shifted(gap).units)
    path = write(folder / "whole.mov", track)
    data = path.read_bytes()
    duration, start = mp4edit.first_edit(data)
    middle = round(float(first.end * first.time_base) * 1000)
    edits = [(middle, start), (duration - middle, start + middle * _ticks_per_ms(data))]
    path.write_bytes(mp4edit.with_edits(data, edits))
    return path


KINDS = [
    *(Kind(f"mjpeg odd segments {s[1:]}", odd_segments(s)) for s in (".avi", ".mov", ".mkv")),
    *(
        Kind(f"{c} to a pipe {s[1:]}", to_a_pipe(c, s))
        for c, s in [
            ("h264", ".avi"),
            ("mjpeg", ".avi"),
            ("mpeg4", ".avi"),
            ("h264", ".mkv"),
            ("vp9", ".webm"),
            ("h264", ".flv"),
        ]
    ),
    *(Kind(f"{codec} begins within a group ts", within_a_group(codec)) for codec in ("h264", "hevc")),
    *(
        Kind(f"{c} begins within a group {s[1:]}", copied_within_a_group(c, s))
        for c, s in [("h264", ".mp4"), ("h264", ".mkv"), ("h264", ".flv"), ("hevc", ".mp4"), ("hevc", ".mkv")]
    ),
    Kind("vp9 begins within a group webm", copied_within_a_group("vp9", ".webm"), opencv="not asked", why=_NO_KEY),
    *(Kind(f"{codec} two files ts", two_files(codec)) for codec in ("h264", "hevc", "mpeg2")),
    *(
        Kind(f"{c} stream copy {s[1:]}", stream_copied(c, s))
        for c, s in [("h264", ".mp4"), ("hevc", ".mp4"), ("vp9", ".mp4"), ("h264", ".mov")]
    ),
    *(
        Kind(f"{c} cut at a key frame {s[1:]}", from_a_key_frame(c, s))
        for c, s in [("h264", ".mp4"), ("h264", ".mkv"), ("h264", ".ts"), ("hevc", ".mp4"), ("hevc", ".mkv")]
    ),
    *(
        Kind(f"{c} edit list: {how}", edited(c, how))
        for c, how in [
            *(("h264", "beginning"), ("h264", "end"), ("h264", "both"), ("h264", "pause")),
            *(("hevc", "beginning"), ("vp9", "both")),
        ]
    ),
    Kind("h264 spliced mov", spliced_mov),
]
