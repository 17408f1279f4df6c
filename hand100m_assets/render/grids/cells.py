"""Draws one cell of a grid: a labelled hand, or a marked cell that says why there is no hand."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from hand100m_assets.imaging import CROP_SIZE_PX, ImageBgr, JointOrder, Keypoints, mirror_keypoints
from hand100m_assets.render.grids.lettering import LIGHT, ColorBgr, draw_text, shade, text_width_px, wrapped
from hand100m_assets.render.grids.skeleton import draw_skeleton

_GREY: Final = 150
_HATCH: Final = 165
_HATCH_STEP_PX: Final = 16
_REASON_COLOR: Final[ColorBgr] = (30, 30, 30)
_LINE_PX: Final = 17
"""Distance of two lines of text."""
_LETTER_PX: Final = 10


def marked_cell(reason: str, size_px: int = CROP_SIZE_PX) -> ImageBgr:
    """A hatched grey cell with the reason written on it, so that it cannot be mistaken for a picture of a hand."""
    y, x = np.mgrid[:size_px, :size_px]
    hatched = (x + y) % _HATCH_STEP_PX < _HATCH_STEP_PX // 4
    cell = np.where(hatched[..., None], _HATCH, _GREY).astype(np.uint8).repeat(3, axis=2)
    lines = wrapped(reason, size_px - 28, _LETTER_PX)[: size_px // _LINE_PX - 2]
    top_px = (size_px - _LINE_PX * len(lines)) // 2
    cell[max(top_px - 8, 0) : top_px + _LINE_PX * len(lines) + 6, 8:-8] = 205
    for number, line in enumerate(lines):
        left_px = (size_px - text_width_px(line, _LETTER_PX)) // 2
        baseline_px = top_px + _LINE_PX * number + _LINE_PX - 5
        draw_text(cell, line, left_px, baseline_px, height_px=_LETTER_PX, color=_REASON_COLOR)
    return cell


def labelled_cell(
    crop_bgr: ImageBgr,
    keypoints: Keypoints,
    handedness: str,
    lines: tuple[str, ...],
    *,
    joint_order: JointOrder = "mediapipe",
) -> ImageBgr:
    """A copy of the crop with its skeleton, and lines of text at the bottom.

    Args:
        crop_bgr: (n, n, 3) uint8 as `crop_hand` gives it, a left hand already flipped.
        keypoints: (21, 2 or 3) x and y in [0, 1] of the crop before mirroring, as in the annotation files.
        handedness: `Left` keypoints are mirrored to match the flipped crop.
        lines: Text, from top to bottom.
        joint_order: Order of the keypoints.
    """
    cell: ImageBgr = np.array(crop_bgr)
    size_px = cell.shape[0]
    draw_skeleton(cell, mirror_keypoints(keypoints, handedness)[:, :2] * size_px, joint_order=joint_order)
    shade(cell, (0, size_px - _LINE_PX * len(lines) - 9), (size_px, size_px), 0.62)
    for number, line in enumerate(reversed(lines)):
        draw_text(cell, line, 9, size_px - 11 - _LINE_PX * number, height_px=_LETTER_PX)
    return cell


def frame_pair(picture_bgr: ImageBgr, left_px: int, top_px: int, badge: str) -> None:
    """Mark two neighbouring cells as one pair, in place: a frame around both, and a badge across their border."""
    right_px, bottom_px = left_px + 2 * CROP_SIZE_PX - 1, top_px + CROP_SIZE_PX - 1
    middle_px = left_px + CROP_SIZE_PX
    cv2.line(picture_bgr, (middle_px, top_px), (middle_px, bottom_px), (120, 120, 120), 1)
    cv2.rectangle(picture_bgr, (left_px + 1, top_px + 1), (right_px - 1, bottom_px - 1), LIGHT, 3)
    if badge:
        half_px = text_width_px(badge, _LETTER_PX) // 2
        shade(picture_bgr, (middle_px - half_px - 8, top_px + 3), (middle_px + half_px + 8, top_px + 23), 0.75)
        draw_text(picture_bgr, badge, middle_px - half_px, top_px + 18, height_px=_LETTER_PX)
