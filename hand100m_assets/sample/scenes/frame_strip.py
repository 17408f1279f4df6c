"""Paints the frame index into the frame, in blocks that H.264 and JPEG do not destroy.

Upper left corner, from left to right: guard 1 0 1, sixteen bits of the index from the highest, four parity bits,
guard 0 1 0; 1 is white. Blocks are 8 x 16 px, aligned with the codecs' own blocks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hand100m_assets.amounts import counted
from hand100m_assets.imaging import ImageBgr

BLOCK_WIDTH_PX: Final = 8
STRIP_HEIGHT_PX: Final = 16
MAX_FRAME_INDEX: Final = 2**16 - 1

_GUARD_BEFORE: Final = (1, 0, 1)
_GUARD_AFTER: Final = (0, 1, 0)
_PARITY_OF_ZERO: Final = 0b1010
"""Not 0, so that a strip that is all black or all white is not a valid index."""

_BLOCK_COUNT: Final = 3 + 16 + 4 + 3
STRIP_WIDTH_PX: Final = _BLOCK_COUNT * BLOCK_WIDTH_PX

_BLACK: Final = 16
_WHITE: Final = 235
_MIN_CONTRAST: Final = 80.0
_UNDECIDED_SHARE: Final = 0.2
"""A block this near to the middle between black and white, as a share of their difference, is undecided."""


def draw_frame_number(image_bgr: ImageBgr, frame_index: int) -> None:
    """Paint the index into the upper left corner, in place.

    Raises:
        ValueError: The index does not fit 16 bits, or the image is smaller than the strip.
    """
    if not 0 <= frame_index <= MAX_FRAME_INDEX:
        raise ValueError(f"frame index {frame_index} is not within 0 to {MAX_FRAME_INDEX}")
    _check_size(image_bgr)
    levels = np.where(_bits_of(frame_index), _WHITE, _BLACK).astype(np.uint8)
    image_bgr[:STRIP_HEIGHT_PX, :STRIP_WIDTH_PX] = np.repeat(levels, BLOCK_WIDTH_PX)[None, :, None]


def read_frame_number(image_bgr: npt.NDArray[np.uint8]) -> int:
    """Read the index back from a decoded frame.

    Args:
        image_bgr: (height, width, 3) uint8, a whole frame at its own size.

    Raises:
        ValueError: There is no strip, or it is damaged; the message says what is wrong with it.
    """
    _check_size(image_bgr)
    strip = image_bgr[4 : STRIP_HEIGHT_PX - 4, :STRIP_WIDTH_PX].astype(np.float64)
    blocks = strip.reshape(STRIP_HEIGHT_PX - 8, _BLOCK_COUNT, BLOCK_WIDTH_PX, 3)[:, :, 2:-2]
    levels = blocks.mean(axis=(0, 2, 3))
    white, black = levels[[0, 2, -2]].min(), levels[[1, -3, -1]].max()
    if white - black < _MIN_CONTRAST:
        raise ValueError(f"no frame strip: its guard blocks differ by {counted(round(white - black), 'grey level')}")
    heights = (levels - black) / (white - black)
    if (np.abs(heights[3:-3] - 0.5) < _UNDECIDED_SHARE / 2).any():
        raise ValueError("damaged frame strip: a block is neither black nor white")
    bits = (heights > 0.5).astype(int)
    index = int("".join(map(str, bits[3:19])), 2)
    if not np.array_equal(bits, _bits_of(index)):
        raise ValueError("damaged frame strip: the parity does not fit")
    return index


def _check_size(image_bgr: npt.NDArray[np.uint8]) -> None:
    height_px, width_px = image_bgr.shape[:2]
    if width_px < STRIP_WIDTH_PX or height_px < STRIP_HEIGHT_PX:
        raise ValueError(f"a {width_px} x {height_px} px image cannot hold a frame strip")


def _bits_of(frame_index: int) -> npt.NDArray[np.int64]:
    parity = _PARITY_OF_ZERO
    for shift in (0, 4, 8, 12):
        parity ^= frame_index >> shift & 0b1111
    payload = [int(bit) for bit in f"{frame_index:016b}{parity:04b}"]
    return np.array((*_GUARD_BEFORE, *payload, *_GUARD_AFTER))
