"""The fast path against the contract, record by record: what it takes, it takes as the contract does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import BaseModel

from hand100m_assets.annotations.contract import MAX_ITEMS, HandRecord, ImageRecord
from hand100m_assets.annotations.ingest.plain_hands import plain_hands
from hand100m_assets.annotations.ingest.plain_images import plain_images
from hand100m_assets.annotations.plain_values import Rows
from hand100m_assets.annotations.tables import hands_frame, images_frame
from hand100m_assets_tests.unit.annotations.records import Raw, bent, hand, image, sound_hands, sound_images

POSE = [0.5] * 63

UNUSUAL_HANDS: list[Raw] = [
    {"hand_id": value}
    for value in (
        7, "007", " 7 ", "+7", "7_0", "-7", "7.0", 7.0, 1e3, True, None, "", "٧", "9" * 18, "9" * 19, 2**63 - 1, 2**63,
        2**64, 10**30, [7], {"7": 7}, "7\n", "\x007",
    )
] + [
    {"image_id": value}
    for value in (-0.0, 0, "-0", "", " ", 1.0, True, None, [1], {"a": 1}, 2**63, 2**70, "\u2028\x00")
] + [
    {"boxes": value}
    for value in (
        "[1,2,3,4]", " [ 1 , 2 , 3 , 4 ] ", "[1.,2,3,4]", "[.5,2,3,4]", "[01,2,3,4]", "[+1,2,3,4]", "[1e5,2,3,4]",
        "[1e6,2,3,4]", "[NaN,2,3,4]", "[1,2,3,true]", "[1,2,3,\"4\"]", "[1,2,3]", "[1,2,3,4,5]",
        "[1e400,2,3,4]", "[[1,2,3,4]]", "[1,2,3,4], [1,2,3,4]", "1,2,3,4", "[\t1,2,3,4\n]", "[100000,2,3,-100000]",
        "[100000.00001,2,3,4]",
        "[1,2,3", "", "{}", "null", [1, 2, 3, 4], [1.5, 2, 3, 4e1], [1, 2, 3, True], [1, 2, 3, "4"], [1, 2, 3, None],
        [1, 2, 3, [4]], [1, 2, 3], [1, 2, 3, 2**64 - 1], None, 5, {"0": 1}, "[-0,-0.0,0.1e-2,1]", "[1 2,3,4,5]",
    )
] + [
    {"keypoint_25d": value}
    for value in (
        POSE[1:], [*POSE, 1], [True, *POSE[1:]], [*POSE[1:], False],
        [0, 1, *POSE[2:]], ["0.5", *POSE[1:]], [None, *POSE[1:]], [[0.5], *POSE[1:]],
        [1000.0] * 63,
        [1000.0000001] * 63, [-1000.0000001, *POSE[1:]], [2**64 - 1, *POSE[1:]], [10**30, *POSE[1:]], [0] * 63,
        [[0.5] * 3] * 21, [[0.5, 0, 1]] * 21, [[0.5, True, 1]] * 21, [[0.5, "1", 1]] * 21, [[0.5] * 3] * 20,
        [[0.5] * 2] * 20 + [[0.5] * 5], [[[0.5]] * 3] * 21, [POSE] * 21, {str(n): 0.5 for n in range(63)}, "x" * 63,
        None, 0.5, [1e-50, -0.0, *POSE[2:]],
    )
] + [
    {"left_right": value}
    for value in ("left", "LEFT", "lEFT", " Right ", "Right\n", "Both", "", None, True, ["Left"], {"Left": 1}, "Rıght")
] + [
    {"positive_sample": value}
    for value in (
        [], ["1"], [1], [1, "2"], [1.0], [True], [None], ["x"], [" 1 "], [["1"]], "1", None, 1, {"0": "1"}, ["9" * 19],
        ["1", "x", "3"], [2**63], [-1], [1] * MAX_ITEMS, [1] * (MAX_ITEMS + 1),
    )
] + [
    {"distance": value}
    for value in (
        [], [0], [-1.5], [1e9], [1e9 + 1], [-1e9 - 1], [1e39], [True], ["0.1"], [None], [[0.1]], 0.1, None, "",
        {"0": 1},
        [0.1, 2e9, 0.3], [2**64 - 1], [0.1] * MAX_ITEMS, [0.1] * (MAX_ITEMS + 1),
    )
]  # fmt: skip

UNUSUAL_IMAGES: list[Raw] = [
    {"file_name": value}
    for value in (
        "v/frame_000030.jpg", "/v/frame_000030.jpg", "./v/frame_000030.jpg", "../../a.b/v/frame_000030.jpg",
        "a/../v/frame_000030.jpg", "a/./v/frame_000030.jpg", "a//v/frame_000030.jpg", "a/v/frame_000030.png",
        "a/v/frame_000030.jpeg", "a/v/frame_1000030.jpg", "a/v/frame_0000000030.jpg", "a/v/frame_00030.jpg",
        "a/v/frame_000030.jpg\n", "a/v/Xframe_000030.jpg", "a/v w/frame_000030.jpg", "a/../frame_000030.jpg",
        "..a/v/frame_000030.jpg", "a..b/v/frame_000030.jpg", ".../v/frame_000030.jpg", "C:\\v\\frame_000030.jpg",
        "s3://b/v/frame_000030.jpg", "a\x00/v/frame_000030.jpg", "é/v/frame_000030.jpg", "a/v/frame_٠٠٠٠٣٠.jpg",
        "a/v/frame_000030.JPG", "frame_000030.jpg", "", None, 3, ["v/frame_000030.jpg"],
        "x" * 4090 + "/v/frame_000030.jpg",
        "a/-v_/frame_000030.jpg", "a\nb/v/frame_000030.jpg", "a/v/frame_-00030.jpg", "a/v/frame_+00030.jpg",
    )
] + [
    {side: value}
    for side in ("width", "height")
    for value in (1, 0, -1, 100_000, 100_001, 2**63, True, 1440.0, "1440", None, [1])
] + [
    {"id": value} for value in (1, "1", "01", "", 0, -1, 1.0, True, None, [1], 2**63, 2**64 - 1, 2**70)
]  # fmt: skip


def agrees(
    values: list[Any], plain: Callable[..., Rows], model: type[BaseModel], frame_of: Any, number: str
) -> set[int]:
    """Assert that all that is taken is what the contract makes of it; the places taken."""
    parsed = orjson.loads(json.dumps(values))
    rows = plain(parsed)
    # What the contract refuses must not have been taken: this raises.
    records = [(place, model.model_validate(json.loads(json.dumps(values[place])))) for place in rows.places.tolist()]
    if records:
        expected = frame_of(records)
        assert_frame_equal(rows.frame, expected.drop(number), check_exact=True)
    for place, value in enumerate(values):  # alone as in company
        assert len(plain([parsed[place]]).places) == (place in rows.places), value
    return set(rows.places.tolist())


def hands_agree(values: list[Any]) -> set[int]:
    return agrees(values, plain_hands, HandRecord, hands_frame, "row_index")


def images_agree(values: list[Any]) -> set[int]:
    return agrees(values, plain_images, ImageRecord, images_frame, "record")


@given(st.lists(bent(sound_hands()), max_size=6))
@settings(deadline=None)
def test_hands_are_taken_as_the_contract_takes_them(values: list[Any]) -> None:
    hands_agree(values)


@given(st.lists(bent(sound_images()), max_size=8))
@settings(deadline=None)
def test_images_are_taken_as_the_contract_takes_them(values: list[Any]) -> None:
    images_agree(values)


@pytest.mark.parametrize("changes", UNUSUAL_HANDS, ids=lambda changes: str(changes)[:40])
def test_an_unusual_hand_among_usual_ones_is_as_the_contract_has_it(changes: Raw) -> None:
    assert hands_agree([hand(1, 0, 2), hand(3, **changes), hand(4, "x", 1)]) >= {0, 2}


@pytest.mark.parametrize("changes", UNUSUAL_IMAGES, ids=lambda changes: str(changes)[:40])
def test_an_unusual_image_among_usual_ones_is_as_the_contract_has_it(changes: Raw) -> None:
    assert images_agree([image(1), image(2, **changes), image(3, width=4, height=5)]) >= {0, 2}


def test_all_unusual_records_together_are_as_the_contract_has_them() -> None:
    hands_agree([hand(n, **changes) for n, changes in enumerate(UNUSUAL_HANDS)])
    images_agree([image(n) | changes for n, changes in enumerate(UNUSUAL_IMAGES)])
    hands_agree([None, 5, [], "x", {}, hand(1), [hand(2)]])


def test_the_forms_that_files_are_written_in_are_fast() -> None:
    nested = [[0.5, 0.25, 0.0]] * 21
    forms: list[Raw] = [
        {},
        {"keypoint_25d": nested},
        {"boxes": [1, 2.5, 3, 4]},
        {"boxes": [1, 2.5, 3, 4], "keypoint_25d": nested},
        {"hand_id": 5, "image_id": "a", "positive_sample": [1, 2], "distance": [0, 0.5]},
    ]
    for form in forms:
        assert hands_agree([hand(n, **form) for n in range(5)]) == set(range(5))
    assert hands_agree([hand(n, **form) for n, form in enumerate(forms * 3)]) == set(range(15))
    assert images_agree([image(n, width=1440, height=1080) for n in range(5)]) == set(range(5))


def test_numbers_are_the_very_numbers_of_pythons_reader() -> None:
    numbers = [0.1, 1e-7, 0.30000000000000004, 2.2250738585072011e-308, 999.9999999999999, 5e-324, -0.0, 12]
    values = [hand(n, keypoint_25d=[number] * 63, distance=[number]) for n, number in enumerate(numbers)]
    assert hands_agree(values) == set(range(len(numbers)))
    boxes = ["[0.1,0.30000000000000004,1e-7,99999.99999999999]", "[-0.0,123456.7e-3,0,1E2]"]
    assert hands_agree([hand(n, boxes=box) for n, box in enumerate(boxes)]) == {0, 1}
