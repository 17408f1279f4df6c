"""Surface -> pixels: skin, nails, folds, a sleeve, and the shadow under the hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.render.crop import ImageBgr
from hand100m_assets.sample.camera import ProjectedHand
from hand100m_assets.sample.surface import CLOTH, Plane, Surface, Window, trace_surface

Rgb: TypeAlias = tuple[float, float, float]

_MARGIN_PX: Final = 20
"""Room for the soft shadow around the hand."""


@dataclass(frozen=True)
class Skin:
    """Colours of one person, RGB.

    Attributes:
        back: Of the back of the hand.
        palm: Of the palm.
        sleeve: Of the cloth on the forearm.
    """

    back: Rgb
    palm: Rgb
    sleeve: Rgb


def draw_hand(image_bgr: ImageBgr, hand: ProjectedHand, skin: Skin) -> None:
    """Draw one hand with its forearm and shadow into the image, in place."""
    window = _window(hand, image_bgr.shape[1], image_bgr.shape[0])
    if window is None:
        return
    surface = trace_surface(hand.flesh, window)
    pixels = image_bgr[window.y1 : window.y2, window.x1 : window.x2]
    _cast_shadow(pixels, surface.cover)
    touched = np.flatnonzero(surface.cover)
    rows, columns = np.divmod(touched, surface.cover.shape[1])
    colors = _colors(surface, touched, skin)
    cover = surface.cover.ravel()[touched]
    edge = np.flatnonzero(cover < 1)
    behind = pixels[rows[edge], columns[edge]]
    colors[edge] = behind + cover[edge, None] * (colors[edge].astype(np.float32) - behind)
    pixels[rows, columns] = colors


def _window(hand: ProjectedHand, width_px: int, height_px: int) -> Window | None:
    flesh = hand.flesh
    centers = np.concatenate([flesh.start[:, :2], flesh.end[:, :2]])
    radii = np.concatenate([flesh.start_radius, flesh.end_radius])[:, None]
    low = np.floor((centers - radii).min(axis=0)).astype(int) - _MARGIN_PX
    high = np.ceil((centers + radii).max(axis=0)).astype(int) + 2 * _MARGIN_PX
    x1, y1 = max(int(low[0]), 0), max(int(low[1]), 0)
    x2, y2 = min(int(high[0]), width_px), min(int(high[1]), height_px)
    return Window(x1, y1, x2, y2) if x2 - x1 > 8 and y2 - y1 > 8 else None


def _cast_shadow(pixels: ImageBgr, cover: Plane) -> None:
    """Darken the ground: the hand's outline, moved away from the light and blurred."""
    small = np.ascontiguousarray(cover[::4, ::4])
    moved = cv2.warpAffine(small, np.array(((1, 0, 3.0), (0, 1, 4.0))), small.shape[::-1])
    left = 255 - 115 * cv2.GaussianBlur(moved, (0, 0), 3)
    light = cv2.resize(cv2.convertScaleAbs(left), cover.shape[::-1], interpolation=cv2.INTER_LINEAR)
    cv2.multiply(pixels, cv2.merge([light, light, light]), dst=pixels, scale=1 / 255)


def _colors(surface: Surface, touched: npt.NDArray[np.intp], skin: Skin) -> ImageBgr:
    """Colour of each touched pixel as if the hand covered it wholly, (n, 3) BGR."""
    facing, tone, mark = surface.features.reshape(3, -1)[:, touched]
    light = np.clip(facing * np.float32(0.62) + np.float32(0.38), 0, 1)
    light *= _openness(surface).ravel()[touched]
    light *= np.clip(1 + np.float32(0.35) * mark, 0, 1)
    light *= np.float32(_FULL_LIGHT)
    gloss = np.maximum(facing, 0)
    gloss *= gloss
    gloss *= gloss
    gloss *= gloss
    gloss *= np.clip(np.float32(24) + np.float32(40) * mark, 0, 64)
    gloss *= tone < np.float32((1 + CLOTH) / 2)
    light += gloss
    np.clip(light, 0, 255, out=light)
    level = np.clip(tone * np.float32(0.8 * _BACK) + np.float32(0.5 * _BACK), 0, _BACK)
    level += np.clip(tone - 1, 0, 1) * np.float32(_CLOTH - _BACK)
    nail = mark > np.float32(0.02)
    level[nail] = _CLOTH + 1 + mark[nail] * np.float32(_NAIL - _CLOTH - 1)
    index = level.astype(np.int32) * 256 + light.astype(np.int32)
    return np.asarray(_palette(skin)[index], np.uint8)


_BACK, _CLOTH, _NAIL = 47, 63, 79
"""Rows of the palette: from palm (0) to back, from there to sleeve; then anew from back to nail (the last row)."""

_FULL_LIGHT: Final = 200
"""Column of the palette for a surface lit squarely; highlights lie above."""


@lru_cache(maxsize=32)
def _palette(skin: Skin) -> ImageBgr:
    """Colours by tone and light, (80 * 256, 3): shadows warm, as light that comes out of skin is red."""
    back, palm, sleeve = (np.array(rgb[::-1]) for rgb in (skin.back, skin.palm, skin.sleeve))
    nail = back * (0.5, 0.5, 0.55) + (88, 92, 110)
    tones = np.concatenate(
        [
            np.linspace(palm, back, _BACK + 1),
            np.linspace(back, sleeve, _CLOTH - _BACK + 1)[1:],
            np.linspace(back, nail, _NAIL - _CLOTH),
        ]
    )[:, None]
    light = np.arange(256) / _FULL_LIGHT
    level = np.minimum(light, 1)[:, None]
    colors = tones * (0.30 + 0.82 * level + np.array((-0.16, -0.09, 0.05)) * (1 - level))
    colors += (255 - tones) * 0.9 * np.maximum(light - 1, 0)[:, None]
    return np.asarray(np.clip(colors, 0, 255).reshape(-1, 3), np.uint8)


def _openness(surface: Surface) -> Plane:
    """How little the surroundings shadow each pixel: lower where something nearer is close by."""
    hand = (surface.cover[::3, ::3] > 0).astype(np.float32)
    soft_depth = cv2.GaussianBlur(surface.depth[::3, ::3] * hand, (0, 0), 2.7)
    around = soft_depth / np.maximum(cv2.GaussianBlur(hand, (0, 0), 2.7), 1e-3)
    height, width = surface.depth.shape
    # Every third pixel stands for itself: grow about the first one's centre, not about the corner.
    grow = np.array(((3.0, 0, 0), (0, 3.0, 0)))
    buried = surface.depth - cv2.warpAffine(
        around, grow, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    openness: Plane = 1 - np.clip(buried * np.float32(0.022), 0, 0.55)
    return openness
