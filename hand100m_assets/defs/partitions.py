"""Partitions: one key per video and one per annotation set, both found at run time. A frame is never a partition."""

from collections.abc import Iterable

import dagster as dg

from hand100m_assets.defs.internals import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from hand100m_assets.sources import Source

RANGE_START_TAG, RANGE_END_TAG = ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG
"""Tags of a run over all partitions from one to another, in order of registration."""


def video_partitions(source: Source) -> dg.DynamicPartitionsDefinition:
    """Partitions of a source's videos; the key is the video id."""
    return dg.DynamicPartitionsDefinition(name=f"{source.name}_videos")


def annotation_set_partitions(source: Source) -> dg.DynamicPartitionsDefinition:
    """Partitions of a source's annotation sets; the key is a readable name such as `simhand-50k`."""
    return dg.DynamicPartitionsDefinition(name=f"{source.name}_annotation_sets")


def known_keys(instance: dg.DagsterInstance, partitions: dg.DynamicPartitionsDefinition) -> list[str]:
    """Registered keys, in order of registration."""
    return list(partitions.get_partition_keys(dynamic_partitions_store=instance))


def register(
    instance: dg.DagsterInstance, partitions: dg.DynamicPartitionsDefinition, keys: Iterable[str]
) -> list[str]:
    """Register the keys not yet known, sorted, in one call; return them.

    Sorted, because backfills put only keys into one batch that follow each other in order of registration; one call,
    because a request to the daemon costs one query per key.
    """
    new = sorted(set(keys) - set(known_keys(instance, partitions)))
    if new and partitions.name:
        instance.add_dynamic_partitions(partitions.name, new)
    return new


def key_ranges(
    wanted: Iterable[str], registered: list[str], *, may_span: Iterable[str] = (), batch_size: int, limit: int
) -> list[tuple[str, str]]:
    """Split wanted keys into (first, last) ranges of registered order.

    A range request names its first and last key and includes all keys in between. So a range includes a key that was
    not requested only if it is in `may_span`.

    Args:
        wanted: Keys to request; those not registered are left out.
        registered: All keys in order of registration.
        may_span: Keys that a range may include, because they cost nothing, such as finished videos.
        batch_size: Maximum number of keys per range.
        limit: Maximum number of wanted keys in total.
    """
    position = {key: index for index, key in enumerate(registered)}
    indices = sorted({position[key] for key in wanted if key in position})[:limit]
    free = {position[key] for key in may_span if key in position}
    ranges: list[list[int]] = []
    for index in indices:
        joins = ranges and index - ranges[-1][0] < batch_size and free.issuperset(range(ranges[-1][1] + 1, index))
        if joins:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return [(registered[first], registered[last]) for first, last in ranges]
