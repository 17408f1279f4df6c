"""Healthy streams whose pictures are to be turned, cut, scaled or coloured as the file says."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from hand100m_assets_tests.explore import mp4edit
from hand100m_assets_tests.explore.coded import random_look
from hand100m_assets_tests.explore.files import Kind, Maker
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.ordinary import random_track

MATRICES = [0, 1, 2, 4, 5, 6, 7, 9]
PRIMARIES = [*range(1, 13), 22]
TRANSFERS = [*range(1, 9), *range(11, 19)]
UNKNOWN_MATRICES = [8, 10, 11, 12, 13, 14]
UNKNOWN_TRANSFERS = [9, 10]
UNKNOWN = "OpenCV 5 converts no frame of such colours: it shows memory that nobody wrote"
COLOURS = "colour_primaries={}:transfer_characteristics={}:matrix_coefficients={}:video_full_range_flag={}"


def tagged(codec: str, suffix: str, *, is_known: bool = True) -> Maker:
    """Colour tags within the stream, as phones, screens and television write them."""

    def make(rng: random.Random, folder: Path) -> Path:
        tags = [rng.choice(PRIMARIES), rng.choice(TRANSFERS), rng.choice(MATRICES), rng.randint(0, 1)]
        if not is_known:
            place = rng.choice([1, 2])
            tags[place] = rng.choice(UNKNOWN_MATRICES if place == 2 else UNKNOWN_TRANSFERS)
        bit_filter = f"{codec}_metadata={COLOURS.format(*tags)}"
        return write(folder / f"whole{suffix}", random_track(rng, codec), bit_filter=bit_filter)

    return make


def tagged_vp9(rng: random.Random, folder: Path) -> Path:
    """VP9's own short list of colour spaces."""
    space = rng.choice(["unknown", "bt601", "bt709", "smpte170", "smpte240", "bt2020"])
    tags = f"vp9_metadata=color_space={space}:color_range={rng.choice(['tv', 'pc'])}"
    return write(folder / "whole.webm", random_track(rng, "vp9"), bit_filter=tags)


def cropped(codec: str, suffix: str, sides: tuple[str, ...]) -> Maker:
    """A picture of which the stream hides some edges."""

    def make(rng: random.Random, folder: Path) -> Path:
        crops = ":".join(f"crop_{side}={rng.choice([0, 2, 6, 8, 14])}" for side in sides)
        return write(folder / f"whole{suffix}", random_track(rng, codec), bit_filter=f"{codec}_metadata={crops}")

    return make


def turned(codec: str, angles: Callable[[random.Random], float], suffix: str = ".mp4") -> Maker:
    """A matrix that turns the picture."""

    def make(rng: random.Random, folder: Path) -> Path:
        path = write(folder / f"whole{suffix}", random_track(rng, codec))
        path.write_bytes(mp4edit.rotated(path.read_bytes(), angles(rng)))
        return path

    return make


def resized(codec: str, suffix: str) -> Maker:
    """Pictures that become larger or smaller within the track, once or twice."""

    def make(rng: random.Random, folder: Path) -> Path:
        fixed = {"repeat_headers": 1} if codec in ("h264", "hevc") else {}
        looks = [random_look(rng, frame_count=rng.choice([10, 20, 30])) for _ in range(rng.choice([2, 2, 3]))]
        parts = [random_track(rng, codec, look, **fixed) for look in looks]
        units, end = list(parts[0].units), parts[0].end
        for part in parts[1:]:
            later = part.shifted(end - min(u.dts or 0 for u in part.units))
            units += later.units
            end = later.end
        return write(folder / f"whole{suffix}", parts[0].with_units(units))

    return make


KINDS = [
    *(
        Kind(f"{c} colour tags {s[1:]}", tagged(c, s))
        for c, s in (("h264", ".mp4"), ("h264", ".mkv"), ("hevc", ".mp4"))
    ),
    *(
        Kind(f"{c} colours unknown to OpenCV", tagged(c, ".mp4", is_known=False), opencv="count only", why=UNKNOWN)
        for c in ("h264", "hevc")
    ),
    Kind("vp9 colour tags webm", tagged_vp9),
    *(
        Kind(f"{c} cropped {'left' if 'left' in sides else 'right'}", cropped(c, s, sides))
        for c, s, sides in [
            ("h264", ".mp4", ("left", "top")),
            ("h264", ".mkv", ("right", "bottom")),
            ("hevc", ".mp4", ("left", "top", "right")),
        ]
    ),
    Kind("h264 turned by quarters", turned("h264", lambda rng: rng.choice([0, 90, 180, 270]))),
    Kind("hevc turned by quarters mov", turned("hevc", lambda rng: rng.choice([90, 180, 270]), ".mov")),
    Kind("h264 turned a little", turned("h264", lambda rng: rng.choice([1, 45, 89, 91, 179, 269.6, 90.4, 181.5]))),
    *(
        Kind(f"{codec} resized {suffix[1:]}", resized(codec, suffix))
        for codec, suffix in [
            *(("vp9", ".mp4"), ("vp9", ".webm"), ("h264", ".mkv"), ("h264", ".ts"), ("hevc", ".mkv"), ("vp8", ".webm")),
        ]
    ),
]
