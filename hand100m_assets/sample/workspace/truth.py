"""The true boxes, keypoints and handedness of the hands in a video, from the model that drew them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand100m_assets.imaging import crop_region
from hand100m_assets.sample.hands import Array, Side
from hand100m_assets.sample.scenes import FRAME_STRIDE, ProjectedHand, VideoPlan


@dataclass(frozen=True)
class HandTruth:
    """One hand in one frame.

    Attributes:
        video: The video.
        frame_index: The frame.
        track: Number of the hand in the video.
        side: Left or right.
        box_px: x1 y1 x2 y2 around the flesh of the hand, inside the image, rounded to hundredths.
        keypoints: (21, 3) rounded to six digits: x and y as shares of the crop's region, not mirrored; z away from the
            viewer, 0 at the wrist, in widths of that region.
    """

    video: VideoPlan
    frame_index: int
    track: int
    side: Side
    box_px: tuple[float, float, float, float]
    keypoints: Array


def hands_of(plan: VideoPlan) -> list[HandTruth]:
    """Every hand in every annotated frame, also of videos without a file."""
    return [
        _truth(plan, frame_index, number)
        for frame_index in range(0, plan.frame_count, FRAME_STRIDE)
        for number in range(len(plan.tracks))
    ]


def _truth(plan: VideoPlan, frame_index: int, number: int) -> HandTruth:
    track = plan.tracks[number]
    hand = track.at(plan.time_s(frame_index), plan.width_px, plan.height_px)
    box_px = box_in_image(hand, plan.width_px, plan.height_px)
    keypoints = keypoints_in_crop(hand, box_px, plan.width_px, plan.height_px)
    return HandTruth(plan, frame_index, number, track.side, box_px, keypoints)


def box_in_image(hand: ProjectedHand, width_px: int, height_px: int) -> tuple[float, float, float, float]:
    """Tight box of the visible part of the hand, x1 y1 x2 y2 in pixels, rounded to hundredths."""
    x1, y1, x2, y2 = hand.extent_px()
    return (
        round(max(x1, 0.0), 2),
        round(max(y1, 0.0), 2),
        round(min(x2, float(width_px)), 2),
        round(min(y2, float(height_px)), 2),
    )


def keypoints_in_crop(
    hand: ProjectedHand, box_px: tuple[float, float, float, float], width_px: int, height_px: int
) -> Array:
    """Keypoints relative to the region of the crop, (21, 3); see `HandTruth.keypoints`."""
    region = crop_region(box_px, width_px, height_px)
    depth = hand.joints_px[:, 2] - hand.joints_px[0, 2]
    shares = np.column_stack(
        [
            (hand.joints_px[:, 0] - region.x1) / region.width_px,
            (hand.joints_px[:, 1] - region.y1) / region.height_px,
            depth / region.width_px,
        ]
    )
    # Adding zero turns a rounded -0.0, which reads oddly in a file, into 0.0.
    return np.asarray(shares.round(6) + 0.0)
