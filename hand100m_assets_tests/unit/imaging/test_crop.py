"""The crop rule, against an independent transcription of its wording."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hand100m_assets.errors import EmptyCropError, PermanentError
from hand100m_assets.imaging.crop import (
    CropRegion,
    crop_hand,
    crop_region,
    have_crops,
    keypoints_in_image_px,
    mirror_keypoints,
)

coordinate = st.one_of(
    st.integers(-400, 1200), st.floats(-400, 1200), st.floats(-2, 2), st.floats(-1e7, 1e7, allow_nan=False)
)
boxes = st.lists(coordinate, min_size=4, max_size=4)
ordinary_boxes = st.tuples(st.floats(-50, 300), st.floats(-50, 200), st.floats(0.5, 300), st.floats(0.5, 300)).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)
sizes = st.tuples(st.integers(1, 640), st.integers(1, 480))


def region_in_words(box, width, height):
    """Truncate; grow each side; centre as a float; half of the longer side; square; clamp."""
    ax, ay, bx, by = (math.trunc(v) for v in box)
    w, h = bx - ax, by - ay
    grow_x = math.trunc((math.trunc(w * 1.3) - w) / 2)
    grow_y = math.trunc((math.trunc(h * 1.3) - h) / 2)
    ax, bx, ay, by = ax - grow_x, bx + grow_x, ay - grow_y, by + grow_y
    cx, cy = (ax + bx) / 2, (ay + by) / 2
    half = math.floor(max(bx - ax, by - ay) / 2)
    square = [math.trunc(cx - half), math.trunc(cy - half), math.trunc(cx + half), math.trunc(cy + half)]
    return tuple(int(v) for v in np.clip(square, 0, [width, height, width, height]))


@given(boxes, sizes)
def test_the_region_is_what_the_rule_says_for_any_box(box, size):
    expected = region_in_words(box, *size)
    if expected[2] <= expected[0] or expected[3] <= expected[1]:
        with pytest.raises(EmptyCropError):
            crop_region(box, *size)
    else:
        assert crop_region(box, *size) == expected


@given(st.lists(st.tuples(boxes, sizes), min_size=1, max_size=9))
def test_many_boxes_at_once_have_a_crop_where_each_alone_has_one(cases):
    def has_crop(box, width, height):
        x1, y1, x2, y2 = region_in_words(box, width, height)
        return x2 > x1 and y2 > y1

    many, of_sizes = (np.array(part, dtype=np.float64) for part in zip(*cases, strict=True))
    assert have_crops(many, of_sizes).tolist() == [has_crop(box, *size) for box, size in cases]
    unknown = np.full_like(of_sizes, np.inf)
    assert have_crops(many, unknown).tolist() == [has_crop(box, 10**9, 10**9) for box, _ in cases]


@given(ordinary_boxes, st.integers(0, 2**32 - 1), st.sampled_from(["Left", "Right"]))
@settings(max_examples=40, deadline=None)
def test_the_crop_is_opencvs_bilinear_resize_of_the_region_and_left_is_flipped(box, seed, side):
    image = np.random.default_rng(seed).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    x1, y1, x2, y2 = region_in_words(box, 320, 240)
    assume(x2 > x1 and y2 > y1)
    expected = cv2.resize(image[y1:y2, x1:x2], (224, 224), interpolation=cv2.INTER_LINEAR)
    if side == "Left":
        expected = expected[:, ::-1]
    assert np.array_equal(crop_hand(image, box, side), expected)


def test_a_known_box_gives_the_region_computed_by_hand():
    # 101 wide grows by 15 a side to 131; 50 high by 7 to 64; centre (150.5, 125), half 65.
    assert crop_region([100.9, 100, 201.2, 150.99], 1000, 1000) == CropRegion(85, 60, 215, 190)


def test_a_crop_at_the_border_is_stretched_not_padded():
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, :10] = 255
    crop = crop_hand(image, [-20, 40, 20, 60], "Right")
    assert crop.shape == (224, 224, 3)
    assert (crop[:, :60] == 255).all()


@pytest.mark.parametrize(
    "box",
    [
        [500, 10, 600, 90],
        [-300, 10, -200, 90],
        [10, -300, 90, -200],
        [10, 500, 90, 600],
        [50, 50, 50, 50],
        [50.2, 50.2, 50.9, 50.9],
        [80, 80, 20, 20],
        [math.nan, 0, 10, 10],
        [0, 0, math.inf, 10],
        [0, 0, 1.7e308, 10],
    ],
)
def test_a_box_without_pixels_is_an_error_that_names_box_and_image(box):
    with pytest.raises(EmptyCropError, match=r"box \[.*\] holds no pixel of the 320 x 240 px image") as caught:
        crop_region(box, 320, 240)
    assert isinstance(caught.value, PermanentError)
    assert caught.value.fix


def test_left_keypoints_are_mirrored_in_x_only_and_the_input_is_kept():
    points = np.random.default_rng(1).random((21, 3)).astype(np.float32)
    before = points.copy()
    mirrored = mirror_keypoints(points, "Left")
    assert np.array_equal(mirrored[:, 0], 1 - before[:, 0])
    assert np.array_equal(mirrored[:, 1:], before[:, 1:])
    assert np.array_equal(mirror_keypoints(points, "Right"), before)
    assert np.array_equal(points, before)
    assert mirrored.dtype == np.float32


@given(ordinary_boxes, st.sampled_from(["Left", "Right"]))
@settings(max_examples=30, deadline=None)
def test_a_mark_in_the_crop_is_found_at_its_keypoint_in_the_image(box, side):
    x1, y1, x2, y2 = region_in_words(box, 320, 240)
    assume(x2 - x1 > 40 and y2 - y1 > 40)
    image = np.zeros((240, 320, 3), np.uint8)
    center = ((x1 + 2 * x2) // 3, (2 * y1 + y2) // 3)
    cv2.circle(image, center, 5, (255, 255, 255), cv2.FILLED)
    ys, xs = np.nonzero(crop_hand(image, box, side)[..., 0] > 127)
    in_mirrored_crop = np.array([[(xs.mean() + 0.5) / 224, (ys.mean() + 0.5) / 224]])
    in_crop = mirror_keypoints(in_mirrored_crop, side)
    found = keypoints_in_image_px(in_crop, CropRegion(x1, y1, x2, y2))
    assert np.allclose(found - 0.5, center, atol=0.6)
