"""A kinematic hand: computes 21 joints and the flesh around the bones from joint angles, in centimetres.

Hand frame of a right hand, right-handed axes: origin at the wrist, x towards the thumb's side, y towards the
fingers, z out of the palm. A left hand is the exact mirror image, x -> -x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
"""An array of float64."""
Side: TypeAlias = Literal["Left", "Right"]
"""Which hand of the person it really is."""

JOINT_COUNT: Final = 21
"""MediaPipe order: wrist, then thumb, index, middle, ring, pinky from the palm to the tip."""

FINGERS: Final = ("index", "middle", "ring", "pinky")
ANGLE_COUNT: Final = 19
"""Four fingers of (MCP flexion, PIP flexion, abduction to the thumb's side), thumb of (spread, palmar abduction,
roll, MCP flexion, IP flexion), wrist of (flexion, deviation): degrees."""

_KNUCKLES_CM: Final = np.array([(2.75, 8.9, 0.0), (0.6, 9.2, -0.35), (-1.45, 8.6, -0.2), (-3.25, 7.6, 0.2)])
_CARPALS_CM: Final = np.array([(1.55, 1.3, 0.0), (0.55, 1.1, -0.2), (-0.5, 1.0, -0.15), (-1.5, 1.1, 0.1)])
_PHALANGES_CM: Final = np.array([(4.4, 2.7, 2.0), (4.9, 3.1, 2.15), (4.5, 2.9, 2.1), (3.6, 2.1, 1.8)])
_FINGER_RADII_CM: Final = np.array(
    [(1.06, 0.90, 0.79, 0.68), (1.08, 0.92, 0.80, 0.69), (1.03, 0.86, 0.75, 0.65), (0.90, 0.75, 0.66, 0.58)]
)
_THUMB_BASE_CM: Final = np.array((1.9, 2.3, 0.7))
_THUMB_BONES_CM: Final = np.array((4.5, 3.4, 2.5))
_THUMB_RADII_CM: Final = np.array((1.60, 1.20, 1.04, 0.82))
_DIP_SHARE: Final = 0.66
"""DIP flexion as a share of PIP flexion: the two are coupled by tendons."""


@dataclass(frozen=True)
class HandShape:
    """The proportions of one person, each 1 for the average adult.

    Attributes:
        finger_lengths: Five factors, thumb to pinky.
        palm_width: Factor for knuckles and carpals along x.
        thickness: Factor for all flesh.

    Example:
        >>> from hand100m_assets.sample.hands import HandShape
        >>> HandShape(palm_width=1.1).finger_lengths
        (1.0, 1.0, 1.0, 1.0, 1.0)
    """

    finger_lengths: tuple[float, ...] = (1.0,) * 5
    palm_width: float = 1.0
    thickness: float = 1.0


@dataclass(frozen=True)
class Flesh:
    """Limbs of a hand as round cones, each swept between two spheres.

    Lengths are cm in the frame of the hand (`pose_hand`), or pixels (`ProjectedHand`, `trace_surface`). All arrays
    except `kind` are float64 with one row per limb.

    Attributes:
        start: (n, 3) centre of the first sphere.
        end: (n, 3) centre of the second sphere.
        start_radius: (n,) radius of the first sphere.
        end_radius: (n,) radius of the second sphere.
        dorsal: (n, 3) unit vector out of the back of this limb.
        blend: (n,) depth over which the limb blends into the limbs before it.
        kind: (n,) int8, one of the `KIND_*` values.

    Example:
        >>> from hand100m_assets.sample.hands import KIND_PALM, POSES, HandShape, pose_hand
        >>> flesh = pose_hand(POSES["fist"], HandShape(), "Right").flesh
        >>> bool((flesh.start_radius > 0).all()), bool((flesh.kind == KIND_PALM).any())
        (True, True)
    """

    start: Array
    end: Array
    start_radius: Array
    end_radius: Array
    dorsal: Array
    blend: Array
    kind: npt.NDArray[np.int8]


KIND_SLEEVE: Final = 0
KIND_WRIST: Final = 1
KIND_PALM: Final = 2
"""A limb of the palm; kinds below are the arm, kinds above the fingers."""
KIND_PHALANX: Final = 3
KIND_FINGERTIP: Final = 4


@dataclass(frozen=True)
class PosedHand:
    """Joints and flesh of one hand in one pose, in the frame of the hand, in cm.

    Attributes:
        joints: (21, 3) float64, MediaPipe order, the wrist at the origin.
        flesh: Wrist and sleeve first, then palm, thumb, fingers.

    Example:
        >>> from hand100m_assets.sample.hands import POSES, HandShape, pose_hand
        >>> hand = pose_hand(POSES["open"], HandShape(), "Right")
        >>> hand.joints[0].tolist()
        [0.0, 0.0, 0.0]
    """

    joints: Array
    flesh: Flesh


def pose_hand(angles_deg: Array, shape: HandShape, side: Side) -> PosedHand:
    """Compute the joints and the flesh of a hand from its joint angles.

    Args:
        angles_deg: (19,) degrees, in the order that `ANGLE_COUNT` describes; for example a value of `POSES`.
        shape: Proportions of the person.
        side: A left hand is the mirror image of the right hand with the same angles.

    Returns:
        The hand in its own frame, in cm.

    Example:
        >>> from hand100m_assets.sample.hands import POSES, HandShape, pose_hand
        >>> pose_hand(POSES["peace"], HandShape(thickness=0.9), "Left").joints.shape
        (21, 3)
    """
    limbs = _Limbs(shape.thickness)
    joints = np.zeros((JOINT_COUNT, 3))
    widen = np.array((shape.palm_width, 1.0, 1.0))
    knuckles, carpals = _KNUCKLES_CM * widen, _CARPALS_CM * widen
    _add_forearm(limbs, angles_deg[17:19])
    thumb, thumb_dorsal = _thumb_joints(angles_deg[12:17], shape)
    joints[1:5] = thumb
    _add_palm(limbs, knuckles, carpals, thumb)
    _add_chain(limbs, thumb[1:], _THUMB_RADII_CM[1:], thumb_dorsal[1:])
    for finger in range(4):
        lengths = _PHALANGES_CM[finger] * shape.finger_lengths[finger + 1]
        chain, dorsal = _finger_joints(knuckles[finger], lengths, angles_deg[3 * finger : 3 * finger + 3])
        joints[5 + 4 * finger : 9 + 4 * finger] = chain
        _add_chain(limbs, chain, _FINGER_RADII_CM[finger], dorsal)
    mirror = np.array((-1.0 if side == "Left" else 1.0, 1.0, 1.0))
    return PosedHand(joints * mirror, limbs.gathered(mirror))


_BACK: Final = np.array((0.0, 0.0, -1.0))


class _Limb(NamedTuple):
    start: Array
    end: Array
    start_radius: float
    end_radius: float
    dorsal: Array
    blend: float
    kind: int


class _Limbs:
    def __init__(self, thickness: float) -> None:
        self._thickness = thickness
        self._rows: list[_Limb] = []

    def add(
        self,
        start: Array,
        end: Array,
        radii: tuple[float, float],
        *,
        kind: int,
        blend: float,
        dorsal: Array = _BACK,
    ) -> None:
        self._rows.append(_Limb(start, end, radii[0], radii[1], dorsal, blend, kind))

    def gathered(self, mirror: Array) -> Flesh:
        start, end, start_radius, end_radius, dorsal, blend, kind = (
            np.array(column) for column in zip(*self._rows, strict=True)
        )
        radii = (start_radius * self._thickness, end_radius * self._thickness)
        return Flesh(start * mirror, end * mirror, *radii, dorsal * mirror, blend, kind.astype(np.int8))


def _add_forearm(limbs: _Limbs, wrist_deg: Array) -> None:
    flexion, deviation = np.radians(wrist_deg)
    along = -np.array((np.sin(deviation), np.cos(deviation) * np.cos(flexion), -np.cos(deviation) * np.sin(flexion)))
    for offset_cm in (-0.95, 0.95):
        start = np.array((offset_cm, 0.2, 0.0))
        limbs.add(start, start + 5.6 * along, (1.95, 2.1), kind=KIND_WRIST, blend=1.2)
    cuff, elbow = 5.4 * along, 28.0 * along
    limbs.add(cuff, (cuff + elbow) / 2, (3.3, 3.8), kind=KIND_SLEEVE, blend=0.05)
    limbs.add((cuff + elbow) / 2, elbow, (3.8, 4.3), kind=KIND_SLEEVE, blend=0.05)


def _add_palm(limbs: _Limbs, knuckles: Array, carpals: Array, thumb: Array) -> None:
    heel = (carpals[2] + carpals[3]) / 2 + (-0.3, 0.6, 0.5)
    limbs.add(heel, knuckles[3] * (0.98, 0.72, 1.0) + (0.0, 0.0, 0.45), (1.35, 1.1), kind=KIND_PALM, blend=1.0)
    for finger in range(4):
        radii = (1.6, _FINGER_RADII_CM[finger, 0] + 0.1)
        limbs.add(carpals[finger], knuckles[finger] * (1.0, 0.97, 1.0), radii, kind=KIND_PALM, blend=1.3)
    pads = knuckles * (1.0, 0.86, 1.0) + (0.0, 0.0, 0.05)
    limbs.add(pads[0], pads[2], (1.0, 1.0), kind=KIND_PALM, blend=1.5)
    limbs.add(pads[2], pads[3], (1.0, 0.9), kind=KIND_PALM, blend=1.5)
    limbs.add(thumb[0], thumb[1], (_THUMB_RADII_CM[0], _THUMB_RADII_CM[1]), kind=KIND_PALM, blend=0.9)
    middle = (knuckles[0] + knuckles[1]) / 2 * (1.0, 0.62, 1.0)
    limbs.add(thumb[0] + (-0.2, 0.6, 0.1), middle, (1.3, 0.9), kind=KIND_PALM, blend=1.0)
    web = thumb[0] + 0.72 * (thumb[1] - thumb[0])
    limbs.add(web, np.add(middle, (0.4, 0.6, 0.0)), (0.85, 0.75), kind=KIND_PALM, blend=0.9)


def _add_chain(limbs: _Limbs, chain: Array, radii: Array, dorsal: Array) -> None:
    for bone in range(len(chain) - 1):
        last = bone == len(chain) - 2
        kind = KIND_FINGERTIP if last else KIND_PHALANX
        blend = 0.45 if bone == 0 else 0.12
        limbs.add(
            chain[bone], chain[bone + 1], (radii[bone], radii[bone + 1]), kind=kind, blend=blend, dorsal=dorsal[bone]
        )


def _finger_joints(knuckle: Array, lengths: Array, angles_deg: Array) -> tuple[Array, Array]:
    """Joints MCP to tip (4, 3) and dorsal directions of the three phalanges (3, 3)."""
    flexion, pip, abduction = np.radians(angles_deg)
    # A flexed finger can hardly be spread: its ligaments are taut.
    sideways = abduction * max(np.cos(flexion), 0.0)
    straight = np.array((np.sin(sideways), np.cos(sideways), 0.0))
    return _bend(knuckle, lengths, straight, np.array((0.0, 0.0, 1.0)), np.array((flexion, pip, _DIP_SHARE * pip)))


def _thumb_joints(angles_deg: Array, shape: HandShape) -> tuple[Array, Array]:
    """Joints CMC to tip (4, 3) and dorsal directions of metacarpal and two phalanges (3, 3)."""
    spread, palmar, roll, mcp, ip = np.radians(angles_deg)
    along = np.array((np.sin(spread) * np.cos(palmar), np.cos(spread) * np.cos(palmar), np.sin(palmar)))
    ulnar = np.array((-np.cos(spread), np.sin(spread), 0.0))
    pulp = np.cos(roll) * ulnar + np.sin(roll) * np.cross(ulnar, along)
    base = _THUMB_BASE_CM * (shape.palm_width, 1.0, 1.0)
    return _bend(base, _THUMB_BONES_CM * shape.finger_lengths[0], along, pulp, np.array((0.0, mcp, ip)))


def _bend(start: Array, lengths: Array, along: Array, palmar: Array, bends: Array) -> tuple[Array, Array]:
    points, backs = [start], []
    for length, bend in zip(lengths, bends, strict=True):
        along, palmar = (
            np.cos(bend) * along + np.sin(bend) * palmar,
            np.cos(bend) * palmar - np.sin(bend) * along,
        )
        points.append(points[-1] + length * along)
        backs.append(-palmar)
    return np.array(points), np.array(backs)
