"""Stored crops: cuts the part of a frame that the crop rule needs and compresses it.

A region not larger than `size_px` keeps the pixels of the frame, and the reader does the resize of the rule. A larger
region is resized by the rule when it is cut. So without a margin, a lossless codec gives the rule's 224 px picture bit
for bit at the size 224, and at any size if the region was not larger.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias, cast

import cv2
from pydantic import BaseModel, ConfigDict, Field

from hand100m_assets.dataset.reader import crop_of_stored, decode
from hand100m_assets.imaging import CROP_SIZE_PX, Box, CropRegion, ImageBgr, crop_region

__all__ = [
    "CODECS",
    "SUFFIXES",
    "Codec",
    "CropOptions",
    "StoredCrop",
    "crop_of_stored",
    "decode",
    "encode",
    "store_crop",
]

Codec: TypeAlias = Literal["jpeg", "webp", "png"]
"""How stored crops are compressed; `webp` and `png` are lossless."""
CODECS: Final[tuple[Codec, ...]] = ("jpeg", "webp", "png")
"""Every codec, the default first."""
SUFFIXES: Final[dict[Codec, str]] = {"jpeg": ".jpg", "webp": ".webp", "png": ".png"}

_FULL_CHROMA: Final = 0x111111
"""OpenCV's name for 4:4:4: colours are stored as finely as brightness. Source: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444."""
_WEBP_LOSSLESS: Final = 101
"""Any WebP quality above 100 means lossless to OpenCV. Source: OpenCV's documentation of IMWRITE_WEBP_QUALITY."""


class CropOptions(BaseModel):
    """Options that change the bytes of a stored crop. Crops that were made with other options are made again.

    Attributes:
        codec: `jpeg` is small and fast; `webp` and `png` are lossless.
        jpeg_quality: OpenCV's JPEG quality, 1 to 100, with full chroma.
        size_px: A region whose longer side is larger is reduced to this; 224 to 4096.
        margin: How much of the frame around the region is kept on each side, in sides of the region; 0 to 1.

    Raises:
        pydantic.ValidationError: A value is out of its range; correct it.

    Example:
        >>> from hand100m_assets.dataset import CropOptions
        >>> CropOptions(codec="png", margin=0.25).jpeg_quality
        98
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    codec: Codec = "jpeg"
    jpeg_quality: int = Field(98, ge=1, le=100)
    size_px: int = Field(CROP_SIZE_PX, ge=CROP_SIZE_PX, le=4096)
    margin: float = Field(0.0, ge=0, le=1)


class StoredCrop(NamedTuple):
    """One crop, ready to be written.

    Attributes:
        data: The compressed picture.
        width_px: Width of the picture.
        height_px: Height of the picture.
        region: The region of the crop rule inside it.
    """

    data: bytes
    width_px: int
    height_px: int
    region: CropRegion


def store_crop(image_bgr: ImageBgr, box_px: Box, options: CropOptions) -> StoredCrop:
    """Cut one hand out of a whole frame and compress it, not mirrored.

    Raises:
        EmptyCropError: The box contains no pixel of the image.
    """
    height_px, width_px = image_bgr.shape[:2]
    region = crop_region(box_px, width_px, height_px)
    wide = _with_margin(region, options.margin, width_px, height_px)
    cut = image_bgr[wide.y1 : wide.y2, wide.x1 : wide.x2]
    inner = CropRegion(region.x1 - wide.x1, region.y1 - wide.y1, region.x2 - wide.x1, region.y2 - wide.y1)
    if max(region.width_px, region.height_px) > options.size_px:
        cut, inner = _reduced(cut, inner, options.size_px)
    return StoredCrop(encode(cut, options), cut.shape[1], cut.shape[0], inner)


def _with_margin(region: CropRegion, margin: float, width_px: int, height_px: int) -> CropRegion:
    x, y = round(region.width_px * margin), round(region.height_px * margin)
    return CropRegion(
        max(region.x1 - x, 0), max(region.y1 - y, 0), min(region.x2 + x, width_px), min(region.y2 + y, height_px)
    )


def _reduced(cut: ImageBgr, inner: CropRegion, size_px: int) -> tuple[ImageBgr, CropRegion]:
    """Resize the region to a square of this size, as the rule does, and its surroundings with it."""
    scale_x, scale_y = size_px / inner.width_px, size_px / inner.height_px
    x1, y1 = round(inner.x1 * scale_x), round(inner.y1 * scale_y)
    right, bottom = round((cut.shape[1] - inner.x2) * scale_x), round((cut.shape[0] - inner.y2) * scale_y)
    region = CropRegion(x1, y1, x1 + size_px, y1 + size_px)
    small = cv2.resize(cut, (region.x2 + right, region.y2 + bottom), interpolation=cv2.INTER_LINEAR)
    return cast(ImageBgr, small), region


def encode(image_bgr: ImageBgr, options: CropOptions) -> bytes:
    """Compress a picture."""
    flags: dict[Codec, list[int]] = {
        "jpeg": [
            cv2.IMWRITE_JPEG_QUALITY,
            options.jpeg_quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            _FULL_CHROMA,
        ],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, _WEBP_LOSSLESS],
        "png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    }
    _, data = cv2.imencode(SUFFIXES[options.codec], image_bgr, flags[options.codec])
    return data.tobytes()
