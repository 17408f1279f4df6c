"""Plants invalid annotation records, of the kinds that users of such data report, and records their places."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from hand100m_assets.layout import frame_file_name
from hand100m_assets.sample.scenes import FRAME_STRIDE, VideoPlan
from hand100m_assets.sample.workspace.report import BadRecord

Record: TypeAlias = dict[str, Any]

_UNUSED_ID: Final = 99_999_999
"""An id that is larger than every id of a sample."""


@dataclass
class Draft:
    """An annotation file that is not finished yet.

    Attributes:
        images: Records of its `images`, in file order.
        annotations: Records of its `annotations`, in file order.
        spare_ids: Hand ids that no record has.
    """

    images: list[Record]
    annotations: list[Record]
    spare_ids: list[int]


def plant_faults(
    draft: Draft, names: Sequence[str], plans: Sequence[VideoPlan], rng: np.random.Generator
) -> tuple[BadRecord, ...]:
    """Add one invalid record per named fault, in place, as extra hands that are not the positive of any hand.

    Args:
        draft: The file, without faults so far.
        names: Keys of `FAULTS`.
        plans: Healthy videos of this source.
        rng: Chooses the hand that is copied, and the place of the copy.
    """
    hands = list(draft.annotations)
    planted: list[tuple[str, Record, str, str]] = []
    for name in names:
        hand = copy.deepcopy(hands[rng.integers(len(hands))])
        hand["hand_id"] = str(draft.spare_ids.pop())
        bad = FAULTS[name](draft, hand, plans)
        # Whoever reads from the front meets the rightful owner of an id before the one who took it.
        place = len(draft.annotations) if name == "duplicate_hand_id" else rng.integers(len(draft.annotations))
        draft.annotations.insert(int(place), hand)
        section, record, field = bad
        planted.append((section, record, field, name))
    return tuple(
        BadRecord(section, _position(getattr(draft, section), record), field, name)
        for section, record, field, name in planted
    )


def _position(records: list[Record], record: Record) -> int:
    return next(i for i, other in enumerate(records) if other is record)


_Bad: TypeAlias = tuple[str, Record, str]


def _box_inverted(_draft: Draft, hand: Record, _plans: Sequence[VideoPlan]) -> _Bad:
    x1, y1, x2, y2 = json.loads(hand["boxes"])
    hand["boxes"] = json.dumps([x2, y1, x1, y2])
    return "annotations", hand, "boxes"


def _box_unparsable(_draft: Draft, hand: Record, _plans: Sequence[VideoPlan]) -> _Bad:
    hand["boxes"] = hand["boxes"].rpartition(",")[0]
    return "annotations", hand, "boxes"


def _keypoint_lost(_draft: Draft, hand: Record, _plans: Sequence[VideoPlan]) -> _Bad:
    joint = 1 if isinstance(hand["keypoint_25d"][0], list) else 3
    hand["keypoint_25d"] = hand["keypoint_25d"][:-joint]
    return "annotations", hand, "keypoint_25d"


def _positive_missing(_draft: Draft, hand: Record, _plans: Sequence[VideoPlan]) -> _Bad:
    hand["positive_sample"] = [str(_UNUSED_ID), *hand["positive_sample"][1:]]
    return "annotations", hand, "positive_sample"


def _image_dangling(_draft: Draft, hand: Record, _plans: Sequence[VideoPlan]) -> _Bad:
    hand["image_id"] = _UNUSED_ID
    return "annotations", hand, "image_id"


def _duplicate_hand_id(draft: Draft, hand: Record, _plans: Sequence[VideoPlan]) -> _Bad:
    hand["hand_id"] = next(other["hand_id"] for other in draft.annotations if other["image_id"] != hand["image_id"])
    return "annotations", hand, "hand_id"


def _handedness_both(_draft: Draft, hand: Record, _plans: Sequence[VideoPlan]) -> _Bad:
    hand["left_right"] = "Both"
    return "annotations", hand, "left_right"


def _frame_beyond_end(draft: Draft, hand: Record, plans: Sequence[VideoPlan]) -> _Bad:
    plan = plans[0]
    beyond = (plan.frame_count // FRAME_STRIDE + 100) * FRAME_STRIDE
    image = _image_like(draft, hand, _UNUSED_ID - 1)
    prefix = image["file_name"].rsplit("/", 2)[0]
    image["file_name"] = f"{prefix}/{plan.video_id}/{frame_file_name(beyond)}"
    return "images", image, "file_name"


def _frame_unnamed(draft: Draft, hand: Record, _plans: Sequence[VideoPlan]) -> _Bad:
    image = _image_like(draft, hand, _UNUSED_ID - 2)
    image["file_name"] = image["file_name"].rpartition("/")[0] + "/cover.jpg"
    return "images", image, "file_name"


def _image_like(draft: Draft, hand: Record, image_id: int) -> Record:
    """Give the hand its own image, a copy of the one that it had, in the middle of the file."""
    image = dict(next(image for image in draft.images if image["id"] == hand["image_id"]))
    image["id"] = hand["image_id"] = image_id
    draft.images.insert(len(draft.images) // 2, image)
    return image


FAULTS: Final[dict[str, Callable[[Draft, Record, Sequence[VideoPlan]], _Bad]]] = {
    "box_inverted": _box_inverted,
    "box_unparsable": _box_unparsable,
    "keypoint_lost": _keypoint_lost,
    "positive_missing": _positive_missing,
    "image_dangling": _image_dangling,
    "duplicate_hand_id": _duplicate_hand_id,
    "handedness_both": _handedness_both,
    "frame_beyond_end": _frame_beyond_end,
    "frame_unnamed": _frame_unnamed,
}
