"""Every annotation set of the sample, exported and read by rules that know nothing of this project's code."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from pycocotools.coco import COCO

from hand100m_assets.annotations.export.coco import export_coco
from hand100m_assets.annotations.export.original import Exported, export_json
from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.lookup.build import build_lookup
from hand100m_assets.annotations.lookup.hand_table import HandTable
from hand100m_assets.imaging import crop_hand, mirror_keypoints
from hand100m_assets.layout import frame_file_name
from hand100m_assets.pairs import resolve_pairs
from hand100m_assets.render.grids import draw_grids
from hand100m_assets.sample.scenes import SampleScale, cast_videos
from hand100m_assets.sample.workspace.annotation_files import annotation_files
from hand100m_assets.sources import SOURCES
from hand100m_assets_tests import original_reader as original

PLANS = {source.name: cast_videos(source, 0, SampleScale()) for source in SOURCES}
FILES = {
    (source.name, file.set_key): file for source in SOURCES for file in annotation_files(source, PLANS[source.name], 0)
}
PREFIX = "frames of {source}"


@dataclass(frozen=True)
class Case:
    """One set: the file, its tables, both exports, and a picture of the right size for every frame."""

    folder: Path
    file: Path
    tables: Path
    original: Exported
    coco: Exported
    sizes: dict[str, tuple[int, int]]
    prefix: str

    def image(self, frame: str) -> np.ndarray:
        path = self.folder / self.prefix / frame
        if not path.exists():
            width, height = self.sizes[frame.split("/", 1)[0]]
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng(list(frame.encode()))
            coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
            cv2.imwrite(str(path), cv2.resize(coarse, (width, height)))
        return cv2.imread(str(path))

    def hands(self) -> Iterator[tuple[original.Sample, int]]:
        """Each exported sample, and its row in the tables."""
        with HandTable(self.tables) as table:
            for sample in original.OriginalSet(self.original.path).samples:
                yield sample, table.row_of(sample.hand_id)


@pytest.fixture(scope="module", params=FILES, ids="/".join)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    source, _ = request.param
    folder = tmp_path_factory.mktemp("set")
    file = folder / FILES[request.param].truth.file_name
    file.write_text(FILES[request.param].text)
    ingest_file(file, folder / "tables")
    build_lookup(folder / "tables")
    sizes = {plan.video_id: (plan.width_px, plan.height_px) for plan in PLANS[source]}
    prefix = PREFIX.format(source=source)
    table = pl.DataFrame(
        [(video_id, *size) for video_id, size in sizes.items()],
        schema={"video_id": pl.String, "width_px": pl.Int32, "height_px": pl.Int32},
        orient="row",
    )
    how = {"frames_prefix": prefix, "video_sizes": table}
    made = export_json(folder / "tables", folder / "original.json", **how)
    coco = export_coco(folder / "tables", folder / "coco.json", **how)
    return Case(folder, file, folder / "tables", made, coco, sizes, prefix)


def test_every_family_and_both_sides_are_here() -> None:
    assert {key for _, key in FILES} == {"simhand-50k", "simhand-100k", "topk-5-50k", "tempclr-50k"}
    assert {source for source, _ in FILES} == {"ego4d", "100doh"}
    for file in FILES.values():
        assert {hand["left_right"] for hand in json.loads(file.text)["annotations"]} >= {"Left", "Right"}


def test_the_samples_are_those_of_the_original_file_that_can_be_used(case: Case) -> None:
    expected = original.usable_samples(case.file)
    found = original.OriginalSet(case.original.path).samples
    assert [sample.hand_id for sample in found] == list(expected)
    for sample in found:
        truth = expected[sample.hand_id]
        assert (sample.frame, sample.box, sample.side) == (truth.frame, truth.box, truth.side)
        assert (sample.positive_id, sample.distance) == (truth.positive_id, truth.distance)
        assert np.array_equal(sample.keypoints, truth.keypoints)
        assert sample.file_name == f"{case.prefix}/{truth.frame}"


def test_what_is_left_out_is_counted_by_its_reason(case: Case) -> None:
    kept = pl.read_parquet(case.tables / "hands.parquet").height
    assert case.original.hands == len(original.OriginalSet(case.original.path).samples)
    assert kept - case.original.hands == sum(case.original.left_out.values())
    faults = {
        bad.fault for file in FILES.values() for bad in file.truth.bad_records if file.text == case.file.read_text()
    }
    expected = {"duplicate_hand_id": "duplicate hand id", "positive_missing": "positive not in this set"}
    for fault, reason in expected.items():
        assert case.original.left_out.get(reason, 0) == (fault in faults)
    # Named by nothing, or named so that no frame can be told from it.
    without = len(faults & {"image_dangling", "frame_unnamed"})
    assert case.original.left_out.get("no image", 0) == without


def test_the_crops_are_ours_to_the_pixel_and_the_keypoints_to_the_bit(case: Case) -> None:
    with HandTable(case.tables) as table:
        for sample, row in case.hands():
            ours = table[row]
            assert sample.frame == f"{ours.video_id}/{frame_file_name(ours.frame_index)}"
            assert np.array_equal(original.crop_keypoints(sample), mirror_keypoints(ours.keypoints, ours.handedness))
            image = case.image(sample.frame)
            assert np.array_equal(original.crop(image, sample), crop_hand(image, ours.box_px, ours.handedness))


def test_the_pairs_are_ours(case: Case) -> None:
    hands = original.OriginalSet(case.original.path)
    # Of hands with one id the first is meant, as everywhere where a choice must be made.
    tables = pl.read_parquet(case.tables / "hands.parquet").unique("hand_id", keep="first", maintain_order=True)
    pairs = resolve_pairs(tables)
    ours = {row["hand_id"]: row for row in pairs.filter(pl.col("reason").is_null()).iter_rows(named=True)}
    assert set(hands.row_of) <= set(ours)
    for row, sample in enumerate(hands.samples):
        anchor, positive = hands.pair(row)
        truth = ours[anchor.hand_id]
        assert positive.hand_id == truth["positive_hand_id"]
        assert positive.frame == f"{truth['positive_video_id']}/{frame_file_name(truth['positive_frame_index'])}"
        assert sample.distance == truth["distance"]
        two = [original.crop_keypoints(each)[:, :2].astype(np.float64) for each in (anchor, positive)]
        assert np.linalg.norm(two[0] - two[1], axis=1).mean() == pytest.approx(truth["pose_distance"], abs=1e-5)


def test_the_original_grid_script_draws_our_grid(case: Case) -> None:
    hands = original.OriginalSet(case.original.path)
    rows = np.random.default_rng(0).permutation(len(hands.samples))[:50].tolist()
    for row in rows:
        for sample in hands.pair(row):
            case.image(sample.frame)
    with HandTable(case.tables) as table:
        anchors = [table[table.row_of(hands.samples[row].hand_id)].row_index for row in rows]
    tables = pl.read_parquet(case.tables / "hands.parquet")

    def image_path(video_id: str, frame_index: int, _file_name: str | None) -> Path:
        return case.folder / case.prefix / video_id / frame_file_name(frame_index)

    ours = draw_grids(resolve_pairs(tables), tables, anchors, image_path)
    assert ours.missing.is_empty() and ours.cell_count == 100
    assert np.array_equal(original.grid(case.folder, case.original.path, rows), ours.plain)


def test_the_coco_file_says_the_same_in_image_pixels(case: Case) -> None:
    content = original.read_coco(case.coco.path)
    file_names = {image["id"]: image["file_name"] for image in content["images"]}
    sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    assert (len(content["images"]), len(content["annotations"])) == (case.coco.images, case.coco.hands)
    source = json.loads(case.file.read_text())["images"]
    stated = {image["id"]: (image["width"], image["height"]) if "width" in image else None for image in source}
    with HandTable(case.tables) as table:
        assert case.coco.hands + sum(case.coco.left_out.values()) == len(table)
        by_id = {annotation["hand_id"]: annotation for annotation in reversed(content["annotations"])}
        for sample, row in case.hands():
            ours = table[row]
            if sample.box[2] <= sample.box[0]:
                assert sample.hand_id not in by_id and case.coco.left_out["box empty or inverted"]
                continue
            annotation = by_id[sample.hand_id]
            assert file_names[annotation["image_id"]] == sample.file_name
            width, height = sizes[annotation["image_id"]]
            assert (width, height) == (stated[annotation["image_id"]] or case.sizes[ours.video_id])
            x, y, box_width, box_height = annotation["bbox"]
            assert (x, y, x + box_width, y + box_height) == pytest.approx(tuple(ours.box_px))
            assert annotation["handedness"] == sample.side
            left, top, right, bottom = original.crop_square(sample.box, width, height)
            joints = np.array(annotation["keypoints"]).reshape(21, 3)
            expected = sample.keypoints[:, :2].astype(np.float64) * (right - left, bottom - top) + (left, top)
            assert np.abs(joints[:, :2] - expected).max() <= 0.0006
            inside = ((expected >= 0) & (expected <= (width, height))).all(axis=1)
            assert joints[:, 2].tolist() == np.where(inside, 2, 1).tolist()


def test_pycocotools_reads_the_coco_file(case: Case) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(case.coco.path))
    (category,) = coco.loadCats(coco.getCatIds(catNms=["hand"]))
    assert category["keypoints"][0] == "wrist"
    assert (len(coco.getImgIds()), len(coco.getAnnIds())) == (case.coco.images, case.coco.hands)
    for image_id in coco.getImgIds()[:20]:
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[image_id], iscrowd=False)):
            assert annotation["image_id"] == image_id
