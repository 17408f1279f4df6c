"""What is finished stays, what changed is made anew, what cannot be had has a reason."""

from __future__ import annotations

import json
import multiprocessing
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hand100m_assets.dataset.building import build as build_module
from hand100m_assets.dataset.building import cutting
from hand100m_assets.dataset.building.cutting import CutJob
from hand100m_assets.dataset.building.workers import DIED, cut_many
from hand100m_assets.dataset.reader import decode
from hand100m_assets.dataset.records import VideoCut
from hand100m_assets.dataset.stored_crop import CropOptions
from hand100m_assets.errors import AnnotationFileError, RetryableError, VideoUnreadableError
from hand100m_assets.video.decode import StrideSelection, decode_frames
from hand100m_assets.video.frames import ExtractionOptions, extract_video
from hand100m_assets_tests.media import copy_clip, make_clip
from hand100m_assets_tests.unit.annotations.records import hand, image
from hand100m_assets_tests.unit.dataset.scene import Scene, files, ring

VIDEOS = [f"video_{n}" for n in range(6)]


def reasons(scene: Scene) -> dict[int, str]:
    table = pl.read_parquet(scene.pairs().folder / "missing.parquet")
    return dict(table.select("hand_id", "reason").iter_rows())


def shards(scene: Scene) -> dict[str, bytes]:
    return {name: data for name, data in files(scene.pairs().folder).items() if name.endswith(".tar")}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("keyint30_no_b", "open_gop", "zero_bytes", "zeroed_blocks"):
        make_clip(name, folder)
    return folder


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return ring(Scene(tmp_path / "ego4d"), VIDEOS)


def filmed(tmp_path: Path, clips: Path, by_video: dict[str, str]) -> Scene:
    scene = ring(Scene(tmp_path / "ego4d"), list(by_video), draw=False)
    for video_id, clip in by_video.items():
        copy_clip(clips / f"{clip}.mp4", scene.root / "videos", video_id)
    return scene


def test_every_hand_becomes_a_sample_and_building_again_cuts_nothing(scene: Scene) -> None:
    first = scene.build(shard_samples=4)
    assert (first.index.samples, first.index.hands, first.cut) == (12, 12, 12)
    assert len(first.index.shards) == 3 and first.index.left_out == {}
    before = files(scene.pairs().folder)
    again = scene.build(shard_samples=4)
    assert (again.cut, again.index) == (0, first.index)
    assert files(scene.pairs().folder) == before


def test_worker_processes_give_the_same_bytes(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_module, "_WORTH_WORKERS", 0)
    scene.build(shard_samples=4)
    other = tmp_path / "other"
    scene.build(shard_samples=4, folder=other, workers=2)
    assert files(other) == files(scene.pairs().folder)


def test_a_shard_is_a_tar_file_of_pictures_and_facts(scene: Scene) -> None:
    scene.build(shard_samples=5)
    pairs, found = scene.pairs(), {}
    for name in shards(scene):
        with tarfile.open(pairs.folder / name) as tar:
            members = {each.name: tar.extractfile(each).read() for each in tar}
        assert [Path(name).stem for name in members][::2] == [Path(name).stem for name in members][1::2]
        found |= {json.loads(data)["hand_id"]: (name, data) for name, data in members.items() if name.endswith(".json")}
        found |= {Path(name).stem: data for name, data in members.items() if name.endswith(".png")}
    for number in range(len(pairs)):
        origin, sample = pairs.origin(number), pairs[number]
        name, facts = found[origin.hand_id]
        told = json.loads(facts)
        assert (told["video_id"], told["frame_index"]) == (origin.video_id, origin.frame_index)
        assert (told["row_index"], told["handedness"]) == (origin.row_index, origin.handedness)
        assert told["positives"] == [int(sample["positive_sample"])] and told["distances"] == [sample["distance"]]
        assert np.array_equal(np.float32(told["keypoints"]).reshape(21, 3), pairs.records["keypoints"][number])
        stored = pairs.stored_picture(number)
        assert np.array_equal(decode(found[Path(name).stem])[..., ::-1], stored.image)
        assert told["region_px"] == list(stored.region)


def test_a_missing_frame_costs_its_hand_and_whoever_needs_it(scene: Scene) -> None:
    (scene.frames_dir / "video_3" / "frame_000030.jpg").unlink()
    made = scene.build()
    found = reasons(scene)
    assert found[107] == "image not on disk"
    # A ring: every hand leads to the one without a picture.
    assert made.index.samples == 0 and made.index.left_out == {
        "image not on disk": 1,
        "positive is left out itself": 11,
    }
    assert len(scene.pairs()) == 0


def test_a_hand_without_a_distance_is_no_sample_as_the_original_loaders_stop_there(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.add_set([hand(1, 0, 2), hand(2, 1, 1), hand(3, 1, 1, distance=[])], [image(0), image(1)])
    for frame in (0, 30):
        scene.add_frame("video_a", frame)
    assert scene.build().index.samples == 2
    assert reasons(scene) == {3: "no distance"}


def test_frames_that_come_later_go_into_a_further_shard(scene: Scene) -> None:
    late = scene.frames_dir / "video_3" / "frame_000030.jpg"
    data = late.read_bytes()
    late.unlink()
    scene.build()
    before = shards(scene)
    late.write_bytes(data)
    made = scene.build()
    assert (made.cut, made.index.samples, reasons(scene)) == (1, 12, {})
    assert len(made.index.shards) == 2 and before.items() < shards(scene).items()


def test_a_shard_that_is_deleted_or_cut_short_is_made_anew(scene: Scene) -> None:
    scene.build(shard_samples=4)
    truth = sorted(shards(scene).values())
    first, second, _ = sorted(scene.pairs().folder.glob("shard-*.tar"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-512])
    again = scene.build(shard_samples=4)
    assert (again.cut, again.index.samples) == (8, 12)
    assert sorted(shards(scene).values()) == truth
    assert len(list(scene.pairs().folder.glob("shard-*.json"))) == 3


def test_other_options_or_other_tables_make_all_crops_anew(scene: Scene) -> None:
    old = scene.build()
    changed = scene.build(options=CropOptions(codec="webp"))
    assert changed.cut == 12
    assert not set(shards(scene)) & {shard.name for shard in old.index.shards}
    ring(scene, VIDEOS[:4])
    assert scene.build().cut == 8
    assert len(shards(scene)) == 1


def test_straight_from_videos_the_bytes_are_those_from_frames(tmp_path: Path, clips: Path) -> None:
    scene = filmed(tmp_path, clips, {"video_0": "keyint30_no_b", "video_1": "open_gop"})
    for video_id in ("video_0", "video_1"):
        extract_video(
            scene.root / "videos" / f"{video_id}.mp4",
            scene.frames_dir,
            video_id,
            StrideSelection(30),
            ExtractionOptions(),
        )
    scene.build(cut_from="frames", options=CropOptions())
    by_frames = files(scene.pairs().folder)
    # Cut from the same file: nothing is cut again when only the way is another.
    assert scene.build(cut_from="videos", options=CropOptions()).cut == 0
    assert scene.build(cut_from="videos", options=CropOptions(), folder=tmp_path / "videos").cut == 4
    assert files(tmp_path / "videos") == by_frames


def test_a_bad_video_costs_its_own_hands_only(tmp_path: Path, clips: Path) -> None:
    sound = {"video_0": "keyint30_no_b", "video_1": "open_gop"}
    scene = filmed(tmp_path, clips, {**sound, "video_2": "zero_bytes"})
    places = [(video_id, frame) for video_id in (*sound, "video_2", "video_3") for frame in (0, 30, 3000)]
    positives = [101, 100, 100, 104, 103, 103, *(100 for _ in range(6))]
    scene.add_set(
        [hand(100 + n, n, positive) for n, positive in enumerate(positives)],
        [image(n, *place) for n, place in enumerate(places)],
    )
    made = scene.build(cut_from="videos")
    assert [s["hand_id"] for s in scene.pairs()] == [100, 101, 103, 104]
    found = reasons(scene)
    assert found.pop(102) == found.pop(105) == "frame beyond the end"
    assert {found.pop(n) for n in (109, 110, 111)} == {"video missing"}
    assert set(found) == {106, 107, 108}
    (reason,) = set(found.values())
    assert reason == "zero bytes: the download failed"
    again = scene.build(cut_from="videos")
    assert again.cut == 0 and again.index == made.index


def test_a_video_that_failed_for_good_is_not_decoded_again_until_it_changes(
    tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = filmed(tmp_path, clips, {"video_0": "keyint30_no_b", "video_1": "zero_bytes"})
    scene.build(cut_from="videos")
    asked: list[str] = []
    monkeypatch.setattr(build_module, "cut_many", counting(asked))
    scene.build(cut_from="videos")
    assert asked == []
    copy_clip(clips / "open_gop.mp4", scene.root / "videos", "video_1")
    assert scene.build(cut_from="videos").index.samples == 4
    assert asked == ["video_1"]


def counting(asked: list[str]):
    def cut(jobs, workers):
        for job, made in cut_many(jobs, workers):
            asked.append(job.video_id)
            yield job, made

    return cut


def test_a_replaced_video_is_cut_anew(tmp_path: Path, clips: Path) -> None:
    scene = filmed(tmp_path, clips, {"video_0": "keyint30_no_b", "video_1": "open_gop"})
    scene.build(cut_from="videos")
    before = [s["image"] for s in scene.pairs()]
    copy_clip(clips / "open_gop.mp4", scene.root / "videos", "video_0")
    os.utime(scene.root / "videos" / "video_0.mp4", ns=(1, 1))
    assert scene.build(cut_from="videos").cut == 2
    after = [s["image"] for s in scene.pairs()]
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [False, False, True, True]


@pytest.mark.parametrize("then", ["decoded to its end", "unreadable"])
def test_a_video_that_changes_while_it_is_read_gives_no_crop_until_the_next_build(
    tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    scene = filmed(tmp_path, clips, {"video_0": "keyint30_no_b", "video_1": "open_gop"})
    changing = scene.root / "videos" / "video_0.mp4"

    def changed_after_a_frame(path, selection, report, *how, **more):
        for picked in decode_frames(path, selection, report, *how, **more):
            yield picked
            if path == changing:
                os.utime(path, ns=(1, 1))
                if then == "unreadable":
                    raise VideoUnreadableError("no more of it", where=path)

    monkeypatch.setattr(cutting, "decode_frames", changed_after_a_frame)
    made = scene.build(cut_from="videos", shard_samples=1)
    assert made.cut == 2 and {i for i, reason in reasons(scene).items() if reason == cutting.CHANGED} == {100, 101}
    stored = [json.loads(path.read_bytes())["videos"] for path in scene.job().folder.glob("shard-*.json")]
    assert {cut["video_id"] for videos in stored for cut in videos} == {"video_1"}
    monkeypatch.undo()
    assert scene.build(cut_from="videos").cut == 2 and reasons(scene) == {}


def test_a_build_that_was_killed_goes_on_and_ends_with_the_same_bytes(scene: Scene, tmp_path: Path) -> None:
    scene.build(shard_samples=4)
    truth = files(scene.pairs().folder)
    folder = tmp_path / "killed"
    # Spawned, so that the child has nothing of pytest's.
    for videos in (0, 1, 1):
        child = multiprocessing.get_context("spawn").Process(target=build_and_die, args=(scene, folder, videos))
        child.start()
        child.join(60)
        assert child.exitcode == 9
        assert not (folder / "index.json").exists()
        for tar in folder.glob("*.tar"):
            assert tar.read_bytes() == truth[tar.name]
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module, "cut_many", counting(asked))
        scene.build(shard_samples=4, folder=folder)
    assert len(asked) < len(VIDEOS)
    assert files(folder) == truth


def build_and_die(scene: Scene, folder: Path, videos: int) -> None:
    left = [videos]

    def cut(jobs, workers):
        for answer in cut_many(jobs, workers):
            if not left[0]:
                os._exit(9)
            left[0] -= 1
            yield answer

    build_module.cut_many = cut
    scene.build(shard_samples=4, folder=folder)


def cut_or_die(job: CutJob) -> VideoCut:
    if job.video_id == "video_2":
        os._exit(1)
    return cutting.cut_video(job)


def test_a_worker_that_dies_costs_the_video_that_it_was_at(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_module, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(build_module, "cut_many", lambda jobs, _: cut_many(jobs, 2, cut_or_die))
    made = scene.build()
    assert {i for i, reason in reasons(scene).items() if reason == DIED} == {104, 105}
    assert made.cut == 10
    monkeypatch.undo()
    assert scene.build().index.samples == 12


def test_two_builders_do_not_meet(scene: Scene) -> None:
    with build_module._sole_builder(scene.job().folder), pytest.raises(RetryableError, match="another process"):
        scene.build()


def test_without_tables_nothing_is_built(tmp_path: Path) -> None:
    with pytest.raises(AnnotationFileError, match="no finished tables"):
        Scene(tmp_path).build()
    assert not (tmp_path / "training_set").exists()


def test_images_elsewhere_are_found_by_their_prefix(scene: Scene, tmp_path: Path) -> None:
    scene.build()
    truth = [s["image"] for s in scene.pairs()]
    (scene.frames_dir).rename(tmp_path / "elsewhere")
    made = scene.build(folder=tmp_path / "moved", prefixes={"Hand2M/ego4d": tmp_path / "elsewhere"})
    assert made.index.samples == 12
    job = replace(scene.job(), folder=scene.root / "training_set" / "moved")
    (tmp_path / "moved").rename(job.folder)
    moved = type(scene.pairs())(scene.root, "moved", tensors=False)
    assert all(np.array_equal(s["image"], t) for s, t in zip(moved, truth, strict=True))
