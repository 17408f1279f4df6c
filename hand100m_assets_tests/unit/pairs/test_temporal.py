"""Temporal pairs, against a loop over hands and the sample's own rule."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.pairs.resolve import mirrored_xy
from hand100m_assets.pairs.temporal import TEMPORAL_SCHEMA, temporal_pairs
from hand100m_assets.sample.scenes import SampleScale, cast_videos
from hand100m_assets.sample.workspace.similarity import temporal_neighbours
from hand100m_assets.sample.workspace.truth import hands_of
from hand100m_assets.sources import EGO4D
from hand100m_assets_tests.unit.pairs.hands import hands_table


def oracle(hands: pl.DataFrame, max_gap_frames: int | None) -> list[int | None]:
    rows, xy = list(hands.iter_rows(named=True)), mirrored_xy(hands)
    found: list[int | None] = []
    for own, hand in enumerate(rows):
        same = [
            n
            for n, other in enumerate(rows)
            if hand["video_id"] is not None
            and hand["frame_index"] is not None
            and (other["video_id"], other["handedness"]) == (hand["video_id"], hand["handedness"])
            and other["frame_index"] not in (None, hand["frame_index"])
        ]
        frames = {rows[n]["frame_index"] for n in same}
        later, earlier = (sorted(f for f in frames if sign * (f - hand["frame_index"]) > 0) for sign in (1, -1))
        near = [
            f
            for f in (*later[:1], *earlier[-1:])
            if max_gap_frames is None or abs(f - hand["frame_index"]) <= max_gap_frames
        ]
        candidates = [n for n in same if near and rows[n]["frame_index"] == near[0]]
        gaps = [float(np.linalg.norm(xy[own] - xy[n], axis=1).mean()) for n in candidates]
        found.append(rows[candidates[int(np.argmin(gaps))]]["row_index"] if candidates else None)
    return found


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 4), st.sampled_from(["Left", "Right"])), max_size=12
    ),
    st.sampled_from([None, 1, 2]),
)
def test_each_hand_gets_its_side_in_the_next_frame_else_in_the_one_before(
    rows: list[tuple[str | None, int, str]], max_gap_frames: int | None
) -> None:
    points = np.random.default_rng(len(rows)).normal(0.5, 0.2, (len(rows), 21, 3))
    frames = [None if video is None else frame for video, frame, _ in rows]
    hands = hands_table(points, [v for v, _, _ in rows], [s for _, _, s in rows], frame_index=frames)
    made = temporal_pairs(hands, max_gap_frames=max_gap_frames)
    assert made.schema == TEMPORAL_SCHEMA
    assert made["row_index"].to_list() == hands["row_index"].to_list()
    assert made["neighbour_row_index"].to_list() == oracle(hands, max_gap_frames)
    assert (made["reason"].is_null() == made["neighbour_row_index"].is_not_null()).all()


def test_on_the_sample_temporal_pairs_are_the_true_tracks() -> None:
    truths = [hand for plan in cast_videos(EGO4D, 0, SampleScale()) for hand in hands_of(plan)]
    hands = hands_table(
        np.array([t.keypoints for t in truths]),
        [t.video.video_id for t in truths],
        [t.side for t in truths],
        frame_index=[t.frame_index for t in truths],
    )
    made, true = temporal_pairs(hands), temporal_neighbours(truths)
    sides = {}
    for truth in truths:
        sides.setdefault((truth.video.video_id, truth.side), set()).add(truth.track)
    for row, truth, expected in zip(made.iter_rows(named=True), truths, true, strict=True):
        if len(sides[truth.video.video_id, truth.side]) == 1 and expected:
            assert row["neighbour_row_index"] == 2 * expected[0][0]
            assert row["pose_distance"] == pytest.approx(expected[0][1], abs=1e-5)
    assert made["reason"].null_count() > 0.9 * made.height
