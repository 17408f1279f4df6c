"""Healthy picture tracks beside other tracks: broken sound, covers, data, a second picture track."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import av

from hand100m_assets_tests.explore import mp4edit
from hand100m_assets_tests.explore.coded import Coded, encode, noise, random_look, sound
from hand100m_assets_tests.explore.files import Kind, Maker
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.ordinary import random_track

COVER_FIRST = "OpenCV takes the attached picture where it stands first"
DEFAULT, ATTACHED = int(av.stream.Disposition.default), int(av.stream.Disposition.attached_pic)


def _tone(track: Coded, extra_s: float = 0.0) -> Coded:
    """A tone as long as the pictures, and some more."""
    whole = sound("aac", 8.0)
    end_s = float(track.end * track.time_base) + extra_s
    return whole.with_units([u for u in whole.units if (u.pts or 0) * whole.time_base < end_s])


def _spoilt(rng: random.Random, track: Coded) -> Coded:
    """The same with wrong bytes in its first packets, and in some others."""
    share = rng.choice([0.0, 0.2, 1.0])
    units = [
        replace(u, data=rng.randbytes(len(u.data))) if n < rng.choice([1, 3]) or rng.random() < share else u
        for n, u in enumerate(track.units)
    ]
    return track.with_units(units)


def with_sound(codec: str, suffix: str, *, is_broken: bool, tail_s: float = 0.0, flags: str = "") -> Maker:
    """Pictures and a tone."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, codec, **({"repeat_headers": 1} if suffix == ".ts" else {}))
        tone = _tone(track, rng.uniform(0.5, tail_s) if tail_s else 0.0)
        tone = _spoilt(rng, tone) if is_broken else tone
        name = "pieces" if flags else "whole"
        return write(folder / f"{name}{suffix}", track, tone, options={"movflags": flags} if flags else {})

    return make


@cache
def cover() -> Coded:
    """One picture of MJPEG."""
    rng = random.Random(0)
    look = random_look(rng, frame_count=1, pixel_format="yuvj420p", width_px=320, height_px=240)
    return encode(rng, "mjpeg", look, {"q": "3"})


def _broken_cover(rng: random.Random) -> Coded:
    picture = cover().units[0].data
    note = b"Exif\0\0XX*\0no tiff"
    spoilt = rng.choice(
        [
            picture[:2] + b"\xff\xe1" + (2 + len(note)).to_bytes(2, "big") + note + picture[2:],
            picture[: len(picture) // 2],
            picture[:200] + rng.randbytes(400) + picture[600:],
            rng.randbytes(300),
        ]
    )
    return cover().with_units([replace(cover().units[0], data=spoilt)])


def with_cover(*, is_first: bool, is_broken: bool) -> Maker:
    """A music player's picture in an mp4, told of before its tracks or behind."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, rng.choice(["h264", "hevc"]))
        art = _broken_cover(rng) if is_broken else cover()
        path = write(folder / "whole.mp4", track, art, dispositions=[DEFAULT, ATTACHED])
        if is_first:
            path.write_bytes(mp4edit.with_notes_first(path.read_bytes()))
        return path

    return make


def short_second_track(rng: random.Random, folder: Path) -> Path:
    """A Matroska whose second picture track is one broken picture."""
    return write(folder / "whole.mkv", random_track(rng, rng.choice(["h264", "vp9"])), _broken_cover(rng))


def with_data(suffix: str, codec: str) -> Maker:
    """Pictures beside a track of data or subtitles that nobody can read."""

    def make(rng: random.Random, folder: Path) -> Path:
        track = random_track(rng, "h264", **({"repeat_headers": 1} if suffix == ".ts" else {}))
        data = noise(rng, codec, float(track.end * track.time_base) + rng.choice([0, 0, 3]))
        return write(folder / f"whole{suffix}", track, data)

    return make


def two_pictures(suffix: str) -> Maker:
    """Two picture tracks, the one or the other larger, longer, of another codec, or the default one."""

    def make(rng: random.Random, folder: Path) -> Path:
        codecs = ["vp9"] if suffix == ".webm" else ["h264", "hevc"]
        fixed = {} if suffix == ".webm" else {"repeat_headers": 1}
        tracks = [random_track(rng, rng.choice(codecs), **fixed) for _ in range(2)]
        dispositions = rng.choice([[DEFAULT, DEFAULT], [DEFAULT, 0], [0, DEFAULT], [0, 0]])
        return write(folder / f"whole{suffix}", *tracks, dispositions=dispositions)

    return make


KINDS = [
    *(
        Kind(f"{codec} sound broken {name}", with_sound(codec, suffix, is_broken=True, flags=flags))
        for codec, suffix, flags, name in [
            ("h264", ".mkv", "", "mkv"),
            ("h264", ".mp4", "", "mp4"),
            ("hevc", ".mp4", "frag_keyframe+empty_moov", "fragmented"),
            ("h264", ".mp4", "frag_keyframe+empty_moov", "fragmented"),
            ("h264", ".ts", "", "ts"),
            ("h264", ".flv", "", "flv"),
        ]
    ),
    *(
        Kind(f"{codec} sound tail {name}", with_sound(codec, suffix, is_broken=False, tail_s=4.0, flags=flags))
        for codec, suffix, flags, name in [
            ("h264", ".mkv", "", "mkv"),
            ("h264", ".mp4", "", "mp4"),
            ("h264", ".mp4", "frag_keyframe+empty_moov", "fragmented"),
            ("h264", ".ts", "", "ts"),
            ("h264", ".flv", "", "flv"),
        ]
    ),
    Kind("cover", with_cover(is_first=False, is_broken=False)),
    Kind("cover broken", with_cover(is_first=False, is_broken=True)),
    *(
        Kind(
            f"cover first{words}", with_cover(is_first=True, is_broken=bool(words)), opencv="not asked", why=COVER_FIRST
        )
        for words in ("", ", broken")
    ),
    Kind("second track of one broken picture", short_second_track),
    *(
        Kind(f"{codec} track broken {suffix[1:]}", with_data(suffix, codec))
        for suffix, codec in [(".mp4", "bin_data"), (".mp4", "mov_text"), (".mkv", "subrip"), (".ts", "bin_data")]
    ),
    *(Kind(f"two picture tracks {s[1:]}", two_pictures(s)) for s in (".mp4", ".mkv", ".webm", ".ts")),
]
