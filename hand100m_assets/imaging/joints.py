"""The 21 joints of a hand: which belong to which finger, in both orders that datasets use."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

JointOrder: TypeAlias = Literal["mediapipe", "by_joint"]
"""Wrist, then finger by finger (MediaPipe, FreiHAND); or wrist, five MCPs, five PIPs, five DIPs, five tips."""

WRIST: Final = 0

FINGER_NAMES: Final = ("thumb", "index", "middle", "ring", "pinky")
"""Names of the fingers, in the order of `finger_joints`."""


def finger_joints(joint_order: JointOrder = "mediapipe") -> tuple[tuple[int, ...], ...]:
    """Joint indices of each finger from the wrist to the tip: five fingers of five."""
    if joint_order == "mediapipe":
        return tuple((WRIST, *range(1 + 4 * finger, 5 + 4 * finger)) for finger in range(5))
    return tuple((WRIST, *range(1 + finger, 21, 5)) for finger in range(5))
