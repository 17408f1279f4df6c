"""Poses lifted out of the text of hands: the very float32 of Python's reader, and never out of anything but JSON."""

from __future__ import annotations

import json
import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.annotations.reading.batches import parse_hands_together
from hand100m_assets.annotations.reading.pose_text import lift_poses

POSE = "[" + ", ".join(["0.5"] * 63) + "]"


def pose_of(numbers: list[str], *, nested: bool = False, space: str = " ") -> str:
    """63 numbers as a list, the last ones repeated."""
    texts = (numbers * 63)[:63]
    if nested:
        texts = [f"[{space}{f'{space},'.join(texts[n : n + 3])}{space}]" for n in range(0, 63, 3)]
    return f"{space}[{space}{f'{space},{space}'.join(texts)}{space}]{space}"


def lifted_numbers(*poses: str) -> list[Any]:
    """Float32 arrays of what was taken, the plain values of what was not."""
    found = lift_poses(",".join(f'{{"a": 1, "keypoint_25d":{pose}}}' for pose in poses).encode())
    assert found is not None
    values = found.values()
    assert values is not None
    return [value["keypoint_25d"] for value in values]


def as_python_reads(pose: str) -> np.ndarray[Any, Any]:
    return np.array(json.loads(pose), np.float64).ravel().astype(np.float32)


def midpoint(number: float) -> Fraction:
    """Halfway between a float32 and the next one: where rounding twice goes wrong first."""
    low = np.float32(number)
    return (Fraction(float(low)) + Fraction(float(np.nextafter(low, np.float32(np.inf))))) / 2


def decimal_text(value: Fraction, digits: int) -> str:
    scaled = str(abs(round(value * 10**digits))).rjust(digits + 1, "0")
    return f"{'-' if value < 0 else ''}{scaled[:-digits]}.{scaled[-digits:]}"


number_texts = st.one_of(
    st.floats(-1000, 1000).map(repr),
    st.floats(-1000, 1000, width=32).map(lambda value: repr(float(value))),
    st.integers(-1000, 1000).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
    st.builds(decimal_text, st.floats(-1, 1, width=32).map(midpoint), st.integers(7, 18)),
    st.floats(-1, 1, width=32).map(lambda value: repr(float(midpoint(value)))),
)


@given(st.lists(number_texts, min_size=1, max_size=63), st.booleans(), st.text(" \t\r\n", max_size=2))
def test_a_lifted_pose_is_the_very_one_of_pythons_reader(numbers: list[str], nested: bool, space: str) -> None:
    pose = pose_of(numbers, nested=nested, space=space)
    (found,) = lifted_numbers(pose)
    if isinstance(found, np.ndarray):
        assert found.dtype == np.float32
        assert found.tobytes() == as_python_reads(pose).tobytes()
    else:
        assert found == json.loads(pose)


def test_a_million_numbers_as_files_hold_them_are_lifted_and_right() -> None:
    rng = np.random.default_rng(0)
    singles = rng.normal(0.5, 0.3, (8_000, 63)).astype(np.float32).astype(np.float64)
    doubles = rng.normal(0.5, 0.3, (8_000, 63))
    poses = [json.dumps(pose) for pose in np.concatenate([singles, doubles]).tolist()]
    found = lifted_numbers(*poses)
    assert all(isinstance(pose, np.ndarray) for pose in found)
    assert (np.array(found) == np.concatenate([singles, doubles]).astype(np.float32)).all()


@pytest.mark.parametrize(
    "odd",
    [
        "01", "+1", ".5", "1.", "-", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity", "true", "null", '"0.5"',
        "[0.5]", "1 2", "", "1000.0000001", "-1000.001", "1e4", "1e400", "1e-400", "12345678901234567890", "-0",
        "-0.0", "1,", "0." + "1" * 20, "0.5\x00", "{}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 31, 62])
def test_what_is_not_surely_the_same_number_is_left_to_the_reader(odd: str, place: int) -> None:
    numbers = ["0.25"] * 63
    numbers[place] = odd
    text = f'{{"keypoint_25d": {pose_of(numbers)}}}'
    found = lift_poses(f'{text}, {{"keypoint_25d": {POSE}}}'.encode())
    assert found is not None
    assert len(found.poses) == 1
    assert found.text.startswith(text.encode())


@pytest.mark.parametrize("count", [0, 1, 62, 64, 126])
def test_lists_of_other_lengths_are_left_to_the_reader(count: int) -> None:
    (found,) = lifted_numbers(json.dumps([0.5] * count))
    assert found == [0.5] * count


@pytest.mark.parametrize("shape", [(20, 3), (22, 3), (21, 2), (21, 4), (63, 1), (9, 7), (1, 63)])
def test_lists_of_other_shapes_are_left_to_the_reader(shape: tuple[int, int]) -> None:
    (found,) = lifted_numbers(json.dumps(np.full(shape, 0.5).tolist()))
    assert found == np.full(shape, 0.5).tolist()


@pytest.mark.parametrize(
    "text",
    [
        '{"note": "keypoint_25d", "x": %s}',
        '{"note": "\\"keypoint_25d\\": %s"}',
        '{"note": "\\\\", "keypoint_25d": %s}',
        '{"inner": {"keypoint_25d": %s}, "keypoint_25d": 5}',
        '{"keypoint_25d": {"keypoint_25d": %s}}',
        '[{"keypoint_25d": %s}]',
        '{"xkeypoint_25d": %s}',
        '{"keypoint_25d" : %s, "keypoint_25d": null}',
        '{"keypoint_25d": 918273645000000000}',
        '{"note": "918273645", "keypoint_25d": %s}',
        '"keypoint_25d", %s',
    ],
)
def test_the_key_in_any_other_place_changes_nothing(text: str) -> None:
    text = text.replace("%s", POSE) + ', {"keypoint_25d": ' + POSE + "}"
    parsed = parse_hands_together(text.encode())
    assert parsed.length == len(text)
    for value, expected in zip(parsed.values, json.loads(f"[{text}]"), strict=True):
        if isinstance(expected, dict):
            found = value.get("keypoint_25d")
            shown = found.tolist() if isinstance(found, np.ndarray) else found
            assert shown == expected.get("keypoint_25d")
            assert value.keys() == expected.keys()


@given(st.randoms(use_true_random=False))
def test_text_is_json_with_its_poses_exactly_when_it_is_without(rng: random.Random) -> None:
    """Whatever the text around the key is: a text that is refused whole must not pass once its poses are lifted."""
    pieces = ['"keypoint_25d"', POSE, ":", ",", " ", "{", "}", '"', "\\", "[", "]", "1", "NaN", '"a"', "é", "\x00"]
    text = "".join(rng.choices(pieces, k=rng.randrange(1, 9)))
    if rng.random() < 0.5:
        text = text.join(
            rng.choice([('{"keypoint_25d": ', f', "keypoint_25d": {POSE}}}'), ('{"a": "', '"}'), ("{", "}")])
        )
    found = lift_poses(text.encode())
    assert found is not None
    assert is_json(found.text.decode(errors="surrogateescape")) == is_json(text)


def is_json(text: str) -> bool:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(f"[{text}]", parse_constant=refuse)
    except ValueError:
        return False
    return True


def test_a_number_that_could_pass_for_a_mark_keeps_poses_in_the_text() -> None:
    text = f'{{"keypoint_25d": {POSE}}}, {{"keypoint_25d": 918273645000000000}}'
    assert lift_poses(text.encode()) is None
    first, second = parse_hands_together(text.encode()).values
    assert first["keypoint_25d"] == [0.5] * 63
    assert second["keypoint_25d"] == 918273645000000000


def test_zero_and_the_smallest_numbers_keep_sign_and_size() -> None:
    tiny = [0.0, 1e-20, 1e-30, 1.1754943508222875e-38, 7e-39, 1.5e-40, math.ulp(1.0)]
    (found,) = lifted_numbers(json.dumps((tiny * 9)[:63]))
    assert np.asarray(found, np.float32).tobytes() == np.array((tiny * 9)[:63]).astype(np.float32).tobytes()
