from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.render.grids.anchors import PUBLISHED_ROWS, choose_anchor_rows, is_published
from hand100m_assets.set_names import annotation_set_name


def table(row_count, unresolved=()):
    rows = pl.DataFrame({"row_index": pl.Series(range(row_count), dtype=pl.UInt32)})
    lost = pl.col("row_index").is_in(list(unresolved))
    return rows.with_columns(reason=pl.when(lost).then(pl.lit("positive not in the file")))


def test_the_published_rows_are_fifty_different_ones_of_the_50k_file():
    assert len(set(PUBLISHED_ROWS)) == len(PUBLISHED_ROWS) == 50
    assert (PUBLISHED_ROWS[0], PUBLISHED_ROWS[5], PUBLISHED_ROWS[-1]) == (32793, 438, 18281)
    assert sum(PUBLISHED_ROWS) == 1_208_510
    assert max(PUBLISHED_ROWS) < 50_000


def test_the_published_rows_are_taken_for_the_set_they_belong_to():
    choice = choose_anchor_rows(table(50_000), published=True, seed=3)
    assert choice.rows == PUBLISHED_ROWS
    assert "published" in choice.how


def test_one_absent_published_row_gives_a_seeded_choice_that_says_why():
    choice = choose_anchor_rows(table(50_000).filter(pl.col("row_index") != 438), published=True, seed=3)
    assert choice.rows != PUBLISHED_ROWS
    assert "not in this table: 1 of the 50 published rows" in choice.how


def test_other_sets_never_use_the_published_rows():
    choice = choose_anchor_rows(table(50_000), published=False, seed=3)
    assert choice.rows != PUBLISHED_ROWS
    assert "seed 3" in choice.how


def test_the_seeded_choice_is_the_same_on_every_platform():
    assert choose_anchor_rows(table(1000), published=False, seed=0, count=5).rows == (855, 921, 269, 11, 850)


def test_fewer_resolved_pairs_than_places_are_all_shown_once_and_said():
    choice = choose_anchor_rows(table(12, unresolved=[3, 4]), published=False, seed=0)
    assert sorted(choice.rows) == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]
    assert "the other 40 places stay empty" in choice.how


def test_no_resolved_pair_chooses_nothing():
    assert choose_anchor_rows(table(3, unresolved=[0, 1, 2]), published=False, seed=0).rows == ()


@given(st.integers(0, 300), st.sets(st.integers(0, 299)), st.integers(0, 2**63), st.integers(1, 60), st.randoms())
def test_a_choice_is_seeded_resolved_without_repeats_and_blind_to_row_order(count, lost, seed, places, shuffler):
    pairs = table(count, lost)
    rows = choose_anchor_rows(pairs, published=False, seed=seed, count=places).rows
    resolved = set(range(count)) - lost
    assert len(rows) == len(set(rows)) == min(places, len(resolved))
    assert set(rows) <= resolved
    order = list(range(count))
    shuffler.shuffle(order)
    assert choose_anchor_rows(pairs[order].lazy(), published=False, seed=seed, count=places).rows == rows


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("Hand100M_Ego4D_50k_v1-1.json", True),
        ("Hand100M_Ego4D_50k_v1-1.json.gz", True),
        ("Hand100M_Ego4D_100k_v1-1.json", False),
        ("Hand100M_100DOH_50k_v1-1.json", False),
        ("Hand100M_Ego4D_TempCLR_50k_v1-1.json", False),
        ("Hand100M_Ego4D_TopK_50k_v1-1.json", False),
        ("my_hands.json", False),
    ],
)
def test_only_the_main_ego4d_50k_file_is_the_published_set(file_name, expected):
    assert is_published(annotation_set_name(file_name)) is expected
