"""Healthy streams whose timestamps follow the order of decoding, in part or wholly, repeat, or start late."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hand100m_assets_tests.explore import mp4edit
from hand100m_assets_tests.explore.coded import Coded, encode, random_look
from hand100m_assets_tests.explore.files import Kind, Maker
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.ordinary import random_track
from hand100m_assets_tests.explore.settings import h264_with_reordering, hevc_with_reordering

_SETTINGS = {"h264": h264_with_reordering, "hevc": hevc_with_reordering}


def reordered(rng: random.Random, codec: str, frame_count: int | None = None) -> Coded:
    """A track with B-frames, parameter sets within the stream."""
    look = random_look(rng, **({"frame_count": frame_count} if frame_count else {}))
    return encode(rng, codec, look, _SETTINGS[codec](rng, repeat_headers=1))


def in_decoding_order(coded: Coded, first: int = 0, last: int | None = None) -> Coded:
    """The same with times that rise by a frame per packet, all or those of some packets."""
    step = coded.units[0].duration or 640
    start = min(u.pts or 0 for u in coded.units)
    end = len(coded.units) if last is None else last
    return coded.with_units(
        [
            replace(u, pts=start + n * step, dts=start + n * step) if first <= n < end else u
            for n, u in enumerate(coded.units)
        ]
    )


def decoding_order(codec: str, suffix: str) -> Maker:
    """Presentation times are decoding times, in a stream that reorders."""

    def make(rng: random.Random, folder: Path) -> Path:
        return write(folder / f"whole{suffix}", in_decoding_order(reordered(rng, codec)))

    return make


def offsets(codec: str, how: str) -> Maker:
    """An mp4 whose composition offsets are constant, absent, or broken in places."""

    def make(rng: random.Random, folder: Path) -> Path:
        path = write(folder / "whole.mp4", reordered(rng, codec))
        data = path.read_bytes()
        if how == "none":
            data = mp4edit.without_box(data, b"ctts")
        elif mp4edit.box_places(data, b"ctts"):
            data = mp4edit.with_offsets(data, rng, how)
        path.write_bytes(data)
        return path

    return make


def raw(codec: str) -> Maker:
    """A stream without a container, or that written into one without times."""

    def make(rng: random.Random, folder: Path) -> Path:
        suffix = {"h264": ".h264", "hevc": ".h265"}[codec]
        return write(folder / f"whole{suffix}", reordered(rng, codec))

    return make


def equal_times(codec: str, suffix: str) -> Maker:
    """Some packets are shown at the time of the one before."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, codec, **({"bframes": 0} if codec in ("h264", "hevc") else {}))
        later = 2 * (track.units[0].duration or 640)  # no packet is shown before it is decoded
        units = [replace(u, pts=(u.pts or 0) + later) for u in track.units]
        for place in rng.sample(range(1, len(units)), min(3, len(units) - 1)):
            units[place] = replace(units[place], pts=units[place - 1].pts)
        return write(folder / f"whole{suffix}", track.with_units(units))

    return make


def late_start(codec: str, suffix: str) -> Maker:
    """The first frame stands some seconds behind zero."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, codec)
        return write(folder / f"whole{suffix}", track.shifted(int(rng.choice([0.4, 5, 3600]) / track.time_base)))

    return make


def _joined(codec: str) -> Callable[[random.Random, Path], Path]:
    def make(rng: random.Random, folder: Path) -> Path:
        """Two recordings one after the other in one track, whose bitstreams' parameters differ."""
        first, second = reordered(rng, codec, rng.choice([20, 30])), reordered(rng, codec, rng.choice([20, 30]))
        units = first.units + second.shifted(first.end - min(u.dts or 0 for u in second.units)).units
        return write(folder / f"whole{rng.choice(['.mp4', '.mkv', '.ts'])}", first.with_units(units))

    return make


KINDS = [
    *(
        Kind(f"{codec} decoding order {suffix[1:]}", decoding_order(codec, suffix))
        for codec, suffix in [
            *(("h264", s) for s in (".mp4", ".mkv", ".flv", ".ts", ".mov")),
            *(("hevc", s) for s in (".mp4", ".mkv", ".ts")),
        ]
    ),
    *(Kind(f"{c} {how} offsets", offsets(c, how)) for c in ("h264", "hevc") for how in ("constant", "none", "half")),
    *(Kind(f"{c} raw", raw(c)) for c in ("h264", "hevc")),
    *(
        Kind(f"{c} equal times {s[1:]}", equal_times(c, s))
        for c, s in [("h264", ".mp4"), ("h264", ".mkv"), ("vp9", ".webm")]
    ),
    *(
        Kind(f"{c} late start {s[1:]}", late_start(c, s))
        for c, s in [("h264", ".mkv"), ("vp9", ".webm"), ("h264", ".mp4"), ("hevc", ".ts")]
    ),
    *(Kind(f"{codec} spliced", _joined(codec)) for codec in ("h264", "hevc")),
]
