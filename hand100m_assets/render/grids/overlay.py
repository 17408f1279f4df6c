"""Draws annotations over a whole frame, so that people can see whether annotations and pixels fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.amounts import counted
from hand100m_assets.errors import EmptyCropError
from hand100m_assets.imaging import Box, CropRegion, ImageBgr, JointOrder, crop_region, keypoints_in_image_px
from hand100m_assets.render.grids.lettering import DARK, LIGHT, ColorBgr, draw_text, text_width_px
from hand100m_assets.render.grids.skeleton import draw_skeleton

_SIDE_COLORS: Final[dict[str, ColorBgr]] = {"Left": (255, 190, 60), "Right": (60, 170, 255)}
_ALARM_COLOR: Final[ColorBgr] = (40, 40, 200)
_FAR_PX: Final = 100_000
"""Limit for coordinates: OpenCV cannot draw much further out."""


def draw_box_overlay(
    image_bgr: ImageBgr,
    boxes_px: Sequence[Box] | npt.NDArray[Any],
    keypoints: npt.NDArray[Any],
    handedness: Sequence[str],
    *,
    joint_order: JointOrder = "mediapipe",
) -> ImageBgr:
    """Draw the box, the crop (thin line), the handedness and the skeleton of each hand.

    Boxes without a pixel of this image cannot be drawn; a red line at the top gives their number.

    Args:
        image_bgr: (height, width, 3) uint8; not changed.
        boxes_px: (n, 4) x1 y1 x2 y2 in image pixels.
        keypoints: (n, 21, 2 or 3) x and y in [0, 1] of the crop before mirroring, as in the annotation files.
        handedness: n times `Left` or `Right`.
        joint_order: Order of the keypoints.

    Returns:
        A new image of the same size.
    """
    image: ImageBgr = np.array(image_bgr)
    height_px, width_px = image.shape[:2]
    line_px = max(2, round(max(height_px, width_px) / 500))
    outside = 0
    for box_px, points, side in zip(boxes_px, keypoints, handedness, strict=True):
        try:
            region = crop_region(box_px, width_px, height_px)
        except EmptyCropError:
            outside += 1
            continue
        _draw_region(image, box_px, region, side, line_px)
        draw_skeleton(
            image, keypoints_in_image_px(points, region), joint_order=joint_order, thickness_px=max(2, line_px)
        )
    if outside:
        _draw_tag(
            image,
            f"outside this image: {outside} of {counted(len(boxes_px), 'box', 'boxes')}",
            (0, 0),
            _ALARM_COLOR,
            line_px,
        )
    return image


def _draw_region(image: ImageBgr, box_px: Box, region: CropRegion, side: str, line_px: int) -> None:
    color = _SIDE_COLORS[side]
    last_px = (region.x2 - 1, region.y2 - 1)
    cv2.rectangle(image, (region.x1, region.y1), last_px, color, max(1, line_px // 2), cv2.LINE_AA)
    x1, y1, x2, y2 = (min(max(int(value), -_FAR_PX), _FAR_PX) for value in box_px)
    cv2.rectangle(image, (x1, y1), (x2, y2), color, line_px, cv2.LINE_AA)
    _draw_tag(image, side, (x1, y1), color, line_px)


def _draw_tag(image: ImageBgr, text: str, corner_px: tuple[int, int], color: ColorBgr, line_px: int) -> None:
    """A filled label with this lower left corner, moved so that it stays inside the image."""
    letter_px = 6 * line_px
    width_px, height_px = text_width_px(text, letter_px) + letter_px, 2 * letter_px
    left_px = max(0, min(corner_px[0], image.shape[1] - width_px))
    bottom_px = max(height_px, min(corner_px[1], image.shape[0]))
    cv2.rectangle(image, (left_px, bottom_px - height_px), (left_px + width_px, bottom_px), color, cv2.FILLED)
    place = (left_px + letter_px // 2, bottom_px - letter_px // 2)
    letters = LIGHT if color == _ALARM_COLOR else DARK
    draw_text(image, text, *place, height_px=letter_px, color=letters, thickness_px=max(1, line_px // 2))
