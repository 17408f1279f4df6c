"""Videos that queued or running runs are going to extract, whoever asked for them: sensor, schedule or a person."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from hand100m_assets.defs.jobs import asset_keys, frames_job_name
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from hand100m_assets.layout import Source


def unfinished_frames_runs(instance: dg.DagsterInstance, source: Source) -> list[dg.DagsterRun]:
    """Runs that extract frames of this source and have not ended; those of a backfill in the UI have another job."""
    (frames,) = asset_keys(source, "frames")
    unfinished = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
    return [
        run for run in unfinished if run.job_name == frames_job_name(source) or frames in (run.asset_selection or ())
    ]


def videos_under_way(instance: dg.DagsterInstance, source: Source, registered: Sequence[str]) -> set[str]:
    """Videos among these, in order of registration, that such a run covers."""
    position = {video_id: index for index, video_id in enumerate(registered)}
    covered: set[str] = set()
    for run in unfinished_frames_runs(instance, source):
        alone = run.tags.get(PARTITION_NAME_TAG, "")
        first = position.get(run.tags.get(RANGE_START_TAG, alone))
        last = position.get(run.tags.get(RANGE_END_TAG, alone))
        if first is not None and last is not None:
            covered.update(registered[first : last + 1])
    return covered
