"""The exact search, against brute force: the same rows, the same distances, bit for bit."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.compiled import kept_on_disk
from hand100m_assets.pairs import kernels
from hand100m_assets.pairs.leaves import LEAF_HANDS, pack_leaves
from hand100m_assets.pairs.mine import CHUNK_HANDS, ExactSearch, squared_distances
from hand100m_assets_tests.unit.pairs.hands import Array, brute_force

unhurried = settings(deadline=None, max_examples=60)


@st.composite
def searchable(draw: st.DrawFn) -> tuple[Array, Array]:
    """Random, coarse (many ties), copied, or constant vectors, of few or many videos, of none to some leaves."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.one_of(st.integers(0, 12), st.integers(13, 3 * LEAF_HANDS + 7)))
    dimensions = draw(st.sampled_from([1, 2, 3, 5, 14, 15, 42]))
    kind = draw(st.sampled_from(["normal", "coarse", "copies", "constant", "far"]))
    vectors = rng.normal(size=(count, dimensions))
    if kind == "coarse":
        vectors = vectors.round()
    elif kind == "copies" and count:
        vectors = vectors[rng.integers(0, max(1, count // 9), count)]
    elif kind == "constant":
        vectors[:] = 0.1
    elif kind == "far":
        vectors = 1e4 + 1e-3 * vectors
    videos = rng.integers(0, draw(st.sampled_from([1, 2, 3, 40, 1000])), count)
    if draw(st.booleans()):
        videos.sort()
    return vectors.astype(np.float32), videos.astype(np.int32)


def answers(vectors: Array, videos: Array, count: int, workers: int = 1) -> tuple[Array, Array]:
    found = ExactSearch(vectors, videos).nearest(np.arange(len(vectors), dtype=np.int32), count, workers=workers)
    return found.rows, found.distances


@unhurried
@given(searchable(), st.sampled_from([1, 2, 10, 100]), st.sampled_from([1, 2]))
def test_the_search_finds_what_brute_force_finds(data: tuple[Array, Array], count: int, workers: int) -> None:
    vectors, videos = data
    rows, distances = answers(vectors, videos, count, workers)
    expected_rows, expected_squares = brute_force(vectors, videos, count)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(distances, np.sqrt(expected_squares))


def test_clustered_hands_in_many_leaves_are_searched_exactly() -> None:
    rng = np.random.default_rng(1)
    walks = rng.normal(size=(60, 1, 14)) * 3 + rng.normal(size=(60, 100, 14)).cumsum(axis=1) * 0.1
    vectors, videos = walks.reshape(-1, 14).astype(np.float32), np.repeat(np.arange(60, dtype=np.int32), 100)
    rows, distances = answers(vectors, videos, 100, workers=2)
    expected_rows, expected_squares = brute_force(vectors, videos, 100)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(distances, np.sqrt(expected_squares))


def test_hands_of_one_video_alone_have_no_neighbour() -> None:
    found = ExactSearch(np.ones((700, 14), np.float32), np.zeros(700, np.int32)).nearest(np.arange(700), 5)
    assert (found.rows == -1).all() and np.isinf(found.distances).all() and not found.counts.any()


def test_fewer_candidates_than_asked_for_give_fewer_answers() -> None:
    vectors, videos = np.arange(4, dtype=np.float32)[:, None], np.array([0, 0, 1, 1], np.int32)
    found = ExactSearch(vectors, videos).nearest(np.array([0, 3]), 100)
    assert found.counts.tolist() == [2, 2]
    assert found.rows[:, :3].tolist() == [[2, 3, -1], [1, 0, -1]]


def test_equal_distances_come_in_the_order_of_rows() -> None:
    vectors = np.array([[0.0], [1.0], [-1.0], [1.0]], np.float32)
    found = ExactSearch(vectors, np.arange(4)).nearest(np.array([0]), 3)
    assert found.rows.tolist() == [[1, 2, 3]]


def test_chunks_are_all_rows_in_order_and_progress_reaches_the_end() -> None:
    vectors = np.arange(700, dtype=np.float32)[:, None]
    videos, told = np.arange(700, dtype=np.int32) % 7, []
    search = ExactSearch(vectors, videos)
    found = list(search.chunks(3, workers=2, progress=lambda done, total: told.append((done, total))))
    assert CHUNK_HANDS > 700 and len(found) == 1
    np.testing.assert_array_equal(found[0].rows, brute_force(vectors, videos, 3)[0])
    assert told[-1] == (700, 700)
    assert list(ExactSearch(vectors[:0], videos[:0]).chunks(3)) == []


@pytest.mark.parametrize(
    ("vectors", "videos", "word"),
    [
        (np.full((2, 3), np.nan), np.zeros(2), "finite"),
        (np.full((2, 3), np.inf), np.zeros(2), "finite"),
        (np.zeros((2, 3)), np.zeros(3), "must be"),
        (np.zeros((2, 3)), np.array([-1, 0]), "negative"),
    ],
)
def test_what_cannot_be_searched_is_refused(vectors: Array, videos: Array, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        ExactSearch(vectors, videos)


def test_squared_distances_are_those_of_the_search() -> None:
    rng = np.random.default_rng(0)
    vectors, videos = rng.normal(size=(500, 14)).astype(np.float32), np.arange(500, dtype=np.int32)
    rows, distances = answers(vectors, videos, 1)
    np.testing.assert_array_equal(np.sqrt(squared_distances(vectors, np.arange(500), rows[:, 0])), distances[:, 0])


def test_every_hand_is_in_one_leaf_and_inside_its_box() -> None:
    rng = np.random.default_rng(0)
    vectors, videos = rng.normal(size=(1000, 5)).astype(np.float32), np.zeros(1000, np.int32)
    leaves, positions = pack_leaves(vectors, videos)
    places = leaves.places[leaves.places >= 0]
    assert sorted(places) == sorted(positions) == list(range(1000))
    for leaf, size in enumerate(leaves.sizes):
        inside = vectors[leaves.places[leaf, :size]]
        assert (inside.min(axis=0) == leaves.low[:, leaf]).all() and (inside.max(axis=0) == leaves.high[:, leaf]).all()


def test_where_numba_can_keep_no_compiled_code_the_search_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_place(*_args: object, cache: bool = False, **_options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function 'search': no locator available for file 'kernels.py'")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", no_place)
    assert kept_on_disk(brute_force) is brute_force


def test_a_full_disk_under_the_compiled_code_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    real = kernels.search

    def full_at_first(*arguments: object) -> None:
        told.append(len(arguments[2]))  # type: ignore[arg-type]
        if len(told) == 1:
            raise OSError(28, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(kernels, "search", full_at_first)
    rows, _ = answers(np.arange(3, dtype=np.float32)[:, None], np.arange(3, dtype=np.int32), 1)
    assert rows[:, 0].tolist() == [1, 0, 1] and told == [0, 3]
