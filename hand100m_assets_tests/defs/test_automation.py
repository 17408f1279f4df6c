"""What follows by itself: pairs, coverage and grid after their inputs, and their checks after them."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from hand100m_assets.annotations.rules import RULES
from hand100m_assets.defs.partitions import annotation_set_partitions, register
from hand100m_assets.defs.sensors import FOLLOWING
from hand100m_assets.layout import DOH
from hand100m_assets_tests.defs.conftest import TinyWorkspace

SET, OTHER_SET = "simhand-50k", "topk-1m"
UNPARTITIONED = ("frame_catalog", "inventory")
CHECKS_OF = {
    "annotations": {rule.name for rule in RULES},
    "coverage": {"annotated_images_exist"},
    "pairs": {"positives_are_resolved", "distances_are_finite"},
    "mined_pairs": {"all_sound_hands_are_mined", "neighbours_are_from_other_videos"},
    "agreement": {"shipped_positives_are_near"},
    "grid": {"grid_cells_are_filled", "grids_have_full_size"},
    "sheets": {"sheet_cells_are_filled"},
    "training_set": {
        "training_counts_add_up",
        "training_hands_are_samples",
        "training_keypoints_are_inside",
        "training_pixels_are_those_of_the_frames",
        "training_positives_are_in_range",
        "training_shards_are_whole",
    },
}
for _asset, _checks in CHECKS_OF.items():
    _checks.add(f"every_set_has_{_asset}")


class Daemon:
    """Ticks the sensor's conditions; records what a run would."""

    def __init__(self, tiny: TinyWorkspace) -> None:
        self.tiny, self.cursor = tiny, None
        sensors = {sensor.name: sensor for sensor in tiny.defs.sensors or []}
        graph = tiny.defs.get_repository_def().asset_graph
        selection = sensors["100doh_pictures_follow"].asset_selection
        self.keys = selection.resolve(graph) | selection.resolve_checks(graph)

    def tick(self, now: datetime | None = None) -> tuple[set[tuple[str, str | None]], set[str]]:
        """(asset, partition) requested, and names of the checks requested."""
        instance = self.tiny.instance
        with pytest.MonkeyPatch.context() as patch:
            # The database is asked for them thousands of times a tick, in which nobody adds any.
            patch.setattr(instance, "get_dynamic_partitions", functools.cache(instance.get_dynamic_partitions))
            result = dg.evaluate_automation_conditions(
                self.tiny.defs,
                instance,
                asset_selection=dg.AssetSelection.assets(*[k for k in self.keys if isinstance(k, dg.AssetKey)])
                | dg.AssetSelection.checks(*[k for k in self.keys if isinstance(k, dg.AssetCheckKey)]),
                cursor=self.cursor,
                evaluation_time=now,
            )
        self.cursor = result.cursor
        assets = {
            (key.path[-1], partition)
            for key in self.keys
            if isinstance(key, dg.AssetKey)
            for partition in result.get_requested_partitions(key)
        }
        requested = [r.key for r in result.results if not r.true_subset.is_empty]
        checks = {key.name for key in requested if isinstance(key, dg.AssetCheckKey)}
        return assets, checks

    def made(self, *assets: str, partition: str | None = None) -> None:
        for asset in assets:
            self.tiny.instance.report_runless_asset_event(
                dg.AssetMaterialization([DOH.name, asset], partition=partition)
            )

    def checked(self, *names: str) -> None:
        for key in self.keys:
            if isinstance(key, dg.AssetCheckKey) and key.name in names:
                self.tiny.instance.report_runless_asset_event(
                    dg.AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, passed=True, metadata={})
                )


@pytest.fixture
def daemon(tiny: TinyWorkspace) -> Daemon:
    register(tiny.instance, annotation_set_partitions(DOH), [SET, OTHER_SET])
    return Daemon(tiny)


def test_the_sensor_watches_pictures_and_the_checks_of_all_that_follows_annotations(daemon: Daemon) -> None:
    assert {k.path[-1] for k in daemon.keys if isinstance(k, dg.AssetKey)} == set(FOLLOWING)
    assert {k.name for k in daemon.keys if isinstance(k, dg.AssetCheckKey)} == set().union(*CHECKS_OF.values())


def test_nothing_is_asked_for_before_there_is_an_input(daemon: Daemon) -> None:
    assert daemon.tick() == (set(), set())


def test_ingested_annotations_ask_for_pairs_and_mining_and_their_checks(daemon: Daemon) -> None:
    daemon.tick()
    daemon.made("annotations", partition=SET)
    assets, checks = daemon.tick()
    assert assets == {("pairs", SET), ("mined_pairs", SET), ("agreement", SET)}
    assert checks == CHECKS_OF["annotations"]
    assert daemon.tick() == (set(), set())


def test_coverage_and_grid_follow_when_all_their_inputs_are_there(daemon: Daemon) -> None:
    daemon.tick()
    daemon.made("annotations", "pairs", "mined_pairs", "agreement", partition=SET)
    assert not {asset for asset, _ in daemon.tick()[0]} & {"coverage", "grid", "sheets", "report"}
    daemon.made(*UNPARTITIONED)
    assert daemon.tick()[0] >= {("coverage", SET), ("grid", SET), ("sheets", SET), ("report", SET)}


def test_an_export_follows_tables_and_pairs_at_once_frames_at_night_and_the_inventory_never(daemon: Daemon) -> None:
    evening = datetime(2026, 1, 10, 20, tzinfo=timezone.utc)
    daemon.tick(evening)
    daemon.made("annotations", partition=SET)
    assert ("export", SET) not in daemon.tick(evening)[0]
    daemon.made("inventory", "frame_catalog")
    assert ("export", SET) in daemon.tick(evening)[0]
    daemon.made("export", partition=SET)
    daemon.tick(evening)
    for asset, partition in (("annotations", SET), ("mined_pairs", SET)):
        daemon.made(asset, partition=partition)
        assert ("export", SET) in daemon.tick(evening)[0]
        daemon.made("export", partition=SET)
        daemon.tick(evening)
    daemon.made("frame_catalog")
    assert ("export", SET) not in daemon.tick(evening + timedelta(minutes=10))[0]
    night = evening + timedelta(hours=10)
    assert ("export", SET) in daemon.tick(night)[0]
    daemon.made("export", partition=SET)
    daemon.tick(night)
    daemon.made("inventory")
    assert ("export", SET) not in daemon.tick(night + timedelta(days=1))[0]


def test_new_frames_redraw_coverage_and_grid_but_not_pairs(daemon: Daemon) -> None:
    daemon.tick()
    daemon.made(*UNPARTITIONED)
    daemon.made("annotations", "pairs", "mined_pairs", "agreement", "coverage", "grid", partition=SET)
    daemon.made("sheets", "report", partition=SET)
    daemon.tick()
    daemon.made("frame_catalog")
    assert daemon.tick()[0] == {("coverage", SET), ("grid", SET)}


def test_sheets_and_report_are_made_at_once_and_renewed_at_most_once_a_night(daemon: Daemon) -> None:
    evening = datetime(2026, 1, 10, 20, tzinfo=timezone.utc)
    shown = {("sheets", SET), ("report", SET)}
    daemon.tick(evening)
    daemon.made(*UNPARTITIONED)
    daemon.made("annotations", "pairs", "mined_pairs", "agreement", "coverage", "grid", partition=SET)
    assert shown <= daemon.tick(evening)[0]
    daemon.made("sheets", "report", partition=SET)
    daemon.tick(evening)
    daemon.made("frame_catalog")
    daemon.made("coverage", "grid", partition=SET)
    assert not shown & daemon.tick(evening + timedelta(minutes=10))[0]
    night = evening + timedelta(hours=8)
    assert shown <= daemon.tick(night)[0]
    daemon.made("sheets", "report", partition=SET)
    assert not shown & daemon.tick(night + timedelta(days=1))[0], "nothing changed that day"


def test_checks_run_by_themselves_each_time_their_asset_changed(daemon: Daemon) -> None:
    daemon.tick()
    for asset in ("coverage", "pairs", "grid"):
        daemon.made(asset, partition=SET)
        assert daemon.tick()[1] == CHECKS_OF[asset]
        daemon.checked(*CHECKS_OF[asset])
    daemon.made("grid", partition=OTHER_SET)
    assert daemon.tick()[1] == CHECKS_OF["grid"]


def test_rules_that_ask_the_videos_run_again_when_the_inventory_changed(daemon: Daemon) -> None:
    daemon.tick()
    daemon.made("annotations", partition=SET)
    daemon.tick()
    daemon.checked(*CHECKS_OF["annotations"])
    daemon.made("inventory")
    asked = daemon.tick()[1] & CHECKS_OF["annotations"]
    assert asked == {"box_misses_image", "box_outside_image", "frame_beyond_end", "image_size_differs"}


def test_a_set_that_was_never_made_does_not_silence_the_checks_of_the_others(daemon: Daemon) -> None:
    daemon.tick()
    daemon.made("annotations", partition=OTHER_SET)
    assert daemon.tick()[1] == CHECKS_OF["annotations"]


def test_a_training_set_follows_tables_at_once_and_frames_only_at_night(daemon: Daemon) -> None:
    daemon.tick()
    daemon.made("annotations", partition=SET)
    assert ("training_set", SET) not in daemon.tick()[0]
    daemon.made("frame_catalog")
    assert ("training_set", SET) in daemon.tick()[0]
    daemon.made("training_set", partition=SET)
    daemon.made("frame_catalog")
    assert ("training_set", SET) not in daemon.tick()[0]
    daemon.made("annotations", partition=SET)
    assert ("training_set", SET) in daemon.tick()[0]
