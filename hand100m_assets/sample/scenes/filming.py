"""Makes the file of one planned video, in the state of its download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from hand100m_assets.imaging import ImageBgr
from hand100m_assets.layout import VIDEO_SUFFIX
from hand100m_assets.sample.scenes.background import paint_background
from hand100m_assets.sample.scenes.cast import VideoPlan
from hand100m_assets.sample.scenes.frame_strip import draw_frame_number
from hand100m_assets.sample.scenes.skin import Layer, draw_hand
from hand100m_assets.sample.scenes.video_writer import write_video

HANDS_EVERY: Final = 2
"""Hands change in every second frame, as in animated films; background and frame strip change in every frame. Annotated
frames are multiples of `FRAME_STRIDE`, which this divides."""

_KEPT_SHARE: Final = {"truncated": 0.55, "downloading": 0.4}
"""Share of an unfinished download that exists. The index of the file is at its end and is lost."""


@dataclass(frozen=True)
class FilmedVideo:
    """What the official list says of a finished video.

    Attributes:
        video_id: Id of the video.
        size_bytes: Size of the whole file, also if only a part of it exists.
    """

    video_id: str
    size_bytes: int


def film(plan: VideoPlan, videos_dir: Path) -> FilmedVideo:
    """Draw and encode one video, and keep the part that the state of its download allows.

    Raises:
        OutputUnwritableError: The disk refuses.
    """
    whole = videos_dir / f"{plan.video_id}{VIDEO_SUFFIX}"
    write_video(
        whole,
        frames_of(plan),
        width_px=plan.width_px,
        height_px=plan.height_px,
        fps=plan.fps,
        encoding=plan.encoding,
    )
    size_bytes = whole.stat().st_size
    if plan.fate in _KEPT_SHARE:
        with whole.open("r+b") as file:
            file.truncate(int(size_bytes * _KEPT_SHARE[plan.fate]))
    if plan.fate == "downloading":
        whole.rename(whole.with_name(f"{whole.name}.part"))
    return FilmedVideo(plan.video_id, size_bytes)


def frames_of(plan: VideoPlan) -> Iterator[ImageBgr]:
    """Draw every frame of a video in order, (height, width, 3) BGR."""
    background = paint_background(np.random.default_rng(plan.scene_seed), plan.scene, plan.width_px, plan.height_px)
    hands: list[Layer] = []
    for frame_index in range(plan.frame_count):
        if frame_index % HANDS_EVERY == 0:
            hands = _draw_hands(plan, frame_index)
        image = background.at(plan.time_s(frame_index))
        for hand in hands:
            hand.lay_over(image)
        draw_frame_number(image, frame_index)
        yield image


def _draw_hands(plan: VideoPlan, frame_index: int) -> list[Layer]:
    time_s, size_px = plan.time_s(frame_index), (plan.width_px, plan.height_px)
    layers = (draw_hand(track.at(time_s, *size_px), track.skin, *size_px) for track in plan.tracks)
    return [layer for layer in layers if layer is not None]
