"""Plans the videos of a sample: ids, sizes, rates, compression, scenes, hands, and the state of each download."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, TypeAlias

import numpy as np

from hand100m_assets.amounts import counted
from hand100m_assets.sample.scenes.background import SCENES
from hand100m_assets.sample.scenes.motion import HandTrack, Role, cast_person, cast_track
from hand100m_assets.sample.scenes.video_writer import ENCODINGS, Encoding
from hand100m_assets.sources import DOH, EGO4D, Source

Fate: TypeAlias = Literal["healthy", "missing", "truncated", "downloading"]

UNFINISHED_FATES: Final[tuple[Fate, ...]] = ("missing", "truncated", "downloading")

FRAME_STRIDE: Final = 30
"""Distance of annotated frames. Source: the original extraction scripts."""

_UNFINISHED_S: Final = 2.1
"""Length of the videos of which only a part exists."""


@dataclass(frozen=True)
class SampleScale:
    """How large a sample is.

    Attributes:
        videos_per_source: Healthy videos per source, at least 2.
        shortest_s: Length of the shortest healthy video, in seconds.
        longest_s: Length of the longest healthy video, in seconds.

    Raises:
        ValueError: Fewer than 2 videos, or a length that is not positive; a positive needs another video.

    Example:
        >>> from hand100m_assets.sample.scenes import SampleScale
        >>> SampleScale(videos_per_source=2).longest_s
        9.4
    """

    videos_per_source: int = 6
    shortest_s: float = 8.0
    longest_s: float = 9.4

    def __post_init__(self) -> None:
        if self.videos_per_source < 2 or not 0 < self.shortest_s <= self.longest_s:
            raise ValueError(f"a sample needs 2 videos or more of some length, not {self.in_words()}")

    def in_words(self) -> str:
        """Say how large it is, for messages."""
        return f"{counted(self.videos_per_source, 'video')} per source of {self.shortest_s:g} to {self.longest_s:g} s"


@dataclass(frozen=True)
class VideoPlan:
    """All that is needed to make one video; the same plan gives the same bytes.

    Attributes:
        source: Ego4D or 100DOH.
        video_id: Its id.
        fate: State of the download: `healthy`, `missing`, `truncated` or `downloading`.
        width_px: Width of the picture.
        height_px: Height of the picture.
        fps: Frames per second, exact.
        frame_count: Number of frames of the whole video.
        encoding: How it is compressed.
        scene: Name of the background.
        scene_seed: Seed of the background.
        tracks: What each hand does.

    Example:
        >>> from hand100m_assets.sample.scenes import SampleScale, cast_videos
        >>> from hand100m_assets.sources import EGO4D
        >>> plan = cast_videos(EGO4D, 0, SampleScale(2))[0]
        >>> plan.fate, plan.time_s(30)
        ('healthy', 1.0)
    """

    source: Source
    video_id: str
    fate: Fate
    width_px: int
    height_px: int
    fps: Fraction
    frame_count: int
    encoding: Encoding
    scene: str
    scene_seed: int
    tracks: tuple[HandTrack, ...]

    def time_s(self, frame_index: int) -> float:
        """Say when a frame is shown.

        Args:
            frame_index: The frame, from 0.

        Returns:
            Seconds from the beginning.
        """
        return float(frame_index / self.fps)


@dataclass(frozen=True)
class _Setting:
    width_px: int
    height_px: int
    scene: str
    roles: tuple[Role, ...]


_SETTINGS: Final[dict[str, tuple[_Setting, ...]]] = {
    # Seen from the head: backs of hands, arms from below.
    EGO4D.name: (
        _Setting(
            640,
            480,
            "kitchen",
            (Role("counting", "Right", (0.72, 0.56), 214), Role("gripping", "Left", (0.26, 0.58), 210)),
        ),
        _Setting(640, 360, "wood", (Role("gripping", "Right", (0.6, 0.6), 236),)),
        _Setting(
            480,
            640,
            "cloth",
            (Role("handling", "Right", (0.68, 0.66), 196), Role("reaching", "Left", (0.3, 0.42), 200)),
        ),
        _Setting(720, 540, "desk", (Role("counting", "Left", (0.42, 0.55), 226),)),
        _Setting(
            854,
            480,
            "studio",
            (Role("reaching", "Right", (0.7, 0.55), 224), Role("handling", "Left", (0.28, 0.6), 216)),
        ),
        _Setting(640, 480, "garden", (Role("counting", "Right", (0.9, 0.62), 224),)),
    ),
    # Seen by somebody else: palms too, and talking hands.
    DOH.name: (
        _Setting(640, 480, "garden", (Role("explaining", "Right", (0.5, 0.55), 236),)),
        _Setting(
            480,
            640,
            "studio",
            (Role("signing", "Right", (0.7, 0.62), 200), Role("explaining", "Left", (0.28, 0.44), 196)),
        ),
        _Setting(640, 360, "desk", (Role("gripping", "Left", (0.4, 0.58), 230),)),
        _Setting(
            854,
            480,
            "kitchen",
            (Role("gripping", "Right", (0.72, 0.58), 226), Role("signing", "Left", (0.26, 0.56), 220)),
        ),
        _Setting(720, 540, "cloth", (Role("counting", "Right", (0.58, 0.55), 226),)),
        _Setting(
            640,
            480,
            "wood",
            (Role("counting", "Left", (0.12, 0.58), 214), Role("explaining", "Right", (0.7, 0.56), 212)),
        ),
    ),
}

_UNSEEN_GESTURES: Final = {EGO4D.name: ("signing", "explaining"), DOH.name: ("handling", "reaching")}
"""Gestures in the missing and unfinished videos. They differ from those of the healthy videos and from each other, so
that few pairs lose a hand."""

_RATES_FPS: Final[dict[str, tuple[Fraction, ...]]] = {
    EGO4D.name: (Fraction(30),),
    DOH.name: (Fraction(25), Fraction(30000, 1001), Fraction(30)),
}

_YOUTUBE_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def cast_videos(source: Source, seed: int, scale: SampleScale) -> list[VideoPlan]:
    """Plan the videos of one source: the healthy ones, then one per other state of a download.

    Args:
        source: Ego4D or 100DOH.
        seed: Seed of all choices; 0 or more.
        scale: How large the sample is.

    Returns:
        One plan per video.

    Example:
        >>> from hand100m_assets.sample.scenes import SampleScale, cast_videos
        >>> from hand100m_assets.sources import DOH
        >>> [plan.fate for plan in cast_videos(DOH, 0, SampleScale(2))]
        ['healthy', 'healthy', 'missing', 'truncated', 'downloading']
    """
    number = 0 if source is EGO4D else 1
    ids = _video_ids(source, np.random.default_rng((seed, number)), scale.videos_per_source + len(UNFINISHED_FATES))
    fates: list[Fate] = ["healthy"] * scale.videos_per_source
    fates.extend(UNFINISHED_FATES)
    return [
        _plan(source, video_id, fate, index=index, rng=np.random.default_rng((seed, number, index)), scale=scale)
        for index, (video_id, fate) in enumerate(zip(ids, fates, strict=True))
    ]


def _video_ids(source: Source, rng: np.random.Generator, count: int) -> list[str]:
    if source is EGO4D:
        return [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(count)]
    ids = ["".join(_YOUTUBE_LETTERS[i] for i in rng.integers(len(_YOUTUBE_LETTERS), size=11)) for _ in range(count)]
    # Ids that a command line takes for an option, and that a glob for hidden or private files takes along.
    return ["-" + ids[0][1:], "_" + ids[1][1:], *ids[2:]]


def _plan(
    source: Source, video_id: str, fate: Fate, *, index: int, rng: np.random.Generator, scale: SampleScale
) -> VideoPlan:
    setting = _SETTINGS[source.name][index % len(_SETTINGS[source.name])]
    rates = _RATES_FPS[source.name]
    fps = rates[index % len(rates)]
    gesture = _UNSEEN_GESTURES[source.name][0 if fate == "missing" else 1]
    roles = setting.roles if fate == "healthy" else (Role(gesture, "Right", (0.5, 0.55), 210),)
    person = cast_person(rng, index + (3 if source is DOH else 0))
    return VideoPlan(
        source=source,
        video_id=video_id,
        fate=fate,
        width_px=setting.width_px,
        height_px=setting.height_px,
        fps=fps,
        frame_count=_frame_count(fate, index, fps, rng, scale),
        encoding=ENCODINGS[index % len(ENCODINGS)],
        scene=setting.scene if fate == "healthy" else sorted(SCENES)[index % len(SCENES)],
        scene_seed=int(rng.integers(2**32)),
        tracks=tuple(cast_track(rng, person, role) for role in roles),
    )


def _frame_count(fate: Fate, index: int, fps: Fraction, rng: np.random.Generator, scale: SampleScale) -> int:
    if fate in ("truncated", "downloading"):
        return round(min(_UNFINISHED_S, scale.shortest_s) * fps)
    frames = round(float(rng.uniform(scale.shortest_s, scale.longest_s)) * fps)
    # The first has a whole number of strides: there the list's floor(frames / 30) and the frames taken agree.
    return max(-(-frames // FRAME_STRIDE) * FRAME_STRIDE if index == 0 else frames, 1)
