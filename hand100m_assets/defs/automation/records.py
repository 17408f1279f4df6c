"""Reads what Dagster has recorded of assets: their data versions, and their inputs.

Versions are digests of content (`provenance.version_of`), so the same result made again is not a change.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import dagster as dg

from hand100m_assets.defs.internals import (
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    database_id,
    get_input_data_version_tag,
    latest_storage_ids,
)

_CACHE_LIMIT: Final = 20_000
_PAGE: Final = 20


_ABSENT: Final = (DEFAULT_DATA_VERSION.value, sha256(b"").hexdigest())
"""The values that Dagster records for an input that was never made, or whose partition was never made."""


@dataclass(frozen=True)
class Record:
    """The latest materialization of one asset, or of one partition of it.

    A materialization that a person reported in the UI has neither a version nor inputs. So the version of the last run
    still counts, and the report is believed for everything that existed before it (`vouches_for`).

    Attributes:
        storage_id: Storage id of the latest materialization.
        run_id: Its run.
        at_s: When it was recorded, in seconds since 1970.
        tags: Tags of the latest one that a run made; none when no run made one.
        made_id: Storage id of that one; of the report if no run made one.
    """

    storage_id: int
    run_id: str
    at_s: float
    tags: Mapping[str, str]
    made_id: int

    @property
    def version(self) -> str:
        """Data version."""
        return self.tags.get(DATA_VERSION_TAG, "")

    def made_of(self, key: dg.AssetKey) -> str | None:
        """Version of the input, as `as_input` gives it; None if the input did not exist."""
        version = self.tags.get(get_input_data_version_tag(key))
        return None if version in _ABSENT else version

    @property
    def is_reported(self) -> bool:
        """Whether a person reported it, and no run has made it since."""
        return not self.version or self.made_id != self.storage_id

    def vouches_for(self, other: "Record | None") -> bool:
        """Whether a person reported it after the other one was last made by a run."""
        return self.is_reported and (other is None or other.made_id < self.storage_id)

    def was_read_by(self, made: "Record", key: dg.AssetKey) -> bool:
        """Whether another one was made from this one when only a person's report existed, which has no version."""
        return self.is_reported and made.made_id > self.storage_id and made.made_of(key) is None

    def shows(self, key: dg.AssetKey, version: str | None) -> bool:
        """Whether it was made with this version of another source's tables, which are not its inputs in Dagster."""
        return self.tags.get(_beside_name(key)) == beside_tag(key, version).get(_beside_name(key))


def beside_tag(key: dg.AssetKey, version: str | None) -> dict[str, str]:
    """A tag with this version; Dagster allows at most 63 characters."""
    return {} if version is None else {_beside_name(key): version[:32]}


def _beside_name(key: dg.AssetKey) -> str:
    return f"hand100m/beside_{'_'.join(key.path)}"


def as_input(record: Record, *, partitioned: bool) -> str:
    """Version of an input as Dagster records it; for an asset with partitions, a digest of the read ones."""
    return sha256(record.version.encode()).hexdigest() if partitioned else record.version


Records = Mapping[tuple[dg.AssetKey, str | None], Record]

_cache: dict[tuple[str, int], Record] = {}


def latest_records(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey], partitions: Collection[str], *, whole: Collection[str]
) -> Records:
    """The latest record of each asset, by partition.

    Args:
        instance: Where they are recorded.
        keys: The assets.
        partitions: The wanted partitions.
        whole: Short names of the assets without partitions; their partition is None.
    """
    found: dict[tuple[dg.AssetKey, str | None], Record] = {}
    for key in keys:
        if key.path[-1] in whole:
            for last in instance.fetch_materializations(key, limit=1).records:
                found[key, None] = _as_record(instance, key, last)
            continue
        latest = latest_storage_ids(instance, key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        wanted = {partition: number for partition, number in latest.items() if partition in partitions}
        records = _read(instance, key, wanted.values())
        found |= {(key, partition): records[number] for partition, number in wanted.items() if number in records}
    return found


def _read(instance: dg.DagsterInstance, key: dg.AssetKey, numbers: Collection[int]) -> dict[int, Record]:
    """Read each record once per process: records never change, and an event contains pictures of tens of kilobytes."""
    database = database_id(instance)
    if len(_cache) > _CACHE_LIMIT:
        _cache.clear()
    unread = [number for number in numbers if (database, number) not in _cache]
    if unread:
        chosen = dg.AssetRecordsFilter(key, storage_ids=unread)
        for each in instance.fetch_materializations(chosen, limit=len(unread)).records:
            _cache[database, each.storage_id] = _as_record(instance, key, each)
    return {number: _cache[database, number] for number in numbers if (database, number) in _cache}


def _as_record(instance: dg.DagsterInstance, key: dg.AssetKey, event: dg.EventLogRecord) -> Record:
    made: dg.EventLogRecord | None = event
    if not _tags(event).get(DATA_VERSION_TAG):
        made = _last_made(instance, key, event)
    tags, made_id = ({}, event.storage_id) if made is None else (_tags(made), made.storage_id)
    return Record(event.storage_id, event.run_id, event.timestamp, tags, made_id)


def _last_made(instance: dg.DagsterInstance, key: dg.AssetKey, report: dg.EventLogRecord) -> dg.EventLogRecord | None:
    """The latest materialization by a run, which always has a version, before one that a person reported."""
    partition = report.partition_key
    chosen = dg.AssetRecordsFilter(
        key, asset_partitions=None if partition is None else [partition], before_storage_id=report.storage_id
    )
    cursor = None
    while True:
        page = instance.fetch_materializations(chosen, limit=_PAGE, cursor=cursor)
        made = next((each for each in page.records if _tags(each).get(DATA_VERSION_TAG)), None)
        if made is not None or not page.has_more:
            return made
        cursor = page.cursor


def _tags(event: dg.EventLogRecord) -> Mapping[str, str]:
    made = event.asset_materialization
    return dict(made.tags or {}) if made else {}
