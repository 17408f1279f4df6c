"""What is exported is read back the same, by us and by a reader written from the original loaders' field rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from hand100m_assets.annotations.export import export_json
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.errors import AnnotationFileError, OutputUnwritableError
from hand100m_assets_tests.unit.annotations.records import (
    documents,
    hand,
    image,
    sound_hands,
    sound_images,
    sound_set,
    write,
)

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)


def ingested(tmp_path: Path, document: Any, name: str = "in") -> Path:
    ingest_file(write(tmp_path / f"{name}.json", document), tmp_path / name)
    return tmp_path / name


def original_samples(path: Path) -> list[dict[str, Any]]:
    """Samples as the original loaders build them: one a hand, its image by id, its pair by first positive."""
    content = json.loads(path.read_text())
    file_names = {record["id"]: record["file_name"] for record in content["images"]}
    row_of = {int(record["hand_id"]): row for row, record in enumerate(content["annotations"])}
    samples = []
    for record in content["annotations"]:
        keypoints = np.array(record["keypoint_25d"], dtype=np.float32).reshape(21, 3)
        samples.append(
            {
                "image": "/".join(file_names[record["image_id"]].split("/")[-2:]),
                "box": [int(number) for number in json.loads(record["boxes"])],
                "keypoints": keypoints.tolist(),
                "side": record["left_right"],
                "positive_row": row_of[int(record["positive_sample"][0])],
                "distance": float(np.float32(record["distance"][0])),
            }
        )
    return samples


@given(document=documents, prefix=st.sampled_from(["", "hand100m/frames", "/abs/"]))
@same_folder
def test_the_export_of_a_set_is_ingested_as_the_same_set(tmp_path: Path, document: Any, prefix: str) -> None:
    before = ingested(tmp_path, document)
    export_json(before, tmp_path / "x.json", frames_prefix=prefix, all_hands=True)
    summary = ingest_file(tmp_path / "x.json", tmp_path / "again")
    assert (summary.complete, summary.rejects) == (True, 0)
    # Rejected records are left out, so that positions close up; names get their new prefix. All else stays.
    for table, changed in (("images", ["record", "file_name"]), ("hands", ["row_index"])):
        one, other = (pl.read_parquet(folder / f"{table}.parquet") for folder in (before, tmp_path / "again"))
        assert_frame_equal(one.drop(changed), other.drop(changed), check_exact=True)
        assert other[changed[0]].to_list() == list(range(one.height))


@given(images=st.lists(sound_images(), max_size=4), hands=st.lists(sound_hands(), max_size=4))
@same_folder
def test_a_set_without_rejects_comes_back_whole(tmp_path: Path, images: list[Any], hands: list[Any]) -> None:
    before = ingested(tmp_path, {"images": images, "annotations": hands})
    export_json(before, tmp_path / "x.json", frames_prefix="Hand2M/ego4d", all_hands=True)
    ingest_file(tmp_path / "x.json", tmp_path / "again")
    for table in ("images", "hands"):
        one, other = (pl.read_parquet(folder / f"{table}.parquet") for folder in (before, tmp_path / "again"))
        assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("id_of", [int, str, "img_{}".format, "0{}".format])
def test_the_original_loaders_see_the_same_samples_and_pairs(tmp_path: Path, id_of: Any) -> None:
    document = sound_set(8)
    for number, record in enumerate(document["images"]):
        record["id"] = document["annotations"][number]["image_id"] = id_of(number)
    source = write(tmp_path / "source.json", document)
    export_json(ingested(tmp_path, document), tmp_path / "x.json", frames_prefix="elsewhere")
    assert original_samples(tmp_path / "x.json") == original_samples(source)


def test_fields_have_the_types_of_the_original_files(tmp_path: Path) -> None:
    document = {"images": [image(7, "v", 30)], "annotations": [hand(12, 7, 13), hand(13, 7, 12)]}
    export_json(ingested(tmp_path, document), tmp_path / "x.json", frames_prefix="new/root/")
    content = json.loads((tmp_path / "x.json").read_text())
    assert content["images"] == [{"id": 7, "file_name": "new/root/v/frame_000030.jpg"}]
    assert content["annotations"][0] == {**hand(12, 7, 13), "boxes": "[10.5, 20.0, 110.0, 150.0]"}


def test_sizes_are_kept(tmp_path: Path) -> None:
    document = {"images": [image(1, width=640, height=480), image(2)], "annotations": []}
    export_json(ingested(tmp_path, document), tmp_path / "x.json", frames_prefix="")
    images = json.loads((tmp_path / "x.json").read_text())["images"]
    assert [(record["width"], record["height"]) for record in images] == [(640, 480), (None, None)]


def test_more_rows_than_one_batch_are_written_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hand100m_assets.annotations.export._BATCH_ROWS", 7)
    made = export_json(ingested(tmp_path, sound_set(50)), tmp_path / "x.json", frames_prefix="p")
    assert (made.images, made.hands, made.left_out) == (50, 50, {})
    assert [record["hand_id"] for record in json.loads((tmp_path / "x.json").read_text())["annotations"]] == [
        str(100 + n) for n in range(50)
    ]


def test_nothing_is_exported_from_an_unfinished_set_and_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    with pytest.raises(AnnotationFileError, match="no finished tables"):
        export_json(tmp_path, tmp_path / "x.json", frames_prefix="")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputUnwritableError):
        export_json(ingested(tmp_path, sound_set()), tmp_path / "file" / "x.json", frames_prefix="")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "in", "in.json"]
