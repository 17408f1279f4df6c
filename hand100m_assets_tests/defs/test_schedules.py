"""The nightly backfill: what is missing and has not failed for good, in capped batches."""

from __future__ import annotations

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from hand100m_assets.definitions import build_defs
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.errors import SettingsError
from hand100m_assets.files import FileStamp
from hand100m_assets.settings import Settings, load_settings
from hand100m_assets.video.frames.job import extract_one
from hand100m_assets_tests.defs.conftest import TinyWorkspace, hand, image

IDS = [letter * 11 for letter in "abcdef"]
NIGHT = dt.datetime(2024, 5, 17, 2, 0, tzinfo=dt.timezone.utc)


def ask(
    tiny: TinyWorkspace, night: dt.datetime = NIGHT, name: str = "100doh_nightly_backfill"
) -> dg.ScheduleExecutionData:
    repository = tiny.defs.get_repository_def()
    (schedule,) = [s for s in repository.schedule_defs if s.name == name]
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.build_schedule_context(
            scheduled_execution_time=night,
            repository_def=repository,
            resources={"workspace": Workspace.of(tiny.settings)},
        ) as context,
    ):
        # The context gives out persistent instances only, which take a second each to make.
        patch.setattr(dg.ScheduleEvaluationContext, "instance", tiny.instance)
        return schedule.evaluate_tick(context)


def ranges(tiny: TinyWorkspace) -> list[tuple[str, str]]:
    requests = ask(tiny).run_requests
    assert {r.job_name for r in requests} <= {"100doh_frames"}
    keys = [r.run_key for r in requests]
    assert all(keys) and len(set(keys)) == len(keys)
    # Every letter stands for a video.
    return [(r.tags[RANGE_START_TAG][0], r.tags[RANGE_END_TAG][0]) for r in requests]


def extract(tiny: TinyWorkspace, *video_ids: str) -> None:
    for job in tiny.place.extraction_jobs(video_ids):
        extract_one(job)


@pytest.fixture
def six(tiny: TinyWorkspace) -> TinyWorkspace:
    """Six registered videos, `c` a web page, none extracted."""
    for video_id in IDS:
        tiny.add_video(video_id, "text" if video_id[0] == "c" else "keyint30_no_b")
    tiny.register(*IDS)
    return tiny


def test_what_is_missing_is_asked_for_in_batches(six: TinyWorkspace) -> None:
    assert ranges(six) == [("a", "f")]
    assert ranges(six.reconfigured(videos_per_run=4)) == [("a", "d"), ("e", "f")]


def test_one_night_asks_for_no_more_than_its_share(six: TinyWorkspace) -> None:
    assert ranges(six.reconfigured(videos_per_run=2, nightly_videos=3)) == [("a", "b"), ("c", "c")]


def test_a_range_takes_finished_videos_along_but_never_one_that_failed_for_good(six: TinyWorkspace) -> None:
    extract(six, IDS[1], IDS[2], IDS[4])
    assert ranges(six) == [("a", "a"), ("d", "f")]


def test_a_requested_range_is_worked_off_and_the_next_night_is_quiet(six: TinyWorkspace) -> None:
    (request,) = ask(six).run_requests
    six.execute(request.job_name, tags=dict(request.tags))
    assert six.status("frames") == {v: "FAILED" if v[0] == "c" else "MATERIALIZED" for v in IDS}
    assert ask(six).skip_message == "nothing to do: 5 videos are done, 1 failed for good"


def test_the_schedule_runs_the_job_whose_batches_the_sensors_look_for(six: TinyWorkspace) -> None:
    schedules = {s.name: s.job_name for s in six.defs.get_repository_def().schedule_defs}
    nightly = {name: job for name, job in schedules.items() if name.endswith("_nightly_backfill")}
    assert nightly == {f"{name}_nightly_backfill": f"{name}_frames" for name in ("ego4d", "100doh")}


def test_a_video_that_failed_for_good_is_asked_for_again_when_its_file_changes(six: TinyWorkspace) -> None:
    extract(six, *IDS)
    assert ranges(six) == []
    six.add_video(IDS[2])
    assert ranges(six) == [("c", "c")]


def test_a_finished_video_is_asked_for_again_when_its_file_or_the_stride_changes(six: TinyWorkspace) -> None:
    extract(six, *IDS)
    six.add_video(IDS[0], "defaults")
    assert ranges(six) == [("a", "a")]
    assert ranges(six.reconfigured(frame_stride=7)) == [("a", "b"), ("d", "f")]


def test_two_nights_have_different_run_keys_and_one_night_the_same(six: TinyWorkspace) -> None:
    nights = [NIGHT, NIGHT, NIGHT + dt.timedelta(days=1)]
    keys = [{request.run_key for request in ask(six, night).run_requests} for night in nights]
    assert keys[0] == keys[1]
    assert keys[0].isdisjoint(keys[2])


def test_a_passing_failure_is_tried_again(six: TinyWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    times_ns = itertools.count()
    monkeypatch.setattr(
        "hand100m_assets.video.frames.extract.stamp_video",
        lambda path: FileStamp.of(path)._replace(mtime_ns=next(times_ns)),
    )
    extract(six, IDS[0])  # the file seemed to change while it was read
    monkeypatch.undo()
    extract(six, *IDS[1:])
    assert ranges(six) == [("a", "a")]


def test_with_nothing_registered_there_is_nothing_to_do(tiny: TinyWorkspace) -> None:
    assert "nothing to do: 0 videos are done" in (ask(tiny).skip_message or "")


def test_a_setting_that_names_no_set_skips_the_night_with_a_reason(six: TinyWorkspace) -> None:
    chosen = six.reconfigured(frame_selection="annotated", annotated_sets=["topk-1m"])
    assert "HAND100M_ANNOTATED_SETS: no tables yet" in (ask(chosen).skip_message or "")


def test_a_new_annotation_set_makes_videos_wanted_again(six: TinyWorkspace) -> None:
    chosen = six.reconfigured(frame_selection="annotated")
    chosen.add_annotations([hand(1, 1, None)], [image(IDS[0], 30, 1)])
    chosen.notice()
    assert chosen.ingest().success
    extract(chosen, *IDS)
    assert ranges(chosen) == []
    chosen.add_annotations([hand(1, 1, None)], [image(IDS[3], 60, 1)], "Hand100M_100DOH_100k_v1-1.json")
    chosen.notice()
    assert chosen.ingest("simhand-100k").success
    assert ranges(chosen) == [("d", "d")]


def a_run(tiny: TinyWorkspace, first: str, last: str, status: dg.DagsterRunStatus, **how: object) -> None:
    tags = {RANGE_START_TAG: first, RANGE_END_TAG: last} if first != last else {"dagster/partition": first}
    tiny.instance.add_run(dg.DagsterRun(**{"job_name": "100doh_frames", **how}, status=status, tags=tags))


def test_what_a_waiting_or_running_batch_covers_is_not_asked_for_again(six: TinyWorkspace) -> None:
    a_run(six, IDS[0], IDS[1], dg.DagsterRunStatus.NOT_STARTED)
    a_run(six, IDS[4], IDS[4], dg.DagsterRunStatus.STARTED)
    a_run(six, IDS[0], IDS[5], dg.DagsterRunStatus.FAILURE)
    a_run(six, IDS[0], IDS[5], dg.DagsterRunStatus.STARTED, job_name="ego4d_frames")
    assert ranges(six) == [("c", "d"), ("f", "f")]


def test_nor_is_what_a_backfill_of_the_ui_covers(six: TinyWorkspace) -> None:
    frames = frozenset({dg.AssetKey(["100doh", "frames"])})
    a_run(six, IDS[0], IDS[5], dg.DagsterRunStatus.NOT_STARTED, job_name="__ASSET_JOB", asset_selection=frames)
    assert ask(six).skip_message == "nothing to do: 0 videos are done, 0 failed for good, 6 asked for already"


def test_an_unmounted_folder_skips_the_night_with_a_reason_and_spoils_no_failure_record(six: TinyWorkspace) -> None:
    extract(six, *IDS)
    videos_dir = six.place.folders.videos_dir
    videos_dir.rename(videos_dir.with_name("elsewhere"))
    assert f"{videos_dir}: the 100DOH video folder cannot be read" in (ask(six).skip_message or "")
    videos_dir.mkdir()
    assert ask(six).skip_message == "nothing to do: 5 videos are done, 0 failed for good, 1 missing or incomplete"


def test_a_deleted_video_and_one_below_its_official_size_are_not_asked_for(six: TinyWorkspace) -> None:
    six.place.video_file(IDS[0]).unlink()
    (six.place.folders.videos_dir / "manifest.csv").write_text(f"video_uid,size_bytes\n{IDS[4]},999999999\n")
    assert ranges(six) == [("b", "d"), ("f", "f")]
    assert ranges(six.reconfigured(nightly_videos=1)) == [("b", "b")]


def test_the_report_of_the_morning_knows_what_no_sensor_asks_for_a_report_of(six: TinyWorkspace) -> None:
    assert six.execute("100doh_catalog").success
    six.add_list(*IDS, "listedlater")
    (six.place.folders.videos_dir / "ddddddddddd.mp4.part").write_bytes(b"begun")
    six.place.video_file(IDS[3]).unlink()
    (request,) = ask(six, name="100doh_morning_report").run_requests
    assert six.execute(request.job_name or "100doh_catalog").success
    assert six.place.output.missing_videos_file.read_text().split() == [
        f"{video_id}.mp4" for video_id in (IDS[2], IDS[3], "listedlater")
    ]


def test_the_report_of_the_morning_is_not_asked_for_while_one_is_being_made(six: TinyWorkspace) -> None:
    six.instance.add_run(dg.DagsterRun("100doh_catalog", status=dg.DagsterRunStatus.STARTED))
    assert ask(six, name="100doh_morning_report").skip_message == "the catalog is being renewed"


# The time of day.


def schedules(**chosen: str) -> dict[str, dg.ScheduleDefinition]:
    defs = build_defs(Settings(_env_file=None, **chosen))
    return {schedule.name: schedule for schedule in defs.get_repository_def().schedule_defs}


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Vienna", "Asia/Kolkata"])
def test_every_schedule_runs_by_the_zone_of_the_settings_and_says_so(zone: str) -> None:
    for schedule in schedules(time_zone=zone).values():
        from_s = dt.datetime(2026, 7, 1, tzinfo=dt.timezone.utc).timestamp()
        first = next(schedule_execution_time_iterator(from_s, schedule.cron_schedule, schedule.execution_timezone))
        assert first.utcoffset() == dt.datetime(2026, 7, 2, tzinfo=ZoneInfo(zone)).utcoffset()
        assert first.strftime("%H:%M") == ("02:00" if "nightly" in schedule.name else "06:00")
        assert zone in (schedule.description or "")


def test_without_a_setting_it_is_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Australia/Sydney")
    monkeypatch.setattr("tzlocal.unix._cache_tz_name", None)  # asked once per process
    assert {schedule.execution_timezone for schedule in schedules().values()} == {"Australia/Sydney"}


@pytest.mark.parametrize(
    ("name", "hint"), [("Nowhere", "such as Europe/Vienna"), ("America/NewYork", "America/New_York"), ("../x", "")]
)
def test_a_zone_that_nobody_knows_is_refused(name: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAND100M_TIME_ZONE", name)
    with pytest.raises(SettingsError, match="HAND100M_TIME_ZONE") as raised:
        load_settings()
    assert hint in str(raised.value)
