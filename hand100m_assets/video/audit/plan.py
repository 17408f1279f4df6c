"""Chooses which stretch of a video an audit decodes, and which JPEGs it compares there."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hand100m_assets.video.frames import Manifest

MAX_DECODED_FRAMES: Final = 3_000
"""A hundred seconds of video: about ten seconds of decoding at 1440 x 1080, however long the video is."""

NEIGHBOURS: Final = 2
"""Number of frames on both sides that are also decoded, to find out which one a wrong JPEG shows."""
JPEGS_BEHIND_DAMAGE: Final = 3
_DECODED_BEFORE: Final = 300
"""Usual number of frames that are decoded before a stretch: ten seconds."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The stretch of a video that one audit looks at.

    Attributes:
        first: First index to be decoded; 0 unless the stretch lies inside a long video.
        end: Index after the last one; None for a whole video, to its very end.
        chosen: Indices of the JPEGs to compare, ascending.
        frames_beyond_damage: Number of JPEGs that cannot be compared by count, because damage comes before them.
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
    """Choose a stretch of the video at random, then JPEGs of it.

    A stretch lies inside a long video only if its frames were decoded selectively. That proves that any decoder can
    begin at its key frames, and that each packet is one frame.
    """
    indices = [frame.frame_index for frame in manifest.frames]
    first_damaged = first_damaged_of(manifest)
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


def stretches_around_damage(manifest: Manifest, taken: Sequence[int], max_decoded_frames: int) -> list[Stretch]:
    """Cover each place of reported damage with few stretches: the JPEG before it, and some after it.

    Args:
        manifest: Manifest of a damaged video.
        taken: JPEGs that are compared in any case.
        max_decoded_frames: Limit for all stretches together, with the frames that are decoded before them.
    """
    indices = [frame.frame_index for frame in manifest.frames]
    errors = [(error.frame_index_at, error.frame_index_at - 1) for error in manifest.decoder_errors]
    edges: set[int] = set()
    for first, last in (*manifest.damaged_ranges, *errors):
        before, behind = bisect_left(indices, first), bisect_right(indices, last)
        edges.update(indices[max(0, before - 1) : before], indices[behind : behind + JPEGS_BEHIND_DAMAGE])
    groups: list[list[int]] = []
    for index in sorted(edges.difference(taken)):
        if groups and index - groups[-1][-1] <= _DECODED_BEFORE:
            groups[-1].append(index)
        else:
            groups.append([index])
    stretches, decoded = [], 0
    for group in groups:
        first, end = max(0, group[0] - NEIGHBOURS), group[-1] + NEIGHBOURS + 1
        decoded += min(first, _DECODED_BEFORE) + end - first
        if decoded > max_decoded_frames:
            break
        stretches.append(Stretch(first=first, end=end, chosen=group))
    return stretches


def first_damaged_of(manifest: Manifest) -> int | None:
    """The first frame that is damaged, or that comes after an error message; None if there is none."""
    if manifest.damaged_ranges:
        return manifest.damaged_ranges[0][0]
    return manifest.decoder_errors[0].frame_index_at if manifest.status == "damaged" else None


def _drawn(indices: list[int], count: int, dice: random.Random) -> list[int]:
    return sorted(dice.sample(indices, min(count, len(indices))))
