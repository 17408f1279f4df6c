"""The crop rule: cuts the 224 px crop that the keypoints of a hand refer to from the hand's bounding box.

Source: the original crop code, with the same results bit for bit. `cv2.resize` with `INTER_LINEAR` is part of the rule,
    because no other library rounds in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.errors import EmptyCropError

CROP_SIZE_PX: Final = 224
"""Side of a crop in pixels. Source: the original crop code."""
CROP_SCALE: Final = 1.3
"""Factor by which the box grows before the crop is cut. Source: the original crop code."""

Handedness: TypeAlias = Literal["Left", "Right"]
ImageBgr: TypeAlias = npt.NDArray[np.uint8]
"""A picture: (height, width, 3) uint8, in the order blue, green, red, as OpenCV reads and writes it."""
Box: TypeAlias = Sequence[float] | npt.NDArray[Any]
"""A box: x1, y1, x2, y2 in image pixels."""
Keypoints: TypeAlias = npt.NDArray[np.floating[Any]]
"""Keypoints: (21, 3), x and y in [0, 1] of the crop, z relative. Functions also take (…, 21, 2 or 3)."""


class CropRegion(NamedTuple):
    """The part of an image that becomes the crop: whole pixels inside the image, ends exclusive.

    Attributes:
        x1: First column.
        y1: First row.
        x2: Column after the last one.
        y2: Row after the last one.

    Example:
        >>> from hand100m_assets.imaging import CropRegion
        >>> region = CropRegion(x1=0, y1=1, x2=144, y2=169)
        >>> region.width_px, region.height_px
        (144, 168)
    """

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def width_px(self) -> int:
        """Number of columns. It differs from the number of rows if the border of the image cuts the square."""
        return self.x2 - self.x1

    @property
    def height_px(self) -> int:
        """Number of rows."""
        return self.y2 - self.y1


def crop_region(box_px: Box, image_width_px: int, image_height_px: int, scale: float = CROP_SCALE) -> CropRegion:
    """Return the square around a hand's enlarged box, limited to the image.

    Args:
        box_px: x1, y1, x2, y2 in image pixels; fractions are cut off.
        image_width_px: Width of the image.
        image_height_px: Height of the image.
        scale: Factor by which the box grows; 1.3 in the original crop code.

    Returns:
        The region in whole pixels. It is not square if the border of the image cuts it.

    Raises:
        EmptyCropError: No pixel of the image lies in the square, or the box is not finite. Check the box, and that the
            image has the size at which it was annotated.

    Example:
        >>> from hand100m_assets.imaging import crop_region
        >>> crop_region([10.5, 20, 110, 150], image_width_px=320, image_height_px=240)
        CropRegion(x1=0, y1=1, x2=144, y2=169)
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
    """Tell for many boxes whether `crop_region` gives a region for each.

    Args:
        boxes_px: (n, 4) float64: x1, y1, x2, y2 in image pixels.
        sizes_px: (n, 2) float64: width and height of the image; infinite if the size is not known.

    Returns:
        (n,) bool; False also for a box that is not finite.

    Example:
        >>> import numpy as np
        >>> from hand100m_assets.imaging import have_crops
        >>> boxes_px = np.array([[10.5, 20, 110, 150], [900, 20, 950, 150]])
        >>> have_crops(boxes_px, sizes_px=np.array([[320.0, 240.0], [320.0, 240.0]])).tolist()
        [True, False]
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
    """Cut one hand out of an image, as a right hand: a left hand is flipped.

    Args:
        image_bgr: (height, width, 3) uint8, the whole frame.
        box_px: x1, y1, x2, y2 in image pixels.
        handedness: `Left` is flipped horizontally. Flip its keypoints with `mirror_keypoints`.
        size_px: Side of the result; 224 in the original crop code.

    Returns:
        (size_px, size_px, 3) uint8, blue first. It is stretched if the border of the image cuts the square.

    Raises:
        EmptyCropError: No pixel of the image lies in the square. Check the box, and that the image has the size at
            which it was annotated.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.imaging import crop_hand, read_image
        >>> image_bgr = read_image(Path("frames/video_a/frame_000000.jpg"))
        >>> crop_hand(image_bgr, [10.5, 20, 110, 150], "Left").shape
        (224, 224, 3)
    """
    height_px, width_px = image_bgr.shape[:2]
    region = crop_region(box_px, width_px, height_px)
    cut = image_bgr[region.y1 : region.y2, region.x1 : region.x2]
    crop = cv2.resize(cut, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return cast(ImageBgr, cv2.flip(crop, 1) if handedness == "Left" else crop)


def mirror_keypoints(keypoints: Keypoints, handedness: Handedness | str) -> Keypoints:
    """Return the keypoints of the crop that `crop_hand` cuts: x becomes 1 - x for a left hand.

    Args:
        keypoints: (…, 21, 2 or 3): x and y in [0, 1] of the unmirrored crop, as in the annotation files.
        handedness: `Left` or `Right`.

    Returns:
        A copy of the same shape and dtype.

    Example:
        >>> import numpy as np
        >>> from hand100m_assets.imaging import mirror_keypoints
        >>> keypoints = np.full((21, 3), 0.25)
        >>> mirror_keypoints(keypoints, "Left")[0].tolist()
        [0.75, 0.25, 0.25]
    """
    mirrored: Keypoints = np.array(keypoints)
    if handedness == "Left":
        mirrored[..., 0] = 1 - mirrored[..., 0]
    return mirrored


def keypoints_in_image_px(keypoints: Keypoints, region: CropRegion) -> npt.NDArray[np.float64]:
    """Return where the keypoints of an unmirrored crop lie in the whole image.

    Args:
        keypoints: (…, 21, 2 or 3): x and y in [0, 1] of the unmirrored crop, as in the annotation files.
        region: The crop's region of the image, from `crop_region`.

    Returns:
        (…, 21, 2) float64: x and y in image pixels.

    Example:
        >>> import numpy as np
        >>> from hand100m_assets.imaging import crop_region, keypoints_in_image_px
        >>> region = crop_region([10.5, 20, 110, 150], image_width_px=320, image_height_px=240)
        >>> keypoints_in_image_px(np.full((21, 3), 0.5), region)[0].tolist()
        [72.0, 85.0]
    """
    xy = np.asarray(keypoints, dtype=np.float64)[..., :2]
    return xy * (region.width_px, region.height_px) + (region.x1, region.y1)
