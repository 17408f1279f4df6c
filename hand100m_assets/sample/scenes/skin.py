"""Draws the pixels of a surface: skin, nails, folds, a sleeve, and the shadow under the hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.imaging import ImageBgr
from hand100m_assets.sample.hands import CLOTH, Flesh, Plane, Surface, trace_surface
from hand100m_assets.sample.scenes.camera import ProjectedHand

Rgb: TypeAlias = tuple[float, float, float]

_MARGIN_PX: Final = 20
"""Room for the soft shadow around the hand."""

_DRAWN_PX, _UNIT_PX = 12, 16
"""Number of drawn pixels and of image pixels that they cover: as sharp as a camera's picture, for half the work."""


@dataclass(frozen=True)
class Skin:
    """Colours of one person, RGB.

    Attributes:
        back: Colour of the back of the hand.
        palm: Colour of the palm.
        sleeve: Colour of the cloth on the forearm.
    """

    back: Rgb
    palm: Rgb
    sleeve: Rgb


@dataclass(frozen=True)
class Layer:
    """A hand to be laid over any background of its size.

    Attributes:
        left_px: First column in the image.
        top_px: First row in the image.
        color_bgr: (h, w, 3) of the hand.
        cover: (h, w) share of the pixel that the hand covers, 0 to 1.
        light_bgr: (h, w, 3) light that the shadow of the hand leaves on the background; 255 is all.
    """

    left_px: int
    top_px: int
    color_bgr: ImageBgr
    cover: Plane
    light_bgr: ImageBgr

    def lay_over(self, image_bgr: ImageBgr) -> None:
        """Put the hand and its shadow into the image, in place."""
        height_px, width_px = self.cover.shape
        pixels = image_bgr[self.top_px : self.top_px + height_px, self.left_px : self.left_px + width_px]
        ground = cv2.multiply(pixels, self.light_bgr, scale=1 / 255)
        np.copyto(pixels, cv2.blendLinear(self.color_bgr, ground, self.cover, 1 - self.cover))


def draw_hand(hand: ProjectedHand, skin: Skin, width_px: int, height_px: int) -> Layer | None:
    """Draw one hand with its forearm and shadow for an image of this size; None if it lies wholly outside."""
    window = _window(hand.flesh, width_px, height_px)
    if window is None:
        return None
    left_px, top_px, *size_px = window
    surface = trace_surface(
        _in_window(hand.flesh, left_px, top_px), *(side_px // _UNIT_PX * _DRAWN_PX for side_px in size_px)
    )

    def full_size(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
        grown = cv2.resize(plane, size_px, interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(grown[: height_px - top_px, : width_px - left_px])

    light = cv2.cvtColor(full_size(_ground_light(surface.cover)), cv2.COLOR_GRAY2BGR)
    colors = full_size(_colors(surface, skin))
    return Layer(left_px, top_px, colors, full_size(surface.cover), np.asarray(light, np.uint8))


def _window(flesh: Flesh, width_px: int, height_px: int) -> tuple[int, int, int, int] | None:
    """Left, top, width, height of what is drawn: whole units, so it may exceed the image on the right and below."""
    centers = np.concatenate([flesh.start[:, :2], flesh.end[:, :2]])
    radii = np.concatenate([flesh.start_radius, flesh.end_radius])[:, None]
    low = np.maximum((centers - radii).min(axis=0) - _MARGIN_PX, 0) // _UNIT_PX
    high = np.minimum((centers + radii).max(axis=0) + 2 * _MARGIN_PX, (width_px, height_px)) // -_UNIT_PX
    (x1, y1), (x2, y2) = (low * _UNIT_PX).astype(int).tolist(), (high * -_UNIT_PX).astype(int).tolist()
    return (x1, y1, x2 - x1, y2 - y1) if x2 > x1 and y2 > y1 else None


def _in_window(flesh: Flesh, x1: int, y1: int) -> Flesh:
    """The flesh in the pixels that are drawn; centres of pixels have whole coordinates on both scales."""
    scale = _DRAWN_PX / _UNIT_PX
    shift = np.array((0.5 - x1, 0.5 - y1, 0.0))
    back = np.array((0.5, 0.5, 0.0))
    return replace(
        flesh,
        start=(flesh.start + shift) * scale - back,
        end=(flesh.end + shift) * scale - back,
        start_radius=flesh.start_radius * scale,
        end_radius=flesh.end_radius * scale,
        blend=flesh.blend * scale,
    )


def _ground_light(cover: Plane) -> npt.NDArray[np.uint8]:
    """Light left on the ground, a quarter as large: the hand's outline, moved away from the light and blurred."""
    small = np.ascontiguousarray(cover[1::4, 1::4])
    moved = cv2.warpAffine(small, np.array(((1, 0, 4.0), (0, 1, 5.3))), small.shape[::-1])
    return np.asarray(cv2.convertScaleAbs(255 - 115 * cv2.GaussianBlur(moved, (0, 0), 4)), np.uint8)


def _colors(surface: Surface, skin: Skin) -> ImageBgr:
    """Colour of every pixel as if the hand covered it wholly."""
    facing, tone, mark = surface.features
    light = np.clip(facing * np.float32(0.62) + np.float32(0.38), 0, 1)
    light *= _openness(surface)
    light *= np.clip(1 + np.float32(0.35) * mark, 0, 1)
    light *= np.float32(_FULL_LIGHT)
    gloss = np.maximum(facing, 0)
    gloss *= gloss
    gloss *= gloss
    gloss *= gloss
    gloss *= np.clip(np.float32(24) + np.float32(40) * mark, 0, 64)
    gloss *= tone < np.float32((1 + CLOTH) / 2)
    light += gloss
    np.minimum(light, 255, out=light)
    level = np.clip(tone * np.float32(0.8 * _BACK) + np.float32(0.5 * _BACK), 0, _BACK)
    level += np.clip(tone - 1, 0, 1) * np.float32(_CLOTH - _BACK)
    np.copyto(level, _CLOTH + 1 + mark * np.float32(_NAIL - _CLOTH - 1), where=mark > np.float32(0.02))
    index = level.astype(np.int32) * 256
    index += light.astype(np.int32)
    bgra = _palette(skin)[index].view(np.uint8).reshape(*index.shape, 4)
    return np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR), np.uint8)


_BACK, _CLOTH, _NAIL = 47, 63, 79
"""Rows of the palette: from palm (0) to back, from there to sleeve; then anew from back to nail (the last row)."""

_FULL_LIGHT: Final = 200
"""Column of the palette for a surface lit squarely; highlights lie above."""


@lru_cache(maxsize=32)
def _palette(skin: Skin) -> npt.NDArray[np.uint32]:
    """Colours by tone and light, BGRA in 32 bits, (80 * 256,): shadows warm, as light that comes out of skin is red."""
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
    bgra = np.zeros((len(tones) * 256, 4), np.uint8)
    bgra[:, :3] = np.clip(colors, 0, 255).reshape(-1, 3)
    return bgra.view(np.uint32).ravel()


def _openness(surface: Surface) -> Plane:
    """How little the surroundings shade each pixel: lower if something nearer is close by."""
    hand = (surface.cover[1::3, 1::3] > 0).astype(np.float32)
    soft_depth = cv2.GaussianBlur(surface.depth[1::3, 1::3] * hand, (0, 0), 2.2)
    around = soft_depth / np.maximum(cv2.GaussianBlur(hand, (0, 0), 2.2), 1e-3)
    openness = np.asarray(cv2.resize(around, surface.depth.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    openness -= surface.depth
    openness *= np.float32(0.03)
    openness += 1
    np.clip(openness, 0.45, 1, out=openness)
    return openness
