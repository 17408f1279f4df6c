"""The server's examples for real: PostgreSQL, Celery over Redis, a backfill, a night, deaths in the middle."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.scheduler.instigation import ScheduleInstigatorData
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from hand100m_assets.definitions import build_defs
from hand100m_assets.defs.partitions import register, video_partitions
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests import media
from hand100m_assets_tests.conftest import REPO, SampleWorkspace
from hand100m_assets_tests.integration.servers import kill_group, postgres, process, redis
from hand100m_assets_tests.integration.test_daemon import wait_until
from hand100m_assets_tests.integration.test_kill import hashes, wreck_free

pytestmark = pytest.mark.integration
pytest.importorskip("dagster_postgres", reason="the extra `server` is not installed")

VIDEOS, BATCH, COPY_FRAMES = 12, 6, 450
BIN = Path(sys.executable).parent


@dataclass
class Server:
    """A workspace of some videos, and an instance as the examples configure it.

    Attributes:
        local: The sample, extracted on this machine without any server; its healthy videos are among ours.
    """

    folder: Path
    env: dict[str, str]
    local: SourceWorkspace

    @property
    def place(self) -> SourceWorkspace:
        return SourceWorkspace(Settings(_env_file=self.folder / ".env"), DOH)

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def frames_dir(self) -> Path:
        return self.place.output.frames_dir

    @property
    def videos(self) -> list[str]:
        """Videos of the sample and copies of a longer one by turns, so that every batch has both."""
        sample = [path.parent.name for path in self.local.output.frames_dir.glob("[!.]*/manifest.json")]
        copies = [f"video_{number:05d}" for number in range(VIDEOS - len(sample))]
        turns = itertools.zip_longest(sorted(sample), copies)
        return [video_id for pair in turns for video_id in pair if video_id]

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.folder / "home"))

    def daemon(self) -> AbstractContextManager:
        command = [str(BIN / "dagster-daemon"), "run", "-w", str(REPO / "workspace.yaml")]
        return process(command, self.log, env=self.env, cwd=REPO)

    def celery_worker(self, name: str) -> AbstractContextManager:
        config = str(REPO / "deploy" / "server" / "celery_worker.yaml")
        start = [str(BIN / "dagster-celery"), "worker", "start", "-A", "dagster_celery.app", "-y", config]
        command = [*start, "-q", "dagster", "-n", name, "--", "--concurrency", "1"]
        return process(command, self.log, env=self.env, cwd=REPO)

    def finished(self) -> int:
        return len(list(self.frames_dir.glob("[!.]*/manifest.json")))

    def has_begun(self) -> bool:
        return any((self.frames_dir / IN_PROGRESS_DIR).glob("*/frame_*.jpg"))

    def at_work(self) -> bool:
        return self.finished() > 0 and self.has_begun()


@contextmanager
def server(folder: Path, example: str, sample: SampleWorkspace, **env: str) -> Iterator[Server]:
    (home := folder / "home").mkdir(parents=True)
    shutil.copy(REPO / "deploy" / "server" / example, home / "dagster.yaml")
    (folder / ".env").write_text(
        f"HAND100M_DATA_ROOT={folder}/data\nHAND100M_OUTPUT_ROOT={folder}/output\nHAND100M_VIDEOS_PER_RUN={BATCH}\n"
    )
    with postgres() as url, pytest.MonkeyPatch.context() as patch:
        ours = {"HAND100M_POSTGRES_URL": url, **env}
        for name, value in ours.items():
            patch.setenv(name, value)
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        places = {"HAND100M_ENV_FILE": str(folder / ".env"), "DAGSTER_HOME": str(home), "PATH": path}
        made = Server(folder, {**os.environ, **ours, **places}, SourceWorkspace(sample.settings, DOH))
        _lay_out(made)
        yield made


def _lay_out(server: Server) -> None:
    """A second of work for each copy, so that a batch can be met in its middle."""
    clip = media.encode(server.folder / "clip.mp4", size="1280x720", frames=COPY_FRAMES, g=250, preset="ultrafast")
    server.place.folders.videos_dir.mkdir(parents=True)
    for video_id in server.videos:
        of_sample = server.local.video_file(video_id)
        os.link(of_sample if of_sample.exists() else clip, server.place.video_file(video_id))


def launch_backfill(server: Server, instance: dg.DagsterInstance) -> str:
    """What the UI's "materialize missing" does."""
    videos = server.videos
    register(instance, video_partitions(DOH), videos)
    graph = build_defs(server.place.settings).resolve_asset_graph()
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        backfill = PartitionBackfill.from_asset_partitions(
            backfill_id="nightly",
            asset_graph=graph,
            partition_names=videos,
            asset_selection=[dg.AssetKey([DOH.name, "frames"])],
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def insist_on_everything_once(server: Server, instance: dg.DagsterInstance) -> None:
    key = dg.AssetKey([DOH.name, "frames"])
    found = instance.fetch_materializations(key, limit=1000)
    recorded = Counter(r.asset_materialization.partition for r in found.records)
    made = Counter(
        r.asset_materialization.partition for r in found.records if not r.asset_materialization.metadata["reused"].value
    )
    assert recorded.keys() == set(server.videos)
    assert max(made.values()) == 1, f"extracted twice: {made}"
    assert wreck_free(server.frames_dir) == sorted(server.videos)
    assert frames_as_made_locally(server)
    assert not any((server.frames_dir / IN_PROGRESS_DIR).iterdir())


def frames_as_made_locally(server: Server) -> bool:
    """The sample's bit for bit as without a server; copies of one video whole and like each other."""
    expected, made = hashes(server.local.output.frames_dir), hashes(server.frames_dir)
    one, *others = [hashes(server.frames_dir / name) for name in server.videos if name.startswith("video_")]
    assert len(one) == len(range(0, COPY_FRAMES, server.place.settings.frame_stride))
    return expected.items() <= made.items() and all(other == one for other in others)


def is_over(instance: dg.DagsterInstance, backfill_id: str) -> bool:
    """Whether nothing is left to do. What was done is counted afterwards.

    Dagster may close a backfill as failed in the moment between a run's death and its retry, which goes on even so.
    """
    backfill = instance.get_backfill(backfill_id)
    assert backfill is not None
    assert backfill.status != BulkActionStatus.FAILED, backfill.error
    if backfill.status == BulkActionStatus.COMPLETED_FAILED:
        frames = instance.get_materialized_partitions(dg.AssetKey([DOH.name, "frames"]))
        unfinished = instance.get_runs_count(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
        return len(frames) == VIDEOS and not unfinished
    return backfill.status == BulkActionStatus.COMPLETED_SUCCESS


def all_began(instance: dg.DagsterInstance) -> bool:
    """What is killed between its launch and its first word is noticed too, but only after minutes."""
    waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING]
    return instance.get_runs_count(dg.RunsFilter(statuses=waiting)) == 0


def test_a_backfill_on_postgresql_survives_the_death_of_daemon_and_runs(
    finished: SampleWorkspace, tmp_path: Path
) -> None:
    with server(tmp_path, "dagster.yaml", finished) as here, here.instance() as instance:
        backfill = launch_backfill(here, instance)
        with here.daemon() as daemon:
            wait_until(lambda: here.at_work() and all_began(instance), "nothing was extracted", here.log, 240)
            kill_group(daemon)  # the daemon, its code server and the runs: as if the power failed
        done = here.finished()
        assert 0 < done < VIDEOS
        with here.daemon():
            wait_until(lambda: is_over(instance, backfill), "the backfill did not finish", here.log, 300)
        insist_on_everything_once(here, instance)


def test_runs_of_celery_workers_survive_the_death_of_one(finished: SampleWorkspace, tmp_path: Path) -> None:
    pytest.importorskip("dagster_celery", reason="the extra `celery` is not installed")
    with (
        redis(tmp_path / "redis") as url,
        server(
            tmp_path / "server",
            "dagster.celery.yaml",
            finished,
            HAND100M_BROKER_URL=f"{url}/0",
            HAND100M_RESULTS_URL=f"{url}/1",
        ) as here,
        here.instance() as instance,
        here.celery_worker("first") as first,
    ):
        backfill = launch_backfill(here, instance)
        with here.daemon():
            wait_until(here.at_work, "nothing was extracted", here.log, 240)
            with here.celery_worker("second"):
                kill_group(first)
                assert here.finished() < VIDEOS
                wait_until(lambda: is_over(instance, backfill), "the backfill did not finish", here.log, 300)
        insist_on_everything_once(here, instance)


def test_a_night_is_asked_for_by_the_daemon_can_be_cancelled_and_is_taken_up_by_the_next_run(
    finished: SampleWorkspace, tmp_path: Path
) -> None:
    slowly = {"HAND100M_WORKERS": "1", "HAND100M_FRAME_STRIDE": "5"}
    with server(tmp_path, "dagster.yaml", finished, **slowly) as here, here.instance() as instance:
        register(instance, video_partitions(DOH), here.videos)
        instance.event_log_storage.set_concurrency_slots("extraction", 1)
        switch_on_since_before_the_last_tick(here, instance)
        with here.daemon():
            wait_until(here.has_begun, "the night did not begin", here.log, 240)
            asked = instance.get_runs()
            assert [run.tags["dagster/schedule_name"] for run in asked] == ["100doh_nightly_backfill"] * 2
            assert {run.status for run in asked} == {dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.QUEUED}
            cancel(asked, instance)
            wait_until(lambda: not workers_of(here), "workers live on", here.log, 10)
            done = wreck_free(here.frames_dir)
            assert len(done) < BATCH, "cancelled too late: the batch was finished"
            backfill = launch_backfill(here, instance)
            wait_until(lambda: is_over(instance, backfill), "the rest was not taken up", here.log, 300)
        insist_on_everything_once(here, instance)


def switch_on_since_before_the_last_tick(server: Server, instance: dg.DagsterInstance) -> None:
    """As if somebody had switched the schedule on yesterday and the daemon had slept at two o'clock."""
    command = [str(BIN / "dagster"), "schedule", "start", "100doh_nightly_backfill"]
    started = subprocess.run(
        [*command, "-w", str(REPO / "workspace.yaml")], env=server.env, cwd=REPO, capture_output=True, check=False
    )
    assert started.returncode == 0, started.stderr
    (state,) = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    now = dt.datetime.now(dt.timezone.utc)
    two = now.replace(hour=2, minute=0, second=0, microsecond=0)
    last = two if two <= now else two - dt.timedelta(days=1)
    data = ScheduleInstigatorData("0 2 * * *", start_timestamp=last.timestamp() - 60)
    instance.update_instigator_state(state.with_data(data))


def cancel(runs: Sequence[dg.DagsterRun], instance: dg.DagsterInstance) -> None:
    """What "Terminate" in the UI does, to runs in the queue and at work: within seconds."""
    for run in runs:
        instance.run_coordinator.cancel_run(run.run_id)
    deadline_s = time.monotonic() + 20
    while instance.get_runs_count(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
        assert time.monotonic() < deadline_s, "a run does not end"
        time.sleep(0.1)
    assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.CANCELED}


def workers_of(server: Server) -> list[int]:
    """Processes of this server that multiprocessing started: runs, and their workers."""
    mark = f"DAGSTER_HOME={server.env['DAGSTER_HOME']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_ours = mark in (folder / "environ").read_bytes().split(b"\0")
            if is_ours and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
