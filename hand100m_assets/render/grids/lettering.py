"""Readable text over pixels, with OpenCV's built-in letters, so that pictures do not depend on font files."""

from __future__ import annotations

from typing import Final, TypeAlias

import cv2

from hand100m_assets.imaging import ImageBgr

ColorBgr: TypeAlias = tuple[int, int, int]

DARK: Final[ColorBgr] = (20, 20, 20)
LIGHT: Final[ColorBgr] = (245, 245, 245)

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_HEIGHT_AT_SCALE_1_PX: Final = 22
"""Height of a capital letter of this font at scale 1."""


def printable(text: str) -> str:
    """The text with question marks for characters that the built-in letters do not have."""
    return text.encode("ascii", "replace").decode("ascii")


def text_width_px(text: str, height_px: float) -> int:
    """Width of the text in pixels if its capital letters are `height_px` tall."""
    return int(cv2.getTextSize(printable(text), _FONT, height_px / _HEIGHT_AT_SCALE_1_PX, 1)[0][0])


def draw_text(
    image_bgr: ImageBgr,
    text: str,
    left_px: int,
    baseline_px: int,
    *,
    height_px: float,
    color: ColorBgr = LIGHT,
    thickness_px: int = 1,
) -> None:
    """Write one line into the image, in place; `height_px` is that of a capital letter."""
    scale = height_px / _HEIGHT_AT_SCALE_1_PX
    cv2.putText(image_bgr, printable(text), (left_px, baseline_px), _FONT, scale, color, thickness_px, cv2.LINE_AA)


def shade(image_bgr: ImageBgr, left_top_px: tuple[int, int], right_bottom_px: tuple[int, int], opacity: float) -> None:
    """Darken a rectangle in place, so that light text on it is readable over any picture."""
    (left_px, top_px), (right_px, bottom_px) = left_top_px, right_bottom_px
    part = image_bgr[max(top_px, 0) : bottom_px, max(left_px, 0) : right_px]
    if part.size:
        cv2.addWeighted(part, 1 - opacity, part, 0, DARK[0] * opacity, dst=part)


def wrapped(text: str, width_px: int, height_px: float) -> list[str]:
    """Break a text into lines that fit; a word longer than a line is cut."""
    lines: list[str] = []
    for word in printable(text).split():
        for piece in _pieces(word, width_px, height_px):
            longer = f"{lines[-1]} {piece}" if lines else piece
            if lines and text_width_px(longer, height_px) <= width_px:
                lines[-1] = longer
            else:
                lines.append(piece)
    return lines


def _pieces(word: str, width_px: int, height_px: float) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and text_width_px(pieces[-1] + letter, height_px) > width_px:
            pieces.append("")
        pieces[-1] += letter
    return pieces
