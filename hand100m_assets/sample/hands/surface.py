"""Computes depth, light and skin features per pixel from limbs: exact round cones that blend where limbs join."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hand100m_assets.sample.hands.hand_model import KIND_FINGERTIP, KIND_PHALANX, KIND_SLEEVE, Flesh

Plane: TypeAlias = npt.NDArray[np.float32]
"""A picture of one float32 per pixel."""

FAR: Final = 4096.0
"""Depth without a hand: beyond any limb, but small enough to keep sub-pixel precision in float32."""

LIGHT, TONE, MARK = range(3)
"""Planes of `Surface.features`. Light: cosine to the light. Tone: cosine to the back of the limb, from -1 (palm) to 1
(back), and `CLOTH` on the sleeve. Mark: 1 on a nail, down to -1 in a fold of skin."""

CLOTH: Final = 2.0
"""The tone of a sleeve."""

_ALONG_SIGHT: Final = 1e-2
"""Squared sine of the angle to the line of sight below which a limb counts as seen along its bone."""

_EDGE_SHARPNESS: Final = 1.4
"""One over the width of the soft edge in pixels."""

_TO_LIGHT: Final = (-0.45, -0.62, -0.64)
"""Direction towards the light, camera frame: from the upper left, in front of the hand."""


@dataclass(frozen=True)
class Surface:
    """What the camera sees of a hand.

    Attributes:
        depth: (height, width) float32, pixels away from the viewer; `FAR` (4096) where there is no hand.
        cover: (height, width) float32, share of the pixel that the hand covers, 0 to 1.
        features: (3, height, width) float32: light, tone and mark, see `LIGHT` in the module.

    Example:
        >>> import numpy as np
        >>> from hand100m_assets.sample.hands import Surface
        >>> empty = Surface(np.full((8, 8), 4096.0), np.zeros((8, 8)), np.zeros((3, 8, 8)))
        >>> float(empty.cover.sum())
        0.0
    """

    depth: Plane
    cover: Plane
    features: Plane


def trace_surface(flesh: Flesh, width_px: int, height_px: int) -> Surface:
    """Compute what a camera sees of limbs along the depth axis.

    Args:
        flesh: Limbs in pixels: x right, y down, z away from the viewer.
        width_px: Width of the picture.
        height_px: Height of the picture.

    Returns:
        Depth, cover and features of each pixel.

    Example:
        >>> import numpy as np
        >>> from hand100m_assets.sample.hands import KIND_PALM, Flesh, trace_surface
        >>> limb = Flesh(
        ...     start=np.array([[20.0, 10.0, 0.0]]),
        ...     end=np.array([[20.0, 40.0, 0.0]]),
        ...     start_radius=np.array([8.0]),
        ...     end_radius=np.array([5.0]),
        ...     dorsal=np.array([[0.0, 0.0, -1.0]]),
        ...     blend=np.array([1.0]),
        ...     kind=np.array([KIND_PALM], np.int8),
        ... )
        >>> surface = trace_surface(limb, 40, 50)
        >>> bool(surface.cover[25, 20] > 0.99), float(surface.cover[0, 0])
        (True, 0.0)
    """
    size = (height_px, width_px)
    depth = np.full(size, FAR, np.float32)
    surface = Surface(depth, np.zeros(size, np.float32), np.zeros((3, *size), np.float32))
    for limb in _limbs(flesh):
        box = _bounds(limb, width_px, height_px)
        if box is not None:
            _melt_in(surface, limb, box)
    return surface


Vector: TypeAlias = tuple[float, float, float]


class _Limb(NamedTuple):
    start: Vector
    bone: Vector
    radius: float
    taper: float
    dorsal: Vector
    blend: float
    kind: int

    @property
    def length(self) -> float:
        return math.sqrt(_dot(self.bone, self.bone))


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _limbs(flesh: Flesh) -> list[_Limb]:
    rows = zip(
        flesh.start.tolist(),
        (flesh.end - flesh.start).tolist(),
        flesh.start_radius.tolist(),
        (flesh.start_radius - flesh.end_radius).tolist(),
        flesh.dorsal.tolist(),
        flesh.blend.tolist(),
        flesh.kind.tolist(),
        strict=True,
    )
    return [_Limb(*row) for row in rows]


def _bounds(limb: _Limb, width_px: int, height_px: int) -> tuple[slice, slice] | None:
    """Rows and columns that the limb can cover."""
    end_radius = limb.radius - limb.taper
    spans = []
    for axis, size_px in ((1, height_px), (0, width_px)):
        a, b = limb.start[axis], limb.start[axis] + limb.bone[axis]
        low = max(math.floor(min(a - limb.radius, b - end_radius)), 0)
        high = min(math.ceil(max(a + limb.radius, b + end_radius)) + 1, size_px)
        if high <= low:
            return None
        spans.append(slice(low, high))
    return spans[0], spans[1]


class _Hit(NamedTuple):
    """The points where rays meet a limb.

    Attributes:
        depth: Depth of the surface.
        outward: x, y and z from the bone to the surface, before division by the radius.
        scale: One over the radius.
        along: 0 at the limb's start to 1 at its end.
        cover: Share of the pixel that the limb covers.
    """

    depth: Plane
    outward: tuple[Plane, Plane, Plane]
    scale: Plane
    along: Plane
    cover: Plane

    def cosine(self, direction: Vector) -> Plane:
        """Cosine of the angle between the normal of the surface and a unit vector."""
        x, y, z = self.outward
        cosine: Plane = x * np.float32(direction[0])
        cosine += y * np.float32(direction[1])
        cosine += z * np.float32(direction[2])
        cosine *= self.scale
        return cosine


def _trace(limb: _Limb, dx: Plane, dy: Plane) -> _Hit:
    """Intersect rays with a round cone, the envelope of spheres along the bone; `along` is the first sphere hit."""
    (bx, by, bz), taper = limb.bone, limb.taper
    along = _first_sphere(limb, dx, dy)
    x = dx - np.float32(bx) * along
    y = dy - np.float32(by) * along
    radii = np.float32(limb.radius) - np.float32(taper) * along
    z = radii * radii
    z -= x * x
    z -= y * y
    np.maximum(z, 0, out=z)
    # Close to the silhouette the surface falls away as a circle does: z^2 / 2r pixels from the edge, where the limb
    # lies across the line of sight; where it is foreshortened, z is too.
    across = max(1 - bz * bz / _dot(limb.bone, limb.bone), _ALONG_SIGHT)
    cover = z * np.float32(_EDGE_SHARPNESS / (2 * across * max(limb.radius, 1.0)))
    np.minimum(cover, 1, out=cover)
    np.sqrt(z, out=z)
    np.negative(z, out=z)
    depth = np.float32(bz) * along
    depth += np.float32(limb.start[2])
    depth += z
    return _Hit(depth, (x, y, z), np.reciprocal(radii, out=radii), along, cover)


def _first_sphere(limb: _Limb, dx: Plane, dy: Plane) -> Plane:
    """Source: ray against rounded cone, Inigo Quilez, https://iquilezles.org/articles/intersectors."""
    (bx, by, bz), radius, taper = limb.bone, limb.radius, limb.taper
    length2 = _dot(limb.bone, limb.bone)
    slant2 = length2 - taper * taper
    k2 = slant2 - bz * bz
    if k2 < _ALONG_SIGHT * length2:
        # Seen along the bone: the nearer sphere hides the cone.
        return np.full((dy.shape[0], dx.shape[1]), 1.0 if bz < 0 else 0.0, np.float32)
    shifted: Plane = np.float32(bx) * dx + (np.float32(by) * dy - np.float32(radius * taper))
    root = shifted * shifted
    root *= np.float32(slant2)
    root -= np.float32(k2 * slant2) * (dx * dx - np.float32(radius * radius)) + np.float32(k2 * slant2) * (dy * dy)
    np.sqrt(np.maximum(root, 0, out=root), out=root)
    # The ray meets the cone at depth -(root - bz * shifted) / k2; projected on the bone:
    root *= np.float32(-bz / (k2 * slant2))
    shifted *= np.float32((1 + bz * bz / k2) / slant2)
    shifted += root
    np.maximum(shifted, 0, out=shifted)
    np.minimum(shifted, 1, out=shifted)
    return shifted


def _melt_in(surface: Surface, limb: _Limb, box: tuple[slice, slice]) -> None:
    rows, columns = box
    dx = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] - np.float32(limb.start[0])
    dy = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(limb.start[1])
    hit = _trace(limb, dx, dy)
    cover = surface.cover[box]
    np.maximum(cover, hit.cover, out=cover)
    share = _blend_depth(surface.depth[box], hit, np.float32(max(limb.blend, 0.5)))
    _blend_features(surface.features[:, rows, columns], limb, hit, share)


def _blend_depth(depth: Plane, hit: _Hit, reach: np.float32) -> Plane:
    """Smooth minimum of the present depth and the limb, in place; return the share of the limb."""
    empty = depth >= FAR
    gap = depth - hit.depth
    nearer: Plane = gap * (np.float32(0.5) / reach)
    nearer += np.float32(0.5)
    np.maximum(nearer, 0, out=nearer)
    np.minimum(nearer, 1, out=nearer)
    gap += reach
    gap -= reach * nearer
    nearer *= hit.cover
    # A half covered pixel mixes two depths, unless there was none.
    gap *= np.where(empty, hit.cover > 0, nearer)
    depth -= gap
    return nearer


def _blend_features(features: Plane, limb: _Limb, hit: _Hit, share: Plane) -> None:
    tone = hit.cosine(limb.dorsal)
    mark = _mark(limb, hit, tone) if limb.kind >= KIND_PHALANX else 0.0
    if limb.kind == KIND_SLEEVE:
        tone.fill(CLOTH)
    for plane, new in ((LIGHT, hit.cosine(_TO_LIGHT)), (TONE, tone), (MARK, mark)):
        step = new - features[plane]
        step *= share
        features[plane] += step


def _mark(limb: _Limb, hit: _Hit, dorsal: Plane) -> Plane:
    """Folds of skin on the inner side where the limb begins, at its joint; a nail where a finger ends."""
    fold = hit.along * np.float32(limb.length / (0.22 * limb.radius))
    fold *= fold
    mark: Plane = np.exp(-fold) * np.clip(2 * dorsal - np.float32(0.15), -1, 0)
    if limb.kind == KIND_FINGERTIP:
        mark += _nail(limb, hit, dorsal)
    return mark


def _nail(limb: _Limb, hit: _Hit, dorsal: Plane) -> Plane:
    """An ellipse on the back of the last phalanx, soft at its edge."""
    length, radius = limb.length, limb.radius - limb.taper
    bx, by, bz = (b / length for b in limb.bone)
    ex, ey, ez = limb.dorsal
    across = hit.cosine((by * ez - bz * ey, bz * ex - bx * ez, bx * ey - by * ex))
    forward = hit.along * np.float32(length / radius) + hit.cosine((bx, by, bz))
    forward -= np.float32(length / radius - 0.15)
    across *= np.float32(1 / 0.72)
    nail: Plane = np.clip((1 - forward * forward - across * across) * 3, 0, 1) * (dorsal > np.float32(0.15))
    return nail
