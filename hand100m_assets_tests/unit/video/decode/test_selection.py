from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.video.decode.selection import (
    FrameSetSelection,
    Selection,
    StrideSelection,
    UnionSelection,
    from_description,
    parse_frame_list,
    to_ranges,
    widen_description,
)

strides = st.builds(StrideSelection, st.integers(1, 50))
frame_sets = st.builds(FrameSetSelection, st.lists(st.integers(0, 300), max_size=40))
simple = strides | frame_sets
selections = simple | st.builds(lambda a, b: UnionSelection((a, b)), simple, simple)


@given(selections, st.integers(0, 320))
def test_expected_are_exactly_the_wanted_frames_of_the_video(selection: Selection, frame_count: int) -> None:
    assert selection.expected(frame_count) == [i for i in range(frame_count) if selection.wants(i)]


@given(selections)
def test_nothing_after_the_last_wanted_frame_is_wanted(selection: Selection) -> None:
    last = selection.last_wanted
    if last is None:
        assert selection.expected(10_000)[-1] > 9_000
    else:
        assert not any(selection.wants(i) for i in range(last + 1, last + 400))
        assert last == -1 or selection.wants(last)


@given(selections, st.sets(st.integers(0, 300)), st.integers(0, 300))
def test_missing_and_done_make_up_what_is_expected(selection: Selection, done: set[int], frame_count: int) -> None:
    missing = selection.missing_from(done, frame_count)
    assert missing == sorted(set(selection.expected(frame_count)) - done)
    assert selection.missing_from(list(done), frame_count) == missing


@given(selections)
def test_a_description_survives_json_and_rebuilds_the_selection(selection: Selection) -> None:
    rebuilt = from_description(json.loads(json.dumps(selection.describe())))
    assert rebuilt == selection
    assert rebuilt.describe() == selection.describe()


@given(st.integers(0, 10**7), st.integers(1, 1000))
def test_a_stride_takes_one_frame_more_than_the_list_of_ego4d_claims(frame_count: int, stride: int) -> None:
    if frame_count < 10_000:
        assert len(StrideSelection(stride).expected(frame_count)) == math.ceil(frame_count / stride)


def test_a_big_scattered_set_is_described_by_count_and_digest_only() -> None:
    big = FrameSetSelection(range(0, 40_000, 2))
    assert set(big.describe()) == {"kind", "count", "digest"}
    assert big.describe() != FrameSetSelection(range(2, 40_002, 2)).describe()
    with pytest.raises(ValueError, match="no selection can be rebuilt"):
        from_description(big.describe())


def test_order_and_repetition_do_not_matter() -> None:
    assert FrameSetSelection([3, 1, 1]) == FrameSetSelection.of((1, 3))
    assert hash(FrameSetSelection([3, 1])) == hash(FrameSetSelection([1, 3]))


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 20)), min_size=1, max_size=10))
def test_a_frame_list_as_typed_gives_its_numbers_and_ranges(parts: list[tuple[int, int]]) -> None:
    text = ", ".join(str(a) if not n else f"{a}-{a + n}" for a, n in parts)
    wanted = {i for a, n in parts for i in range(a, a + n + 1)}
    assert parse_frame_list(text).indices == tuple(sorted(wanted))


@pytest.mark.parametrize(
    "text", ["", "1,,2", "a", "-5", "5-", "9-3", "1.5", "0x10", "1 2", "²", "0-99999999", "9" * 30]
)
def test_a_malformed_frame_list_is_refused_by_a_message_naming_the_part(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither|backwards|beyond|too long"):
        parse_frame_list(text)


@given(st.text(max_size=12))
def test_a_frame_list_is_read_or_refused_and_never_anything_else(text: str) -> None:
    try:
        indices = parse_frame_list(text).indices
    except ValueError:
        return
    assert indices
    assert all(i >= 0 for i in indices)


@pytest.mark.parametrize("make", [lambda: StrideSelection(0), lambda: FrameSetSelection([-1])])
def test_impossible_selections_are_refused(make) -> None:
    with pytest.raises(ValueError, match="not"):
        make()


@given(st.sets(st.integers(0, 60)))
def test_ranges_hold_the_same_numbers(indices: set[int]) -> None:
    ranges = to_ranges(sorted(indices))
    assert {i for a, b in ranges for i in range(a, b + 1)} == indices
    assert all(b + 1 < c for (_, b), (c, _) in itertools.pairwise(ranges))


def test_widening_names_every_part_once() -> None:
    a, b, c = ({"kind": "stride", "stride": n} for n in (30, 15, 7))
    assert widen_description(a, a) == a
    assert widen_description(widen_description(a, b), c) == {"kind": "union", "of": [a, b, c]}
    assert widen_description(widen_description(a, b), a) == {"kind": "union", "of": [a, b]}
