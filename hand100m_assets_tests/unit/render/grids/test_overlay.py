from __future__ import annotations

import numpy as np
import pytest

from hand100m_assets.imaging import crop_region, finger_joints, keypoints_in_image_px
from hand100m_assets.render.grids.overlay import draw_box_overlay
from hand100m_assets.render.grids.skeleton import draw_skeleton
from hand100m_assets_tests.unit.render.scene import open_hand


def test_box_and_joints_are_drawn_where_they_lie_in_the_image():
    image = np.zeros((480, 640, 3), np.uint8)
    box = [200.0, 150.0, 320.0, 260.0]
    drawn = draw_box_overlay(image, [box], open_hand()[None], ["Left"])
    assert not image.any(), "the input is not changed"
    points = keypoints_in_image_px(open_hand(), crop_region(box, 640, 480)).round().astype(int)
    assert all(drawn[y, x].any() for x, y in points)
    for x, y in ((200, 245), (320, 245), (310, 260)):
        assert drawn[y, x].tolist() == [255, 190, 60]


def test_left_and_right_boxes_differ_in_colour():
    image = np.zeros((480, 640, 3), np.uint8)
    boxes = np.array([[50, 200, 150, 300], [350, 200, 450, 300.0]])
    drawn = draw_box_overlay(image, boxes, np.stack([open_hand()] * 2), ["Left", "Right"])
    assert drawn[260, 50].tolist() != drawn[260, 350].tolist()


@pytest.mark.parametrize("box", [[2000, 2000, 2100, 2100], [-1e12, -1e12, -9e11, -9e11], [0, 0, np.nan, 1]])
def test_a_box_outside_the_image_is_counted_on_the_picture_not_dropped_in_silence(box):
    image = np.zeros((480, 640, 3), np.uint8)
    drawn = draw_box_overlay(image, [box], open_hand()[None], ["Right"])
    assert drawn.any()
    assert not drawn[60:].any()


def test_a_huge_box_around_the_image_is_drawn():
    drawn = draw_box_overlay(np.zeros((90, 90, 3), np.uint8), [[-1e12, -1e12, 1e12, 1e12]], open_hand()[None], ["Left"])
    assert drawn.any()


def test_no_hands_give_the_image_itself():
    image = np.full((48, 64, 3), 7, np.uint8)
    assert np.array_equal(draw_box_overlay(image, [], np.zeros((0, 21, 3)), []), image)


def test_both_joint_orders_cover_every_joint_once():
    for order in ("mediapipe", "by_joint"):
        fingers = finger_joints(order)
        assert sorted(j for finger in fingers for j in finger[1:]) == list(range(1, 21))
        assert all(finger[0] == 0 for finger in fingers)
    assert finger_joints("mediapipe")[1] == (0, 5, 6, 7, 8)
    assert finger_joints("by_joint")[1] == (0, 2, 7, 12, 17)


def test_reordered_keypoints_with_their_order_named_draw_the_same_hand():
    points = open_hand() * 200
    to_by_joint = [0, *(1 + 4 * finger + joint for joint in range(4) for finger in range(5))]
    first, second = np.zeros((2, 224, 224, 3), np.uint8)
    draw_skeleton(first, points)
    draw_skeleton(second, points[to_by_joint], joint_order="by_joint")
    assert first.any()
    assert np.array_equal(first, second)


def test_a_finger_without_finite_joints_is_left_out_and_the_others_stay():
    points = open_hand() * 200
    points[8, 0] = np.nan
    points[20] = 1e12
    image = np.zeros((224, 224, 3), np.uint8)
    draw_skeleton(image, points)
    x, y = points[12, :2].astype(int)
    assert image[y, x].any()
    x, y = points[7, :2].astype(int)
    assert image[y, x].tolist() == [0, 0, 0]
