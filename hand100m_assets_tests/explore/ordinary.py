"""Healthy streams as common encoders and muxers write them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hand100m_assets_tests.explore import settings
from hand100m_assets_tests.explore.coded import Coded, Look, encode, random_look, varying
from hand100m_assets_tests.explore.files import Kind, Maker
from hand100m_assets_tests.explore.muxing import write

NO_AV1 = "OpenCV's wheel has no decoder for AV1"
FRAGMENTS = ["frag_keyframe", "frag_every_frame", "frag_keyframe+separate_moof", "frag_keyframe+default_base_moof"]


def random_track(
    rng: random.Random, codec: str, look: Look | None = None, times: list[int] | None = None, **fixed: Any
) -> Coded:
    """A track of this codec with a group structure that nobody chose."""
    look = look or random_look(rng, **({"pixel_format": "yuvj420p"} if codec == "mjpeg" else {}))
    options = settings.OF_CODEC[codec](rng, **fixed) if fixed else settings.OF_CODEC[codec](rng)
    return encode(rng, codec, look, options, times)


def plain(codec: str, suffix: str, **fixed: Any) -> Maker:
    """A file with one track, some with times that vary where the container can say so."""

    def make(rng: random.Random, folder: Path) -> Path:
        look = random_look(rng, **({"pixel_format": "yuvj420p"} if codec == "mjpeg" else {}))
        may_vary = suffix in (".mp4", ".mov", ".mkv", ".webm") and codec != "mpeg2"
        times = varying(rng, look.frame_count) if may_vary and rng.random() < 0.25 else None
        if suffix in (".ts", ".avi") and codec in ("h264", "hevc"):
            fixed["repeat_headers"] = 1
        options = {"movflags": "+faststart"} if suffix in (".mp4", ".mov") and rng.random() < 0.3 else {}
        return write(folder / f"whole{suffix}", random_track(rng, codec, look, times, **fixed), options=options)

    return make


def fragmented(codec: str) -> Maker:
    """An mp4 of fragments."""

    def make(rng: random.Random, folder: Path) -> Path:
        flags = f"{rng.choice(FRAGMENTS)}+{rng.choice(['empty_moov', 'delay_moov'])}"
        return write(folder / "pieces.mp4", random_track(rng, codec), options={"movflags": flags})

    return make


def looking(codec: str, suffix: str, looks: Callable[[random.Random], dict[str, Any]], **fixed: Any) -> Maker:
    """A file whose pictures have another format or size."""

    def make(rng: random.Random, folder: Path) -> Path:
        return write(folder / f"whole{suffix}", random_track(rng, codec, random_look(rng, **looks(rng)), **fixed))

    return make


def _deep(rng: random.Random) -> dict[str, Any]:
    return {"pixel_format": rng.choice(["yuv420p10le", "yuv422p10le"])}


def _full_colour(rng: random.Random) -> dict[str, Any]:
    return {"pixel_format": rng.choice(["yuv444p", "yuv422p"])}


def _odd(rng: random.Random) -> dict[str, Any]:
    return {"width_px": rng.randint(33, 90) * 2, "height_px": rng.randint(20, 60) * 2}


def _odd_full(rng: random.Random) -> dict[str, Any]:
    return {"width_px": rng.randint(66, 181), "height_px": rng.randint(40, 121), "pixel_format": "yuv444p"}


def _short(rng: random.Random) -> dict[str, Any]:
    return {"frame_count": rng.randint(1, 6)}


def varying_rate(codec: str, suffix: str) -> Maker:
    """A file in which the distance between frames changes."""

    def make(rng: random.Random, folder: Path) -> Path:
        look = random_look(rng)
        fixed = {"repeat_headers": 1} if suffix == ".ts" else {}
        track = random_track(rng, codec, look, varying(rng, look.frame_count), **fixed)
        return write(folder / f"whole{suffix}", track)

    return make


def _interlaced(rng: random.Random, folder: Path) -> Path:
    options = settings.h264(rng, tff=rng.randint(0, 1), intra_refresh=0)
    options |= {"flags": "+ilme+ildct"}
    track = encode(rng, "h264", random_look(rng, height_px=96), options)
    return write(folder / f"whole{rng.choice(['.mp4', '.mkv'])}", track)


def _temporal_layers(rng: random.Random, folder: Path) -> Path:
    track = random_track(rng, "hevc", temporal_layers=2, bframes=3, b_adapt=0, keyint=30)
    return write(folder / "whole.mp4", track)


_SELECTIVE = [
    *(("h264", suffix) for suffix in (".mp4", ".mov", ".mkv", ".flv")),
    *(("hevc", suffix) for suffix in (".mp4", ".mkv")),
    *(("vp9", suffix) for suffix in (".mp4", ".webm")),
    *(("av1", suffix) for suffix in (".mp4", ".mkv")),
]
_FULL = [
    *(("h264", ".ts"), ("h264", ".avi"), ("hevc", ".ts"), ("vp8", ".webm"), ("mjpeg", ".avi"), ("mjpeg", ".mov")),
    *(("mpeg4", ".avi"), ("mpeg4", ".mp4"), ("mpeg2", ".ts"), ("mpeg2", ".mpg")),
]


def _av1_rule(codec: str) -> dict[str, Any]:
    return {"opencv": "not asked", "why": NO_AV1} if codec == "av1" else {}


KINDS = [
    *(Kind(f"{c} {s[1:]}", plain(c, s), is_selective=True, **_av1_rule(c)) for c, s in _SELECTIVE),
    *(Kind(f"{c} {s[1:]}", plain(c, s)) for c, s in _FULL),
    *(
        Kind(f"{c} fragmented", fragmented(c), is_selective=True, **_av1_rule(c))
        for c in ("h264", "hevc", "vp9", "av1")
    ),
    Kind("h264 open groups", plain("h264", ".mp4", open_gop=1, bframes=3, keyint=12), is_selective=True),
    Kind("hevc open groups", plain("hevc", ".mp4", open_gop=1, bframes=3, keyint=12), is_selective=True),
    Kind("h264 intra refresh", plain("h264", ".mp4", intra_refresh=1, keyint=20, bframes=0)),
    Kind("hevc temporal layers", _temporal_layers),
    Kind("h264 10 bit", looking("h264", ".mp4", _deep)),
    Kind("h264 4:4:4 and 4:2:2", looking("h264", ".mp4", _full_colour)),
    Kind("h264 odd sizes", looking("h264", ".mp4", _odd)),
    Kind("h264 odd sizes, 4:4:4", looking("h264", ".mkv", _odd_full)),
    Kind("h264 few frames", looking("h264", ".mp4", _short)),
    Kind("hevc few frames", looking("hevc", ".mkv", _short)),
    Kind(
        "vp9 alternate references", plain("vp9", ".webm", lag_in_frames=16, auto_alt_ref=1, deadline="good", cpu_used=5)
    ),
    Kind("h264 varying rate mp4", varying_rate("h264", ".mp4")),
    Kind("vp9 varying rate webm", varying_rate("vp9", ".webm")),
    Kind("h264 varying rate ts", varying_rate("h264", ".ts")),
    Kind("hevc varying rate ts", varying_rate("hevc", ".ts")),
    Kind("h264 interlaced", _interlaced, opencv="count only", why="OpenCV 5 counts its frames and shows black ones"),
]
