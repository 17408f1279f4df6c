import errno
import os
import time
from pathlib import Path

import dagster as dg
import pytest

from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from hand100m_assets.errors import RetryableError
from hand100m_assets.video.container import VideoInfo, probe_video
from hand100m_assets.video.downloads import missing_videos, read_known_files
from hand100m_assets.video.frames import frame_states
from hand100m_assets.workspace import claim_output
from hand100m_assets.workspace.ownership import MARK_FILE
from hand100m_assets_tests.defs.conftest import Clock, TinyWorkspace, hand, image

VIDEOS, SETS, CATALOG = "100doh_new_videos", "100doh_new_annotation_files", "100doh_frames_finished"


def registered(tiny: TinyWorkspace, what: str) -> list[str]:
    return sorted(tiny.instance.get_dynamic_partitions(f"100doh_{what}"))


def test_a_download_counts_only_when_two_looks_see_the_same(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    first = tiny.tick(VIDEOS)
    assert not first.run_requests and "waiting" in (first.skip_message or "")
    second = tiny.tick(VIDEOS)
    assert registered(tiny, "videos") == ["aaaaaaaaaaa"]
    assert {request.job_name for request in second.run_requests} == {"100doh_frames"}
    assert not tiny.tick(VIDEOS).run_requests


def test_each_look_for_videos_warns_of_another_installation_on_the_same_output(
    tiny: TinyWorkspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hand100m_assets.workspace.ownership.installation", lambda: "elsewhere:/srv/other")
    claim_output(tiny.settings.model_copy(update={"frame_stride": 7}))
    monkeypatch.undo()
    words = "another installation (elsewhere:/srv/other) fills this folder with other settings"
    assert words in (tiny.tick(VIDEOS).skip_message or "")
    tiny.add_video("aaaaaaaaaaa")
    assert words in (tiny.tick(VIDEOS).skip_message or "")
    assert words not in capfd.readouterr().err
    assert tiny.tick(VIDEOS).run_requests, "it is a warning, no refusal"
    logged = capfd.readouterr().err
    assert words in logged and "HAND100M_FRAME_STRIDE is 10 here and 7 there" in logged
    (tiny.settings.output_root / MARK_FILE).unlink()
    assert tiny.tick(VIDEOS).skip_message == "nothing new"


def test_a_file_that_still_grows_waits(tiny: TinyWorkspace) -> None:
    path = tiny.add_video("aaaaaaaaaaa")
    tiny.tick(VIDEOS)
    with path.open("ab") as file:
        file.write(b"more")
    assert not tiny.tick(VIDEOS).run_requests
    assert registered(tiny, "videos") == []
    assert read_known_files(tiny.place.output.known_videos_file).pending.keys() == {"aaaaaaaaaaa"}


def test_unfinished_names_are_never_registered(tiny: TinyWorkspace) -> None:
    path = tiny.add_video("aaaaaaaaaaa")
    path.rename(path.with_name("aaaaaaaaaaa.mp4.part"))
    tiny.tick(VIDEOS)
    tiny.tick(VIDEOS)
    assert registered(tiny, "videos") == []


def test_new_videos_share_one_batched_request(tiny: TinyWorkspace) -> None:
    for name in ("-bbbbbbbbbb", "aaaaaaaaaaa", "_cccccccccc"):
        tiny.add_video(name)
    tiny.tick(VIDEOS)
    frames = [r for r in tiny.tick(VIDEOS).run_requests if r.job_name == "100doh_frames"]
    assert [(r.tags[RANGE_START_TAG], r.tags[RANGE_END_TAG]) for r in frames] == [("-bbbbbbbbbb", "aaaaaaaaaaa")]
    assert all(r.run_key for r in frames)


def test_each_readable_download_is_recorded_once_with_its_probe(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    tiny.add_video("bbbbbbbbbbb", "cut_without_index")
    tiny.add_video("ccccccccccc", "cut_with_index")
    tiny.tick(VIDEOS)
    events = tiny.tick(VIDEOS).asset_events
    assert [event.partition for event in events] == ["aaaaaaaaaaa"]
    assert events[0].metadata["codec"].value == "h264"
    assert tiny.status("videos") == {"aaaaaaaaaaa": "MATERIALIZED"}
    assert registered(tiny, "videos") == ["aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc"]


def test_a_video_that_cannot_be_read_for_now_is_recorded_by_a_later_look_and_holds_up_no_other(
    tiny: TinyWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tiny.reconfigured(videos_per_tick=1)
    for letter in "abc":
        small.add_video(letter * 11)

    def deny_a(path: Path) -> VideoInfo:
        if path.stem == "aaaaaaaaaaa":
            raise RetryableError("the video cannot be read now (Permission denied)", where=path)
        return probe_video(path)  # root may read everything, so permissions alone prove nothing

    monkeypatch.setattr("hand100m_assets.workspace.downloads.probe_video", deny_a)
    small.tick(VIDEOS)
    ticks = [small.tick(VIDEOS) for _ in range(3)]
    assert ["".join(event.partition[0] for event in tick.asset_events) for tick in ticks] == ["b", "c", ""]
    assert [request.job_name for request in ticks[1].run_requests] == ["100doh_frames"]
    why = "1 file cannot be read now, first aaaaaaaaaaa: the video cannot be read now (Permission denied)"
    assert ticks[2].skip_message == why
    monkeypatch.undo()
    assert [event.partition for event in small.tick(VIDEOS).asset_events] == ["aaaaaaaaaaa"]
    assert not small.tick(VIDEOS).asset_events


def test_a_spoilt_list_stops_no_look_and_the_tick_says_what_is_wrong_with_it(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    tiny.add_list("aaaaaaaaaaa", "../escapes")
    assert "column video_id" in (tiny.tick(VIDEOS).skip_message or "")
    assert tiny.tick(VIDEOS).run_requests
    assert str(tiny.place.folders.list_file) in (tiny.tick(VIDEOS).skip_message or "")


def test_an_unmounted_folder_stops_the_sensor_with_a_reason_and_forgets_nothing(tiny: TinyWorkspace) -> None:
    path = tiny.add_video("aaaaaaaaaaa")
    tiny.tick(VIDEOS)
    before = tiny.cursors[VIDEOS]
    path.parent.rename(path.parent.with_name("elsewhere"))
    data = tiny.tick(VIDEOS)
    assert "cannot be read" in (data.skip_message or "")
    assert tiny.cursors[VIDEOS] == before
    path.parent.with_name("elsewhere").rename(path.parent)
    assert tiny.tick(VIDEOS).run_requests


def test_an_unreadable_folder_is_not_an_empty_one(tiny: TinyWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything, so permissions alone prove nothing
    assert "cannot be read (Permission denied)" in (tiny.tick(VIDEOS).skip_message or "")


def test_a_tick_takes_its_share_and_the_next_one_goes_on(tiny: TinyWorkspace) -> None:
    small = tiny.reconfigured(videos_per_tick=2)
    for letter in "abcde":
        small.add_video(letter * 11)
    small.tick(VIDEOS)
    ticks = [small.tick(VIDEOS) for _ in range(4)]
    assert registered(small, "videos") == [letter * 11 for letter in "abcde"]  # all at once: that is cheap
    assert ["".join(event.partition[0] for event in tick.asset_events) for tick in ticks] == ["ab", "cd", "e", ""]
    jobs = [[request.job_name for request in tick.run_requests] for tick in ticks]
    assert jobs == [["100doh_frames"], ["100doh_frames"], ["100doh_frames"], []]


def test_a_tick_that_the_daemon_did_not_conclude_is_repeated_under_the_same_run_keys(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    tiny.tick(VIDEOS)
    before = tiny.cursors[VIDEOS]
    lost = tiny.tick(VIDEOS)
    tiny.cursors[VIDEOS] = before  # killed before it wrote the cursor down
    again = tiny.tick(VIDEOS)
    assert [r.run_key for r in again.run_requests] == [r.run_key for r in lost.run_requests] != []
    assert [event.partition for event in again.asset_events] == ["aaaaaaaaaaa"]
    assert not tiny.tick(VIDEOS).run_requests


def test_a_replaced_file_is_recorded_again_and_its_frames_are_asked_for_again(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    tiny.notice()
    assert tiny.extract("aaaaaaaaaaa").success
    tiny.add_video("aaaaaaaaaaa", "defaults")
    assert not tiny.tick(VIDEOS).run_requests
    data = tiny.tick(VIDEOS)
    events = [(type(e).__name__, e.partition) for e in data.asset_events]
    assert events == [("AssetMaterialization", "aaaaaaaaaaa"), ("AssetObservation", "aaaaaaaaaaa")]
    assert [r.job_name for r in data.run_requests] == ["100doh_frames"]
    states = frame_states(tiny.place.extraction_jobs(["aaaaaaaaaaa"]))
    assert states["state"].to_list() == ["outstanding"]
    assert not tiny.tick(VIDEOS).run_requests


@pytest.mark.parametrize("selection", ["stride", "annotated"])
def test_frames_are_stale_from_the_moment_their_video_is_replaced_until_they_are_made_anew(
    tiny: TinyWorkspace, selection: str
) -> None:
    tiny = tiny.reconfigured(frame_selection=selection)
    for name in ("aaaaaaaaaaa", "bbbbbbbbbbb"):
        tiny.add_video(name)
    tiny.add_annotations([hand(11, 1, 12), hand(12, 2, 11)], [image("aaaaaaaaaaa", 30, 1), image("bbbbbbbbbbb", 0, 2)])
    tiny.notice()
    assert tiny.ingest().success
    assert tiny.extract("aaaaaaaaaaa", "bbbbbbbbbbb").success
    assert tiny.stale("frames") == {"aaaaaaaaaaa": "FRESH", "bbbbbbbbbbb": "FRESH"}
    for clip in ("defaults", "keyint30_no_b"):
        tiny.add_video("aaaaaaaaaaa", clip)
        tiny.notice()
        assert tiny.stale("frames") == {"aaaaaaaaaaa": "STALE", "bbbbbbbbbbb": "FRESH"}
        assert tiny.extract("aaaaaaaaaaa").success
        assert tiny.stale("frames") == {"aaaaaaaaaaa": "FRESH", "bbbbbbbbbbb": "FRESH"}
    assert tiny.ingest().success
    assert set(tiny.stale("frames").values()) == {"FRESH"}, "the same tables again are no change"
    tiny.add_annotations([hand(11, 1, None)], [image("aaaaaaaaaaa", 30, 1)])
    assert tiny.ingest().success
    assert set(tiny.stale("frames").values()) == {"FRESH" if selection == "stride" else "STALE"}


def test_a_deleted_file_is_reported_once_and_its_partition_kept(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    gone = tiny.add_video("bbbbbbbbbbb")
    tiny.notice()
    gone.unlink()
    data = tiny.tick(VIDEOS)
    assert [(type(e).__name__, e.partition) for e in data.asset_events] == [("AssetObservation", "bbbbbbbbbbb")]
    assert [r.job_name for r in tiny.tick(CATALOG).run_requests] == ["100doh_catalog"]
    assert registered(tiny, "videos") == ["aaaaaaaaaaa", "bbbbbbbbbbb"]
    assert not tiny.tick(VIDEOS).asset_events
    missing = missing_videos(tiny.place.downloads.inventory(None))
    assert missing.rows() == [("bbbbbbbbbbb", "absent", "was here and was deleted")]


def test_deletions_are_reported_in_shares_and_again_where_the_daemon_did_not_conclude_the_tick(
    tiny: TinyWorkspace,
) -> None:
    small = tiny.reconfigured(videos_per_tick=2)
    paths = [small.add_video(letter * 11) for letter in "abcd"]
    small.register(*(path.stem for path in paths))
    small.tick(VIDEOS)
    for path in paths[:3]:
        path.unlink()
    before = small.cursors[VIDEOS]
    ticks = [small.tick(VIDEOS)]
    small.cursors[VIDEOS] = before  # killed before it wrote the cursor down
    ticks += [small.tick(VIDEOS) for _ in range(3)]
    assert ["".join(event.partition[0] for event in tick.asset_events) for tick in ticks] == ["ab", "ab", "c", ""]
    assert not any(tick.run_requests for tick in ticks)
    assert [request.job_name for request in small.tick(CATALOG).run_requests] == ["100doh_catalog"]
    assert not small.tick(CATALOG).run_requests


def test_each_deletion_of_a_file_refreshes_the_report_anew(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    comes_and_goes = tiny.add_video("bbbbbbbbbbb")
    tiny.notice()
    run_keys = []
    for _ in range(2):
        aside = comes_and_goes.rename(comes_and_goes.with_suffix(".aside"))
        tiny.tick(VIDEOS)
        run_keys += [request.run_key for request in tiny.tick(CATALOG).run_requests]
        aside.rename(comes_and_goes)
        assert not tiny.tick(VIDEOS).run_requests
    assert len(set(run_keys)) == 2


def test_a_folder_that_is_suddenly_empty_is_taken_for_unmounted(tiny: TinyWorkspace) -> None:
    path = tiny.add_video("aaaaaaaaaaa")
    tiny.notice()
    path.unlink()
    data = tiny.tick(VIDEOS)
    assert "is empty, though 1 video of it is known" in (data.skip_message or "")
    assert not data.asset_events


def test_a_folder_that_is_back_refreshes_the_catalog_once(tiny: TinyWorkspace) -> None:
    path = tiny.add_video("aaaaaaaaaaa")
    tiny.notice()
    aside = path.parent.with_name("aside")
    keys = []
    for _ in range(2):
        path.parent.rename(aside)
        path.parent.mkdir()
        tiny.tick(VIDEOS)
        tiny.tick(VIDEOS)
        assert not tiny.execute("100doh_catalog").success
        path.parent.rmdir()
        aside.rename(path.parent)
        again = [tiny.tick(VIDEOS).run_requests[0] for _ in range(2)]
        assert {request.job_name for request in again} == {"100doh_catalog"}
        assert len({request.run_key for request in again}) == 1, "the daemon starts one run for a key"
        keys.append(again[0].run_key)
        assert tiny.execute("100doh_catalog").success
        assert not tiny.tick(VIDEOS).run_requests
    assert keys[0] != keys[1]


def test_a_new_annotation_file_becomes_a_set_and_asks_for_its_tables(tiny: TinyWorkspace) -> None:
    tiny.add_annotations([hand(7, 1, None)], [image("aaaaaaaaaaa", 0, 1)])
    assert not tiny.tick(SETS).run_requests
    (request,) = tiny.tick(SETS).run_requests
    assert (request.partition_key, request.job_name) == ("simhand-50k", "100doh_annotations")
    assert registered(tiny, "annotation_sets") == ["simhand-50k"]
    assert not tiny.tick(SETS).run_requests


def test_an_absent_annotation_folder_stops_the_sensor_with_a_reason(tiny: TinyWorkspace) -> None:
    tiny.place.folders.annotations_dir.rmdir()
    assert str(tiny.place.folders.annotations_dir) in (tiny.tick(SETS).skip_message or "")


def test_finished_frames_refresh_the_catalog_once(tiny: TinyWorkspace) -> None:
    name = "100doh_frames_finished"
    assert "no new frames" in (tiny.tick(name).skip_message or "")
    tiny.instance.report_runless_asset_event(dg.AssetMaterialization(["100doh", "frames"], partition="aaaaaaaaaaa"))
    assert len(tiny.tick(name).run_requests) == 1
    assert not tiny.tick(name).run_requests


def test_a_new_video_asks_for_one_catalog_after_its_frames_and_none_without_a_change(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    tiny.tick(VIDEOS)
    (frames,) = tiny.tick(VIDEOS).run_requests
    assert tiny.run(frames).success
    (catalog,) = tiny.tick(CATALOG).run_requests
    assert tiny.run(catalog).success
    assert tiny.tick(CATALOG).skip_message == "no new frames"
    tiny.add_video("bbbbbbbbbbb")
    assert tiny.extract("aaaaaaaaaaa").success
    assert tiny.tick(CATALOG).skip_message == "no new frames", "frames that were there already are no change"
    tiny.register("bbbbbbbbbbb")
    assert tiny.extract("aaaaaaaaaaa", "bbbbbbbbbbb").success
    assert len(tiny.tick(CATALOG).run_requests) == 1


def test_a_video_that_gives_no_frames_is_in_the_next_report_all_the_same(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa", "text")
    tiny.tick(VIDEOS)
    (frames,) = tiny.tick(VIDEOS).run_requests
    assert not tiny.run(frames).success
    (catalog,) = tiny.tick(CATALOG).run_requests
    assert tiny.run(catalog).success
    assert tiny.table("missing_videos")["video_id"].to_list() == ["aaaaaaaaaaa"]


def test_one_catalog_is_refreshed_at_a_time_and_one_that_failed_is_asked_for_again(
    tiny: TinyWorkspace, shown: Clock
) -> None:
    tiny.instance.report_runless_asset_event(dg.AssetMaterialization(["100doh", "frames"], partition="aaaaaaaaaaa"))
    tiny.add_list(text="no list")
    (catalog,) = tiny.tick(CATALOG).run_requests
    running = tiny.instance.add_run(dg.DagsterRun("100doh_catalog", status=dg.DagsterRunStatus.STARTED))
    assert tiny.tick(CATALOG).skip_message == "the catalog is being renewed"
    tiny.instance.delete_run(running.run_id)
    assert not tiny.run(catalog).success
    said = tiny.tick(CATALOG).skip_message or ""
    assert said.startswith("attempt 1 failed at ") and str(tiny.place.folders.list_file) in said
    shown.now_s += 11 * 60
    (again,) = tiny.tick(CATALOG).run_requests
    tiny.place.folders.list_file.unlink()
    assert again.run_key != catalog.run_key and tiny.run(again).success


def test_the_first_catalog_does_not_wait_for_the_end_of_a_first_extraction_that_takes_days(
    tiny: TinyWorkspace, shown: Clock
) -> None:
    tiny.instance.report_runless_asset_event(dg.AssetMaterialization(["100doh", "frames"], partition="aaaaaaaaaaa"))
    tiny.instance.add_run(dg.DagsterRun("100doh_frames", status=dg.DagsterRunStatus.STARTED))
    assert tiny.tick(CATALOG).skip_message == "batches are still running"
    shown.now_s += 11 * 60
    assert len(tiny.tick(CATALOG).run_requests) == 1


def test_the_catalog_waits_for_batches_that_a_backfill_of_the_ui_still_runs(tiny: TinyWorkspace) -> None:
    frames = dg.AssetKey(["100doh", "frames"])
    tiny.instance.report_runless_asset_event(dg.AssetMaterialization(frames, partition="aaaaaaaaaaa"))
    tiny.instance.add_run(
        dg.DagsterRun("__ASSET_JOB", asset_selection=frozenset({frames}), status=dg.DagsterRunStatus.STARTED)
    )
    assert tiny.tick("100doh_frames_finished").skip_message == "batches are still running"


def test_sensors_and_schedules_are_off_until_switched_on(tiny: TinyWorkspace) -> None:
    repository = tiny.defs.get_repository_def()
    assert {sensor.default_status.value for sensor in repository.sensor_defs} == {"STOPPED"}
    assert {schedule.default_status.value for schedule in repository.schedule_defs} == {"STOPPED"}


def test_a_video_id_that_would_escape_is_never_registered(tiny: TinyWorkspace) -> None:
    clip = tiny.add_video("aaaaaaaaaaa")
    Path(clip).rename(clip.with_name("a b,c....mp4"))
    tiny.tick(VIDEOS)
    tiny.tick(VIDEOS)
    assert registered(tiny, "videos") == []


def test_a_replaced_annotation_file_asks_for_its_tables_again(tiny: TinyWorkspace) -> None:
    path = tiny.add_annotations([hand(7, 1, None)], [image("aaaaaaaaaaa", 0, 1)])
    tiny.tick(SETS)
    tiny.tick(SETS)
    assert tiny.execute("100doh_annotations", partition_key="simhand-50k").success
    assert not tiny.tick(SETS).run_requests
    path.write_text(path.read_text() + " ")
    tiny.tick(SETS)
    assert [request.partition_key for request in tiny.tick(SETS).run_requests] == ["simhand-50k"]


def test_a_set_that_failed_is_asked_for_again_in_growing_pauses_and_the_tick_says_what_failed_and_when(
    tiny: TinyWorkspace, shown: Clock
) -> None:
    path = tiny.add_annotations([], [])
    whole = path.read_text()
    path.write_text("<html>404</html>")
    tiny.tick(SETS)
    keys = []
    for pause_min in (10, 30, 90):
        (asked,) = tiny.tick(SETS).run_requests
        keys.append(asked.run_key)
        assert not tiny.run(asked).success
        for _ in range(2):
            said = tiny.tick(SETS).skip_message or ""
            assert said.startswith(f"simhand-50k: attempt {len(keys)} failed at {time.strftime('%Y-%m-%d')}")
            assert str(path) in said and "asked for again after" in said
        shown.now_s = time.time() + pause_min * 60 + 1
    path.write_text(whole)
    tiny.tick(SETS)
    (last,) = tiny.tick(SETS).run_requests
    assert len({*keys, last.run_key}) == 4 and tiny.run(last).success
    assert tiny.tick(SETS).skip_message == "nothing new"


def test_a_failed_file_that_was_replaced_by_another_bad_one_over_good_tables_is_not_forgotten(
    tiny: TinyWorkspace, shown: Clock
) -> None:
    path = tiny.add_annotations([], [])
    tiny.tick(SETS)
    assert tiny.run(tiny.tick(SETS).run_requests[0]).success
    path.write_text("[")
    tiny.tick(SETS)
    assert not tiny.run(tiny.tick(SETS).run_requests[0]).success
    assert "attempt 1 failed" in (tiny.tick(SETS).skip_message or "")
    shown.now_s += 11 * 60
    assert [request.partition_key for request in tiny.tick(SETS).run_requests] == ["simhand-50k"]


def test_a_set_that_waits_does_not_keep_another_one_from_being_asked_for(tiny: TinyWorkspace) -> None:
    tiny.add_annotations([], []).write_text("[")
    tiny.tick(SETS)
    assert not tiny.run(tiny.tick(SETS).run_requests[0]).success
    tiny.add_annotations([], [], "Hand100M_100DOH_100k_v1-1.json")
    tiny.tick(SETS)
    assert [request.partition_key for request in tiny.tick(SETS).run_requests] == ["simhand-100k"]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE])
def test_a_batch_that_was_lost_is_asked_for_again_and_one_that_told_of_each_video_is_not(
    tiny: TinyWorkspace, shown: Clock, status: dg.DagsterRunStatus
) -> None:
    for name, clip in (("aaaaaaaaaaa", "keyint30_no_b"), ("bbbbbbbbbbb", "text")):
        tiny.add_video(name, clip)
    tiny.tick(VIDEOS)
    (lost,) = tiny.tick(VIDEOS).run_requests
    run = dg.DagsterRun("100doh_frames", tags={**lost.tags}, status=status)
    tiny.instance.add_run(run)
    assert not tiny.tick(VIDEOS).run_requests
    shown.now_s += 11 * 60
    (again,) = tiny.tick(VIDEOS).run_requests
    assert again.run_key != lost.run_key
    assert (again.tags[RANGE_START_TAG], again.tags[RANGE_END_TAG]) == ("aaaaaaaaaaa", "bbbbbbbbbbb")
    assert not tiny.run(again).success, "one of the two is no video"
    assert tiny.place.output.manifest_file("aaaaaaaaaaa").exists()
    shown.now_s += 24 * 3600
    assert not tiny.tick(VIDEOS).run_requests


def test_a_set_that_failed_is_asked_for_again_once_its_file_is_replaced(tiny: TinyWorkspace) -> None:
    path = tiny.add_annotations([], [])
    whole = path.read_text()
    path.write_text("<html>404</html>")
    tiny.tick(SETS)
    (first,) = tiny.tick(SETS).run_requests
    assert not tiny.ingest().success
    path.write_text(whole)
    tiny.tick(SETS)
    (second,) = tiny.tick(SETS).run_requests
    assert (second.partition_key, second.run_key == first.run_key) == ("simhand-50k", False)


def test_a_request_for_a_set_that_was_lost_in_a_killed_tick_is_made_again_under_its_run_key(
    tiny: TinyWorkspace,
) -> None:
    tiny.add_annotations([], [])
    tiny.tick(SETS)
    before = tiny.cursors[SETS]
    (lost,) = tiny.tick(SETS).run_requests
    tiny.cursors[SETS] = before  # killed before the daemon took over what was asked for
    assert [request.run_key for request in tiny.tick(SETS).run_requests] == [lost.run_key]


def test_a_spoilt_summary_of_one_set_does_not_keep_the_others_from_being_noticed(tiny: TinyWorkspace) -> None:
    tiny.add_annotations([], [])
    tiny.notice()
    summary = tiny.place.output.annotation_dir("simhand-50k") / "summary.json"
    summary.parent.mkdir(parents=True)
    summary.write_text("{")
    tiny.add_annotations([], [], "Hand100M_100DOH_100k_v1-1.json")
    tiny.tick(SETS)
    assert "simhand-100k" in {request.partition_key for request in tiny.tick(SETS).run_requests}


def test_a_set_that_failed_and_was_deleted_in_the_ui_is_registered_again_before_it_is_asked_for(
    tiny: TinyWorkspace, shown: Clock
) -> None:
    tiny.add_annotations([], []).write_text("[")
    tiny.tick(SETS)
    assert not tiny.run(tiny.tick(SETS).run_requests[0]).success
    tiny.instance.delete_dynamic_partition("100doh_annotation_sets", "simhand-50k")
    shown.now_s += 11 * 60
    assert not tiny.tick(SETS).run_requests, "the daemon refuses a partition that is not there"
    assert [request.partition_key for request in tiny.tick(SETS).run_requests] == ["simhand-50k"]


@pytest.mark.parametrize("cursor", ["12", "[1]", '{"simhand-50k": 3}', "0eJxNjkEKAjEM"])
def test_a_cursor_of_another_kind_stops_no_look_at_annotation_files(tiny: TinyWorkspace, cursor: str) -> None:
    tiny.add_annotations([], [])
    tiny.cursors[SETS] = cursor
    tiny.tick(SETS)
    assert [request.partition_key for request in tiny.tick(SETS).run_requests] == ["simhand-50k"]
