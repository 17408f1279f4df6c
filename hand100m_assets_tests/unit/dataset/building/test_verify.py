"""Each check finds what it is there for, and nothing in a sound set."""

from __future__ import annotations

import json
import tarfile
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from hand100m_assets.dataset.building.build import build_training_set
from hand100m_assets.dataset.building.verify import (
    FRAME_MISSING,
    audit_pixels,
    count_faults,
    faults_table,
    images_again,
    keypoint_faults,
    left_out_hands,
    left_out_share,
    pair_faults,
    shard_faults,
)
from hand100m_assets.dataset.hand_pairs import HandPairs, Origin
from hand100m_assets.dataset.records import sealed
from hand100m_assets.errors import TrainingSetError
from hand100m_assets.imaging import NOT_ON_DISK
from hand100m_assets.layout import frame_file_name
from hand100m_assets_tests.unit.dataset.scene import Scene, picture, ring


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = ring(Scene(tmp_path / "ego4d"), ["video_0", "video_1", "video_2"])
    scene.build(shard_samples=2)
    return scene


def spoil(scene: Scene, sample: int, **values: object) -> HandPairs:
    """The set with other values in one record."""
    pairs = scene.pairs()
    path = pairs.folder / pairs.index.samples_file
    records = np.load(path)
    for name, value in values.items():
        records[name][sample] = value
    np.save(path, records)
    return scene.pairs()


def test_a_sound_set_has_no_fault(scene: Scene) -> None:
    pairs = scene.pairs()
    assert shard_faults(pairs, 2) == keypoint_faults(pairs) == pair_faults(pairs) == []
    assert count_faults(pairs, scene.tables) == []
    assert (left_out_share(pairs), left_out_hands(pairs).height) == (0, 0)
    audit = audit_pixels(pairs, count=50, seed=0, image_of=images_again(scene.job()))
    assert (audit.compared, audit.faults, audit.skipped) == (6, [], {})


def test_one_flipped_bit_is_found(scene: Scene) -> None:
    pairs = scene.pairs()
    path = pairs.folder / pairs.index.shards[1].name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # in the end mark, where no picture is
    path.write_bytes(data)
    (fault,) = shard_faults(scene.pairs())
    assert fault.where == path.name and "sha256" in fault.what


def regions(pairs: HandPairs) -> dict[str, dict[str, range]]:
    """File -> what it consists of -> where that is."""
    folder, index = pairs.folder, pairs.index
    found: dict[str, dict[str, range]] = {}
    for path in sorted(folder.iterdir()):
        found[path.name] = {"somewhere": range(path.stat().st_size)}
    itemsize = pairs.records.dtype.itemsize
    head = (folder / index.samples_file).stat().st_size - len(pairs) * itemsize
    found[index.samples_file] = {"header": range(head)}
    for name, (dtype, offset) in (pairs.records.dtype.fields or {}).items():
        first = head + itemsize + offset  # of the second sample
        found[index.samples_file][name] = range(first, first + dtype.itemsize)
    for shard in index.shards:
        with tarfile.open(folder / shard.name) as tar:
            members = tar.getmembers()
        parts = found[shard.name] = {}
        for number, member in enumerate(members):
            end = member.offset_data + member.size
            parts[f"tar header {number}"] = range(member.offset, member.offset_data)
            parts[f"{Path(member.name).suffix} {number}"] = range(member.offset_data, end)
            parts[f"padding {number}"] = range(end, -(-end // 512) * 512)
        parts["end mark"] = range(shard.size_bytes - 1024, shard.size_bytes)
    return found


def test_a_changed_byte_anywhere_is_found_and_never_a_foreign_error(scene: Scene) -> None:
    """Of every file and every part of it, in a stored picture and in each field of a record."""
    whole, changed = regions(scene.pairs()), 0
    rng = np.random.default_rng(0)
    for name, parts in whole.items():
        path = scene.pairs().folder / name
        data = path.read_bytes()
        for part, places in parts.items():
            if not places:
                continue
            for place in {places[0], places[-1], *rng.choice(places, min(len(places), 12))}:
                spoilt = bytearray(data)
                spoilt[place] ^= 1 << int(rng.integers(8))
                path.write_bytes(spoilt)
                assert is_noticed(scene), (name, part, place)
                changed += 1
        path.write_bytes(data)
    assert changed > 400 and not is_noticed(scene)


def is_noticed(scene: Scene) -> bool:
    """By opening the set, or by the check; reading it ends, if in an error, in one of ours."""
    try:
        pairs = scene.pairs()
        for sample in range(len(pairs)):
            with suppress(TrainingSetError):
                pairs[sample]
            with suppress(TrainingSetError):
                pairs.origin(sample)
        return bool(shard_faults(pairs))
    except TrainingSetError:
        return True


def test_a_damaged_record_of_a_shard_is_not_believed_by_the_next_build(scene: Scene) -> None:
    truth = [sample["image"].tobytes() for sample in scene.pairs()]
    path = next(scene.pairs().folder.glob("shard-*.json"))
    text = path.read_text()
    content = json.loads(text)
    first, second = content["videos"][0]["members"][:2]
    first[0], second[0] = second[0], first[0]  # each crop under the other hand
    path.write_text(json.dumps(content))
    assert path.name in {fault.where for fault in shard_faults(scene.pairs())}
    assert scene.build(shard_samples=2).cut > 0
    assert [sample["image"].tobytes() for sample in scene.pairs()] == truth


def test_a_damaged_table_of_left_out_hands_is_one_clear_error(scene: Scene) -> None:
    pairs = scene.pairs()
    path = pairs.folder / "missing.parquet"
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    for asked in (lambda: count_faults(pairs, scene.tables), lambda: left_out_hands(pairs)):
        with pytest.raises(TrainingSetError, match=r"missing.parquet.*Materialize"):
            asked()


def test_a_changed_label_is_found_and_mended_by_another_build(scene: Scene) -> None:
    far = scene.pairs().records["keypoints"][1] + 0.01
    (fault,) = shard_faults(pairs := spoil(scene, 1, keypoints=far))
    assert fault.where == pairs.index.samples_file and "sha256" in fault.what
    (pairs.folder / fault.where).unlink()
    assert scene.build(shard_samples=2).cut == 0
    assert shard_faults(scene.pairs()) == []


def test_a_picture_that_does_not_decode_is_named_beside_its_shard(scene: Scene) -> None:
    pairs = scene.pairs()
    origin = pairs.origin(3)
    path = pairs.folder / origin.shard
    data = bytearray(path.read_bytes())
    data[origin.offset : origin.offset + 16] = bytes(16)
    path.write_bytes(data)
    assert {fault.hand_id for fault in shard_faults(scene.pairs())} == {None, origin.hand_id}


def test_a_shard_that_is_gone_is_found(scene: Scene) -> None:
    pairs = scene.pairs()
    (pairs.folder / pairs.index.shards[0].name).unlink()
    (fault,) = shard_faults(pairs)
    assert "cannot be read" in fault.what


def test_keypoints_that_are_no_numbers_or_far_outside_are_found(scene: Scene) -> None:
    far = np.full((21, 3), 0.5, dtype=np.float32)
    far[4, 0] = 2.1
    spoil(scene, 1, keypoints=far)
    pairs = spoil(scene, 2, keypoints=np.full((21, 3), np.nan))
    assert [fault.hand_id for fault in keypoint_faults(pairs)] == [101, 102]


def test_a_wrong_pair_is_found(scene: Scene) -> None:
    spoil(scene, 0, positive=99)
    spoil(scene, 1, positive=5)
    pairs = spoil(scene, 2, distance=np.nan)
    found = {fault.hand_id: fault.what for fault in pair_faults(pairs)}
    assert found == {
        100: "positive index out of range",
        101: "positive index leads to another hand",
        102: "no distance to its positive",
    }


def test_counts_that_do_not_add_up_are_found(scene: Scene) -> None:
    pairs = scene.pairs()
    table = pl.read_parquet(pairs.folder / "missing.parquet")
    one = pl.DataFrame({"row_index": [9], "hand_id": [9], "video_id": ["x"], "frame_index": [0], "reason": [None]})
    pl.concat([table, one.cast(table.schema)]).write_parquet(pairs.folder / "missing.parquet")
    index = pairs.index.model_copy(update={"files": {}})
    (pairs.folder / "index.json").write_bytes(sealed(index))
    pairs = scene.pairs()
    words = [fault.what for fault in count_faults(pairs, scene.tables)]
    assert words == [
        "6 samples and 1 left out are not the 6 hands of the annotation set",
        "1 hand is left out without a reason",
    ]
    assert "a hand is there twice" in [f.what for f in count_faults(spoil(scene, 1, row_index=0), scene.tables)]


def test_one_lost_crop_that_empties_the_set_shows(scene: Scene) -> None:
    (scene.frames_dir / "video_1" / frame_file_name(30)).unlink()
    scene.build(folder=scene.root / "training_set" / "fewer")
    pairs = HandPairs(scene.root, "fewer", tensors=False)
    assert left_out_share(pairs) == 1
    reasons = left_out_hands(pairs).select("annotation_set", "hand_id", "reason").rows()
    assert reasons[0] == ("fewer", 103, "image not on disk")
    assert {reason for _, _, reason in reasons[1:]} == {"positive is left out itself"}
    assert [fault.what for fault in count_faults(pairs, scene.tables)] == ["there is no sample at all"]


def test_a_crop_of_another_frame_is_found(scene: Scene) -> None:
    def other(origin: Origin) -> np.ndarray:
        return picture(f"other {origin.video_id}/{origin.frame_index}")

    audit = audit_pixels(scene.pairs(), count=3, seed=1, image_of=other)
    assert audit.compared == len(audit.faults) == 3
    assert all("grey levels" in fault.what for fault in audit.faults)


def test_what_cannot_be_cut_again_is_counted_not_passed(scene: Scene) -> None:
    for path in scene.frames_dir.rglob("*.jpg"):
        path.unlink()
    audit = audit_pixels(scene.pairs(), count=4, seed=0, image_of=images_again(scene.job()))
    assert (audit.compared, audit.skipped) == (0, {FRAME_MISSING: 4})


def test_crops_of_images_under_a_prefix_are_compared_with_those_images(scene: Scene, tmp_path: Path) -> None:
    """Our own frames are there, too, and are other pictures."""
    prefixes = {"Hand2M/ego4d": tmp_path / "elsewhere"}
    scene.frames_dir.rename(tmp_path / "elsewhere")
    job = scene.job(prefixes=prefixes, folder=scene.root / "training_set" / "mapped")
    build_training_set(job)
    pairs = HandPairs(scene.root, "mapped", tensors=False)
    for number in range(len(pairs)):
        origin = pairs.origin(number)
        path = scene.add_frame(origin.video_id, origin.frame_index)
        assert cv2.imwrite(str(path), 255 - cv2.imread(str(path)))
    audit = audit_pixels(pairs, count=50, seed=0, image_of=images_again(job))
    assert (audit.compared, audit.faults, audit.skipped) == (6, [], {})
    changed = tmp_path / "elsewhere" / "video_0" / frame_file_name(30)
    assert cv2.imwrite(str(changed), picture("another"))
    audit = audit_pixels(pairs, count=50, seed=0, image_of=images_again(job))
    assert [fault.hand_id for fault in audit.faults] == [101]


def test_an_image_under_a_prefix_that_is_gone_is_not_compared_with_a_frame_of_ours(
    scene: Scene, tmp_path: Path
) -> None:
    job = scene.job(prefixes={"Hand2M/ego4d": tmp_path / "unmounted"})
    audit = audit_pixels(scene.pairs(), count=4, seed=0, image_of=images_again(job))
    assert (audit.compared, audit.skipped) == (0, {NOT_ON_DISK: 4})


def test_faults_are_rows_for_the_ui(scene: Scene) -> None:
    pairs = spoil(scene, 0, positive=99)
    assert faults_table("set", pair_faults(pairs)).rows() == [
        ("set", pairs.origin(0).shard, 100, "positive index out of range")
    ]
    assert faults_table("set", []).height == 0
