"""The background behind the hands: painted once per video, a little larger than the frame, and moved slightly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.imaging import ImageBgr

Canvas: TypeAlias = npt.NDArray[np.float32]
Rng: TypeAlias = np.random.Generator
ColorBgr: TypeAlias = tuple[int, int, int]

_MARGIN_PX: Final = 16


@dataclass(frozen=True)
class Background:
    """A painted scene that the camera drifts over, by whole pixels.

    Attributes:
        canvas: (height + 32, width + 32, 3) uint8.
        drift_s: Periods of the camera's drift in x and y.
    """

    canvas: ImageBgr
    drift_s: tuple[float, float]

    def at(self, time_s: float) -> ImageBgr:
        """A new frame-sized picture of the scene at one moment."""
        swing = np.sin(2 * np.pi * time_s / np.array(self.drift_s))
        left, top = np.rint(_MARGIN_PX * (1 + swing)).astype(int)
        height_px, width_px = (side - 2 * _MARGIN_PX for side in self.canvas.shape[:2])
        return np.array(self.canvas[top : top + height_px, left : left + width_px])


def paint_background(rng: Rng, kind: str, width_px: int, height_px: int) -> Background:
    """Paint one kind of scene, see `SCENES`."""
    canvas = SCENES[kind](rng, height_px + 2 * _MARGIN_PX, width_px + 2 * _MARGIN_PX)
    soft = cv2.GaussianBlur(canvas, (0, 0), 1.1)
    drift_s = (float(rng.uniform(6, 10)), float(rng.uniform(7, 12)))
    return Background(np.clip(soft, 0, 255).astype(np.uint8), drift_s)


def _noise(rng: Rng, height_px: int, width_px: int, cell_y_px: float, cell_x_px: float) -> Canvas:
    """Smooth noise in [-1, 1] with features of about the given size."""
    coarse = rng.uniform(-1, 1, (int(height_px / cell_y_px) + 3, int(width_px / cell_x_px) + 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC), np.float32)


def _filled(height_px: int, width_px: int, color: ColorBgr, *layers: Canvas) -> Canvas:
    """One colour, lightened and darkened by the sum of grey layers."""
    grey = np.zeros((height_px, width_px), np.float32)
    for layer in layers:
        grey += layer
    return np.asarray(np.array(color, np.float32) + grey[..., None], np.float32)


def _falloff(height_px: int, width_px: int, x: float, y: float, strength: float) -> Canvas:
    """Light that falls off from a point, given as shares of width and height."""
    dx = np.linspace(-x, 1 - x, width_px, dtype=np.float32)[None, :]
    dy = np.linspace(-y, 1 - y, height_px, dtype=np.float32)[:, None]
    return np.asarray(-strength * np.sqrt(dx * dx + dy * dy), np.float32)


def _wood(rng: Rng, height_px: int, width_px: int) -> Canvas:
    tones: tuple[ColorBgr, ...] = ((82, 118, 160), (98, 140, 178), (126, 156, 184))
    color = tones[rng.integers(len(tones))]
    grain = 13 * _noise(rng, height_px, width_px, 3, 90) + 10 * _noise(rng, height_px, width_px, 9, 240)
    canvas = _filled(height_px, width_px, color, grain, _falloff(height_px, width_px, 0.3, 0.1, 46))
    plank_px = int(rng.integers(78, 118))
    for top in range(int(rng.integers(plank_px)), height_px, plank_px):
        canvas[top : top + plank_px] += float(rng.uniform(-12, 12))
        canvas[top : top + 2] -= 34
        canvas[top + 2 : top + 3] += 16
    return canvas


def _kitchen(rng: Rng, height_px: int, width_px: int) -> Canvas:
    """A tiled wall above a counter with a board, a plate and vegetables."""
    edge = int(height_px * rng.uniform(0.26, 0.34))
    canvas = _filled(height_px, width_px, (196, 206, 208), 4 * _noise(rng, height_px, width_px, 60, 60))
    for y in range(0, edge, 34):
        cv2.line(canvas, (0, y), (width_px, y), (166, 174, 176), 2, cv2.LINE_AA)
        for x in range(17 if y // 34 % 2 else 0, width_px, 68):
            cv2.line(canvas, (x, y), (x, min(y + 34, edge)), (166, 174, 176), 2, cv2.LINE_AA)
    speckle = 6 * _noise(rng, height_px, width_px, 4, 4) + 10 * _noise(rng, height_px, width_px, 40, 60)
    counter = _filled(height_px, width_px, (122, 128, 132), speckle, _falloff(height_px, width_px, 0.5, 0.2, 40))
    canvas[edge:] = counter[edge:]
    canvas[edge : edge + 5] -= 40
    board = (int(width_px * rng.uniform(0.12, 0.3)), edge + int(0.14 * height_px))
    _shadowed_box(canvas, board, (int(width_px * 0.46), int(height_px * 0.34)), (96, 148, 188))
    _disc(canvas, (width_px * rng.uniform(0.72, 0.86), height_px * 0.62), 0.17 * height_px, (224, 222, 216))
    _disc(canvas, (width_px * 0.8, height_px * 0.62), 0.10 * height_px, (206, 204, 198))
    for color in ((52, 60, 196), (60, 150, 84), (48, 146, 222)):
        at = (board[0] + width_px * rng.uniform(0.05, 0.4), board[1] + height_px * rng.uniform(0.06, 0.28))
        _disc(canvas, at, 0.045 * height_px, color)
    return canvas


def _cloth(rng: Rng, height_px: int, width_px: int) -> Canvas:
    """A chequered tablecloth."""
    tones: tuple[ColorBgr, ...] = ((70, 60, 176), (150, 104, 52), (88, 130, 66))
    color = np.array(tones[rng.integers(len(tones))], np.float32)
    period = float(rng.integers(44, 66))
    stripe_x = (np.arange(width_px, dtype=np.float32) % period < period / 2)[None, :].astype(np.float32)
    stripe_y = (np.arange(height_px, dtype=np.float32) % period < period / 2)[:, None].astype(np.float32)
    share = (stripe_x + stripe_y)[..., None] / 2 * 0.8
    folds = 12 * _noise(rng, height_px, width_px, 110, 80) + 4 * _noise(rng, height_px, width_px, 2, 2)
    light = folds + _falloff(height_px, width_px, 0.2, 0.2, 34)
    return np.asarray((1 - share) * np.float32(226) + share * color + light[..., None], np.float32)


def _desk(rng: Rng, height_px: int, width_px: int) -> Canvas:
    """A desk with sheets of paper and a keyboard."""
    light = _falloff(height_px, width_px, 0.7, 0.0, 60)
    canvas = _filled(height_px, width_px, (168, 160, 150), 5 * _noise(rng, height_px, width_px, 20, 140), light)
    for _ in range(2):
        corner = (int(width_px * rng.uniform(-0.05, 0.6)), int(height_px * rng.uniform(0.25, 0.6)))
        sheet = (int(width_px * 0.34), int(height_px * 0.46))
        _shadowed_box(canvas, corner, sheet, (232, 232, 228))
        for row in range(corner[1] + 18, corner[1] + sheet[1] - 12, 13):
            end = corner[0] + int(sheet[0] * rng.uniform(0.5, 0.9))
            cv2.line(canvas, (corner[0] + 14, row), (end, row), (150, 146, 142), 2, cv2.LINE_AA)
    top, left = int(height_px * 0.05), int(width_px * 0.12)
    _shadowed_box(canvas, (left, top), (int(width_px * 0.6), int(height_px * 0.24)), (62, 58, 56))
    key_px = max(int(width_px * 0.6) // 16, 8)
    for row in range(4):
        for column in range(15):
            corner = (left + 8 + column * key_px + row * 4, top + 8 + row * key_px)
            cv2.rectangle(canvas, corner, (corner[0] + key_px - 4, corner[1] + key_px - 4), (104, 98, 94), cv2.FILLED)
    return canvas


def _garden(rng: Rng, height_px: int, width_px: int) -> Canvas:
    """Leaves and lights far out of focus."""
    leaves = 26 * _noise(rng, height_px, width_px, 70, 70) + 14 * _noise(rng, height_px, width_px, 24, 24)
    canvas = _filled(height_px, width_px, (74, 122, 92), leaves, _falloff(height_px, width_px, 0.6, 0.0, 60))
    glow = np.zeros_like(canvas)
    for _ in range(26):
        center = (int(rng.uniform(0, width_px)), int(rng.uniform(0, height_px * 0.8)))
        color = (rng.uniform(20, 46), rng.uniform(40, 66), rng.uniform(20, 60))
        cv2.circle(glow, center, int(rng.uniform(10, 34)), color, cv2.FILLED, cv2.LINE_AA)
    return np.asarray(canvas + cv2.GaussianBlur(glow, (0, 0), 3), np.float32)


def _studio(rng: Rng, height_px: int, width_px: int) -> Canvas:
    """A plain wall lit from one side."""
    tones: tuple[ColorBgr, ...] = ((150, 132, 110), (120, 146, 132), (128, 118, 146), (96, 98, 104))
    color = tones[rng.integers(len(tones))]
    spot = _falloff(height_px, width_px, float(rng.uniform(0.2, 0.8)), 0.15, 90)
    return _filled(height_px, width_px, color, spot, 30 + 7 * _noise(rng, height_px, width_px, 120, 120))


def _shadowed_box(canvas: Canvas, corner: tuple[int, int], size: tuple[int, int], color: ColorBgr) -> None:
    (x, y), (width, height) = corner, size
    shadow = np.zeros(canvas.shape[:2], np.float32)
    cv2.rectangle(shadow, (x + 6, y + 8), (x + width + 6, y + height + 8), 44.0, cv2.FILLED)
    canvas -= cv2.GaussianBlur(shadow, (0, 0), 6)[..., None]
    cv2.rectangle(canvas, (x, y), (x + width, y + height), color, cv2.FILLED, cv2.LINE_AA)


def _disc(canvas: Canvas, center: tuple[float, float], radius: float, color: ColorBgr) -> None:
    at, size = (round(center[0]), round(center[1])), max(round(radius), 2)
    shadow = np.zeros(canvas.shape[:2], np.float32)
    cv2.circle(shadow, (at[0] + 5, at[1] + 7), size, 40.0, cv2.FILLED)
    canvas -= cv2.GaussianBlur(shadow, (0, 0), 5)[..., None]
    cv2.circle(canvas, at, size, color, cv2.FILLED, cv2.LINE_AA)
    light = tuple(min(255, channel + 22) for channel in color)
    cv2.circle(canvas, (at[0] - size // 5, at[1] - size // 5), int(size * 0.68), light, cv2.FILLED, cv2.LINE_AA)


SCENES: Final[dict[str, Callable[[Rng, int, int], Canvas]]] = {
    "kitchen": _kitchen,
    "wood": _wood,
    "cloth": _cloth,
    "desk": _desk,
    "garden": _garden,
    "studio": _studio,
}
