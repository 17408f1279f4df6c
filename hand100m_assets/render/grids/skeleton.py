"""Draws the 21 keypoints of a hand as a skeleton."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.imaging import ImageBgr, JointOrder, finger_joints
from hand100m_assets.render.grids.lettering import DARK

FINGER_COLORS_RGB: Final = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (204, 121, 167))
"""One colour per finger; colour-blind people can also tell them apart. Source: Okabe and Ito's palette."""

_SUBPIXEL_BITS: Final = 4
"""Fractional bits of the drawn coordinates, so that lines do not snap to whole pixels."""


def draw_skeleton(
    image_bgr: ImageBgr, points_px: npt.NDArray[Any], *, joint_order: JointOrder = "mediapipe", thickness_px: int = 2
) -> None:
    """Draw the skeleton of one hand into the image, in place.

    Args:
        image_bgr: (height, width, 3) uint8, BGR; drawn into.
        points_px: (21, 2 or 3) x and y in pixels of that image; a finger with a value that is not finite is left out.
        joint_order: Order of the keypoints.
        thickness_px: Width of a bone; the sizes of the keypoints and of the dark outline follow from it.

    Example:
        >>> import cv2
        >>> import numpy as np
        >>> from hand100m_assets.render import draw_skeleton
        >>> image = cv2.imread("frames/video_a/frame_000000.jpg")
        >>> before = image.copy()
        >>> draw_skeleton(image, np.random.default_rng(0).uniform(50, 200, (21, 2)))
        >>> bool((image != before).any())
        True
    """
    fixed = [_fixed_point(points_px[list(joints)]) for joints in finger_joints(joint_order)]
    fingers = [(points, FINGER_COLORS_RGB[i][::-1]) for i, points in enumerate(fixed) if points is not None]
    for points, _ in fingers:
        cv2.polylines(image_bgr, [points], False, DARK, thickness_px + 2, cv2.LINE_AA, _SUBPIXEL_BITS)
    for points, color in fingers:
        cv2.polylines(image_bgr, [points], False, color, thickness_px, cv2.LINE_AA, _SUBPIXEL_BITS)
        for x, y in points.tolist():
            _draw_joint(image_bgr, (x, y), thickness_px, color)


def _fixed_point(points_px: npt.NDArray[Any]) -> npt.NDArray[np.int32] | None:
    xy = np.asarray(points_px, dtype=np.float64)[:, :2]
    # OpenCV's fixed-point coordinates overflow far outside. Such keypoints are wrong and are not inside the picture.
    return None if not np.isfinite(xy).all() else np.rint(xy.clip(-1e5, 1e5) * 2**_SUBPIXEL_BITS).astype(np.int32)


def _draw_joint(image_bgr: ImageBgr, center: tuple[int, int], thickness_px: int, color: tuple[int, ...]) -> None:
    radius = int((thickness_px + 0.5) * 2**_SUBPIXEL_BITS)
    outline = radius + 2**_SUBPIXEL_BITS
    cv2.circle(image_bgr, center, outline, DARK, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)
    cv2.circle(image_bgr, center, radius, color, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)
