"""The hand bends and mirrors as a hand does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hand100m_assets.sample.hands.hand_model import ANGLE_COUNT, KIND_PALM, HandShape, pose_hand
from hand100m_assets.sample.hands.poses import GESTURES, POSES
from hand100m_assets.sample.scenes.camera import View, project, view_rotation

ANGLES = arrays(np.float64, ANGLE_COUNT, elements=st.floats(-20, 100))
PARENTS = [0, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19]
TIPS = [4, 8, 12, 16, 20]


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    return np.linalg.norm(joints[1:] - joints[PARENTS[1:]], axis=1)


def chirality(joints: np.ndarray) -> float:
    """Positive for right hands, by anatomy alone: fingers curl about an axis that points to the thumb's side."""
    proximal, distal = (
        joints[[6, 10, 14, 18]] - joints[[5, 9, 13, 17]],
        joints[[8, 12, 16, 20]] - joints[[7, 11, 15, 19]],
    )
    return float(np.cross(proximal, distal).sum(axis=0) @ (joints[5] - joints[17]))


@given(ANGLES)
def test_bones_keep_their_lengths_in_every_pose(angles_deg: np.ndarray) -> None:
    rest = bone_lengths(pose_hand(np.zeros(ANGLE_COUNT), HandShape(), "Right").joints)
    assert np.allclose(bone_lengths(pose_hand(angles_deg, HandShape(), "Right").joints), rest)


@given(ANGLES)
def test_a_left_hand_is_the_exact_mirror_image_of_a_right_one(angles_deg: np.ndarray) -> None:
    right, left = (pose_hand(angles_deg, HandShape(), side) for side in ("Right", "Left"))
    mirror = (-1, 1, 1)
    assert np.array_equal(left.joints, right.joints * mirror)
    assert np.array_equal(left.flesh.end, right.flesh.end * mirror)
    assert np.array_equal(left.flesh.start_radius, right.flesh.start_radius)


@pytest.mark.parametrize("name", POSES)
def test_anatomy_tells_the_side_of_every_pose(name: str) -> None:
    assert chirality(pose_hand(POSES[name], HandShape(), "Right").joints) > 0
    assert chirality(pose_hand(POSES[name], HandShape(), "Left").joints) < 0


@pytest.mark.parametrize("finger", range(4))
def test_flexion_brings_a_fingertip_to_the_palm_and_leaves_the_other_fingers(finger: int) -> None:
    bent = np.zeros(ANGLE_COUNT)
    bent[3 * finger : 3 * finger + 2] = (80, 90)
    before, after = (pose_hand(angles, HandShape(), "Right").joints for angles in (np.zeros(ANGLE_COUNT), bent))
    tip = TIPS[finger + 1]
    assert after[tip, 2] > 2.0, "palm side"
    assert after[tip, 1] < before[tip, 1] - 5, "nearer to the wrist"
    moved = np.flatnonzero(np.abs(after - before).max(axis=1) > 1e-9)
    assert set(moved) == set(range(tip - 2, tip + 1))


def test_a_fist_is_smaller_than_an_open_hand() -> None:
    spans = {
        name: np.ptp(pose_hand(POSES[name], HandShape(), "Right").joints, axis=0).max() for name in ("open", "fist")
    }
    assert spans["open"] == pytest.approx(19, abs=1.5), "an adult's hand, cm"
    assert spans["fist"] < 0.65 * spans["open"]


def test_every_gesture_holds_known_poses() -> None:
    assert all(name in POSES for gesture in GESTURES.values() for name in gesture.poses)


@given(st.floats(-180, 180), st.floats(-60, 60), st.floats(-180, 180))
def test_views_are_rotations(palm: float, tilt: float, roll: float) -> None:
    rotation = view_rotation(palm, tilt, roll)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)


@pytest.mark.parametrize(("palm_deg", "thumb_is"), [(0, "right"), (180, "left")])
def test_a_right_hand_seen_from_its_palm_has_the_thumb_on_the_right(palm_deg: float, thumb_is: str) -> None:
    hand = pose_hand(POSES["open"], HandShape(), "Right")
    joints = project(hand, View(view_rotation(palm_deg, 0, 0), (100, 100), 150), mirrored=False).joints_px
    assert (joints[4, 0] > joints[20, 0]) == (thumb_is == "right")
    assert (joints[TIPS[1:], 1] < joints[0, 1]).all(), "fingers up"


def test_tilting_back_moves_the_fingers_away_from_the_viewer() -> None:
    hand = pose_hand(POSES["flat"], HandShape(), "Right")
    joints = project(hand, View(view_rotation(0, 40, 0), (100, 100), 150), mirrored=False).joints_px
    assert joints[12, 2] > joints[0, 2] + 20


@given(st.sampled_from(sorted(POSES)), st.floats(-180, 180), st.floats(-40, 40), st.floats(-90, 90))
def test_a_left_hand_in_a_mirrored_view_is_the_mirror_image(name: str, palm: float, tilt: float, roll: float) -> None:
    view = View(view_rotation(palm, tilt, roll), (0, 0), 200)
    right = project(pose_hand(POSES[name], HandShape(), "Right"), view, mirrored=False)
    left = project(pose_hand(POSES[name], HandShape(), "Left"), view, mirrored=True)
    assert np.allclose(left.joints_px, right.joints_px * (-1, 1, 1))
    # Still a true left hand in space: mirroring the picture did not turn it into a right one.
    assert np.sign(chirality(left.joints_px)) == -np.sign(chirality(right.joints_px))


@given(st.sampled_from(sorted(POSES)), st.floats(-180, 180), st.floats(-40, 40))
def test_the_extent_holds_every_joint_and_all_flesh_of_the_hand(name: str, palm: float, tilt: float) -> None:
    hand = project(pose_hand(POSES[name], HandShape(), "Right"), View(view_rotation(palm, tilt, 0), (0, 0), 200), False)
    x1, y1, x2, y2 = hand.extent_px()
    assert ((hand.joints_px[:, :2] >= (x1, y1)) & (hand.joints_px[:, :2] <= (x2, y2))).all()
    palm_and_fingers = hand.flesh.kind >= KIND_PALM
    lowest = (hand.flesh.end[palm_and_fingers, 1] + hand.flesh.end_radius[palm_and_fingers]).max()
    assert lowest <= y2 + 1e-9
