"""Each hand and its positive, against a loop over records."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from hand100m_assets.annotations.tables import HANDS_SCHEMA
from hand100m_assets.pairs.resolve import PAIRS_SCHEMA, mirrored_xy, resolve_pairs

Row = dict[str, Any]
OF_THE_POSITIVE = ("row_index", "image_id", "video_id", "frame_index")
ids = st.integers(0, 6)


@st.composite
def hands(draw: st.DrawFn) -> list[Row]:
    rows = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "hand_id": ids,
                    "video_id": st.sampled_from(["a", "b", None]),
                    "handedness": st.sampled_from(["Left", "Right"]),
                    "positives": st.lists(ids, max_size=3),
                    "distances": st.lists(st.floats(0, 1), max_size=2),
                }
            ),
            max_size=9,
        )
    )
    seed = draw(st.integers(0, 1000))
    keypoints = np.random.default_rng(seed).normal(0.5, 0.3, (len(rows), 21, 3)).astype(np.float32)
    gaps = draw(st.integers(1, 3))
    for place, row in enumerate(rows):
        row |= {
            "row_index": gaps * place,
            "image_id": str(place),
            "frame_index": None if row["video_id"] is None else 30 * place,
            "box_px": [0.0, 0.0, 10.0, 10.0],
            "keypoints": keypoints[place].tolist(),
        }
    return rows


def table(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=HANDS_SCHEMA, orient="row")


def oracle(rows: list[Row], row: Row) -> tuple[Row | None, str | None]:
    if not row["positives"]:
        return None, "no positive"
    wanted = row["positives"][0]
    if wanted == row["hand_id"]:
        return None, "positive is the hand itself"
    found = [other for other in rows if other["hand_id"] == wanted]
    if not found:
        return None, "positive not in this set"
    return (None, "positive id is ambiguous (duplicate hand id)") if len(found) > 1 else (found[0], None)


def pose_distance(one: Row, other: Row) -> float:
    total = 0.0
    for (x1, y1, _), (x2, y2, _) in zip(one["keypoints"], other["keypoints"], strict=True):
        ax = 1 - x1 if one["handedness"] == "Left" else x1
        bx = 1 - x2 if other["handedness"] == "Left" else x2
        total += ((ax - bx) ** 2 + (y1 - y2) ** 2) ** 0.5
    return total / 21


@given(hands(), st.booleans())
@settings(deadline=None)
def test_every_hand_gets_the_positive_or_the_reason_that_a_loop_finds(rows: list[Row], lazy: bool) -> None:
    hands_table = table(rows)
    pairs = resolve_pairs(hands_table.lazy() if lazy else hands_table)
    assert pairs.schema == PAIRS_SCHEMA
    assert pairs.height == len(rows)
    for row, pair in zip(rows, pairs.iter_rows(named=True), strict=True):
        positive, reason = oracle(rows, row)
        assert {name: pair[name] for name in ("row_index", "hand_id", "image_id", "video_id", "frame_index")} == {
            name: row[name] for name in ("row_index", "hand_id", "image_id", "video_id", "frame_index")
        }
        assert pair["reason"] == reason
        assert pair["positive_hand_id"] == next(iter(row["positives"]), None)
        assert pair["distance"] == next(iter(row["distances"]), None)
        if positive is None:
            derived = (*(f"positive_{name}" for name in OF_THE_POSITIVE), "pose_distance", "same_video")
            assert [pair[name] for name in derived] == [None] * 6
            continue
        assert [pair[f"positive_{name}"] for name in OF_THE_POSITIVE] == [positive[name] for name in OF_THE_POSITIVE]
        assert pair["pose_distance"] == pytest.approx(pose_distance(row, positive), rel=1e-4, abs=1e-5)
        videos = (row["video_id"], positive["video_id"])
        assert pair["same_video"] == (None if None in videos else videos[0] == videos[1])


def test_a_hand_and_its_mirror_image_are_alike() -> None:
    keypoints = np.random.default_rng(0).random((21, 3)).astype(np.float32)
    mirrored = keypoints * [-1, 1, 1] + [1, 0, 0]
    base = {"image_id": "1", "video_id": "a", "frame_index": 0, "box_px": [0.0] * 4, "distances": [0.0]}
    rows = [
        {**base, "row_index": 0, "hand_id": 1, "positives": [2], "handedness": "Left", "keypoints": keypoints.tolist()},
        {**base, "row_index": 1, "hand_id": 2, "positives": [1], "handedness": "Right", "keypoints": mirrored.tolist()},
    ]
    assert resolve_pairs(table(rows))["pose_distance"].to_list() == pytest.approx([0, 0], abs=1e-6)
    xy = mirrored_xy(table(rows))
    assert xy.shape == (2, 21, 2)
    np.testing.assert_allclose(xy[0], xy[1], atol=1e-6)
    np.testing.assert_allclose(xy[1], mirrored[:, :2], atol=1e-6)


@given(hands(), st.permutations(range(21)))
@settings(deadline=None, max_examples=30)
def test_the_order_of_the_joints_changes_no_pair(rows: list[Row], order: list[int]) -> None:
    reordered = [{**row, "keypoints": [row["keypoints"][joint] for joint in order]} for row in rows]
    assert_frame_equal(resolve_pairs(table(rows)), resolve_pairs(table(reordered)), rel_tol=1e-5)


def test_no_hands_give_no_pairs() -> None:
    assert resolve_pairs(table([])).schema == PAIRS_SCHEMA
