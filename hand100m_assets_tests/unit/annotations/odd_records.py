"""Texts of records that are odd in one way each, and what the plainest reader makes of an array of any such texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from hand100m_assets_tests.unit.annotations.records import Raw

POSE: Final = [0.5] * 63


class Judged(NamedTuple):
    """What an array of records should give.

    Attributes:
        kept: Position and record of every one that the contract accepts.
        rejected: Positions of all others.
    """

    kept: list[tuple[int, Any]]
    rejected: list[int]


def judged(texts: Sequence[bytes], model: type[BaseModel]) -> Judged:
    """Hold every record to the contract, one by one, as Python's own reader gives it."""
    records = [(position, _accepted(text, model)) for position, text in enumerate(texts)]
    kept = [(position, record) for position, record in records if record is not None]
    return Judged(kept, [position for position, record in records if record is None])


def _accepted(text: bytes, model: type[BaseModel]) -> BaseModel | None:
    try:
        return model.model_validate(json.loads(text.decode()))
    except (ValueError, RecursionError):  # what is no JSON, no UTF-8, or refused by the contract
        return None


def _changed(**changes: Any) -> Callable[[Raw], bytes]:
    return lambda raw: json.dumps({**raw, **changes}).encode()


def _without(field: str) -> Callable[[Raw], bytes]:
    return lambda raw: json.dumps({key: value for key, value in raw.items() if key != field}).encode()


def _with_text(member: bytes) -> Callable[[Raw], bytes]:
    """The record with one more member, in front: JSON or not."""
    return lambda raw: b"{" + member + b", " + json.dumps(raw).encode()[1:]


def _instead(text: bytes) -> Callable[[Raw], bytes]:
    return lambda _: text


_IN_ANY_RECORD: Final[dict[str, Callable[[Raw], bytes]]] = {
    "is null": _instead(b"null"),
    "is a number": _instead(b"7"),
    "is a string": _instead(b'"}, {"'),
    "is a list": _instead(b'[{"hand_id": "7"}]'),
    "is empty": _instead(b"{}"),
    "no JSON: a word": _with_text(b'"x": nul'),
    "no JSON: a number": _with_text(b'"x": 01'),
    "no JSON: a comma": _with_text(b'"x": [1,]'),
    "no UTF-8": _with_text(b'"x": "\xff"'),
    "half a character": _with_text(b'"x": "\\ud800"'),
    "unknown key": _with_text(b'"x": {"y": [1, "}, {"]}'),
    "NaN in an unknown key": _with_text(b'"x": {"y": [1, NaN]}'),
    "endless number in an unknown key": _with_text(b'"x": 1e999'),
    "long integer in an unknown key": _with_text(b'"x": ' + b"7" * 400),
    "very deep": _with_text(b'"x": ' + b"[" * 3000 + b"]" * 3000),
    "key given twice": _with_text(b'"id": 0, "hand_id": "0", "left_right": null'),
}

HAND_KINDS: Final[dict[str, Callable[[Raw], bytes]]] = {
    **_IN_ANY_RECORD,
    **{f"without {field}": _without(field) for field in ("hand_id", "boxes", "keypoint_25d", "left_right", "distance")},
    **{f"hand_id {value!r}": _changed(hand_id=value) for value in (None, True, "x", "", 7, 7.0, 7.5, " 7 ", 2**70, -1)},
    **{
        f"half a character in {field}": _changed(**{field: "\ud800"}) for field in ("hand_id", "image_id", "left_right")
    },
    **{f"image_id {value!r}": _changed(image_id=value) for value in (None, [], 7.0, 0.5, "a:b", 2**70)},
    **{f"boxes {value!r}": _changed(boxes=value) for value in (None, "", "[1,2,3]", "[1,2,NaN,4]", [1, 2, 3, 4], [1])},
    **{f"keypoints {value!r}"[:30]: _changed(keypoint_25d=value) for value in (None, "0", {}, [0.5], 0)},
    "keypoints nested": _changed(keypoint_25d=[[0.5, 0, 1]] * 21),
    "keypoints ragged": _changed(keypoint_25d=[[0.5]] * 20 + [[0.5] * 43]),
    "keypoints mixed": _changed(keypoint_25d=[True, *POSE[1:]]),
    "keypoints as strings": _changed(keypoint_25d=["0.5", *POSE[1:]]),
    "keypoints too large": _changed(keypoint_25d=[1e4, *POSE[1:]]),
    "keypoints with NaN": _changed(keypoint_25d=[float("nan"), *POSE[1:]]),
    **{f"left_right {value!r}": _changed(left_right=value) for value in (None, "left", " RIGHT ", "Both", 0, ["Left"])},
    **{f"positives {value!r}": _changed(positive_sample=value) for value in (None, [], "7", [7], [7.0], ["x"], [None])},
    **{f"distances {value!r}": _changed(distance=value) for value in (None, [], 0.1, [0], ["0.1"], [float("inf")])},
}
"""A sound hand -> the text of an odd one."""

IMAGE_KINDS: Final[dict[str, Callable[[Raw], bytes]]] = {
    **_IN_ANY_RECORD,
    **{f"without {field}": _without(field) for field in ("id", "file_name")},
    **{f"id {value!r}": _changed(id=value) for value in (None, True, "", "a:b", 7.0, 7.5, 2**70)},
    **{f"file_name {value!r}": _changed(file_name=value) for value in (None, 7, "", "a/b.jpg", "a/v/frame_٠٠٠٠٣٠.jpg")},
    **{
        f"half a character in {field}": _changed(**{field: "\udfff/v/frame_000030.jpg"})
        for field in ("id", "file_name")
    },
    "file_name with ten digits": _changed(file_name="a/v/frame_0000000030.jpg"),
    **{f"width {value!r}": _changed(width=value) for value in (None, 1440, 1440.0, 1440.5, "1440", 0, float("nan"))},
}
"""A sound image -> the text of an odd one."""
