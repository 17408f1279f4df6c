"""Finds changes of videos and frames since the catalog was renewed."""

from typing import Final

import dagster as dg

from hand100m_assets.defs.automation import clock
from hand100m_assets.defs.automation.under_way import unfinished_frames_runs
from hand100m_assets.defs.keys import asset_keys
from hand100m_assets.sources import Source

FIRST_CATALOG_AFTER_S: Final = 600.0
"""A first extraction may take days; the list of missing videos does not wait for its end."""

_PAGE: Final = 100


def newest_change(instance: dg.DagsterInstance, source: Source) -> int | None:
    """Number of the newest event that the catalog does not include; None if it includes all.

    Existing frames that are recorded again do not count as a change.
    """
    since_s = _catalog_began_at_s(instance, source)
    videos, frames = asset_keys(source, "videos", "frames")
    newest = [_newest_made(instance, frames, since_s)]
    for fetch, key in (
        (instance.fetch_materializations, videos),
        (instance.fetch_observations, videos),
        (instance.fetch_observations, frames),
    ):
        records = fetch(dg.AssetRecordsFilter(key, after_timestamp=since_s), limit=1).records
        newest += [record.storage_id for record in records]
    return max((number for number in newest if number is not None), default=None)


def waits_too_long(instance: dg.DagsterInstance, source: Source) -> bool:
    """Whether there is no catalog yet although batches have been running for a while."""
    if _catalog_began_at_s(instance, source):
        return False
    records = instance.get_run_records(
        dg.RunsFilter(run_ids=[run.run_id for run in unfinished_frames_runs(instance, source)])
    )
    oldest_s = min((record.create_timestamp.timestamp() for record in records), default=clock.now_s())
    return clock.now_s() - oldest_s > FIRST_CATALOG_AFTER_S


def _catalog_began_at_s(instance: dg.DagsterInstance, source: Source) -> float:
    """Start of the run that made the oldest part of the catalog: the part may not include later changes.

    0 if a part does not exist.
    """
    parts = asset_keys(source, "inventory", "missing_videos", "frame_catalog")
    return min(_began_at_s(instance, part) for part in parts)


def _began_at_s(instance: dg.DagsterInstance, key: dg.AssetKey) -> float:
    for made in instance.fetch_materializations(key, limit=1).records:
        run = instance.get_run_record_by_id(made.run_id) if made.run_id else None
        return float((run.start_time if run else None) or made.timestamp)
    return 0.0


def _newest_made(instance: dg.DagsterInstance, frames: dg.AssetKey, since_s: float) -> int | None:
    cursor = None
    while True:
        page = instance.fetch_materializations(
            dg.AssetRecordsFilter(frames, after_timestamp=since_s), limit=_PAGE, cursor=cursor
        )
        for record in page.records:
            made = record.asset_materialization
            reused = made.metadata.get("reused") if made else None
            if reused is None or not reused.value:
                return record.storage_id
        if not page.has_more:
            return None
        cursor = page.cursor
