"""Bookkeeping against a brute-force model: random group structures, random faults."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.video.decode.timeline import Timeline, Verdict


def stream(groups: list[int], is_open: bool) -> list[tuple[int, bool]]:
    """(pts, is_key) in decoding order: each group I P b P b ..., leading pictures when open."""
    packets: list[tuple[int, bool]] = []
    start = 0
    for number, pairs in enumerate(groups):
        lead = 1 if is_open and number else 0
        packets.append((start + lead, True))
        if lead:
            packets.append((start, False))
        for pair in range(pairs):
            reference = start + lead + 2 * pair + 2
            packets += [(reference, False), (reference - 1, False)]
        start += lead + 1 + 2 * pairs
    return packets


def run(packets: list[tuple[int, bool]], failed: set[int], corrupt: set[int]) -> tuple[dict[int, bool], dict[int, int]]:
    """Play the decoder: frames come out in order of pts, a few packets late, except those of failed packets."""
    timeline = Timeline()
    verdicts: dict[int, bool] = {}
    indices: dict[int, int] = {}
    waiting: list[int] = []

    def show(pts: int) -> None:
        indices[pts] = timeline.add_frame(pts, is_corrupt=pts in corrupt, is_intra=True)
        for verdict in timeline.verdicts():
            assert verdict.frame_index not in verdicts
            verdicts[verdict.frame_index] = verdict.is_whole

    for position, (pts, is_key) in enumerate(packets):
        timeline.add_packet(pts, is_key=is_key, is_discard=False)
        if position in failed:
            timeline.packet_failed()
        else:
            waiting.append(pts)
            waiting.sort()
        if len(waiting) > 2:
            show(waiting.pop(0))
    for pts in waiting:
        show(pts)
    timeline.finish()
    verdicts |= {v.frame_index: v.is_whole for v in timeline.verdicts(is_over=True)}
    assert timeline.distrust is None
    assert timeline.packets_without_frame == 0
    assert list(verdicts) == list(range(timeline.frame_count))
    return verdicts, indices


def spoiled(packets: list[tuple[int, bool]], failed: set[int], corrupt: set[int]) -> set[int]:
    """The rule, written down plainly."""
    bad: set[int] = set()
    is_bad = was_bad = False
    key_pts = 0
    for position, (pts, is_key) in enumerate(packets):
        if is_key:
            was_bad, is_bad, key_pts = is_bad, False, pts
        is_bad = is_bad or position in failed or pts in corrupt
        if is_bad or (was_bad and pts < key_pts):
            bad.add(pts)
    return bad


structures = st.tuples(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.booleans())


@given(structures, st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_faults_spoil_what_is_built_on_them_and_shift_nothing(
    structure: tuple[list[int], bool], failed: set[int], corrupt: set[int]
) -> None:
    packets = stream(*structure)
    verdicts, indices = run(packets, failed, corrupt)
    bad = spoiled(packets, failed, corrupt)
    assert len(verdicts) == len(packets)
    assert all(index == pts for pts, index in indices.items())
    assert {index for index, is_whole in verdicts.items() if not is_whole} == bad


def test_packets_without_a_frame_are_not_counted_when_nothing_is_wrong() -> None:
    timeline = Timeline()
    for pts, is_key in ((2, True), (0, False), (1, False), (3, False)):
        timeline.add_packet(pts, is_key=is_key, is_discard=False)
    # Leading pictures of a stream cut at an open group: the decoder skips them, and OpenCV never counts them.
    assert [timeline.add_frame(pts, is_corrupt=False, is_intra=True) for pts in (2, 3)] == [0, 1]
    timeline.finish()
    assert timeline.packets_without_frame == 2
    assert [v.is_whole for v in timeline.verdicts(is_over=True)] == [True, True]


def test_hidden_packets_have_no_index() -> None:
    timeline = Timeline()
    for pts in range(4):
        timeline.add_packet(pts, is_key=pts == 0, is_discard=pts < 2)
    assert [timeline.add_frame(pts, is_corrupt=False, is_intra=True) for pts in (2, 3)] == [0, 1]


def test_a_key_frame_of_predicted_pictures_does_not_heal() -> None:
    timeline = Timeline()
    for pts in range(4):
        timeline.add_packet(pts, is_key=pts in (0, 2), is_discard=False)
        if pts == 1:
            timeline.packet_failed()
        else:
            timeline.add_frame(pts, is_corrupt=False, is_intra=pts != 2)
    timeline.finish()
    assert [v.is_whole for v in timeline.verdicts(is_over=True)] == [True, False, False, False]


def test_without_timestamps_frames_are_counted_and_nothing_is_vouched_for_after_a_fault() -> None:
    timeline = Timeline()
    for number in range(100):
        timeline.add_packet(None, is_key=number == 0, is_discard=False)
        assert timeline.add_frame(None, is_corrupt=number == 60, is_intra=True) == number
    early = timeline.verdicts()
    timeline.finish()
    late = timeline.verdicts(is_over=True)
    assert timeline.distrust is not None
    assert not any(v.is_whole for v in (*early, *late) if v.frame_index >= 60)


def test_repeated_timestamps_are_not_trusted() -> None:
    timeline = Timeline()
    for pts in (0, 1, 1, 2):
        timeline.add_packet(pts, is_key=pts == 0, is_discard=False)
    assert [timeline.add_frame(pts, is_corrupt=False, is_intra=True) for pts in (0, 1, 1, 2)] == [0, 1, 2, 3]
    assert timeline.distrust == "two packets have the same timestamp"


def test_promised_packets_that_never_came_are_damaged_indices() -> None:
    timeline = Timeline()
    timeline.add_packet(0, is_key=True, is_discard=False)
    timeline.add_frame(0, is_corrupt=False, is_intra=True)
    timeline.finish(packets_missing=2)
    assert [(v.frame_index, v.is_whole) for v in timeline.verdicts(is_over=True)] == [(0, True), (1, False), (2, False)]


def shown(timeline: Timeline, pts: int) -> int:
    return timeline.add_frame(pts, is_corrupt=False, is_intra=True)


def test_a_packet_without_a_frame_keeps_its_index_where_each_has_one() -> None:
    timeline = Timeline(is_one_frame_each=True)
    for pts in range(5):
        timeline.add_packet(pts, is_key=pts in (0, 3), is_discard=False)
        if pts != 1:
            assert shown(timeline, pts) == pts
    timeline.finish()
    assert [v.is_whole for v in timeline.verdicts(is_over=True)] == [True, False, False, True, True]


def test_an_empty_packet_and_damage_together_end_the_numbering() -> None:
    # One of the two alone says nothing of how many frames there were.
    for empty, broken, expected in ((1, 4, [0, 1]), (7, 1, [0, 6])):
        timeline = Timeline()
        verdicts = []
        for pts in range(9):
            timeline.add_packet(pts, is_key=pts in (0, 6), is_discard=False)
            if pts == broken:
                timeline.packet_failed()
            elif pts != empty:
                shown(timeline, pts)
            verdicts += timeline.verdicts()
        timeline.finish()
        verdicts += timeline.verdicts(is_over=True)
        assert [v.frame_index for v in verdicts if v.is_whole] == expected


def test_what_broke_a_packet_may_have_begun_in_the_one_before() -> None:
    timeline = Timeline()
    whole = []
    for pts in range(6):
        timeline.add_packet(pts, is_key=pts in (0, 3), is_discard=False)
        if pts == 3:
            timeline.packet_failed(reaches_back=True)
        else:
            shown(timeline, pts)
        whole += timeline.verdicts()
    timeline.finish()
    whole += timeline.verdicts(is_over=True)
    assert [v.is_whole for v in whole] == [True, True, False, False, False, False]


def test_a_key_frame_that_clears_no_memory_heals_only_when_damage_is_long_past() -> None:
    timeline = Timeline()
    for pts in range(90):
        timeline.add_packet(pts, is_key=pts % 10 == 0, is_discard=False, is_restart=False)
        if pts == 5:
            timeline.packet_failed()
        else:
            shown(timeline, pts)
    timeline.finish()
    assert [v.frame_index for v in timeline.verdicts(is_over=True) if not v.is_whole] == list(range(5, 70))


def test_packets_without_a_frame_at_a_damaged_start_end_the_numbering() -> None:
    timeline = Timeline(is_one_frame_each=True)
    for pts in range(9):
        timeline.add_packet(pts, is_key=pts in (0, 3, 6), is_discard=False)
        if pts == 0:
            timeline.packet_failed()
        elif pts > 4:
            shown(timeline, pts)
    timeline.finish()
    assert not any(v.is_whole for v in timeline.verdicts(is_over=True))


def run_in_decoding_order(
    packets: list[tuple[int, bool]], passed_over: set[int] = frozenset(), right_until: int = 0
) -> tuple[Timeline, list[Verdict]]:
    """As `run`, but from a packet on the timestamps tell when it is decoded; some packets give no frame."""
    timeline = Timeline(is_one_frame_each=True)
    verdicts: list[Verdict] = []
    waiting: list[tuple[int, int]] = []
    for position, (order, is_key) in enumerate(packets):
        pts = order if position < right_until else position
        timeline.add_packet(pts, is_key=is_key, is_discard=False)
        if position not in passed_over:
            waiting.append((order, pts))
        waiting.sort()
        if len(waiting) > 2:
            timeline.add_frame(waiting.pop(0)[1], is_corrupt=False, is_intra=True)
            verdicts += timeline.verdicts()
    for _, pts in waiting:
        timeline.add_frame(pts, is_corrupt=False, is_intra=True)
    timeline.finish()
    verdicts += timeline.verdicts(is_over=True)
    assert [v.frame_index for v in verdicts] == list(range(timeline.frame_count))
    return timeline, verdicts


@given(structures, st.integers(0, 60))
def test_timestamps_in_decoding_order_lead_to_counting_and_to_no_damage(
    structure: tuple[list[int], bool], right_until: int
) -> None:
    packets = stream(*structure)
    timeline, verdicts = run_in_decoding_order(packets, right_until=right_until)
    assert [v.frame_number for v in verdicts] == list(range(len(packets)))
    assert all(v.is_whole for v in verdicts)
    assert timeline.packets_passed_over == 0


@given(st.lists(st.integers(0, 5), max_size=6), st.integers(0, 60), st.booleans())
def test_no_frame_behind_one_that_never_came_is_vouched_for_under_a_wrong_number(
    groups: list[int], lost: int, is_in_order: bool
) -> None:
    packets = stream([4, *groups], is_open=False)  # the first group shows whether the timestamps are right
    lost = 7 + lost % (len(packets) - 7)
    timeline, verdicts = run_in_decoding_order(packets, {lost}, right_until=999 if is_in_order else 0)
    shown = sorted(order for position, (order, _) in enumerate(packets) if position != lost)
    assert (timeline.distrust is None) is is_in_order
    for verdict in verdicts:
        if verdict.is_whole:
            assert verdict.frame_number is not None
            assert shown[verdict.frame_number] == verdict.frame_index
