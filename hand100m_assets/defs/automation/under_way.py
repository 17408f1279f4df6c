"""Finds what queued and running runs will make, whether a sensor, a schedule or a person requested them."""

from collections.abc import Sequence

import dagster as dg

from hand100m_assets.defs.internals import NOT_FINISHED_STATUSES, PARTITION_NAME_TAG
from hand100m_assets.defs.jobs import (
    annotations_job_name,
    catalog_job_name,
    checks_job_name,
    frames_job_name,
    pictures_job_name,
)
from hand100m_assets.defs.keys import asset_keys
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from hand100m_assets.sources import Source


def _unfinished(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))


def unfinished_frames_runs(instance: dg.DagsterInstance, source: Source) -> list[dg.DagsterRun]:
    """Runs that extract frames of this source and have not ended; those of a backfill in the UI have another job."""
    (frames,) = asset_keys(source, "frames")
    return [
        run
        for run in _unfinished(instance)
        if run.job_name == frames_job_name(source) or frames in (run.asset_selection or ())
    ]


def unfinished_catalog_runs(instance: dg.DagsterInstance, source: Source) -> list[dg.DagsterRun]:
    """Runs that renew the catalog of this source and have not ended."""
    return [run for run in _unfinished(instance) if run.job_name == catalog_job_name(source)]


def unfinished_other_runs(instance: dg.DagsterInstance, source: Source) -> list[dg.DagsterRun]:
    """Runs of this source that make or check anything except frames, and have not ended."""
    names = (annotations_job_name, catalog_job_name, pictures_job_name, checks_job_name)
    jobs = {name(source) for name in names}
    frames = asset_keys(source, "frames")
    return [
        run
        for run in _unfinished(instance)
        if run.job_name in jobs
        or any(key.path[0] == source.name and key not in frames for key in run.asset_selection or ())
    ]


def videos_under_way(instance: dg.DagsterInstance, source: Source, registered: Sequence[str]) -> set[str]:
    """The videos, of those registered in this order, that such a run includes."""
    position = {video_id: index for index, video_id in enumerate(registered)}
    covered: set[str] = set()
    for run in unfinished_frames_runs(instance, source):
        alone = run.tags.get(PARTITION_NAME_TAG, "")
        first = position.get(run.tags.get(RANGE_START_TAG, alone))
        last = position.get(run.tags.get(RANGE_END_TAG, alone))
        if first is not None and last is not None:
            covered.update(registered[first : last + 1])
    return covered
