import errno
import os
from pathlib import Path

import dagster as dg
import pytest

from hand100m_assets.defs.sensors import RANGE_END_TAG, RANGE_START_TAG, read_pending
from hand100m_assets_tests.defs.conftest import TinyWorkspace, hand, image

VIDEOS, SETS = "100doh_new_videos", "100doh_new_annotation_files"


def registered(tiny: TinyWorkspace, what: str) -> list[str]:
    return sorted(tiny.instance.get_dynamic_partitions(f"100doh_{what}"))


def test_a_download_counts_only_when_two_looks_see_the_same(tiny: TinyWorkspace) -> None:
    tiny.add_video("aaaaaaaaaaa")
    first = tiny.tick(VIDEOS)
    assert not first.run_requests and "waiting" in (first.skip_message or "")
    second = tiny.tick(VIDEOS)
    assert registered(tiny, "videos") == ["aaaaaaaaaaa"]
    assert {request.job_name for request in second.run_requests} == {"100doh_frames", "100doh_catalog"}
    assert not tiny.tick(VIDEOS).run_requests


def test_a_file_that_still_grows_waits(tiny: TinyWorkspace) -> None:
    path = tiny.add_video("aaaaaaaaaaa")
    tiny.tick(VIDEOS)
    with path.open("ab") as file:
        file.write(b"more")
    assert not tiny.tick(VIDEOS).run_requests
    assert registered(tiny, "videos") == []
    assert read_pending(tiny.cursors[VIDEOS]).keys() == {"aaaaaaaaaaa"}


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
    tiny.tick(VIDEOS)
    events = tiny.tick(VIDEOS).asset_events
    assert [event.partition for event in events] == ["aaaaaaaaaaa"]
    assert events[0].metadata["codec"].value == "h264"
    assert tiny.status("videos") == {"aaaaaaaaaaa": "MATERIALIZED"}
    assert registered(tiny, "videos") == ["aaaaaaaaaaa", "bbbbbbbbbbb"]


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
    counts = []
    for _ in range(3):
        small.tick(VIDEOS)
        counts.append(len(registered(small, "videos")))
    assert counts == [2, 4, 5]


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
