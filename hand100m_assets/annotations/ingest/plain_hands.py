"""Checks hands in plain form column by column: at least as strictly as the contract, and much faster.

Records of one form are taken together. A form is one way in which files write boxes and keypoints; ids may be strings
or integers in each of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from hand100m_assets.annotations.contract import KEYPOINT_COUNT, MAX_DISTANCE, MAX_ITEMS, MAX_KEYPOINT, MAX_PIXEL
from hand100m_assets.annotations.plain_values import (
    ID_TYPES,
    NUMBER_TYPES,
    Mask,
    Rows,
    all_of_each,
    all_within,
    hand_ids,
    id_texts,
    list_column,
    types_of,
    within,
)
from hand100m_assets.annotations.tables import HANDEDNESS, HANDS_SCHEMA

_NUMBER: Final = r" *-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})? *"
_BOX: Final = rf"^ *\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\] *$"
"""Four JSON numbers, none of them too large."""

_POSE_NUMBERS: Final = 3 * KEYPOINT_COUNT
_PACK_POSE: Final = struct.Struct(f"{_POSE_NUMBERS}d").pack
Numbers: TypeAlias = NDArray[np.float64]

_NO_BOX: Final = "[0,0,0,0]"
_BLOCK_RECORDS: Final = 16
_SIDES: Final = {side: side for side in ("Left", "Right")}
"""The contract accepts other spellings with a warning."""


Keypoints: TypeAlias = Literal["flat", "nested"]


class Form(NamedTuple):
    """How hands are written."""

    boxes: Literal["text", "list"]
    keypoints: Keypoints


class _Columns(NamedTuple):
    hand_id: tuple[Any, ...]
    image_id: tuple[Any, ...]
    boxes: tuple[Any, ...]
    keypoints: tuple[Any, ...]
    handedness: tuple[Any, ...]
    positives: tuple[Any, ...]
    distances: tuple[Any, ...]


_FIELDS: Final = itemgetter("hand_id", "image_id", "boxes", "keypoint_25d", "left_right", "positive_sample", "distance")


def plain_hands(values: Sequence[Any]) -> Rows:
    """Take the plain records of raw hands.

    Args:
        values: Raw records; any JSON values.

    Returns:
        The columns of `HANDS_SCHEMA` without `row_index`, `video_id` and `frame_index`, for the records that were
        taken.
    """
    rows = _rows_of_one_form(values, range(len(values)))
    if rows:
        return rows
    taken = list(_rows_by_form(values))
    if not taken:
        return Rows(np.empty(0, np.intp), pl.DataFrame())
    # The forms were found in another order: put the rows into the order of the hands.
    places_taken = np.concatenate([rows.places for rows in taken])
    order = np.argsort(places_taken)
    return Rows(places_taken[order], pl.concat([rows.frame for rows in taken])[order])


def _rows_by_form(values: Sequence[Any]) -> Iterator[Rows]:
    """Rows of each form. Records in another form are rare, and most often it is the pose that differs."""
    for places in _places_by_look(values):
        rows = _rows_of_one_form(values, places)
        if rows:
            yield rows
            continue
        for places_of_form in _places_by_form(values, places).values():
            rows = _rows_of_one_form(values, places_of_form)
            assert rows
            yield rows


def _places_by_look(values: Sequence[Any]) -> Iterable[list[int]]:
    """Groups of hands whose poses have one type, and one length if they are lists."""
    by_look: dict[object, list[int]] = {}
    for place, value in enumerate(values):
        pose = value.get("keypoint_25d") if type(value) is dict else None
        by_look.setdefault(len(pose) if type(pose) is list else type(pose), []).append(place)
    return by_look.values()


def _places_by_form(values: Sequence[Any], places: Sequence[int]) -> dict[Form, list[int]]:
    """The places of the hands of each form. Whole blocks are tried first."""
    by_form: dict[Form, list[int]] = {}
    blocks = [places[start : start + _BLOCK_RECORDS] for start in range(0, len(places), _BLOCK_RECORDS)]
    while blocks:
        block = blocks.pop()
        columns = _columns([values[place] for place in block])
        found = columns and _form(columns)
        if found:
            by_form.setdefault(found[0], []).extend(block)
        elif len(block) > 1:
            blocks += [[place] for place in block]
    return by_form


def _rows_of_one_form(values: Sequence[Any], places: Sequence[int]) -> Rows | None:
    """Rows of the hands at these places; None if they have different forms, or no form."""
    columns = _columns([values[place] for place in places])
    found = columns and _form(columns)
    return _rows(columns, *found, np.array(places, np.intp)) if columns and found else None


def _columns(values: Sequence[Any]) -> _Columns | None:
    if types_of(values) != {dict}:
        return None
    try:
        return _Columns(*zip(*map(_FIELDS, values), strict=True))
    except KeyError:
        return None


def _form(c: _Columns) -> tuple[Form, Numbers] | None:
    """The form of all of them, and their poses; None if they differ, or if only the contract can decide."""
    is_plain = (
        types_of(c.hand_id) <= ID_TYPES
        and types_of(c.image_id) <= ID_TYPES
        and types_of(c.handedness) == {str}
        and types_of(c.positives) == {list}
        and types_of(c.distances) == {list}
        and types_of(chain.from_iterable(c.positives)) <= ID_TYPES
        and types_of(chain.from_iterable(c.distances)) <= NUMBER_TYPES
    )
    boxes = _form_of_boxes(c.boxes) if is_plain else None
    poses = _poses(c.keypoints) if boxes else None
    return (Form(boxes, poses[0]), poses[1]) if boxes and poses else None


def _form_of_boxes(boxes: Sequence[Any]) -> Literal["text", "list"] | None:
    types = types_of(boxes)
    if types == {str}:
        return "text"
    is_list = types == {list} and set(map(len, boxes)) == {4}
    return "list" if is_list and types_of(chain.from_iterable(boxes)) <= NUMBER_TYPES else None


def _poses(keypoints: Sequence[Any]) -> tuple[Keypoints, Numbers] | None:
    """How poses are written, and all their numbers, 63 per hand."""
    if types_of(keypoints) != {list}:
        return None
    lengths = set(map(len, keypoints))
    if lengths == {_POSE_NUMBERS}:
        return _flat_poses(keypoints)
    if lengths != {KEYPOINT_COUNT}:
        return None
    joints = list(chain.from_iterable(keypoints))
    is_nested = types_of(joints) == {list} and set(map(len, joints)) == {3}
    if not is_nested or not types_of(chain.from_iterable(joints)) <= NUMBER_TYPES:
        return None
    numbers = np.fromiter(chain.from_iterable(joints), np.float64, 3 * len(joints))
    return "nested", numbers.reshape(len(keypoints), _POSE_NUMBERS)


def _flat_poses(keypoints: Sequence[list[Any]]) -> tuple[Keypoints, Numbers] | None:
    try:
        # Accepts only numbers and booleans, in a fifth of the time of looking at every type.
        packed = b"".join([_PACK_POSE(*pose) for pose in keypoints])
    except struct.error:
        return None
    numbers = np.frombuffer(packed, np.float64).reshape(len(keypoints), _POSE_NUMBERS)
    may_be_boolean = ((numbers == 0) | (numbers == 1)).any(axis=1)
    for place in np.flatnonzero(may_be_boolean).tolist():
        if not types_of(keypoints[place]) <= NUMBER_TYPES:
            return None
    return "flat", numbers


def _rows(c: _Columns, form: Form, poses: Numbers, places: NDArray[np.intp]) -> Rows:
    hand_id, is_good = hand_ids(c.hand_id)
    image_id = id_texts(c.image_id)
    boxes, is_box = _boxes(c.boxes, form)
    is_pose = all_within(poses, MAX_KEYPOINT)
    with np.errstate(over="ignore"):  # Only values that are not taken overflow.
        keypoints = poses.astype(np.float32).reshape(-1, KEYPOINT_COUNT, 3)
    handedness = [_SIDES.get(side) for side in c.handedness]
    positives, are_ids = _positives(c.positives)
    distances, are_distances = _distances(c.distances)
    is_good = is_good & is_box & is_pose & are_ids & are_distances & (image_id != "").to_numpy()
    is_good &= np.fromiter((side is not None for side in handedness), np.bool_, len(handedness))
    frame = pl.DataFrame(
        {
            "hand_id": hand_id,
            "image_id": image_id,
            "box_px": pl.Series(boxes, dtype=HANDS_SCHEMA["box_px"]),
            "keypoints": pl.Series(keypoints, dtype=HANDS_SCHEMA["keypoints"]),
            "handedness": pl.Series(handedness, dtype=HANDEDNESS),
            "positives": positives,
            "distances": distances,
        }
    )
    return Rows(places, frame) if is_good.all() else Rows(places[is_good], frame.filter(is_good))


def _boxes(boxes: Sequence[Any], form: Form) -> tuple[NDArray[np.float64], Mask]:
    if form.boxes == "list":
        numbers = np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes)).reshape(-1, 4)
        return numbers, all_within(numbers, MAX_PIXEL)
    texts = pl.Series(boxes, dtype=pl.String)
    is_box = texts.str.contains(_BOX).to_numpy()
    if not is_box.all():
        boxes = [box if good else _NO_BOX for box, good in zip(boxes, is_box, strict=True)]
    parsed = orjson.loads("[" + ",".join(boxes) + "]")
    numbers = np.fromiter(chain.from_iterable(parsed), np.float64, 4 * len(boxes)).reshape(-1, 4)
    return numbers, is_box & all_within(numbers, MAX_PIXEL)


def _lengths(lists: Sequence[Any]) -> NDArray[np.int64]:
    return np.fromiter(map(len, lists), np.int64, len(lists))


def _positives(positives: Sequence[Any]) -> tuple[pl.Series, Mask]:
    lengths = _lengths(positives)
    numbers, are_ids = hand_ids(list(chain.from_iterable(positives)))
    return list_column(numbers, lengths), all_of_each(are_ids, lengths) & (lengths <= MAX_ITEMS)


def _distances(distances: Sequence[Any]) -> tuple[pl.Series, Mask]:
    lengths = _lengths(distances)
    numbers = np.fromiter(chain.from_iterable(distances), np.float64, int(lengths.sum()))
    are_distances = all_of_each(within(numbers, MAX_DISTANCE), lengths) & (lengths <= MAX_ITEMS)
    return list_column(pl.Series(numbers, dtype=pl.Float64), lengths), are_distances
