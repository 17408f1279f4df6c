"""How many runs a real daemon starts with every sensor on: none without a change, at most four after a new video."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorState

from hand100m_assets.sources import EGO4D
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests.conftest import REPO, SampleWorkspace
from hand100m_assets_tests.integration.test_daemon import daemon, wait_until

pytestmark = pytest.mark.integration

TIMEOUT_S = 1800.0
"""For each part, on a machine that does other things, too: a minute or two on a quiet one."""

SETS = ("Hand100M_Ego4D_50k_v1-1.json", "Hand100M_Ego4D_TopK_5_50k_v1-1.json")


def make_workspace(folder: Path, sample: SampleWorkspace) -> tuple[SampleWorkspace, Callable[[], None]]:
    """Two annotation sets and two of the videos they name, everything made of them; and how a third one arrives."""
    workspace = SampleWorkspace(folder, sample.report)
    (folder / ".env").write_text(
        f"HAND100M_DATA_ROOT={folder}/data\nHAND100M_OUTPUT_ROOT={folder}/output\nHAND100M_SENSOR_INTERVAL_S=5\n"
    )
    here, there = SourceWorkspace(workspace.settings, EGO4D), SourceWorkspace(sample.settings, EGO4D)
    here.folders.videos_dir.mkdir(parents=True)
    here.folders.annotations_dir.mkdir(parents=True)
    for name in SETS:
        shutil.copy(there.folders.annotations_dir / name, here.folders.annotations_dir / name)
    shutil.copy(there.folders.list_file, here.folders.list_file)
    *first, last = sorted(sample.report.sources["ego4d"].healthy)[:3]
    for video_id in first:
        shutil.copy(there.video_file(video_id), here.video_file(video_id))
    made = workspace.run(sys.executable, "-m", "hand100m_assets.headless.catch_up", timeout_s=TIMEOUT_S)
    assert made.returncode in (0, 1), made.stderr  # 1: the other source has no folders here
    assert len(SourceWorkspace(workspace.settings, EGO4D).training_sets()) == len(SETS), made.stdout + made.stderr

    def arrive() -> None:
        beside = here.video_file(last).with_suffix(".part")
        shutil.copy(there.video_file(last), beside)
        beside.rename(here.video_file(last))

    return workspace, arrive


class Watch:
    """Runs and ticks as the instance has recorded them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.since_s = time.time()
        self.seen = {record.storage_id for record in instance.get_run_records()}

    def runs(self) -> list[dg.DagsterRun]:
        """New ones, oldest first."""
        new = [record for record in self.instance.get_run_records() if record.storage_id not in self.seen]
        return [record.dagster_run for record in sorted(new, key=lambda record: record.storage_id)]

    def is_quiet(self) -> bool:
        """Whether no run is under way, and every sensor has looked again since the last one ended.

        The slowest looks every 50 seconds, in which the others look several times.
        """
        records = [record for record in self.instance.get_run_records() if record.storage_id not in self.seen]
        if not all(record.dagster_run.is_finished for record in records):
            return False
        since_s = max([self.since_s, *(record.end_time or 0 for record in records)])
        sensors = [state for state in self.instance.all_instigator_state() if state.instigator_type.value == "SENSOR"]
        return len(sensors) == 8 and all(self._has_looked_since(state, since_s) for state in sensors)

    def _has_looked_since(self, state: InstigatorState, since_s: float) -> bool:
        ticks = self.instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since_s)
        return any(tick.is_completed for tick in ticks)

    def report(self, title: str) -> list[str]:
        """Print the runs, also where pytest captures, and return their jobs."""
        lines = [f"  {run.job_name:20}{run.status.value:10}{about(run)}" for run in self.runs()]
        sys.stdout.write("\n".join([f"\n{title}: {len(lines)} runs", *lines, ""]))
        return [run.job_name for run in self.runs()]


def about(run: dg.DagsterRun) -> str:
    return run.tags.get("hand100m/about", "").rpartition(":")[0]


def test_a_daemon_with_every_sensor_on_starts_no_run_without_a_change_and_four_after_a_new_video(
    sample: SampleWorkspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, arrive = make_workspace(tmp_path, sample)
    binary, log = str(Path(sys.executable).with_name("dagster")), tmp_path / "daemon.log"
    started = workspace.run(binary, "sensor", "start", "--start-all", "-w", str(REPO / "workspace.yaml"))
    assert started.returncode == 0, started.stderr
    with (
        dg.DagsterInstance.from_config(workspace.env["DAGSTER_HOME"]) as instance,
        daemon(workspace, log),
        capsys.disabled(),
    ):
        watch = Watch(instance)
        wait_until(watch.is_quiet, "the daemon does not come to rest", log, TIMEOUT_S)
        assert watch.report("without a change") == []
        watch = Watch(instance)
        arrive()
        wait_until(lambda: bool(watch.runs()) and watch.is_quiet(), "the daemon does not come to rest", log, TIMEOUT_S)
        jobs = watch.report("after one new video")
        assert jobs == ["ego4d_frames", "ego4d_catalog", "ego4d_pictures", "ego4d_checks"]
        assert all(run.is_success for run in watch.runs())
