"""Videos worked on by a real Dask cluster: a scheduler and two workers, each a process, on loopback."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from hand100m_assets.definitions import build_defs
from hand100m_assets.defs.jobs import frames_job_name
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, register, video_partitions
from hand100m_assets.errors import RetryableError
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.parallel import DaskCluster, DaskPool, connected
from hand100m_assets.sources import SOURCES, Source
from hand100m_assets.video.decode import StrideSelection
from hand100m_assets.video.frames import ExtractionJob, ExtractionOptions, extract_many
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests import media
from hand100m_assets_tests.conftest import REPO, SampleWorkspace
from hand100m_assets_tests.integration.test_kill import hashes, wreck_free

pytestmark = pytest.mark.integration
pytest.importorskip("distributed", reason="the extra `dask` is not installed")


@pytest.fixture
def clip_job(tmp_path: Path) -> ExtractionJob:
    path = media.make_clip("defaults", tmp_path)
    return ExtractionJob(
        video_path=path,
        frames_dir=tmp_path / "out",
        video_id=path.stem,
        selection=StrideSelection(30),
        options=ExtractionOptions(),
    )


def wait_until(what: Callable[[], bool], reason: str, timeout_s: float = 90) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline_s, reason
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    """Processes as a person would start them; `scheduler` is the address."""

    scheduler: str
    workers: list[subprocess.Popen[bytes]]
    scheduler_process: subprocess.Popen[bytes]


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    folder.mkdir(parents=True, exist_ok=True)
    address = f"tcp://127.0.0.1:{free_port()}"
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        with (folder / f"{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments], cwd=REPO, stdout=log, stderr=log, start_new_session=True
            )
        started.append(process)
        return process

    try:
        scheduler = start("scheduler", "--host", address, "--no-dashboard", "--no-show")
        # Without a nanny a killed worker stays dead, so the other one has to do its work.
        some = [
            start(
                "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)
            )
            for _ in range(workers)
        ]
        yield Cluster(address, some, scheduler)
    finally:
        for process in reversed(started):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def kill_once_at_work(worker: subprocess.Popen[bytes], in_progress: Path) -> None:
    wait_until(lambda: any(in_progress.glob("*/frame_*.jpg")), "no worker began")
    worker.kill()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_whole_sample_is_extracted_by_dask_workers_though_one_is_killed(
    source: Source, sample: SampleWorkspace, finished: SampleWorkspace, tmp_path: Path
) -> None:
    local = SourceWorkspace(finished.settings, source)
    videos = sorted(path.stem for path in local.folders.videos_dir.glob("*.mp4"))
    with cluster(tmp_path / "dask") as dask, dg.DagsterInstance.ephemeral() as instance:
        where = {"output_root": tmp_path / "output", "execution": "dask", "dask_scheduler": dask.scheduler}
        settings = sample.settings.model_copy(update=where)
        frames_dir = settings.output(source).frames_dir
        killer = threading.Thread(target=kill_once_at_work, args=(dask.workers[0], frames_dir / IN_PROGRESS_DIR))
        killer.start()
        register(instance, video_partitions(source), videos)
        result = (
            build_defs(settings)
            .resolve_job_def(frames_job_name(source))
            .execute_in_process(
                instance=instance, tags={RANGE_START_TAG: videos[0], RANGE_END_TAG: videos[-1]}, raise_on_error=False
            )
        )
        killer.join()
        assert dask.workers[0].wait(5) == -signal.SIGKILL
    healthy = sorted(sample.report.sources[source.name].healthy)
    recorded = [e.partition for e in result.get_asset_materialization_events() if e.partition]
    assert Counter(recorded) == Counter(healthy)
    assert wreck_free(frames_dir) == healthy
    assert hashes(frames_dir) == hashes(local.output.frames_dir)
    assert not list((frames_dir / IN_PROGRESS_DIR).iterdir())


def test_work_that_is_ended_is_ended_on_the_workers_too_and_goes_on_where_it_was(tmp_path: Path) -> None:
    long_clip = media.encode(tmp_path / "long.mp4", size="1280x720", frames=600, g=30, preset="ultrafast")
    job = ExtractionJob(
        video_path=long_clip,
        frames_dir=tmp_path / "out",
        video_id="long",
        selection=StrideSelection(1),
        options=ExtractionOptions(),
    )
    in_progress = tmp_path / "out" / IN_PROGRESS_DIR
    with cluster(tmp_path / "dask", workers=1) as dask, connected(DaskCluster(scheduler=dask.scheduler)) as client:
        begun = lambda: any(in_progress.glob("*/frame_*.jpg"))  # noqa: E731
        assert list(extract_many([job], DaskPool(client), should_stop=begun)) == []
        wait_until(lambda: is_free(in_progress / "long"), "the worker goes on", timeout_s=10)
        made = len(list((in_progress / "long").glob("*.jpg")))
        assert 0 < made < 600
        (outcome,) = extract_many([job], DaskPool(client))
    assert outcome.error is None
    assert len(outcome.manifest.frames) == 600


def is_free(folder: Path) -> bool:
    """Whether nobody holds the lock of a video's folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def test_a_batch_system_starts_the_workers(clip_job: ExtractionJob) -> None:
    """dask-jobqueue's own stand-in for SLURM and the like: its jobs are processes of this machine."""
    with connected(DaskCluster(queue="local")) as client:
        (outcome,) = extract_many([clip_job], DaskPool(client, patience_s=60))
    assert outcome.error is None


def test_a_cluster_without_workers_is_not_waited_for_forever(tmp_path: Path, clip_job: ExtractionJob) -> None:
    with (
        cluster(tmp_path / "dask", workers=0) as dask,
        connected(DaskCluster(scheduler=dask.scheduler)) as client,
        pytest.raises(RetryableError, match="has had no worker for 1 s"),
    ):
        list(extract_many([clip_job], DaskPool(client, patience_s=1)))


KILLED = """
import sys
from pathlib import Path
from hand100m_assets.errors import Hand100mError
from hand100m_assets.parallel import DaskCluster, DaskPool, connected
from hand100m_assets.video import ExtractionOptions, StrideSelection
from hand100m_assets.video.frames import ExtractionJob, extract_many

address, video, out = sys.argv[1:]
job = ExtractionJob(video_path=Path(video), frames_dir=Path(out), video_id="long", selection=StrideSelection(1),
                    options=ExtractionOptions())
try:
    with connected(DaskCluster(scheduler=address)) as client:
        list(extract_many([job], DaskPool(client)))
except Hand100mError as error:
    sys.exit(str(error))
"""


def test_a_killed_scheduler_is_one_line(tmp_path: Path) -> None:
    long_clip = media.encode(tmp_path / "long.mp4", size="1280x720", frames=900, g=30, preset="ultrafast")
    begun = tmp_path / "out" / IN_PROGRESS_DIR / "long"
    with (
        cluster(tmp_path / "dask", workers=1) as dask,
        subprocess.Popen(
            [sys.executable, "-c", KILLED, dask.scheduler, str(long_clip), str(tmp_path / "out")],
            cwd=REPO,
            stderr=subprocess.PIPE,
            text=True,
        ) as run,
    ):
        wait_until(lambda: any(begun.glob("*.jpg")), "no worker began")
        end(dask.scheduler_process)
        _, printed = run.communicate(timeout=120)
    (line,) = printed.splitlines()
    assert run.returncode == 1 and "Dask" in line, printed
