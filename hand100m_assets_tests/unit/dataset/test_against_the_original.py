"""Every sample of every set of the sample workspace, as the original loaders give it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.dataset.hand_pairs import HandPairs
from hand100m_assets.dataset.stored_crop import CropOptions
from hand100m_assets.sample.scenes import SampleScale, cast_videos
from hand100m_assets.sample.workspace.annotation_files import annotation_files
from hand100m_assets.sources import SOURCES
from hand100m_assets_tests import original_reader as original
from hand100m_assets_tests.unit.dataset.scene import Scene

PLANS = {source.name: cast_videos(source, 0, SampleScale()) for source in SOURCES}
FILES = {(s.name, file.set_key): file for s in SOURCES for file in annotation_files(s, PLANS[s.name], 0)}
DISTANCE = 0.012345678901234567
JPEG_MAX_LEVELS, JPEG_MEAN_LEVELS = 12, 1.0
"""How far the default's pixels may be from the original's."""


@dataclass(frozen=True)
class Case:
    scene: Scene
    loader: original.OriginalLoader
    sizes: dict[str, tuple[int, int]]


@pytest.fixture(scope="module", params=FILES, ids="/".join)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """One set with a frame for every image, and the original loader on what it can use of the file as it came."""
    source, _ = request.param
    root = tmp_path_factory.mktemp("out")
    scene = Scene(root / source)
    file = root / FILES[request.param].truth.file_name
    file.write_text(with_a_distance_of_full_precision(FILES[request.param].text))
    ingest_file(file, scene.tables)
    sizes = {plan.video_id: (plan.width_px, plan.height_px) for plan in PLANS[source]}
    images = pl.read_parquet(scene.tables / "images.parquet", columns=["video_id", "frame_index"]).unique()
    for video_id, frame_index in images.iter_rows():
        scene.add_frame(video_id, frame_index, sizes.get(video_id, (320, 240)))
    scene.build()
    return Case(scene, original.OriginalLoader(root, usable_part(file, f"{source}/frames")), sizes)


def with_a_distance_of_full_precision(text: str) -> str:
    """The file with one distance that no float32 holds, as real files may have."""
    content = json.loads(text)
    content["annotations"][0]["distance"][0] = DISTANCE
    return json.dumps(content)


def usable_part(file: Path, frames_prefix: str) -> Path:
    """The file less the hands that its loaders stumble over, its records otherwise as they are, frames found here."""
    content, usable = json.loads(file.read_text()), original.usable_samples(file)
    first = {int(hand["hand_id"]): hand for hand in reversed(content["annotations"])}
    hands = [hand for hand in content["annotations"] if first[int(hand["hand_id"])] is hand]
    content["annotations"] = [hand for hand in hands if int(hand["hand_id"]) in usable]
    for image in content["images"]:
        image["file_name"] = "/".join([frames_prefix, *image["file_name"].split("/")[-2:]])
    part = file.with_name("usable.json")
    part.write_text(json.dumps(content))
    return part


def assert_same(pairs: HandPairs, case: Case, *, exact: bool) -> None:
    loader, checked = case.loader, 0
    index_there = {hand["hand_id"]: index for index, hand in enumerate(loader.hands)}
    for sample in pairs:
        truth = loader[index_there[str(sample["hand_id"])]]
        positive = loader.hands[truth.pop("positive_sample_idx")]["hand_id"]
        assert pairs.origin(sample.pop("positive_sample_idx")).hand_id == int(positive)
        assert list(sample) == list(truth)
        image, expected = sample.pop("image"), truth.pop("image")
        assert (image.shape, image.dtype) == (expected.shape, expected.dtype) == ((224, 224, 3), np.uint8)
        if exact:
            assert np.array_equal(image, expected)
        gaps = np.abs(image.astype(int) - expected)
        assert gaps.max() <= JPEG_MAX_LEVELS and gaps.mean() <= JPEG_MEAN_LEVELS
        for name, value in truth.items():
            assert type(sample[name]) is type(value), name
            if isinstance(value, np.ndarray):
                assert (sample[name].shape, sample[name].dtype) == (value.shape, value.dtype), name
            assert np.array_equal(sample[name], value), name
        checked += 1
    assert checked == len(survivors(case)) > 0


def test_a_distance_of_the_file_is_there_to_its_last_digit(case: Case) -> None:
    assert [sample["distance"] for sample in case.scene.pairs()].count(DISTANCE) == 1


def test_every_sample_is_the_original_s_to_the_bit(case: Case) -> None:
    assert_same(case.scene.pairs(), case, exact=True)


def test_straight_from_frames_every_sample_is_the_original_s_to_the_bit(case: Case) -> None:
    assert_same(case.scene.pairs(pictures="frames"), case, exact=True)


def survivors(case: Case) -> list[int]:
    """Ids of the hands of the raw file, in its order, that have a crop and whose positive is one of them."""
    (file,) = case.scene.root.parent.glob("Hand100M_*.json")
    found = original.usable_samples(file)
    found = {hand_id: sample for hand_id, sample in found.items() if holds_pixels(sample, case.sizes)}
    while gone := [hand_id for hand_id, sample in found.items() if sample.positive_id not in found]:
        found = {hand_id: sample for hand_id, sample in found.items() if hand_id not in gone}
    return list(found)


def holds_pixels(sample: original.Sample, sizes: dict[str, tuple[int, int]]) -> bool:
    size = sizes.get(sample.file_name.split("/")[-2], (320, 240))
    left, top, right, bottom = original.crop_square(sample.box, *size)
    return left < right and top < bottom


def test_samples_are_all_hands_of_the_raw_file_that_have_a_crop_and_a_positive_in_its_order(case: Case) -> None:
    pairs, expected = case.scene.pairs(), survivors(case)
    assert [pairs.origin(i).hand_id for i in range(len(pairs))] == expected
    assert [expected[sample["positive_sample_idx"]] for sample in pairs] == [
        int(sample["positive_sample"]) for sample in pairs
    ]


def test_every_other_hand_is_missing_with_a_reason(case: Case) -> None:
    pairs = case.scene.pairs()
    missing = pl.read_parquet(pairs.folder / "missing.parquet")
    rows = {pairs.origin(i).row_index for i in range(len(pairs))}
    assert missing["row_index"].to_list() == [
        row for row in pl.read_parquet(case.scene.tables / "hands.parquet")["row_index"] if row not in rows
    ]
    assert missing["reason"].null_count() == 0
    without_crop = missing.filter(pl.col("reason").str.contains("holds no pixel"))["hand_id"].to_list()
    (file,) = case.scene.root.parent.glob("Hand100M_*.json")
    usable = original.usable_samples(file)
    assert without_crop == [hand_id for hand_id in usable if not holds_pixels(usable[hand_id], case.sizes)]


def test_both_sides_and_the_border_are_among_them(case: Case) -> None:
    pairs = case.scene.pairs()
    left = pairs.records["is_left"]
    assert left.any() and not left.all()
    at_border = 0
    for number in range(len(pairs)):
        origin = pairs.origin(number)
        size = case.sizes.get(origin.video_id, (320, 240))
        x1, y1, x2, y2 = original.crop_square(original.region_ends(origin.box_px), *size)
        at_border += x2 - x1 != y2 - y1
    assert at_border


def test_the_default_is_within_a_few_grey_levels(case: Case, tmp_path: Path) -> None:
    scene = Scene(case.scene.root)
    scene.build(folder=tmp_path / "training_set" / "simhand-50k", options=CropOptions())
    pairs = HandPairs(tmp_path, "simhand-50k", frames_dir=scene.frames_dir, tensors=False)
    assert_same(pairs, case, exact=False)
    assert pairs.index.size_bytes < case.scene.pairs().index.size_bytes
