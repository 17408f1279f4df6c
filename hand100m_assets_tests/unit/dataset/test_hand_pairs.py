"""Opening a training set: in this process, in workers however they are started, and when something is wrong."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from hand100m_assets.dataset.hand_pairs import HandPairs
from hand100m_assets.dataset.records import sealed
from hand100m_assets.dataset.speed import samples_per_second
from hand100m_assets.dataset.stored_crop import CropOptions
from hand100m_assets.errors import TrainingSetError
from hand100m_assets_tests.unit.dataset.scene import KEY, Scene, picture, ring

VIDEOS = [f"video_{n}" for n in range(4)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = ring(Scene(tmp_path_factory.mktemp("out") / "ego4d"), VIDEOS)
    scene.build(shard_samples=3)
    return scene


@pytest.fixture
def breakable(tmp_path: Path) -> Scene:
    scene = ring(Scene(tmp_path / "ego4d"), VIDEOS)
    scene.build(shard_samples=3)
    return scene


def digests(pairs: HandPairs) -> list[str]:
    return [hashlib.sha256(pickle.dumps(sorted(sample.items()))).hexdigest() for sample in pairs]


def digests_into(pairs: HandPairs, queue: multiprocessing.Queue) -> None:
    queue.put(digests(pairs))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_give_the_same_samples_however_they_are_started(scene: Scene, start: str) -> None:
    pairs = scene.pairs()
    truth = digests(pairs)  # shards are open by now, and so inherited by a fork
    context = multiprocessing.get_context(start)
    queue = context.Queue()
    workers = [context.Process(target=digests_into, args=(pairs, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [queue.get(timeout=60) for _ in workers] == [truth, truth]
    for worker in workers:
        worker.join(10)


@pytest.mark.parametrize("pictures", ["crops", "frames"])
def test_a_pickle_is_a_name_not_a_copy(scene: Scene, pictures: str) -> None:
    pairs = scene.pairs(pictures=pictures)
    data = pickle.dumps(pairs)
    assert len(data) < 1000
    again = pickle.loads(data)
    assert digests(again) == digests(pairs) and again.pictures == pictures


def test_a_worker_refuses_another_set_than_its_parent_s(breakable: Scene) -> None:
    pairs = breakable.pairs()
    data = pickle.dumps(pairs)
    (breakable.frames_dir / "video_2" / "frame_000030.jpg").unlink()
    ring(breakable, VIDEOS[:3], draw=False)  # with two hands less
    breakable.build(shard_samples=3)
    with pytest.raises(TrainingSetError, match=r"built anew since it was opened.*Open it anew"):
        pickle.loads(data)


def test_a_worker_refuses_a_set_of_the_same_records_whose_pictures_are_others(breakable: Scene) -> None:
    pairs = breakable.pairs()
    data, path = pickle.dumps(pairs), pairs.folder / "index.json"
    one, *others = pairs.index.shards
    changed = pairs.index.model_copy(update={"shards": [one.model_copy(update={"sha256": "0" * 64}), *others]})
    path.write_bytes(sealed(changed))
    with pytest.raises(TrainingSetError, match="built anew"):
        pickle.loads(data)


def test_a_worker_takes_a_set_that_only_grew_by_a_shard_that_no_record_needs(breakable: Scene) -> None:
    pairs = breakable.pairs()
    data, truth = pickle.dumps(pairs), digests(pairs)
    more = [*pairs.index.shards, pairs.index.shards[0].model_copy(update={"name": "shard-00009-x.tar"})]
    (pairs.folder / "index.json").write_bytes(sealed(pairs.index.model_copy(update={"shards": more})))
    assert digests(pickle.loads(data)) == truth


def test_spawned_workers_of_a_loader_say_that_the_set_was_built_anew(breakable: Scene) -> None:
    pairs = breakable.pairs()
    data = pickle.dumps(pairs)
    breakable.build(options=CropOptions(codec="jpeg"))
    code = f"import pickle; pickle.loads({data!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "built anew since it was opened" in done.stderr


MANY_SHARDS = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from hand100m_assets.dataset import HandPairs
sets = [HandPairs(sys.argv[1], sys.argv[2], tensors=False) for _ in range(int(sys.argv[4]))]
held = [open(os.devnull) for _ in range(int(sys.argv[5]))]
for _ in range(2):
    for number in range(len(sets[0])):
        for pairs in sets:
            assert pairs[number]["hand_id"] == 100 + number % 8
print(len(sets[0]), len(os.listdir("/proc/self/fd")))
"""


@pytest.mark.parametrize(("limit", "sets", "held"), [(256, 1, 0), (64, 1, 0), (256, 5, 0), (128, 1, 95)])
def test_a_set_of_more_shards_than_a_process_may_open_files_is_read_to_its_end(
    breakable: Scene, limit: int, sets: int, held: int
) -> None:
    """Also beside other sets, and where others hold most files."""
    pairs, count = breakable.pairs(), 300
    records = np.concatenate([np.asarray(pairs.records)] * (count // len(pairs) + 1))[:count]
    shards = []
    for number in range(count):
        shard = pairs.index.shards[records["shard"][number]]
        name = f"shard-{number:05d}-copy.tar"
        (pairs.folder / name).hardlink_to(pairs.folder / shard.name)
        shards.append(shard.model_copy(update={"name": name}))
    records["shard"], records["positive"] = np.arange(count), 0
    np.save(pairs.folder / "samples-many.npy", records)
    many = pairs.index.model_copy(update={"shards": shards, "samples": count, "samples_file": "samples-many.npy"})
    (pairs.folder / "index.json").write_bytes(sealed(many))
    arguments = [sys.executable, "-c", MANY_SHARDS, breakable.root, KEY, limit, sets, held]
    done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    samples, open_files = map(int, done.stdout.split())
    assert samples == count and open_files <= limit


def test_reading_needs_no_orchestrator_no_tables_and_no_decoder(scene: Scene) -> None:
    code = (
        "import sys; from hand100m_assets.dataset import HandPairs; "
        f"p = HandPairs({str(scene.root)!r}, {KEY!r}, tensors=False); p[0]; "
        "print(len(p), sorted(n for n in ('dagster', 'polars', 'av', 'torch', 'matplotlib') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "8 []"


def test_records_are_mapped_not_read(scene: Scene) -> None:
    records = scene.pairs().records
    assert isinstance(records.base, np.memmap) and not records.flags.writeable


def test_indices_are_those_of_a_sequence(scene: Scene) -> None:
    pairs = scene.pairs()
    assert pairs[-1]["hand_id"] == pairs[np.int64(7)]["hand_id"] == 107
    for wrong in (8, -9, np.int64(8), 2**70):
        with pytest.raises(IndexError):
            pairs[wrong]
    for no_integer in ("3", 3.0, np.float32(3), None, slice(3), [1], np.array([1, 2])):
        with pytest.raises(TypeError, match=r"asked for by an integer, not by .* of type"):
            pairs[no_integer]
    assert [s["hand_id"] for s in pairs] == list(range(100, 108))


def test_samples_are_the_caller_s_own(scene: Scene) -> None:
    pairs = scene.pairs()
    sample = pairs[1]
    for name in ("image", "joints3D", "joints_raw", "K", "joints_valid"):
        sample[name][...] = 7
    assert not (pairs[1]["joints_raw"] == 7).any() and pairs[1]["K"].tolist() == np.eye(3).tolist()


def test_without_pytorch_joints_are_arrays(scene: Scene) -> None:
    sample = scene.pairs()[0]
    assert {type(sample[name]) for name in ("K", "joints3D", "joints_raw", "joints_valid")} == {np.ndarray}


def test_a_margin_keeps_the_frame_s_own_pixels_around_the_same_crop(scene: Scene, tmp_path: Path) -> None:
    scene.build(folder=tmp_path / "training_set" / KEY, options=CropOptions(codec="png", margin=0.25, size_px=300))
    wide = HandPairs(tmp_path, KEY, frames_dir=scene.frames_dir, tensors=False)
    for number, truth in enumerate(scene.pairs(pictures="frames")):
        assert np.array_equal(wide[number]["image"], truth["image"])
        origin, stored = wide.origin(number), wide.stored_picture(number)
        whole = cv2.imread(truth["image_name"])[..., ::-1]
        assert stored.image.shape[:2] > (stored.region.height_px, stored.region.width_px)
        gaps = cv2.matchTemplate(whole.copy(), stored.image.copy(), cv2.TM_SQDIFF)
        top, left = np.unravel_index(gaps.argmin(), gaps.shape)
        height, width = stored.image.shape[:2]
        assert np.array_equal(whole[top : top + height, left : left + width], stored.image), origin


def test_a_large_crop_with_a_margin_is_near_the_rule_s(tmp_path: Path) -> None:
    scene = ring(Scene(tmp_path / "ego4d"), ["video_0"], draw=False)
    for frame in (0, 30):
        scene.add_frame("video_0", frame)
    big = scene.build(options=CropOptions(codec="png", margin=0.25))
    assert big.index.samples == 2
    truth = scene.pairs(pictures="frames")
    for number, sample in enumerate(scene.pairs()):
        assert np.abs(sample["image"].astype(int) - truth[number]["image"]).mean() < 3


def test_a_set_that_was_not_built_says_how_to(tmp_path: Path) -> None:
    with pytest.raises(TrainingSetError, match=r"no finished training set.*hand100m training-set"):
        HandPairs(tmp_path, KEY)


def test_an_index_of_another_kind_is_refused(breakable: Scene) -> None:
    (breakable.pairs().folder / "index.json").write_text('{"samples": 3}')
    with pytest.raises(TrainingSetError, match="not the index"):
        breakable.pairs()


def test_a_shard_cut_short_or_gone_is_reported(breakable: Scene) -> None:
    pairs = breakable.pairs()
    path = pairs.folder / pairs.origin(0).shard
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(TrainingSetError, match=r"shard-0.*its size is [\d,]+ B, not"):
        pairs[0]
    path.unlink()
    with pytest.raises(TrainingSetError, match="cannot be read"):
        breakable.pairs()[0]


def test_a_damaged_picture_names_its_hand(breakable: Scene) -> None:
    pairs = breakable.pairs()
    origin = pairs.origin(2)
    path = pairs.folder / origin.shard
    data = bytearray(path.read_bytes())
    data[origin.offset : origin.offset + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(TrainingSetError, match=f"{origin.shard}: the picture of hand {origin.hand_id} is damaged"):
        breakable.pairs()[2]


def test_damage_of_any_kind_is_mended_by_what_the_error_says(breakable: Scene) -> None:
    truth = digests(breakable.pairs())
    for harm in (lambda data: bytes(len(data)), lambda data: data[:-600]):
        path = breakable.pairs().folder / breakable.pairs().origin(2).shard
        path.write_bytes(harm(path.read_bytes()))
        with pytest.raises(TrainingSetError, match="delete it and build the training set") as caught:
            breakable.pairs()[2]
        Path(caught.value.where).unlink()
        assert breakable.build(shard_samples=3).cut < len(truth)
        assert digests(breakable.pairs()) == truth


def test_records_cut_short_are_reported(breakable: Scene) -> None:
    pairs = breakable.pairs()
    path = pairs.folder / pairs.index.samples_file
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TrainingSetError, match="samples-"):
        breakable.pairs()


def test_a_running_job_keeps_its_pictures_while_the_set_is_built_anew(breakable: Scene) -> None:
    pairs = breakable.pairs()
    truth = digests(pairs)
    breakable.build(options=CropOptions(codec="jpeg"))
    assert digests(pairs) == truth
    late = breakable.pairs()
    assert late.index != pairs.index and len(late) == len(pairs)


def test_a_frame_that_is_gone_or_broken_is_reported_in_the_frames_way(breakable: Scene) -> None:
    pairs = breakable.pairs(pictures="frames")
    path = Path(pairs[0]["image_name"])
    path.write_bytes(b"no picture")
    with pytest.raises(TrainingSetError, match="damaged"):
        pairs[0]
    path.unlink()
    with pytest.raises(TrainingSetError, match="cannot be read"):
        pairs[0]


def test_frames_elsewhere_are_named_and_read_there(scene: Scene, tmp_path: Path) -> None:
    """As for images of a mapped prefix, whose own names the set does not keep."""
    (tmp_path / "moved").symlink_to(scene.frames_dir)
    pairs = scene.pairs(pictures="frames", frames_dir=tmp_path / "moved")
    assert pairs[3]["image_name"] == str(tmp_path / "moved" / "video_1" / "frame_000030.jpg")
    assert np.array_equal(pairs[3]["image"], scene.pairs()[3]["image"])


def test_the_pace_is_that_of_this_process(scene: Scene) -> None:
    assert samples_per_second(scene.pairs(), seconds=0.05) > 10
    assert picture("a").shape == (240, 320, 3)
