from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.video.codec.bitstream import UnsafeStreamError
from hand100m_assets.video.codec.presentation import MAX_LOOK_AHEAD_PACKETS, PresentationOrder


class Packet(NamedTuple):
    pts: int | None
    dts: int | None
    is_discard: bool = False


def placed(packets: list[Packet], first_index: int = 0):
    order = PresentationOrder(first_index)
    given_back = [(place.packet, place.frame_index) for packet in packets for place in order.add(packet)]
    given_back += [(place.packet, place.frame_index) for place in order.finish()]
    return given_back, order


@st.composite
def streams(draw: st.DrawFn) -> list[Packet]:
    """Pictures shown at increasing times, decoded in groups whose last one comes first, as B-frames have it."""
    gaps = draw(st.lists(st.integers(1, 5), min_size=1, max_size=60))
    times = [sum(gaps[: i + 1]) * 10 for i in range(len(gaps))]
    decoded: list[int] = []
    while len(decoded) < len(times):
        group = times[len(decoded) : len(decoded) + draw(st.integers(1, 5))]
        decoded += [group[-1], *draw(st.permutations(group[:-1]))]
    # Any rising decoding timestamps will do that no later packet is presented before.
    shift = draw(st.integers(0, 40))
    dts = [min(decoded[i:]) - (len(decoded) - i) - shift for i in range(len(decoded))]
    hidden = draw(st.lists(st.booleans(), min_size=len(decoded), max_size=len(decoded)))
    return [Packet(*packet) for packet in zip(decoded, dts, hidden, strict=True)]


@given(streams())
def test_an_index_is_the_number_of_shown_packets_before(packets: list[Packet]) -> None:
    shown = sorted(p.pts for p in packets if not p.is_discard)
    given_back, order = placed(packets)
    assert [packet for packet, _ in given_back] == packets
    for packet, index in given_back:
        assert index == (None if packet.is_discard else shown.index(packet.pts))
    assert order.shown_count == len(shown)
    assert not order.owes_packets


def test_an_index_is_given_as_soon_as_it_is_certain() -> None:
    order: PresentationOrder[Packet] = PresentationOrder()
    waits = [len(list(order.add(p))) for p in (Packet(0, -2), Packet(3, -1), Packet(1, 0), Packet(2, 1), Packet(6, 2))]
    assert waits == [0, 0, 0, 1, 0]
    assert order.shown_count == 2
    assert order.owes_packets
    assert [place.frame_index for place in order.finish()] == [3, 1, 2, 4]


def test_counting_can_begin_anywhere() -> None:
    given_back, order = placed([Packet(7, 7), Packet(8, 8)], first_index=100)
    assert [index for _, index in given_back] == [100, 101]
    assert order.shown_count == 102


def test_the_depth_of_reordering_is_measured() -> None:
    assert placed([Packet(i, i) for i in range(9)])[1].reorder_depth == 0
    assert placed([Packet(0, -2), Packet(8, -1), Packet(4, 0), Packet(2, 1), Packet(6, 2)])[1].reorder_depth == 2


def test_timestamps_that_matroska_cannot_deduce_are_awaited() -> None:
    given_back, _ = placed([Packet(0, None), Packet(3, None), Packet(1, 0), Packet(2, 1)])
    assert [index for _, index in given_back] == [0, 3, 1, 2]


@pytest.mark.parametrize(
    ("packets", "reason"),
    [
        ([Packet(None, 0)], "without timestamps"),
        ([Packet(0, 0), Packet(1, None)], "without timestamps"),
        ([Packet(0, 0), Packet(1, 0)], "do not increase"),
        ([Packet(0, 1)], "presented before it is decoded"),
        ([Packet(5, 0), Packet(5, 1)], "same timestamp"),
        ([Packet(0, -9), Packet(4, -8), Packet(9, 5), Packet(9, 6)], "same timestamp"),
        ([Packet(0, -2), Packet(5, 1), Packet(0, 0)], "do not increase"),
        ([Packet(4, None), Packet(9, 5), Packet(4, None)], "without timestamps"),
        ([Packet(MAX_LOOK_AHEAD_PACKETS * 2 + i, i) for i in range(MAX_LOOK_AHEAD_PACKETS + 1)], "far behind"),
    ],
)
def test_timestamps_that_prove_nothing_are_refused(packets: list[Packet], reason: str) -> None:
    with pytest.raises(UnsafeStreamError, match=reason):
        placed(packets)
