"""Chooses which stretch of a video an audit decodes, and which JPEGs it compares there."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from hand100m_assets.video.frames import Manifest

MAX_DECODED_FRAMES: Final = 3_000
"""A hundred seconds of video: about ten seconds of decoding at 1440 x 1080, however long the video is."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The stretch of a video that one audit looks at.

    Attributes:
        first: First index to be decoded; 0 unless the stretch lies inside a long video.
        end: Index after the last one; None for a whole video, to its very end.
        chosen: Indices of the JPEGs to compare, ascending.
        frames_beyond_damage: Number of JPEGs that cannot be compared by count, as damage comes before them.
    """

    first: int
    end: int | None
    chosen: list[int]
    frames_beyond_damage: int = 0

    @property
    def is_inside(self) -> bool:
        """Whether it begins after the video's beginning, so that ffmpeg cannot count up to it."""
        return self.first > 0


def plan_stretch(manifest: Manifest, frames_per_video: int, dice: random.Random, max_decoded_frames: int) -> Stretch:
    """Draw a stretch of the video, then JPEGs of it.

    A stretch lies inside a long video only if its frames were decoded selectively. That proves that any decoder can
    begin at its key frames, and that each packet is one frame.
    """
    indices = [frame.frame_index for frame in manifest.frames]
    first_damaged = _first_damaged(manifest)
    if first_damaged is not None:
        comparable = [index for index in indices if index < first_damaged]
        end = min(first_damaged, max_decoded_frames)
        chosen = _drawn([index for index in comparable if index < end], frames_per_video, dice)
        return Stretch(first=0, end=end, chosen=chosen, frames_beyond_damage=len(indices) - len(comparable))
    length = manifest.frame_count or (indices[-1] + 1 if indices else 0)
    if length <= max_decoded_frames:
        end_of_all = None if manifest.frame_count else length
        return Stretch(first=0, end=end_of_all, chosen=_drawn(indices, frames_per_video, dice))
    first = 0
    if manifest.decode_mode == "selective":
        first = max(0, min(dice.choice(indices), length - max_decoded_frames))
    end = first + max_decoded_frames
    inside = [index for index in indices if first <= index < end]
    return Stretch(first=first, end=end, chosen=_drawn(inside, frames_per_video, dice))


def _first_damaged(manifest: Manifest) -> int | None:
    if manifest.damaged_ranges:
        return manifest.damaged_ranges[0][0]
    return manifest.decoder_errors[0].frame_index_at if manifest.status == "damaged" else None


def _drawn(indices: list[int], count: int, dice: random.Random) -> list[int]:
    return sorted(dice.sample(indices, min(count, len(indices))))
