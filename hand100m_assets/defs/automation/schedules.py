"""Schedules: a nightly backfill of missing frames, and a renewal of the lists each morning. Both are off at first."""

from collections.abc import Sequence

import dagster as dg

from hand100m_assets.amounts import counted
from hand100m_assets.defs.automation.under_way import unfinished_catalog_runs, videos_under_way
from hand100m_assets.defs.jobs import catalog_job_name, frames_job_name
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, key_ranges, known_keys, video_partitions
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.errors import Hand100mError
from hand100m_assets.settings import Settings
from hand100m_assets.sources import Source
from hand100m_assets.workspace import Outstanding, SourceWorkspace, outstanding_videos


def build_schedules(source: Source, settings: Settings) -> list[dg.ScheduleDefinition]:
    """The nightly and the morning schedule of one source, in the time zone of the settings."""
    zone = settings.schedule_time_zone

    @dg.schedule(
        name=f"{source.name}_nightly_backfill",
        cron_schedule="0 2 * * *",
        execution_timezone=zone,
        job_name=frames_job_name(source),  # the job whose running batches the sensors look for
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"At 02:00, {zone}: asks for missing frames in batches, except of videos that failed for good.",
    )
    def nightly_backfill(
        context: dg.ScheduleEvaluationContext, workspace: Workspace
    ) -> list[dg.RunRequest] | dg.SkipReason:
        place = workspace.source(source)
        registered = known_keys(context.instance, video_partitions(source))
        try:
            outstanding = outstanding_videos(place, registered)
        except Hand100mError as error:
            return dg.SkipReason(str(error))
        under_way = videos_under_way(context.instance, source, registered)
        wanted = [video_id for video_id in outstanding.wanted if video_id not in under_way]
        night = context.scheduled_execution_time.strftime("%Y-%m-%d")
        return _requests(place, wanted, outstanding.done, registered, night) or dg.SkipReason(
            _why_nothing(outstanding, under_way=len(outstanding.wanted))
        )

    @dg.schedule(
        name=f"{source.name}_morning_report",
        cron_schedule="0 6 * * *",
        execution_timezone=zone,
        job_name=catalog_job_name(source),
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"At 06:00, {zone}: renews the frame catalog, the inventory and the missing videos, also if no "
        "sensor noticed a change, such as a new list.",
    )
    def morning_report(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if unfinished_catalog_runs(context.instance, source):
            return dg.SkipReason("the catalog is being renewed")
        return dg.RunRequest()

    return [nightly_backfill, morning_report]


def _requests(
    place: SourceWorkspace, wanted: Sequence[str], done: Sequence[str], registered: list[str], night: str
) -> list[dg.RunRequest]:
    settings = place.settings
    ranges = key_ranges(
        wanted, registered, may_span=done, batch_size=settings.videos_per_run, limit=settings.nightly_videos
    )
    return [
        dg.RunRequest(
            run_key=f"{night}:{first}:{last}",
            job_name=frames_job_name(place.source),
            tags={RANGE_START_TAG: first, RANGE_END_TAG: last},
        )
        for first, last in ranges
    ]


def _why_nothing(outstanding: Outstanding, *, under_way: int) -> str:
    parts = [
        f"{counted(len(outstanding.done), 'video is', 'videos are')} done",
        f"{len(outstanding.failed_for_good)} failed for good",
    ]
    parts += [f"{under_way} asked for already"] if under_way else []
    parts += [f"{len(outstanding.not_here)} missing or incomplete"] if outstanding.not_here else []
    return f"nothing to do: {', '.join(parts)}"
