from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.render.grids.extremes import choose_extreme_pairs, draw_extreme_pairs
from hand100m_assets_tests.unit.render.grids.test_grid import draw
from hand100m_assets_tests.unit.render.scene import Scene


def pairs_of(distances, positives=None, same=None, reasons=None):
    count = len(distances)
    return pl.DataFrame(
        {
            "row_index": pl.Series(range(count), dtype=pl.UInt32),
            "positive_row_index": pl.Series(positives or [1000 + i for i in range(count)], dtype=pl.UInt32),
            "pose_distance": pl.Series(distances, dtype=pl.Float32),
            "same_video": pl.Series(same or [False] * count, dtype=pl.Boolean),
            "reason": pl.Series(reasons or [None] * count, dtype=pl.String),
        }
    )


@given(st.lists(st.floats(0, 1, width=32), max_size=40), st.integers(1, 10))
def test_the_best_are_the_smallest_and_the_worst_the_largest_equal_ones_by_row(distances, count):
    pairs = pairs_of(distances)
    by_distance = sorted(range(len(distances)), key=lambda row: (distances[row], row))
    by_falling_distance = sorted(range(len(distances)), key=lambda row: (-distances[row], row))
    half = -(-len(distances) // 2)
    best, worst = (choose_extreme_pairs(pairs, end, count).rows for end in ("best", "worst"))
    assert list(best) == by_distance[: min(count, half)]
    assert list(worst) == by_falling_distance[: min(count, half)]


def test_pairs_of_one_video_unresolved_and_unmeasured_ones_do_not_count():
    pairs = pairs_of(
        [0.1, 0.2, 0.3, float("nan"), None, 0.6, 0.7],
        same=[True, *[False] * 5, None],
        reasons=[None, "no positive", *[None] * 5],
    )
    chosen = choose_extreme_pairs(pairs.lazy(), "best")
    assert chosen.rows == (2,)
    assert "of 2 resolved pairs of different videos" in chosen.how


def test_two_hands_that_are_each_others_positives_are_one_pair():
    pairs = pairs_of([0.1, 0.1, 0.2, 0.2], positives=[1, 0, 3, 2])
    assert choose_extreme_pairs(pairs, "best").rows == (0,)
    assert choose_extreme_pairs(pairs, "worst").rows == (2,)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene(tmp_path_factory.mktemp("extremes"))


def test_the_sheet_holds_the_labelled_grid_of_these_pairs_and_no_empty_row(scene):
    chosen = choose_extreme_pairs(scene.pairs, "worst")
    assert 1 <= len(chosen.rows) <= 5
    sheet = draw_extreme_pairs(scene.pairs, scene.hands, chosen, scene.image_path, title="Worst")
    assert sheet.image_bgr.shape == (74 + 224 + 16, 16 + 2240 + 16, 3)
    assert np.array_equal(sheet.image_bgr[74:-16, 16:-16], draw(scene, chosen.rows).labelled[:224])
    assert sheet.cells.height == 2 * len(chosen.rows)
    again = draw_extreme_pairs(scene.pairs, scene.hands, chosen, scene.image_path, title="Worst")
    assert np.array_equal(sheet.image_bgr, again.image_bgr)


def test_without_such_a_pair_the_sheet_says_so(scene):
    none = scene.pairs.with_columns(same_video=True)
    chosen = choose_extreme_pairs(none, "best")
    assert chosen.rows == ()
    sheet = draw_extreme_pairs(none, scene.hands, chosen, scene.image_path, title="Best")
    assert (sheet.image_bgr.shape[0], sheet.cells.height) == (74 + 224 + 16, 0)
