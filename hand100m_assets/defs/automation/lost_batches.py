"""Requests for batches of videos, which are repeated if their run was lost, cancelled or never started.

A run that recorded a result for each of its videos is not lost, even if videos failed: the nightly backfill asks for
those that may succeed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Final

import dagster as dg

from hand100m_assets.defs.automation import clock
from hand100m_assets.defs.automation.attempts import ABOUT_TAG, ask
from hand100m_assets.defs.jobs import frames_job_name
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from hand100m_assets.sources import Source

_LOOKED_BACK: Final = timedelta(days=2)
"""How far back runs are read; it is longer than the longest pause."""

_told_of_each: dict[str, bool] = {}
"""Run -> whether it recorded a result for each video; this does not change after its end."""


def ask_for_batch(
    instance: dg.DagsterInstance, source: Source, first: str, last: str, seen: str
) -> dg.RunRequest | None:
    """Ask for the frames of all videos from first to last, in order of registration; None if that has to wait.

    Args:
        instance: Where runs are recorded.
        source: Source of the videos.
        first: First video id.
        last: Last video id.
        seen: What made them due; the same text if the same is requested again.
    """
    answer = ask(
        instance,
        frames_job_name(source),
        f"{seen}:{first}:{last}",
        tags={RANGE_START_TAG: first, RANGE_END_TAG: last},
    )
    return answer if isinstance(answer, dg.RunRequest) else None


def lost_batches(instance: dg.DagsterInstance, source: Source) -> Iterator[dg.RunRequest]:
    """Requests for batches that have to be repeated now."""
    since = datetime.fromtimestamp(clock.now_s(), tz=timezone.utc) - _LOOKED_BACK
    failed = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    chosen = dg.RunsFilter(job_name=frames_job_name(source), statuses=failed, updated_after=since)
    newest: dict[str, dg.DagsterRun] = {}
    for run in instance.get_runs(chosen):  # newest first
        if ABOUT_TAG in run.tags:
            newest.setdefault(run.tags[ABOUT_TAG], run)
    for about, run in newest.items():
        if _has_told_of_each(instance, run) or _has_succeeded(instance, source, about):
            continue
        seen, first, last = about.split(":")
        answer = ask_for_batch(instance, source, first, last, seen)
        if answer is not None:
            yield answer


def _has_succeeded(instance: dg.DagsterInstance, source: Source, about: str) -> bool:
    done = [dg.DagsterRunStatus.SUCCESS]
    chosen = dg.RunsFilter(job_name=frames_job_name(source), statuses=done, tags={ABOUT_TAG: about})
    return bool(instance.get_runs(chosen, limit=1))


def _has_told_of_each(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if run.run_id not in _told_of_each:
        failures = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        told = [entry.dagster_event.step_failure_data.user_failure_data for entry in failures if entry.dagster_event]
        _told_of_each[run.run_id] = any(data is not None and "failed" in data.metadata for data in told)
    return _told_of_each[run.run_id]
