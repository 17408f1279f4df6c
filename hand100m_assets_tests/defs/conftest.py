"""A tiny workspace: a few real clips, one annotation file, an ephemeral instance."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.loader import LoadingContextForTest

from hand100m_assets.definitions import build_defs
from hand100m_assets.defs.automation import clock
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, register, video_partitions
from hand100m_assets.headless.catch_up import evaluate_sensor
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests.media import copy_clip, make_clip

SET_FILE = "Hand100M_100DOH_50k_v1-1.json"


@dataclass
class TinyWorkspace:
    """The 100DOH source with a handful of clips; methods do what a person or the daemon would."""

    settings: Settings
    instance: dg.DagsterInstance
    clips: Path
    cursors: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = SourceWorkspace(self.settings, DOH)
        self.place.folders.videos_dir.mkdir(parents=True, exist_ok=True)
        self.place.folders.annotations_dir.mkdir(parents=True, exist_ok=True)

    @cached_property
    def defs(self) -> dg.Definitions:
        return build_defs(self.settings)

    def add_video(self, video_id: str, clip: str = "keyint30_no_b") -> Path:
        made = self.clips / f"{clip}.mp4"
        return copy_clip(
            made if made.exists() else make_clip(clip, self.clips), self.place.folders.videos_dir, video_id
        )

    def add_list(self, *video_ids: str, size: str = "320x240", text: str | None = None) -> Path:
        path = self.place.folders.list_file
        rows = [f"{video_id} genre link {size} 30/1\n" for video_id in video_ids]
        path.write_text("".join(rows) if text is None else text)
        return path

    def add_annotations(self, hands: list[dict], images: list[dict], file_name: str = SET_FILE) -> Path:
        path = self.place.folders.annotations_dir / file_name
        path.write_text(json.dumps({"images": images, "annotations": hands}))
        return path

    def register(self, *video_ids: str) -> None:
        register(self.instance, video_partitions(DOH), video_ids)

    def reconfigured(self, **changes: object) -> TinyWorkspace:
        """The same folders and instance after the settings were edited."""
        other = copy.copy(self)
        other.settings = self.settings.model_copy(update=changes)
        other.place, other.cursors = SourceWorkspace(other.settings, DOH), {}
        other.__dict__.pop("defs", None)
        return other

    def tick(self, name: str) -> SensorExecutionData:
        data = evaluate_sensor(self.defs, self.instance, self.settings, name, self.cursors.get(name))
        self.cursors[name] = data.cursor or self.cursors.get(name)
        return data

    def execute(self, job: str, **how: object) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            **how,
        )

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """What the daemon would make of a request; a key that it took before it does not take again."""
        taken = self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": request.run_key}))
        assert not taken, f"{request.run_key} was asked for before"
        job = self.defs.resolve_job_def(request.job_name)
        return job.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={**request.tags, "dagster/run_key": request.run_key},
            partition_key=request.partition_key,
            asset_selection=request.asset_selection,
        )

    def extract(self, first: str, last: str | None = None) -> dg.ExecuteInProcessResult:
        return self.execute("100doh_frames", tags={RANGE_START_TAG: first, RANGE_END_TAG: last or first})

    def ingest(self, key: str = "simhand-50k") -> dg.ExecuteInProcessResult:
        return self.execute("100doh_annotations", partition_key=key)

    def draw(self, key: str = "simhand-50k") -> dg.ExecuteInProcessResult:
        return self.execute("100doh_pictures", partition_key=key)

    def notice(self) -> None:
        """Register every video and annotation file that is here."""
        for name in ("100doh_new_videos", "100doh_new_annotation_files"):
            self.tick(name)
            self.tick(name)

    def table(self, asset: str, partition: str | None = None) -> pl.DataFrame:
        return pl.read_parquet(self.place.output.table_file(asset, partition))

    def metadata(self, asset: str, partition: str | None = None) -> dict[str, object]:
        """What the latest materialization says, as plain values."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(
                dg.AssetKey([DOH.name, asset]), asset_partitions=None if partition is None else [partition]
            ),
            limit=1,
        ).records
        return {name: value.value for name, value in records[0].asset_materialization.metadata.items()}

    def status(self, asset: str) -> dict[str, str]:
        key = dg.AssetKey([DOH.name, asset])
        partitions = dg.DynamicPartitionsDefinition(name=f"{DOH.name}_videos")
        keys = partitions.get_partition_keys(dynamic_partitions_store=self.instance)
        found = self.instance.get_status_by_partition(key, keys, partitions) or {}
        return {name: status.value for name, status in found.items() if status}

    def stale(self, asset: str) -> dict[str, str]:
        """What the UI says of each materialized video partition: fresh or stale."""
        graph = self.defs.get_repository_def().asset_graph
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        key = dg.AssetKey([DOH.name, asset])
        return {name: resolver.get_status(key, name).value for name in self.status(asset)}


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def failure(result: dg.ExecuteInProcessResult, step: str | None = None) -> str:
    """The message of the failed step (the only one unless named), which the error shown to a person leads with."""
    failed = {e.step_key: e.step_failure_data for e in result.all_events if e.is_step_failure}
    data = failed[step] if step else failed.popitem()[1]
    assert step or not failed
    message = data.user_failure_data.description
    assert data.error.message.removeprefix("dagster._core.definitions.events.Failure: ").startswith(message)
    return message


@contextmanager
def tiny_workspace(folder: Path, clips: Path) -> Iterator[TinyWorkspace]:
    settings = Settings(
        _env_file=None, data_root=folder / "data", output_root=folder / "output", workers=1, frame_stride=10
    )
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        # Worker processes are tested in the video room; here they would cost a second a run.
        patch.setattr(Settings, "worker_count", 0)
        yield TinyWorkspace(settings, instance, clips)


@pytest.fixture
def tiny(tmp_path: Path, clips: Path) -> Iterator[TinyWorkspace]:
    with tiny_workspace(tmp_path, clips) as workspace:
        yield workspace


class Clock:
    """Shows the time that it was set to; runs end by the real one."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clock, "now_s", made)
    return made


def image(video_id: str, frame_index: int, image_id: int) -> dict:
    return {"id": image_id, "file_name": f"hand100m/100DOH/{video_id}/frame_{frame_index:06d}.jpg"}


def hand(hand_id: int, image_id: int, positive: int | None, **changes: object) -> dict:
    record = {
        "hand_id": str(hand_id),
        "image_id": image_id,
        "boxes": "[60, 60, 160, 170]",
        "keypoint_25d": [0.3 + 0.01 * (i % 40) for i in range(63)],
        "left_right": "Right",
        "positive_sample": [] if positive is None else [str(positive)],
        "distance": [] if positive is None else [0.02],
    }
    return {**record, **changes}
