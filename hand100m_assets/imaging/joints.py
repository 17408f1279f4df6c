"""The 21 keypoints of a hand: which belong to which finger, in both orders that datasets use."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

JointOrder: TypeAlias = Literal["mediapipe", "by_joint"]
"""`mediapipe`: wrist, then finger by finger, as MediaPipe and FreiHAND order them. `by_joint`: wrist, then the first
joint of all five fingers (MCP), then the second (PIP), the third (DIP) and the tips.
"""

WRIST: Final = 0

FINGER_NAMES: Final = ("thumb", "index", "middle", "ring", "pinky")
"""Names of the fingers, in the order of `finger_joints`."""


def finger_joints(joint_order: JointOrder = "mediapipe") -> tuple[tuple[int, ...], ...]:
    """Return the keypoints of each finger, from the wrist to the tip.

    Args:
        joint_order: How the 21 keypoints are ordered; `mediapipe` in the annotation files.

    Returns:
        For each of the five fingers, in the order of `FINGER_NAMES`, the indices of five keypoints.

    Example:
        >>> from hand100m_assets.imaging import FINGER_NAMES, finger_joints
        >>> dict(zip(FINGER_NAMES, finger_joints()))["thumb"]
        (0, 1, 2, 3, 4)
    """
    if joint_order == "mediapipe":
        return tuple((WRIST, *range(1 + 4 * finger, 5 + 4 * finger)) for finger in range(5))
    return tuple((WRIST, *range(1 + finger, 21, 5)) for finger in range(5))
