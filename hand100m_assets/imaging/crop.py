"""The crop rule: from a hand's box to the 224 px picture that its keypoints refer to.

Source: the original crop code, followed bit for bit; `cv2.resize` with `INTER_LINEAR` is part of the rule,
because no other library rounds as it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.errors import EmptyCropError

CROP_SIZE_PX: Final = 224
"""Side of the crop. Source: the original crop code."""
CROP_SCALE: Final = 1.3
"""How much the box grows before it is cut. Source: the original crop code."""

Handedness: TypeAlias = Literal["Left", "Right"]
ImageBgr: TypeAlias = npt.NDArray[np.uint8]
"""(height, width, 3), blue green red, as OpenCV reads and writes it."""
Box: TypeAlias = Sequence[float] | npt.NDArray[Any]
"""x1 y1 x2 y2 in image pixels."""
Keypoints: TypeAlias = npt.NDArray[np.floating[Any]]
"""(21, 3): x and y in [0, 1] of the crop, z relative."""


class CropRegion(NamedTuple):
    """The part of an image that becomes the crop: whole pixels, inside the image, end exclusive."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def width_px(self) -> int:
        """Columns; differs from the height where the square was cut off by the image's border."""
        return self.x2 - self.x1

    @property
    def height_px(self) -> int:
        """Rows."""
        return self.y2 - self.y1


def crop_region(box_px: Box, image_width_px: int, image_height_px: int, scale: float = CROP_SCALE) -> CropRegion:
    """Square around the grown box, clamped to the image.

    Raises:
        EmptyCropError: No pixel of the image lies in it, or the box is not finite; check the box and the image's size.
    """
    try:
        (x1, x2), (y1, y2) = _square_px([int(value) for value in box_px], scale)
    except (ValueError, OverflowError) as error:
        raise _empty(box_px, image_width_px, image_height_px) from error
    # Both ends are clamped to both borders: a negative end would otherwise count from the far side as an index.
    region = CropRegion(
        min(max(x1, 0), image_width_px),
        min(max(y1, 0), image_height_px),
        min(max(x2, 0), image_width_px),
        min(max(y2, 0), image_height_px),
    )
    if region.width_px <= 0 or region.height_px <= 0:
        raise _empty(box_px, image_width_px, image_height_px)
    return region


def _square_px(box: list[int], scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    x1, y1, x2, y2 = box
    (left, right), (top, bottom) = _grown(x1, x2, scale), _grown(y1, y2, scale)
    half = max(right - left, bottom - top) // 2
    center_x, center_y = (left + right) / 2, (top + bottom) / 2
    return (int(center_x - half), int(center_x + half)), (int(center_y - half), int(center_y + half))


def _grown(start: int, end: int, scale: float) -> tuple[int, int]:
    length = end - start
    margin = int((int(length * scale) - length) / 2)
    return start - margin, end + margin


def have_crops(boxes_px: npt.NDArray[np.float64], sizes_px: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of many boxes hold a pixel of their image: those for which `crop_region` gives a region.

    Args:
        boxes_px: (n, 4) x1 y1 x2 y2 in image pixels.
        sizes_px: (n, 2) width and height of the image; infinite where it is not known.
    """
    boxes = np.trunc(boxes_px)
    starts, ends = boxes[:, :2], boxes[:, 2:]
    lengths = ends - starts
    grown = lengths + 2 * np.trunc((np.trunc(lengths * CROP_SCALE) - lengths) / 2)
    centers, half = (starts + ends) / 2, grown.max(axis=1, keepdims=True) // 2
    has_pixel = np.minimum(np.trunc(centers + half), sizes_px) > np.maximum(np.trunc(centers - half), 0)
    return np.asarray(has_pixel.all(axis=1))


def _empty(box_px: Box, image_width_px: int, image_height_px: int) -> EmptyCropError:
    numbers = ", ".join(f"{float(value):g}" for value in box_px)
    return EmptyCropError(
        f"box [{numbers}] holds no pixel of the {image_width_px} x {image_height_px} px image",
        fix="Check the box, and that the image has the size it was annotated at.",
    )


def crop_hand(image_bgr: ImageBgr, box_px: Box, handedness: Handedness | str, size_px: int = CROP_SIZE_PX) -> ImageBgr:
    """Cut out one hand as a right hand: a left one is flipped.

    Args:
        image_bgr: (height, width, 3) uint8, the whole frame.
        box_px: x1 y1 x2 y2 in image pixels.
        handedness: `Left` is flipped horizontally; flip its keypoints with `mirror_keypoints`.
        size_px: Side of the result.

    Returns:
        (size_px, size_px, 3) uint8, BGR; stretched where the square left the image.

    Raises:
        EmptyCropError: The box holds no pixel of the image.
    """
    height_px, width_px = image_bgr.shape[:2]
    region = crop_region(box_px, width_px, height_px)
    cut = image_bgr[region.y1 : region.y2, region.x1 : region.x2]
    crop = cv2.resize(cut, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return cast(ImageBgr, cv2.flip(crop, 1) if handedness == "Left" else crop)


def mirror_keypoints(keypoints: Keypoints, handedness: Handedness | str) -> Keypoints:
    """Keypoints of the crop that `crop_hand` gives: x becomes 1 - x for a left hand.

    Args:
        keypoints: (…, 21, 2 or 3), x and y in [0, 1] of the unmirrored crop, as in the annotation files.
        handedness: `Left` or `Right`.

    Returns:
        A copy of the same shape and dtype.
    """
    mirrored: Keypoints = np.array(keypoints)
    if handedness == "Left":
        mirrored[..., 0] = 1 - mirrored[..., 0]
    return mirrored


def keypoints_in_image_px(keypoints: Keypoints, region: CropRegion) -> npt.NDArray[np.float64]:
    """Where unmirrored crop keypoints lie in the whole image.

    Args:
        keypoints: (…, 21, 2 or 3), x and y in [0, 1] of the unmirrored crop, as in the annotation files.
        region: The crop's region of that image.

    Returns:
        (…, 21, 2) x and y in image pixels.
    """
    xy = np.asarray(keypoints, dtype=np.float64)[..., :2]
    return xy * (region.width_px, region.height_px) + (region.x1, region.y1)
