"""What the contract accepts, how it normalises it, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from pydantic import BaseModel, ValidationError

from hand100m_assets.annotations.contract import MAX_ITEMS, HandRecord, ImageRecord, Note, named_frame
from hand100m_assets_tests.unit.annotations.records import (
    Raw,
    bent,
    hand,
    image,
    json_values,
    sound_hands,
    sound_images,
)


@given(sound_hands())
def test_every_form_that_real_files_may_have_is_accepted_with_its_values_unchanged(raw: Raw) -> None:
    record = HandRecord.model_validate(raw)
    nested = raw["keypoint_25d"]
    flat = nested if len(nested) == 63 else [number for joint in nested for number in joint]
    assert record.keypoints == flat
    assert record.hand_id == int(raw["hand_id"])
    assert record.image_id == str(raw["image_id"])
    assert record.handedness.lower() == raw["left_right"].lower()
    assert record.positives == [int(positive) for positive in raw["positive_sample"]]
    assert record.distances == raw["distance"]
    box = raw["boxes"] if isinstance(raw["boxes"], list) else json.loads(raw["boxes"])
    assert record.box_px == box


@given(sound_images())
def test_an_image_is_known_by_the_last_two_parts_of_its_name(raw: Raw) -> None:
    record = ImageRecord.model_validate(raw)
    folder, file = raw["file_name"].split("/")[-2:]
    assert named_frame(record.file_name) == (folder, int(file[6:].split(".")[0]))
    assert (record.width_px, record.height_px) == (raw.get("width"), raw.get("height"))


@pytest.mark.parametrize("model", [ImageRecord, HandRecord])
@given(raw=bent(sound_hands()) | bent(sound_images()) | json_values)
def test_whatever_json_holds_is_accepted_or_refused_by_name(model: type[BaseModel], raw: Any) -> None:
    try:
        model.model_validate(raw)
    except ValidationError as error:
        assert error.error_count() > 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hand_id", True), ("hand_id", 1.5), ("hand_id", "1.0"), ("hand_id", 2.0**53), ("hand_id", -1.0),
        ("hand_id", float("nan")), ("hand_id", float("inf")), ("hand_id", ""), ("hand_id", "x1"), ("hand_id", None),
        ("hand_id", "9223372036854775808"), ("hand_id", "-1"), ("hand_id", "١"), ("hand_id", [1]),
        ("image_id", True), ("image_id", 1.5), ("image_id", ""), ("image_id", None),
        ("boxes", "[1, 2, 3]"), ("boxes", "1, 2, 3, 4"), ("boxes", "[1, 2, 3, NaN]"), ("boxes", [1, 2, True, 4]),
        ("boxes", [1, 2, "3", 4]), ("boxes", [1, 2, 3, 1e9]), ("boxes", "[" * 5000), ("boxes", None),
        ("keypoint_25d", [0.5] * 62), ("keypoint_25d", [0.5] * 64), ("keypoint_25d", [[0.5] * 3] * 20),
        ("keypoint_25d", [[0.5] * 2] * 21), ("keypoint_25d", [0.5] * 62 + [float("nan")]),
        ("keypoint_25d", [0.5] * 62 + [float("inf")]),
        ("keypoint_25d", [0.5] * 62 + [float("-inf")]), ("keypoint_25d", [0.5] * 62 + [-1000.5]),
        ("keypoint_25d", [0.5] * 62 + [1000.5]),
        ("keypoint_25d", [0.5] * 62 + [True]), ("keypoint_25d", [0.5] * 62 + ["0.5"]),
        ("keypoint_25d", [0.5] * 62 + [None]),
        ("left_right", "Both"), ("left_right", 0), ("left_right", None),
        ("positive_sample", "12"), ("positive_sample", [True]), ("positive_sample", [1.5]), ("positive_sample", None),
        ("distance", 0.1), ("distance", ["0.1"]), ("distance", [float("nan")]), ("distance", [1e39]),
        ("distance", [True]),
    ],
)  # fmt: skip
def test_a_hand_with_one_broken_field_is_refused_under_the_name_that_the_file_uses(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        HandRecord.model_validate(hand(1, **{field: value}))
    assert {fault["loc"][0] for fault in caught.value.errors()} == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", True), ("id", 2.5), ("id", float("inf")), ("id", None), ("id", ""),
        ("file_name", "frame_000030.jpg"), ("file_name", "a/video/frame_30.jpg"), ("file_name", "a/video/000030.jpg"),
        ("file_name", "a/../frame_000030.jpg"), ("file_name", "a/../../video/frame_000030.jpg"), ("file_name", ""),
        ("file_name", "a/vi deo/frame_000030.jpg"), ("file_name", "a/video/frame_3000000000.jpg"), ("file_name", 3),
        ("file_name", "a/video/frame_٠٠٠٠٣٠.jpg"), ("file_name", "a/video/frame_00003٠.jpg"),
        ("file_name", "/frame_000030.jpg"), ("file_name", "a/video/frame_000030.jpg/"),
        ("file_name", "a\0/video/frame_000030.jpg"),
    ],
)  # fmt: skip
def test_an_image_with_one_broken_field_is_refused_under_the_name_that_the_file_uses(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        ImageRecord.model_validate(image(1, **{field: value}))
    assert {fault["loc"][0] for fault in caught.value.errors()} == {field}


@pytest.mark.parametrize("field", ["width", "height"])
@pytest.mark.parametrize(
    ("value", "kept"),
    [(1920, 1920), (1920.0, 1920), (1e3, 1000), (None, None), (100_000, 100_000)]
    + [(odd, "left out") for odd in (0, -1, True, 1440.5, "1440", [], {}, 100_001, 2**70, 1e300, float("nan"))],
)
def test_no_image_is_lost_for_a_size_that_is_none(field: str, value: Any, kept: Any) -> None:
    notes: list[Note] = []
    record = ImageRecord.model_validate(image(1, **{field: value}), context=notes)
    assert getattr(record, f"{field}_px") == (None if kept == "left out" else kept)
    assert [(note.field, note.rule) for note in notes] == ([(field, "left_out")] if kept == "left out" else [])


def test_ids_written_as_floats_are_the_integers_that_they_equal() -> None:
    record = HandRecord.model_validate(hand(1, hand_id=1698.0, image_id=7.0, positive_sample=[3e2, "5"]))
    assert (record.hand_id, record.image_id, record.positives) == (1698, "7", [300, 5])
    assert ImageRecord.model_validate(image(1, id=-0.0)).image_id == "0"
    assert HandRecord.model_validate(hand(1, hand_id=2.0**53 - 1)).hand_id == 2**53 - 1


@pytest.mark.parametrize("zeros", [0, 1, 12, 19, 40])
def test_leading_zeros_make_no_hand_id_too_large(zeros: int) -> None:
    assert HandRecord.model_validate(hand(1, hand_id="0" * zeros + "7")).hand_id == 7
    assert HandRecord.model_validate(hand(1, hand_id="0" * zeros + str(2**63 - 1))).hand_id == 2**63 - 1
    with pytest.raises(ValidationError, match="outside 0 to"):
        HandRecord.model_validate(hand(1, hand_id="0" * zeros + str(2**63)))


@pytest.mark.parametrize("written", ["left", "LEFT", " Left", "Left\n", "lEfT "])
def test_another_spelling_of_a_side_is_taken_and_told(written: str) -> None:
    notes: list[Note] = []
    assert HandRecord.model_validate(hand(1, left_right=written), context=notes).handedness == "Left"
    assert notes == [Note("left_right", "respelled", "taken for 'Left'", written)]
    HandRecord.model_validate(hand(1, left_right="Left"), context=notes)
    assert len(notes) == 1


@pytest.mark.parametrize("digits", ["000030", "0000000030", "0" * 300 + "30"])
def test_a_frame_number_may_have_any_number_of_leading_zeros(digits: str) -> None:
    assert named_frame(f"a/video/frame_{digits}.jpg") == ("video", 30)


@pytest.mark.parametrize(
    ("field", "written"),
    [("boxes", list), ("boxes", json.dumps), ("keypoint_25d", list), ("positive_sample", list), ("distance", list)],
)
def test_a_list_far_too_long_is_refused_before_its_items_are_looked_at(field: str, written: Any) -> None:
    for count, faults in ((MAX_ITEMS, MAX_ITEMS), (MAX_ITEMS + 1, 1)):
        with pytest.raises(ValidationError) as caught:
            HandRecord.model_validate(hand(1, **{field: written(["x"] * count)}))
        assert caught.value.error_count() == faults


@pytest.mark.parametrize(
    "missing", ["hand_id", "image_id", "boxes", "keypoint_25d", "left_right", "positive_sample", "distance"]
)
def test_a_hand_without_one_of_its_fields_is_refused(missing: str) -> None:
    raw = hand(1)
    del raw[missing]
    with pytest.raises(ValidationError) as caught:
        HandRecord.model_validate(raw)
    assert [(fault["type"], fault["loc"]) for fault in caught.value.errors()] == [("missing", (missing,))]


def test_a_name_may_start_above_its_data_root_and_use_either_slash() -> None:
    assert named_frame("../../data/video_a/frame_000030.jpg") == ("video_a", 30)
    assert named_frame("D:\\hands\\video_a\\frame_000030.png") == ("video_a", 30)


def test_an_image_cannot_smuggle_in_what_is_derived_from_its_name() -> None:
    record = ImageRecord.model_validate(
        image(1, "video_a", 30) | {"video_id": "../x", "frame_index": -5, "width_px": 7}
    )
    assert named_frame(record.file_name) == ("video_a", 30)
    assert record.width_px is None


def test_every_field_says_what_it_means_in_which_unit_and_who_says_so() -> None:
    fields = [*ImageRecord.model_fields.items(), *HandRecord.model_fields.items()]
    units = ("pixels", "crop sides", "unit", "counts decoded frames")
    for name, field in fields:
        meaning, _, source = str(field.description).partition(". Source: ")
        assert meaning and source, name
        assert any(unit in meaning for unit in units), name
