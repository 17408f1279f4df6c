"""Raw records as the released files hold them, and hypothesis strategies that bend them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

Raw = dict[str, Any]


def image(number: int, video_id: str = "video_a", frame_index: int | None = None, **changes: Any) -> Raw:
    frame = 30 * number if frame_index is None else frame_index
    return {"id": number, "file_name": f"Hand2M/ego4d/{video_id}/frame_{frame:06d}.jpg", **changes}


def hand(number: int, image_id: int | str = 0, positive: int | None = None, **changes: Any) -> Raw:
    record = {
        "hand_id": str(number),
        "image_id": image_id,
        "boxes": "[10.5, 20, 110, 150]",
        "keypoint_25d": [round(0.01 * (i + number % 7), 4) for i in range(63)],
        "left_right": "Left" if number % 2 else "Right",
        "positive_sample": [] if positive is None else [str(positive)],
        "distance": [] if positive is None else [0.0123],
    }
    return {**record, **changes}


def sound_set(hands: int = 6) -> Raw:
    """As many hands as images, each in a video of its own, each with the next one as its positive."""
    return {
        "images": [image(n, f"video_{n}") for n in range(hands)],
        "annotations": [hand(100 + n, n, 100 + (n + 1) % hands) for n in range(hands)],
    }


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63 - 1), 2**63 - 1)  # what the parser takes
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)

coordinates = st.floats(-1000, 1000, width=32)
triples = st.lists(st.tuples(coordinates, coordinates, coordinates).map(list), min_size=21, max_size=21)
hand_ids = st.integers(0, 40)


@st.composite
def sound_images(draw: st.DrawFn) -> Raw:
    number = draw(st.integers(0, 20))
    raw = image(number, draw(st.sampled_from(["video_a", "-video_b", "_c"])), draw(st.integers(0, 10**7)))
    raw["id"] = draw(st.sampled_from([number, str(number)]))
    for side in ("width", "height"):
        raw |= draw(st.sampled_from([{}, {side: None}, {side: 1440}]))
    return raw


@st.composite
def sound_hands(draw: st.DrawFn) -> Raw:
    box = draw(st.lists(st.floats(-2000, 5000) | st.integers(-2000, 5000), min_size=4, max_size=4))
    joints = draw(triples)
    flat = [number for joint in joints for number in joint]
    positives = draw(st.lists(hand_ids, max_size=3))
    return {
        "hand_id": draw(hand_ids.flatmap(lambda n: st.sampled_from([n, str(n), f" {n} "]))),
        "image_id": draw(st.integers(0, 20).flatmap(lambda n: st.sampled_from([n, str(n)]))),
        "boxes": draw(st.sampled_from([box, json.dumps(box)])),
        "keypoint_25d": draw(st.sampled_from([joints, flat])),
        "left_right": draw(st.sampled_from(["Left", "Right", "left", "RIGHT"])),
        "positive_sample": [draw(st.sampled_from([n, str(n)])) for n in positives],
        "distance": draw(st.lists(st.floats(-10, 10), max_size=3)),
    }


def bent(records: st.SearchStrategy[Raw]) -> st.SearchStrategy[Any]:
    """Sound records, records with one field gone or replaced by anything, and things that are no records."""
    fields = st.integers(0, 6)

    def replaced(raw: Raw, place: int, value: Any) -> Raw:
        return {**raw, list(raw)[place % len(raw)]: value}

    def without(raw: Raw, place: int) -> Raw:
        gone = list(raw)[place % len(raw)]
        return {name: value for name, value in raw.items() if name != gone}

    return st.one_of(
        records,
        records,
        st.builds(replaced, records, fields, json_values),
        st.builds(without, records, fields),
        json_values,
    )


documents = st.fixed_dictionaries(
    {"images": st.lists(bent(sound_images()), max_size=6), "annotations": st.lists(bent(sound_hands()), max_size=5)},
    optional={"info": json_values, "images.item": json_values, "licenses": json_values},
)
