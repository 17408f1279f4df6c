import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.defs.partitions import key_ranges, known_keys, register, video_partitions
from hand100m_assets.sources import DOH

KEYS = [f"v{index:02d}" for index in range(20)]


def test_registering_twice_adds_nothing_and_keeps_the_order() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        partitions = video_partitions(DOH)
        assert register(instance, partitions, ["b", "-a", "b"]) == ["-a", "b"]
        assert register(instance, partitions, ["b", "c"]) == ["c"]
        assert known_keys(instance, partitions) == ["-a", "b", "c"]


@given(
    wanted=st.sets(st.sampled_from(KEYS)),
    free=st.sets(st.sampled_from(KEYS)),
    batch_size=st.integers(1, 8),
    limit=st.integers(0, 20),
)
def test_ranges_cover_what_is_wanted_and_nothing_that_is_not_free(
    wanted: set[str], free: set[str], batch_size: int, limit: int
) -> None:
    ranges = key_ranges(wanted, KEYS, may_span=free, batch_size=batch_size, limit=limit)
    covered = [key for first, last in ranges for key in KEYS[KEYS.index(first) : KEYS.index(last) + 1]]
    assert len(covered) == len(set(covered))
    assert set(covered) & wanted >= set(sorted(wanted)[:limit])
    assert set(covered) <= wanted | free
    assert all(KEYS.index(last) - KEYS.index(first) < batch_size for first, last in ranges)


def test_keys_that_are_not_registered_are_left_out() -> None:
    assert key_ranges(["zz"], KEYS, batch_size=5, limit=5) == []
