"""A full disk while sets are cut, mined, exported: one error, what was there stays as it was, nothing is half made."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from hand100m_assets.annotations.export import export_coco, export_json
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.dataset import HandPairs
from hand100m_assets.dataset.building import build as build_module
from hand100m_assets.dataset.building import left_out_hands, shard_faults
from hand100m_assets.dataset.building.cutting import CutJob
from hand100m_assets.dataset.building.workers import cut_many
from hand100m_assets.dataset.records import VideoCut
from hand100m_assets.errors import DiskFullError
from hand100m_assets.files import PART_SUFFIX
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.pairs import export_mined_json, export_temporal_json, mine_pairs, write_temporal_pairs
from hand100m_assets.parallel import DaskPool
from hand100m_assets.video.decode import StrideSelection
from hand100m_assets.video.frames import (
    ExtractionJob,
    ExtractionOptions,
    ExtractionOutcome,
    extract_many,
    read_failures,
    read_manifest,
)
from hand100m_assets_tests.media import copy_clip, make_clip
from hand100m_assets_tests.smalldisk import grow, small_disk
from hand100m_assets_tests.unit.annotations.records import hand, image, sound_set, write
from hand100m_assets_tests.unit.dataset.scene import KEY, Scene, files


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 60_000) as folder:
        yield folder


def used_kib(disk: Path) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024


def half_made(disk: Path) -> list[str]:
    return [str(path.relative_to(disk)) for path in disk.rglob("*") if ".part" in path.name]


def with_ever_more_room(
    disk: Path, work: Callable[[], object], after_each: Callable[[], object], *, step_kib: int
) -> int:
    """Try with ever more room beside what the disk holds, until there is enough; how often there was not."""
    for attempt in range(400):
        grow(disk, used_kib(disk) + 4 + step_kib * attempt)
        try:
            work()
        except DiskFullError as full:
            assert "The disk is full: free some space" in str(full) and "\n" not in str(full)
            assert half_made(disk) == []
            after_each()
        else:
            return attempt
    raise AssertionError("never enough")


def in_pairs(scene: Scene, videos: int) -> Scene:
    """Two frames with a hand in each video, each the other's positive."""
    places = [(f"video_{n}", frame) for n in range(videos) for frame in (0, 30)]
    scene.add_set(
        [hand(100 + n, n, 100 + (n ^ 1)) for n in range(len(places))],
        [image(n, *place) for n, place in enumerate(places)],
    )
    for place in places:
        scene.add_frame(*place)
    return scene


@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_set_that_is_there_stays_sound_until_the_next_one_fits(
    workers: int, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "_WORTH_WORKERS", 0)
    scene, folder = in_pairs(Scene(tmp_path / "ego4d"), 6), disk / "training_set" / KEY
    late = [scene.frames_dir / f"video_{n}" for n in range(2, 6)]
    for path in late:
        path.rename(path.with_suffix(".away"))
    assert scene.build(folder=folder, shard_samples=4).index.samples == 4
    before = files(folder)
    for path in late:
        path.with_suffix(".away").rename(path)

    def is_as_it_was() -> None:
        now = files(folder)
        assert {name: now.get(name) for name in before} == before
        assert {Path(name).parts[0] for name in now.keys() - before.keys() if not name.startswith("shard-")} <= {
            ".packs"
        }
        pairs = HandPairs(disk, KEY, tensors=False)
        assert len(pairs) == 4 and shard_faults(pairs) == []
        shards = {Path(name).stem for name in now if name.endswith(".tar")}
        assert shards <= {Path(name).stem for name in now if name.endswith(".json")}, "none lies there for nothing"

    # Workers take seconds to start, so that there are fewer steps for them.
    refused = with_ever_more_room(
        disk,
        lambda: scene.build(folder=folder, shard_samples=4, workers=workers),
        is_as_it_was,
        step_kib=4 if workers == 0 else 200,
    )
    assert refused >= (20 if workers == 0 else 1)
    pairs = HandPairs(disk, KEY, tensors=False)
    assert len(pairs) == 12 and shard_faults(pairs) == [] and left_out_hands(pairs).is_empty()
    assert not [name for name in files(folder) if name.startswith(".")]


def test_what_ended_workers_leave_of_a_training_set_is_removed(tmp_path: Path) -> None:
    scene = in_pairs(Scene(tmp_path), 1)
    packs = scene.job().folder / ".packs"

    def die_on_the_second(job: CutJob) -> VideoCut:
        (job.pack_dir / f".video_9.pack.4711{PART_SUFFIX}").write_bytes(b"half")
        raise DiskFullError("cannot be written", fix="Free some space.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hand100m_assets.dataset.building.build.cut_many", partial(cut_many, cut=die_on_the_second))
        with pytest.raises(DiskFullError):
            scene.build()
    assert [path.name for path in packs.iterdir()] == ["order.json"]
    (packs / f".video_9.pack.4711{PART_SUFFIX}").write_bytes(b"of a build that was killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hand100m_assets.dataset.building.build.cut_many", refuse)
        with pytest.raises(DiskFullError):
            scene.build()
    assert [path.name for path in packs.iterdir()] == ["order.json"]


def refuse(*_: object) -> Generator[tuple[CutJob, VideoCut], None, None]:
    raise DiskFullError("cannot be written", fix="Free some space.")
    yield


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    document = sound_set(1500)
    for record in document["images"]:
        record |= {"width": 1920, "height": 1440}
    ingest_file(write(tmp_path / "set.json", document), tmp_path / "tables")
    return tmp_path / "tables"


def exports(tables: Path, out: Path) -> dict[str, Callable[[], object]]:
    hands = tables / "hands.parquet"
    mined = tables.parent / "mined.parquet"
    temporal = tables.parent / "temporal.parquet"
    mine_pairs(pl.scan_parquet(hands), mined, count=10)
    write_temporal_pairs(hands, temporal)
    return {
        "mined": lambda: mine_pairs(pl.scan_parquet(hands), out, count=10),
        "temporal": lambda: write_temporal_pairs(hands, out),
        "original": lambda: export_json(tables, out, frames_prefix="", all_hands=True),
        "coco": lambda: export_coco(tables, out, frames_prefix="", video_sizes=None, joint_order="mediapipe"),
        "mined export": lambda: export_mined_json(tables, mined, out, frames_prefix=""),
        "temporal export": lambda: export_temporal_json(tables, temporal, out, frames_prefix=""),
        "tables": lambda: ingest_file(tables.parent / "set.json", out),
    }


@pytest.mark.parametrize("what", ["mined", "temporal", "original", "coco", "mined export", "temporal export", "tables"])
def test_what_is_written_as_a_whole_is_there_as_it_was_until_the_next_one_fits(
    what: str, disk: Path, tables: Path
) -> None:
    out = disk / "made" / "it"
    make = exports(tables, out)[what]
    make()
    before = content(out)
    assert content(out) == before != {}
    refused = with_ever_more_room(disk, make, lambda: same(content(disk / "made"), {"it": before}), step_kib=64)
    assert refused, "the disk was never full"
    assert [path.name for path in (disk / "made").iterdir()] == ["it"]


def same(found: object, wanted: object) -> None:
    assert found == wanted


def content(path: Path) -> object:
    """Bytes of a file, or those of a folder's files, hidden ones included, by name."""
    return {each.name: content(each) for each in path.iterdir()} if path.is_dir() else path.read_bytes()


def test_a_cluster_stops_at_the_first_video_without_room(disk: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    grow(disk, 1500)
    frames_dir, clip = disk / "frames", make_clip("keyint30_no_b", tmp_path)
    wanted = [
        ExtractionJob(
            video_path=copy_clip(clip, tmp_path / "videos", f"video{number:02}"),
            frames_dir=frames_dir,
            video_id=f"video{number:02}",
            selection=StrideSelection(5),
            options=ExtractionOptions(),
        )
        for number in range(12)
    ]
    outcomes: list[ExtractionOutcome] = []
    with distributed.Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        with pytest.raises(DiskFullError, match="The disk is full"):
            outcomes.extend(extract_many(wanted, DaskPool(client)))
        assert all(outcome.error is None for outcome in outcomes) and len(outcomes) < len(wanted)
        assert not list(frames_dir.rglob(".run-*")) and not read_failures(frames_dir)
        for folder in frames_dir.glob("[!.]*"):
            assert len(list(folder.glob("*.jpg"))) == len(read_manifest(folder / "manifest.json").frames)
        grow(disk, 60_000)
        assert [outcome.error for outcome in extract_many(wanted, DaskPool(client))] == [None] * len(wanted)
    assert not list((frames_dir / IN_PROGRESS_DIR).glob("video*")) and half_made(disk) == []
