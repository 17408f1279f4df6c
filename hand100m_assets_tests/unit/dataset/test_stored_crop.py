"""A stored crop gives back the rule's picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.dataset.reader import crop_of_stored, decode
from hand100m_assets.dataset.stored_crop import CropOptions, store_crop
from hand100m_assets.errors import EmptyCropError
from hand100m_assets.imaging import crop_hand
from hand100m_assets_tests.unit.dataset.scene import picture

IMAGE = picture("image", 400, 300)
boxes = st.tuples(st.floats(-80, 390), st.floats(-80, 290), st.floats(4, 330), st.floats(4, 330)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@settings(max_examples=60, deadline=None)
@given(boxes, st.sampled_from(["Left", "Right"]), st.sampled_from(["png", "webp"]), st.sampled_from([0.0, 0.3]))
def test_lossless_crops_give_the_rule_s_picture_bit_for_bit(box, side, codec, margin) -> None:
    try:
        truth = crop_hand(IMAGE, box, side)
    except EmptyCropError:
        with pytest.raises(EmptyCropError):
            store_crop(IMAGE, box, CropOptions(codec=codec, margin=margin))
        return
    # With a margin only regions that keep the frame's pixels are exact, so let all of them do.
    stored = store_crop(IMAGE, box, CropOptions(codec=codec, margin=margin, size_px=1000 if margin else 224))
    again = decode(stored.data)
    assert again is not None and again.shape[1::-1] == (stored.width_px, stored.height_px)
    assert np.array_equal(crop_of_stored(again, stored.region, side), truth)


@settings(max_examples=40, deadline=None)
@given(boxes, st.integers(224, 260), st.floats(0, 1))
def test_the_region_lies_inside_and_is_no_larger_than_asked(box, size_px, margin) -> None:
    try:
        stored = store_crop(IMAGE, box, CropOptions(size_px=size_px, margin=margin))
    except EmptyCropError:
        return
    x1, y1, x2, y2 = stored.region
    assert 0 <= x1 < x2 <= stored.width_px and 0 <= y1 < y2 <= stored.height_px
    assert max(x2 - x1, y2 - y1) <= size_px


def test_small_regions_are_not_blown_up() -> None:
    stored = store_crop(IMAGE, (100, 100, 150, 150), CropOptions())
    assert stored.width_px == stored.height_px < 70


def test_bytes_that_are_no_picture_decode_to_none() -> None:
    assert decode(b"") is None and decode(b"no picture") is None
