"""What follows by itself: pairs, coverage and grid after their inputs, and their checks after them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG, get_input_data_version_tag
from dagster_graphql.implementation.execution import report_runless_asset_events

from hand100m_assets.annotations.rules import RULES
from hand100m_assets.defs.automation.following import RULES as FOLLOWS
from hand100m_assets.defs.automation.following import UNPARTITIONED, SetState, read_by
from hand100m_assets.defs.automation.records import beside_tag, latest_records
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, annotation_set_partitions, register
from hand100m_assets.sources import DOH
from hand100m_assets_tests.defs.conftest import Clock, TinyWorkspace, hand, image

SET, OTHER_SET = "simhand-50k", "topk-1m"
FOLLOW = "100doh_pictures_follow"
CHECKS_OF = {
    "annotations": {rule.name for rule in RULES} | {"tables_are_of_the_file_that_is_here"},
    "coverage": {"annotated_images_exist"},
    "pairs": {"positives_are_resolved", "distances_are_finite"},
    "mined_pairs": {"all_sound_hands_are_mined", "neighbours_are_from_other_videos"},
    "agreement": {"shipped_positives_are_near"},
    "grid": {"grid_cells_are_filled", "grids_have_full_size"},
    "sheets": {"sheet_cells_are_filled"},
}


def next_at(hour: int, *, minutes: int = 0) -> datetime:
    """So many minutes after a clock shows this hour for the next time."""
    now = datetime.now().astimezone()
    at = now.replace(hour=hour, minute=0, second=0)
    return (at if at > now else at + timedelta(days=1)) + timedelta(minutes=minutes)


class Daemon:
    """Ticks the sensor, and records what the runs that it asks for would."""

    def __init__(self, tiny: TinyWorkspace, shown: Clock) -> None:
        self.tiny, self.shown, self.number = tiny, shown, 0

    def set_clock(self, now: datetime) -> None:
        self.shown.now_s = now.timestamp()

    def tick(self) -> tuple[set[tuple[str, str]], set[str]]:
        """(asset, set) asked for, and names of the checks asked for."""
        requests = self.tiny.tick(FOLLOW).run_requests
        assets = set()
        for request in requests:
            sets = [request.partition_key] if request.partition_key else self._range(request)
            assets |= {(key.path[-1], each) for key in request.asset_selection or () for each in sets}
        return assets, {key.name for request in requests for key in request.asset_check_keys or ()}

    def _range(self, request: dg.RunRequest) -> list[str]:
        sets = self.tiny.instance.get_dynamic_partitions("100doh_annotation_sets")
        return (
            sets[sets.index(request.tags[RANGE_START_TAG]) : sets.index(request.tags[RANGE_END_TAG]) + 1]
            if request.tags.get(RANGE_START_TAG)
            else []
        )

    def made(self, *assets: str, partition: str | None = None, version: str | None = None) -> None:
        """Record these as made now, of what their inputs are now; as another version, unless one is given."""
        for asset in assets:
            tags = self.as_made(asset, partition, version)
            self.tiny.instance.report_runless_asset_event(
                dg.AssetMaterialization([DOH.name, asset], partition=partition, tags=tags)
            )

    def as_made(self, asset: str, partition: str | None, version: str | None = None) -> dict[str, str]:
        """Tags that a run would write now."""
        self.number += 1
        tags = {DATA_VERSION_TAG: version or f"version {self.number}"}
        if asset in FOLLOWS and partition is not None:
            tags |= self._beside(asset, partition) | {
                get_input_data_version_tag(k): v for k, v in self._state(partition).input_versions(asset).items()
            }
        return tags

    def _beside(self, asset: str, partition: str) -> dict[str, str]:
        shown = self._state(partition).versions_beside(asset)
        return {name: value for key, version in shown.items() for name, value in beside_tag(key, version).items()}

    def _state(self, set_key: str) -> SetState:
        keys = read_by(DOH, FOLLOWS)
        return SetState(DOH, set_key, latest_records(self.tiny.instance, keys, {set_key}, whole=UNPARTITIONED))

    def everything_made(self, *sets: str) -> None:
        self.made(*UNPARTITIONED)
        for key in sets:
            self.made("annotations", *FOLLOWS, partition=key)


@pytest.fixture
def daemon(tiny: TinyWorkspace, shown: Clock) -> Daemon:
    register(tiny.instance, annotation_set_partitions(DOH), [SET, OTHER_SET])
    return Daemon(tiny, shown)


def test_nothing_is_asked_for_before_there_is_an_input(daemon: Daemon) -> None:
    assert daemon.tick() == (set(), set())


def test_nothing_is_asked_for_when_all_is_made_of_what_is_there(daemon: Daemon) -> None:
    daemon.everything_made(SET, OTHER_SET)
    assert daemon.tick()[0] == set()


def test_tables_ask_for_pairs_and_mining_first_and_together(daemon: Daemon) -> None:
    daemon.made(*UNPARTITIONED)
    daemon.made("annotations", partition=SET)
    assert daemon.tick()[0] == {("pairs", SET), ("mined_pairs", SET), ("agreement", SET)}


def test_an_export_follows_tables_and_pairs_at_once_frames_at_night_and_the_inventory_never(daemon: Daemon) -> None:
    daemon.everything_made(SET)
    for changed in ("annotations", "mined_pairs"):
        daemon.made(changed, partition=SET)
        daemon.made(*(asset for asset in ("pairs", "mined_pairs", "agreement") if asset != changed), partition=SET)
        assert ("export", SET) in daemon.tick()[0]
        daemon.made("export", partition=SET)
        assert ("export", SET) not in daemon.tick()[0]
    daemon.made("inventory")
    daemon.made("frame_catalog")
    assert ("export", SET) not in daemon.tick()[0]
    daemon.set_clock(next_at(5, minutes=1))
    assert ("export", SET) in daemon.tick()[0]
    daemon.made("export", partition=SET)
    daemon.made("inventory")
    assert ("export", SET) not in daemon.tick()[0]


def test_a_set_that_could_not_be_mined_is_exported_all_the_same(daemon: Daemon) -> None:
    daemon.made(*UNPARTITIONED)
    daemon.made("annotations", "pairs", partition=SET)
    (mining,) = daemon.tiny.tick(FOLLOW).run_requests
    failed = dg.DagsterRun("100doh_annotations", tags=dict(mining.tags), status=dg.DagsterRunStatus.FAILURE)
    daemon.tiny.instance.add_run(failed)
    assert ("export", SET) in daemon.tick()[0]


def test_coverage_and_pictures_of_all_sets_are_one_run_and_wait_until_their_inputs_are_there(daemon: Daemon) -> None:
    for key in (SET, OTHER_SET):
        daemon.made("annotations", "pairs", "mined_pairs", "agreement", partition=key)
    assert not daemon.tick()[0]
    daemon.made(*UNPARTITIONED)
    requests = daemon.tiny.tick(FOLLOW).run_requests
    drawn = [r for r in requests if r.tags.get(RANGE_START_TAG)]
    assert [(r.tags[RANGE_START_TAG], r.tags[RANGE_END_TAG]) for r in drawn] == [(SET, OTHER_SET)]
    assert [key.path[-1] for key in drawn[0].asset_selection] == ["coverage", "grid", "sheets", "report"]
    assert {(r.partition_key, *sorted(k.path[-1] for k in r.asset_selection)) for r in requests if r not in drawn} == {
        (SET, "export", "training_set"),
        (OTHER_SET, "export", "training_set"),
    }


@pytest.mark.parametrize("changed", sorted(UNPARTITIONED))
def test_a_change_of_frames_or_videos_asks_for_coverage_and_what_shows_it(daemon: Daemon, changed: str) -> None:
    daemon.everything_made(SET)
    daemon.made(changed)
    assert daemon.tick()[0] == {("coverage", SET), ("grid", SET)}


def test_the_same_made_again_is_no_change(daemon: Daemon) -> None:
    daemon.made(*UNPARTITIONED, version="as ever")
    daemon.made("annotations", partition=SET, version="as ever")
    daemon.made(*FOLLOWS, partition=SET)
    for _ in range(2):
        daemon.made(*UNPARTITIONED, version="as ever")
        daemon.made("annotations", partition=SET, version="as ever")
        assert daemon.tick()[0] == set()


def test_a_grid_follows_a_coverage_that_changed_and_none_that_did_not(daemon: Daemon) -> None:
    daemon.made(*UNPARTITIONED)
    daemon.made("annotations", "pairs", "mined_pairs", "agreement", partition=SET)
    daemon.made("coverage", partition=SET, version="some frames")
    daemon.made("grid", "sheets", "report", "export", "training_set", partition=SET)
    daemon.made("frame_catalog")
    daemon.made("coverage", partition=SET, version="some frames")
    assert daemon.tick()[0] == set()
    daemon.made("coverage", partition=SET, version="more frames")
    assert daemon.tick()[0] == {("grid", SET)}


class Person:
    """Reports a materialization in the UI: a description, and nothing about versions."""

    def __init__(self, daemon: Daemon) -> None:
        self.instance = daemon.tiny.instance

    def reports(self, *assets: str, partition: str | None = None) -> None:
        for asset in assets:
            report_runless_asset_events(
                SimpleNamespace(context=SimpleNamespace(instance=self.instance)),
                dg.DagsterEventType.ASSET_MATERIALIZATION,
                dg.AssetKey([DOH.name, asset]),
                None if partition is None else [partition],
                "seen on disk",
            )


@pytest.mark.parametrize("often", [1, 30])
@pytest.mark.parametrize("asset", ["annotations", *FOLLOWS, *sorted(UNPARTITIONED)])
def test_what_a_person_reports_is_believed_and_is_no_change(daemon: Daemon, asset: str, often: int) -> None:
    daemon.everything_made(SET, OTHER_SET)
    for _ in range(often):
        Person(daemon).reports(asset, partition=None if asset in UNPARTITIONED else SET)
    for hour in (3, 5):
        assert daemon.tick()[0] == set()
        daemon.set_clock(next_at(hour, minutes=1))
    assert daemon.tick()[0] == set()


@pytest.mark.parametrize("hour", [None, 6])
def test_what_a_person_reports_as_up_to_date_is_believed_until_an_input_changes(
    daemon: Daemon, hour: int | None
) -> None:
    daemon.everything_made(SET, OTHER_SET)
    daemon.made("annotations", partition=SET)
    assert {asset for asset, _ in daemon.tick()[0]} >= {"pairs", "mined_pairs"}
    Person(daemon).reports(*FOLLOWS, partition=SET)
    if hour is not None:
        daemon.set_clock(next_at(hour))
    assert daemon.tick()[0] == set()
    daemon.made("annotations", partition=SET)
    assert {key for _, key in daemon.tick()[0]} == {SET}
    assert {asset for asset, _ in daemon.tick()[0]} >= {"pairs", "mined_pairs", "agreement"}


def test_what_is_made_of_something_that_a_person_reported_is_made_once(daemon: Daemon) -> None:
    """Dagster knows no version of it, and writes that there was none."""
    Person(daemon).reports("annotations", partition=SET)
    Person(daemon).reports(*UNPARTITIONED)
    assert {asset for asset, _ in daemon.tick()[0]} == {"pairs", "mined_pairs", "agreement"}
    for asset in FOLLOWS:
        absent = {get_input_data_version_tag(dg.AssetKey([DOH.name, "annotations"])): sha256(b"").hexdigest()}
        absent |= {get_input_data_version_tag(dg.AssetKey([DOH.name, each])): "INITIAL" for each in UNPARTITIONED}
        made = daemon.as_made(asset, SET)
        tags = {**made, **{name: value for name, value in absent.items() if name not in made}}
        daemon.tiny.instance.report_runless_asset_event(
            dg.AssetMaterialization([DOH.name, asset], partition=SET, tags=tags)
        )
    assert daemon.tick()[0] == set()
    daemon.made("annotations", partition=SET)
    assert {asset for asset, _ in daemon.tick()[0]} >= {"pairs", "mined_pairs", "agreement"}


def test_sheets_and_report_are_renewed_once_a_night_and_only_where_something_changed(daemon: Daemon) -> None:
    shown = {("sheets", SET), ("report", SET)}
    daemon.everything_made(SET)
    daemon.made("frame_catalog")
    daemon.made("coverage", "grid", partition=SET)
    assert not shown & daemon.tick()[0]
    daemon.set_clock(next_at(3, minutes=-1))
    assert not shown & daemon.tick()[0]
    daemon.set_clock(next_at(3, minutes=1))
    assert shown <= daemon.tick()[0]
    daemon.made("sheets", "report", partition=SET)
    daemon.set_clock(next_at(3, minutes=1) + timedelta(days=1))
    assert not shown & daemon.tick()[0], "nothing changed that day"


def test_sheets_show_the_other_source_and_are_renewed_at_night_when_its_set_of_the_same_name_changed(
    daemon: Daemon,
) -> None:
    daemon.everything_made(SET, OTHER_SET)
    daemon.tiny.instance.report_runless_asset_event(
        dg.AssetMaterialization(["ego4d", "annotations"], partition=SET, tags={DATA_VERSION_TAG: "new"})
    )
    assert daemon.tick()[0] == set()
    daemon.set_clock(next_at(3, minutes=1))
    requests = daemon.tiny.tick(FOLLOW).run_requests
    assert [(r.tags[RANGE_START_TAG], r.tags[RANGE_END_TAG]) for r in requests] == [(SET, SET)]
    assert [key.path[-1] for key in requests[0].asset_selection] == ["sheets", "report"]


def test_a_training_set_follows_tables_at_once_and_frames_only_at_night_after_a_change(daemon: Daemon) -> None:
    daemon.everything_made(SET)
    daemon.set_clock(next_at(5, minutes=1))
    assert ("training_set", SET) not in daemon.tick()[0]
    daemon.made("frame_catalog")
    daemon.set_clock(next_at(5, minutes=-1))
    assert ("training_set", SET) not in daemon.tick()[0]
    daemon.set_clock(next_at(5, minutes=1))
    assert ("training_set", SET) in daemon.tick()[0]
    daemon.everything_made(SET)
    daemon.made("annotations", "pairs", "mined_pairs", "agreement", partition=SET)
    assert ("training_set", SET) in daemon.tick()[0]


def test_nothing_is_asked_for_while_what_it_is_made_of_is_being_made(daemon: Daemon) -> None:
    daemon.everything_made(SET)
    daemon.made("frame_catalog")
    running = daemon.tiny.instance.add_run(dg.DagsterRun("100doh_catalog", status=dg.DagsterRunStatus.STARTED))
    assert daemon.tiny.tick(FOLLOW).skip_message == "a run of 100doh_catalog has not ended"
    daemon.tiny.instance.delete_run(running.run_id)
    by_hand = dg.DagsterRun(
        "__ASSET_JOB",
        asset_selection=frozenset({dg.AssetKey(["100doh", "pairs"])}),
        status=dg.DagsterRunStatus.STARTED,
    )
    daemon.tiny.instance.add_run(by_hand)
    assert daemon.tick() == (set(), set())


def test_each_check_is_asked_for_once_after_its_asset_changed_all_in_one_run(daemon: Daemon) -> None:
    daemon.everything_made(SET)
    requests = daemon.tiny.tick(FOLLOW).run_requests
    assert [request.job_name for request in requests] == ["100doh_checks"]
    asked = {key.name for key in requests[0].asset_check_keys}
    assert set().union(*CHECKS_OF.values()) <= asked


@pytest.mark.parametrize("cursor", ["0eJxNjkEKAjEMRa8ydO1ecCd6", "7", "[]"])
def test_a_cursor_that_an_older_version_left_keeps_no_check_from_being_asked_for(daemon: Daemon, cursor: str) -> None:
    daemon.everything_made(SET)
    daemon.tiny.cursors[FOLLOW] = cursor
    assert [request.job_name for request in daemon.tiny.tick(FOLLOW).run_requests] == ["100doh_checks"]


def test_the_tags_of_a_run_for_very_many_sets_stay_short_and_tell_the_sets_apart(daemon: Daemon) -> None:
    sets = [f"set{number:04}-of-a-long-family-name-100k" for number in range(20)]
    register(daemon.tiny.instance, annotation_set_partitions(DOH), sets)
    daemon.everything_made(*sets)
    abouts = set()
    for changed in (sets, [*sets[:-2], sets[-1]]):
        for key in changed:
            daemon.made("coverage", partition=key, version=f"of {len(changed)}")
        (request,) = daemon.tiny.tick(FOLLOW).run_requests
        assert max(len(value.encode()) for value in (*request.tags.values(), request.run_key)) < 500
        abouts.add(request.run_key)
    assert len(abouts) == 2


@pytest.fixture
def drawn(tiny: TinyWorkspace) -> TinyWorkspace:
    """Two sets and a video, and all that follows, made by real runs as the sensors asked for them."""
    tiny.add_video("aaaaaaaaaaa")
    tiny.instance.report_runless_asset_event(
        dg.AssetMaterialization(["ego4d", "annotations"], partition="simhand-50k", tags={DATA_VERSION_TAG: "other"})
    )
    hands = [hand(11, 1, 12), hand(12, 2, 11)]
    images = [image("aaaaaaaaaaa", 0, 1), image("bbbbbbbbbbb", 10, 2)]
    for scale in ("50k", "100k"):
        tiny.add_annotations(hands, images, f"Hand100M_100DOH_{scale}_v1-1.json")
    everything(tiny)
    return tiny


def everything(tiny: TinyWorkspace) -> list[str]:
    """Tick all sensors and run what they ask for until they ask for nothing; the jobs that were run."""
    jobs, names = [], ("new_videos", "new_annotation_files", "frames_finished", "pictures_follow")
    quiet = 0
    while quiet < 2:
        requests = [request for name in names for request in tiny.tick(f"100doh_{name}").run_requests]
        for request in requests:
            result = tiny.run(request)
            assert result.success or request.job_name == "100doh_checks", request
            jobs.append(request.job_name.removeprefix("100doh_"))
        quiet = 0 if requests else quiet + 1
        assert len(jobs) < 30, jobs
    return jobs


def test_real_runs_settle_and_a_new_video_costs_four(drawn: TinyWorkspace) -> None:
    assert everything(drawn) == []
    times = {name: drawn.place.output.grid_file(name).stat().st_mtime_ns for name in ("simhand-50k", "simhand-100k")}
    drawn.add_video("bbbbbbbbbbb")
    assert everything(drawn) == ["frames", "catalog", "pictures", "checks"]
    assert all(drawn.place.output.grid_file(name).stat().st_mtime_ns > before for name, before in times.items())
    assert drawn.table("coverage", "simhand-50k")["exists"].to_list() == [True, True]
    drawn.add_video("ccccccccccc")
    before = drawn.place.output.grid_file("simhand-50k").stat().st_mtime_ns
    assert everything(drawn) == ["frames", "catalog", "pictures", "checks"]
    assert drawn.place.output.grid_file("simhand-50k").stat().st_mtime_ns == before, "no set names this one"


def test_a_set_whose_ingest_failed_is_in_red_until_its_tables_are_of_the_file_that_is_here(
    drawn: TinyWorkspace, shown: Clock
) -> None:
    path = drawn.add_annotations([], [])
    path.write_text("<html>")
    names = ("new_annotation_files", "pictures_follow")
    for _ in range(3):
        for request in [r for name in names for r in drawn.tick(f"100doh_{name}").run_requests]:
            drawn.run(request)
    (found,) = [
        e
        for run in drawn.instance.get_runs(dg.RunsFilter(job_name="100doh_checks"), limit=1)
        for e in drawn.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        if e.dagster_event.asset_check_evaluation_data.check_name == "tables_are_of_the_file_that_is_here"
    ]
    told = found.dagster_event.asset_check_evaluation_data
    assert not told.passed
    assert told.description.startswith(
        "1 annotation file has no tables of its present state. simhand-50k: attempt 1 failed at"
    )
    path.write_text('{"images": [], "annotations": []}')
    shown.now_s = time.time() + 1
    assert everything(drawn)[0] == "annotations"


def test_a_set_that_a_person_reports_settles_after_real_runs(drawn: TinyWorkspace) -> None:
    key = dg.AssetKey([DOH.name, "annotations"])
    drawn.instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=SET))
    assert drawn.execute(
        "100doh_annotations",
        partition_key=SET,
        asset_selection=[dg.AssetKey([DOH.name, each]) for each in ("pairs", "mined_pairs", "agreement")],
    ).success
    assert drawn.draw().success
    assert not [r for r in drawn.tick(FOLLOW).run_requests if not r.asset_check_keys]


def test_a_video_that_a_person_reports_costs_one_catalog_and_is_shown_as_fresh(drawn: TinyWorkspace) -> None:
    before = drawn.stale("frames")
    (video, *_) = before
    drawn.instance.report_runless_asset_event(dg.AssetMaterialization([DOH.name, "videos"], partition=video))
    assert drawn.stale("frames") == before
    assert not drawn.tick("100doh_new_videos").run_requests
    (catalog,) = drawn.tick("100doh_frames_finished").run_requests
    assert drawn.run(catalog).success
    assert drawn.tick("100doh_frames_finished").skip_message == "no new frames"
    assert not [r for r in drawn.tick(FOLLOW).run_requests if not r.asset_check_keys]
