"""Signs of lost packets, on packets that are made up."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

from hand100m_assets.video.losses import AviWatch, Pace


def leaps(dts: list[int | None]) -> list[int]:
    """Places in the list before which something is said to be missing."""
    pace = Pace()
    return [n for n, value in enumerate(dts) if pace.leaps_to(value)]


def test_a_leap_after_a_steady_pace_is_a_loss() -> None:
    steady = [3003 * n for n in range(20)]
    assert leaps(steady) == []
    assert leaps([*steady, 3003 * 20, 3003 * 22, 3003 * 23, 3003 * 26]) == [21, 23]


def test_times_that_are_rounded_to_milliseconds_do_not_leap() -> None:
    times = [90 * round(1000 * n / 30) for n in range(100)]
    assert {b - a for a, b in pairwise(times)} == {2970, 3060}
    assert leaps(times) == []


def test_a_stream_of_varying_pace_is_taken_as_it_is() -> None:
    assert leaps([3000 * n for n in range(100) if n % 7 not in (3, 5)]) == []
    assert leaps([None] * 30) == []


def indexed(*places: int) -> SimpleNamespace:
    return SimpleNamespace(index_entries=[SimpleNamespace(pos=place, size=100) for place in places])


def losses(watch: AviWatch, places: list[int]) -> list[int]:
    return [place for place in places if watch.loss_before(SimpleNamespace(pos=place + 8))]


def test_a_packet_that_is_not_where_the_index_of_an_avi_says_comes_after_lost_ones() -> None:
    stream = indexed(0, 200, 400, 600, 800)
    assert losses(AviWatch(stream), [0, 200, 400, 600, 800, 1000]) == []
    assert losses(AviWatch(stream), [0, 200, 600, 800]) == [600], "from there on all are out of step"


def test_an_index_that_does_not_name_the_first_packet_of_an_avi_is_not_understood() -> None:
    assert losses(AviWatch(indexed(4, 204, 404)), [0, 200, 600]) == []
    assert losses(AviWatch(SimpleNamespace(index_entries=[])), [0, 200]) == []
