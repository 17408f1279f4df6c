"""Random pictures -> coded packets in memory, encoded in this process."""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from typing import Any

import av
import cv2
import numpy as np

TICKS_PER_S = 600
TICKS_PER_FRAME = 20
ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "vp8": "libvpx",
    "av1": "libsvtav1",
    "mpeg4": "mpeg4",
    "mpeg2": "mpeg2video",
    "mjpeg": "mjpeg",
}


class EncoderError(Exception):
    """The encoder refused some random settings: no stream came of them."""


@dataclass(frozen=True)
class Unit:
    """One coded packet; times in ticks of its track's time base."""

    data: bytes
    pts: int | None
    dts: int | None
    is_key: bool
    duration: int = 0


@dataclass(frozen=True)
class Coded:
    """One track: its packets, and a stream to copy the codec's parameters from."""

    codec: str
    units: list[Unit]
    time_base: Fraction
    template: Any = field(repr=False)
    """None for data and subtitles, which need none."""
    is_sound: bool = False

    def with_units(self, units: list[Unit]) -> Coded:
        """The same track with other packets."""
        return replace(self, units=units)

    def shifted(self, ticks: int) -> Coded:
        """The same later by so many ticks."""
        moved = [
            replace(u, pts=None if u.pts is None else u.pts + ticks, dts=None if u.dts is None else u.dts + ticks)
            for u in self.units
        ]
        return self.with_units(moved)

    @property
    def end(self) -> int:
        """Time at which the last frame ends."""
        return max((u.pts or 0) + u.duration for u in self.units)


@dataclass(frozen=True)
class Look:
    """Size, length and sample format of a track."""

    width_px: int = 96
    height_px: int = 64
    frame_count: int = 40
    pixel_format: str = "yuv420p"


def random_look(rng: random.Random, **fixed: Any) -> Look:
    """A small size and a short length that nobody chose."""
    width_px, height_px = rng.choice([(64, 48), (96, 64), (96, 72), (128, 96), (160, 120)])
    return replace(Look(width_px, height_px, rng.choice([20, 30, 40, 60, 60, 90, 120])), **fixed)


def pictures(rng: random.Random, look: Look) -> Iterator[av.VideoFrame]:
    """Moving texture with a moving box, now and then another scene; no picture is like another."""
    noise = np.random.default_rng(rng.getrandbits(32))
    width, height = look.width_px, look.height_px
    scene_length = rng.choice([7, 25, 1000])
    texture = np.zeros(0)
    for number in range(look.frame_count):
        if number % scene_length == 0:
            coarse = noise.integers(0, 256, (height // 6 + 4, width // 6 + 4, 3), dtype=np.uint8)
            texture = cv2.resize(coarse, (width * 2, height * 2))
            step = noise.integers(1, 5, 2)
        picture = np.roll(texture, tuple(int(number * s) for s in step), (0, 1))[:height, :width].copy()
        left, top = (number * 3) % (width - 16), (number * 2) % (height - 16)
        picture[top : top + 14, left : left + 14] = noise.integers(0, 256, 3, dtype=np.uint8)
        yield av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=look.pixel_format)


def steady(count: int) -> list[int]:
    """Thirty frames per second."""
    return [number * TICKS_PER_FRAME for number in range(count)]


def varying(rng: random.Random, count: int) -> list[int]:
    """Times of a rate that changes, or from which frames are left out."""
    if rng.random() < 0.5:
        modulus, left_out = rng.choice([5, 7, 40]), rng.randint(1, 4)
        times = (t for t in range(10 * count) if t % modulus >= left_out)
        return [next(times) * TICKS_PER_FRAME for _ in range(count)]
    times, now = [], 0
    for _ in range(count):
        times.append(now)
        now += rng.choice([TICKS_PER_FRAME, TICKS_PER_FRAME, 10, 24, 60, 7])
    return times


@contextmanager
def usual_priority() -> Iterator[None]:
    """Behind this the thread has the priority that it had before it.

    Where it may, as for root, libsvtav1 puts the thread that opens it before all others of the machine for good.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def encode(
    rng: random.Random, codec: str, look: Look, options: dict[str, str], times: list[int] | None = None
) -> Coded:
    """Encode new pictures.

    Raises:
        EncoderError: It does not take these settings.
    """
    buffer = io.BytesIO()
    is_slow_clock = codec == "mpeg2"  # which knows only a few rates
    clock = Fraction(1, 30) if is_slow_clock else Fraction(1, TICKS_PER_S)
    when = list(range(look.frame_count)) if is_slow_clock else times or steady(look.frame_count)
    try:
        with usual_priority(), av.open(buffer, "w", format="matroska" if codec == "vp8" else "mp4") as out:
            stream = out.add_stream(ENCODERS[codec], rate=30, options=dict(options))
            stream.width, stream.height, stream.pix_fmt = look.width_px, look.height_px, look.pixel_format
            stream.codec_context.time_base = clock
            stream.codec_context.thread_count = 1
            for time, frame in zip(when, pictures(rng, look), strict=True):
                frame.pts, frame.time_base = time, clock
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError) as error:
        raise EncoderError(f"{codec} {options}: {error}") from error
    coded = read(buffer.getvalue(), codec)
    # What is read has the name of a decoder, which PyAV does not take for AV1.
    return replace(coded, template=stream) if codec == "av1" else coded


def read(data: bytes, codec: str) -> Coded:
    """The packets of the one track of a file in memory."""
    container = av.open(io.BytesIO(data))
    stream = container.streams[0]
    units = [Unit(bytes(p), p.pts, p.dts, p.is_keyframe, p.duration or 0) for p in container.demux(stream) if p.size]
    if stream.time_base is None or not units:
        raise EncoderError(f"{codec}: nothing was encoded")
    return Coded(codec, units, stream.time_base, stream, stream.type == "audio")


@cache
def sound(codec: str = "aac", duration_s: float = 3.0) -> Coded:
    """A tone."""
    buffer = io.BytesIO()
    samples_per_s = 44100 if codec != "mp2" else 48000
    with av.open(buffer, "w", format="mp4" if codec == "aac" else "matroska") as out:
        stream = out.add_stream(codec, rate=samples_per_s)
        stream.codec_context.time_base = Fraction(1, samples_per_s)
        size = 1152
        for start in range(0, int(duration_s * samples_per_s), size):
            tone = (np.sin(np.arange(start, start + size) * 0.06) * 9000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(tone[None, :], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = samples_per_s, start, Fraction(1, samples_per_s)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return read(buffer.getvalue(), codec)


def noise(rng: random.Random, codec: str, duration_s: float) -> Coded:
    """A track of data or subtitles in which nothing has a meaning."""
    clock = Fraction(1, TICKS_PER_S)
    times = range(0, max(1, int(duration_s * TICKS_PER_S)), TICKS_PER_S // 4)
    return Coded(codec, [Unit(rng.randbytes(rng.choice([3, 40, 700])), t, t, True, 20) for t in times], clock, None)
