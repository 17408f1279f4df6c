"""The server's examples for real: PostgreSQL, Celery over Redis, a backfill, and deaths in the middle of it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from hand100m_assets.definitions import build_defs
from hand100m_assets.defs.partitions import register, video_partitions
from hand100m_assets.layout import DOH, IN_PROGRESS_DIR
from hand100m_assets.settings import Settings
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests import media
from hand100m_assets_tests.conftest import REPO
from hand100m_assets_tests.integration.servers import kill_group, postgres, process, redis
from hand100m_assets_tests.integration.test_daemon import wait_until
from hand100m_assets_tests.integration.test_kill import hashes, wreck_free

pytestmark = pytest.mark.integration
pytest.importorskip("dagster_postgres", reason="the extra `server` is not installed")

VIDEOS, BATCH = 12, 6
BIN = Path(sys.executable).parent


@dataclass
class Server:
    """A workspace of copies of one video, and an instance as the examples configure it."""

    folder: Path
    env: dict[str, str]

    @property
    def place(self) -> SourceWorkspace:
        return SourceWorkspace(Settings(_env_file=self.folder / ".env"), DOH)

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def frames_dir(self) -> Path:
        return self.place.output.frames_dir

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

    def at_work(self) -> bool:
        return self.finished() > 0 and any((self.frames_dir / IN_PROGRESS_DIR).glob("*/frame_*.jpg"))


@contextmanager
def server(folder: Path, example: str, **env: str) -> Iterator[Server]:
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
        made = Server(folder, {**os.environ, **ours, **places})
        _lay_out(made)
        yield made


def _lay_out(server: Server) -> None:
    """A second of work each, so that a batch can be met in its middle."""
    clip = media.encode(server.folder / "clip.mp4", size="1280x720", frames=450, g=250, preset="ultrafast")
    server.place.folders.videos_dir.mkdir(parents=True)
    for number in range(VIDEOS):
        os.link(clip, server.place.video_file(f"video_{number:05d}"))


def launch_backfill(server: Server, instance: dg.DagsterInstance) -> str:
    """What the UI's "materialize missing" does."""
    videos = [f"video_{number:05d}" for number in range(VIDEOS)]
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
    assert recorded.keys() == {f"video_{number:05d}" for number in range(VIDEOS)}
    assert max(made.values()) == 1, f"extracted twice: {made}"
    assert len(wreck_free(server.frames_dir)) == VIDEOS
    assert len(set(hashes(server.frames_dir).values())) == len(hashes(server.frames_dir)) // VIDEOS
    assert not any((server.frames_dir / IN_PROGRESS_DIR).iterdir())


def is_over(instance: dg.DagsterInstance, backfill_id: str) -> bool:
    backfill = instance.get_backfill(backfill_id)
    assert backfill is not None
    assert backfill.status not in (BulkActionStatus.FAILED, BulkActionStatus.COMPLETED_FAILED), backfill.error
    return backfill.status == BulkActionStatus.COMPLETED_SUCCESS


def all_began(instance: dg.DagsterInstance) -> bool:
    """What is killed between its launch and its first word is noticed too, but only after minutes."""
    waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING]
    return instance.get_runs_count(dg.RunsFilter(statuses=waiting)) == 0


def test_a_backfill_on_postgresql_survives_the_death_of_daemon_and_runs(tmp_path: Path) -> None:
    with server(tmp_path, "dagster.yaml") as here, here.instance() as instance:
        backfill = launch_backfill(here, instance)
        with here.daemon() as daemon:
            wait_until(lambda: here.at_work() and all_began(instance), "nothing was extracted", here.log, 120)
            kill_group(daemon)  # the daemon, its code server and the runs: as if the power failed
        done = here.finished()
        assert 0 < done < VIDEOS
        with here.daemon():
            wait_until(lambda: is_over(instance, backfill), "the backfill did not finish", here.log, 150)
        insist_on_everything_once(here, instance)


def test_runs_of_celery_workers_survive_the_death_of_one(tmp_path: Path) -> None:
    pytest.importorskip("dagster_celery", reason="the extra `celery` is not installed")
    with (
        redis(tmp_path / "redis") as url,
        server(
            tmp_path / "server",
            "dagster.celery.yaml",
            HAND100M_BROKER_URL=f"{url}/0",
            HAND100M_RESULTS_URL=f"{url}/1",
        ) as here,
        here.instance() as instance,
        here.celery_worker("first") as first,
    ):
        backfill = launch_backfill(here, instance)
        with here.daemon():
            wait_until(here.at_work, "nothing was extracted", here.log, 120)
            with here.celery_worker("second"):
                kill_group(first)
                assert here.finished() < VIDEOS
                wait_until(lambda: is_over(instance, backfill), "the backfill did not finish", here.log, 150)
        insist_on_everything_once(here, instance)
