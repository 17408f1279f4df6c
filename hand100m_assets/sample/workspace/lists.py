"""Makes the two official lists, with the columns of the originals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from hand100m_assets.layout import VIDEO_SUFFIX
from hand100m_assets.sample.scenes import FRAME_STRIDE, VideoPlan
from hand100m_assets.sources import EGO4D, Source

_EGO4D_HEADER: Final = (
    "Number Name Size Length Width Height OriginalFrameCount SettingFrameCount OriginalFrameRate SettingFrameRate Time"
)
"""Source: the Ego4D list."""

_GENRES: Final = ("cooking", "diy", "drink", "food", "furniture", "gardening", "housework", "packing", "puzzle")
"""Source: the kinds of everyday activity for which 100DOH was collected; spelling and choice are ours."""


def list_text(source: Source, plans: Sequence[VideoPlan], sizes_bytes: Mapping[str, int], seed: int) -> str:
    """The content of the list file of one source.

    Args:
        source: The source, which decides the format.
        plans: Every listed video; rows are ordered by id, because downloads have no order.
        sizes_bytes: Video id -> size of the whole file.
        seed: Seed for the columns whose meaning is unknown.
    """
    ordered = sorted(plans, key=lambda plan: plan.video_id)
    rng = np.random.default_rng((seed, 2))
    if source is EGO4D:
        rows = [_ego4d_row(i, plan, sizes_bytes[plan.video_id], rng) for i, plan in enumerate(ordered)]
        return "\n".join([_EGO4D_HEADER, *rows]) + "\n"
    return "\n".join(_doh_row(plan, rng) for plan in ordered) + "\n"


def _ego4d_row(number: int, plan: VideoPlan, size_bytes: int, rng: np.random.Generator) -> str:
    length_s = round(float(plan.frame_count / plan.fps), 2)
    rates = (float(plan.fps), float(plan.fps / FRAME_STRIDE))
    counts = (plan.frame_count, plan.frame_count // FRAME_STRIDE)
    cells = (number, f"{plan.video_id}{VIDEO_SUFFIX}", size_bytes, length_s, plan.width_px, plan.height_px)
    return " ".join(map(str, (*cells, *counts, *rates, round(float(rng.uniform(0.1, 0.9)), 2))))


def _doh_row(plan: VideoPlan, rng: np.random.Generator) -> str:
    genre, number = _GENRES[rng.integers(len(_GENRES))], int(rng.integers(1, 132))
    rate = f"{plan.fps.numerator}/{plan.fps.denominator}"
    return " ".join((plan.video_id, genre, str(number), f"{plan.width_px}x{plan.height_px}", rate))
