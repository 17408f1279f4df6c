"""The common poses and gestures of all videos, so that there are similar hands in different videos."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

import numpy as np

from hand100m_assets.sample.hands.hand_model import Array

Finger: TypeAlias = tuple[float, float, float]
Thumb: TypeAlias = tuple[float, float, float, float, float]


Fingers: TypeAlias = tuple[Finger, Finger, Finger, Finger]


def _pose(fingers: Fingers, thumb: Thumb, wrist_deg: float = 0.0) -> Array:
    return np.array((*chain.from_iterable(fingers), *thumb, wrist_deg, 0.0))


_CURLED: Final[Fingers] = ((82.0, 98.0, 0.0), (84.0, 100.0, 0.0), (85.0, 100.0, 0.0), (85.0, 98.0, 0.0))
_THUMB_OVER: Final[Thumb] = (26, 42, 0, 34, 55)
_THUMB_OUT: Final[Thumb] = (56, 6, 0, -4, -6)

POSES: Final[dict[str, Array]] = {
    "open": _pose(((0, 3, 10), (0, 3, 1), (0, 3, -7), (0, 3, -16)), (52, 12, 0, 0, 0)),
    "flat": _pose(((6, 6, 2), (6, 6, 0), (6, 6, -2), (6, 8, -5)), (26, 8, 0, 6, 8)),
    "relaxed": _pose(((20, 25, 4), (25, 28, 0), (28, 30, -3), (30, 32, -7)), (38, 22, 0, 12, 15), 8),
    "fist": _pose(_CURLED, _THUMB_OVER),
    "point": _pose(((3, 5, 2), *_CURLED[1:]), _THUMB_OVER),
    "peace": _pose(((0, 4, 11), (0, 4, -7), *_CURLED[2:]), (22, 48, 0, 38, 48)),
    "three": _pose(((0, 4, 10), (0, 4, 0), (0, 4, -10), _CURLED[3]), (22, 50, 0, 38, 48)),
    "four": _pose(((0, 4, 9), (0, 4, 2), (0, 4, -5), (0, 4, -13)), (14, 46, 0, 42, 40)),
    "pinch": _pose(((46, 56, 0), (30, 34, 0), (26, 28, -4), (24, 24, -9)), (36, 44, 0, 14, 26), 6),
    "ok": _pose(((52, 60, 0), (8, 12, 0), (4, 8, -6), (2, 6, -14)), (36, 46, 0, 18, 30)),
    "grasp": _pose(((35, 42, 4), (35, 44, 0), (36, 44, -3), (38, 42, -7)), (42, 48, 0, 10, 20), -10),
    "claw": _pose(((10, 60, 9), (10, 62, 1), (10, 60, -7), (10, 56, -14)), (50, 30, 0, 20, 38)),
    "thumb_up": _pose(_CURLED, _THUMB_OUT),
    "call": _pose((*_CURLED[:3], (2, 5, -18)), _THUMB_OUT),
    "gun": _pose(((2, 4, 2), *_CURLED[1:]), _THUMB_OUT),
}
"""Joint angles of each pose, see `ANGLE_COUNT`."""


@dataclass(frozen=True)
class Gesture:
    """A sequence of poses that are held one after the other, all seen from about the same side.

    Attributes:
        poses: Names in `POSES`.
        view_deg: Palm, tilt and roll, see `view_rotation`.
    """

    poses: tuple[str, ...]
    view_deg: tuple[float, float, float]


GESTURES: Final[dict[str, Gesture]] = {
    "counting": Gesture(("fist", "point", "peace", "three", "four", "open"), (180, 4, 4)),
    "explaining": Gesture(("open", "relaxed", "ok", "flat", "grasp"), (8, 6, -6)),
    "gripping": Gesture(("relaxed", "grasp", "fist", "open", "pinch"), (142, 18, -24)),
    "signing": Gesture(("thumb_up", "gun", "call", "peace", "point"), (32, 8, 14)),
    "handling": Gesture(("pinch", "grasp", "point", "relaxed", "claw"), (98, 8, -34)),
    "reaching": Gesture(("claw", "open", "relaxed", "point", "fist"), (176, 34, -18)),
}
"""What the people of a sample do with their hands."""
