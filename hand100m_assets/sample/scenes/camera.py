"""Projects from the hand frame to image pixels: a pinhole camera that looks at the middle of the hand.

Camera frame: x right, y down, z away from the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hand100m_assets.sample.hands import KIND_PALM, Array, Flesh, PosedHand

HAND_LENGTH_CM: Final = 18.6
"""Wrist to middle fingertip of the average shape; the size of a hand in pixels refers to this length."""

_DISTANCE_CM: Final = 62.0
"""Viewer to hand: about an arm's length, so that near fingers are visibly larger."""

_LOOK_AT_CM: Final = np.array((0.0, 7.5, 0.6))
"""Middle of the hand; the palm stays in place in the image while the fingers move."""


@dataclass(frozen=True)
class View:
    """How a hand is seen: its rotation, position and size in the image.

    Attributes:
        rotation: (3, 3) hand frame to camera frame, determinant +1.
        center_px: Image position of the middle of the hand.
        hand_px: Length of an outstretched hand parallel to the image.
    """

    rotation: Array
    center_px: tuple[float, float]
    hand_px: float


@dataclass(frozen=True)
class ProjectedHand:
    """One hand in the image.

    Attributes:
        joints_px: (21, 3) float64: x and y in image pixels, z in pixels of the same scale, away from the viewer.
        flesh: Limbs in the same coordinates; radii in pixels.

    Example:
        >>> from hand100m_assets.sample.hands import POSES, HandShape, pose_hand
        >>> from hand100m_assets.sample.scenes import ProjectedHand
        >>> hand = pose_hand(POSES["open"], HandShape(), "Right")
        >>> seen = ProjectedHand(hand.joints, hand.flesh)  # as if one cm were one pixel
        >>> seen.moved(10, 0).joints_px[0].tolist()
        [10.0, 0.0, 0.0]
    """

    joints_px: Array
    flesh: Flesh

    def extent_px(self) -> tuple[float, float, float, float]:
        """Measure the flesh of the hand without the forearm.

        Returns:
            x1 y1 x2 y2 in image pixels, not clipped to the image.
        """
        hand = self.flesh.kind >= KIND_PALM
        centers = np.concatenate([self.flesh.start[hand, :2], self.flesh.end[hand, :2]])
        radii = np.concatenate([self.flesh.start_radius[hand], self.flesh.end_radius[hand]])[:, None]
        x1, y1 = (centers - radii).min(axis=0)
        x2, y2 = (centers + radii).max(axis=0)
        return float(x1), float(y1), float(x2), float(y2)

    def moved(self, dx_px: float, dy_px: float) -> ProjectedHand:
        """Move the hand in the image.

        Args:
            dx_px: To the right.
            dy_px: Down.

        Returns:
            The same hand elsewhere.
        """
        shift = np.array((dx_px, dy_px, 0.0))
        flesh = replace(self.flesh, start=self.flesh.start + shift, end=self.flesh.end + shift)
        return ProjectedHand(self.joints_px + shift, flesh)


def project(hand: PosedHand, view: View, mirrored: bool) -> ProjectedHand:
    """Project joints and flesh.

    Args:
        hand: The hand in the hand frame, in cm.
        view: How it is seen.
        mirrored: The view's rotation is meant for a right hand; see a left hand as its mirror image.
    """
    rotation = _mirror_rotation(view.rotation) if mirrored else view.rotation
    focal = view.hand_px / HAND_LENGTH_CM * _DISTANCE_CM
    flesh = hand.flesh

    def to_px(points: Array) -> tuple[Array, Array]:
        camera = (points - _LOOK_AT_CM) @ rotation.T + (0.0, 0.0, _DISTANCE_CM)
        scale = focal / camera[:, 2]
        depth_px = (camera[:, 2] - _DISTANCE_CM) * focal / _DISTANCE_CM
        xy = camera[:, :2] * scale[:, None] + view.center_px
        return np.column_stack([xy, depth_px]), scale

    joints, _ = to_px(hand.joints)
    start, start_scale = to_px(flesh.start)
    end, end_scale = to_px(flesh.end)
    return ProjectedHand(
        joints,
        Flesh(
            start,
            end,
            flesh.start_radius * start_scale,
            flesh.end_radius * end_scale,
            flesh.dorsal @ rotation.T,
            flesh.blend * focal / _DISTANCE_CM,
            flesh.kind,
        ),
    )


def _mirror_rotation(rotation: Array) -> Array:
    """The rotation that shows a mirrored hand as the mirror image of what `rotation` shows of the hand itself."""
    flip = np.diag((-1.0, 1.0, 1.0))
    return flip @ rotation @ flip


def view_rotation(palm_deg: float, tilt_deg: float, roll_deg: float) -> Array:
    """Orientation of a right hand by three angles that are easy to imagine.

    Args:
        palm_deg: 0 shows the palm, 180 the back, 90 the thumb's edge; about the fingers' direction.
        tilt_deg: Fingers away from the viewer (positive) or towards; about the image's horizontal.
        roll_deg: Clockwise in the image from fingers up.

    Returns:
        (3, 3) hand frame to camera frame.
    """
    upright = np.diag((1.0, -1.0, -1.0))
    palm, tilt, roll = np.radians((palm_deg, tilt_deg, roll_deg))
    return _about_z(roll) @ _about_x(-tilt) @ upright @ _about_y(-palm)


def _about_x(a: float) -> Array:
    return np.array([(1.0, 0.0, 0.0), (0.0, np.cos(a), -np.sin(a)), (0.0, np.sin(a), np.cos(a))])


def _about_y(a: float) -> Array:
    return np.array([(np.cos(a), 0.0, np.sin(a)), (0.0, 1.0, 0.0), (-np.sin(a), 0.0, np.cos(a))])


def _about_z(a: float) -> Array:
    return np.array([(np.cos(a), -np.sin(a), 0.0), (np.sin(a), np.cos(a), 0.0), (0.0, 0.0, 1.0)])
