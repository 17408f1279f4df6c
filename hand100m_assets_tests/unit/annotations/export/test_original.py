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

from hand100m_assets.annotations.export.coco import export_coco, hand_category
from hand100m_assets.annotations.export.original import Exported, export_json
from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.pairable import pairable_hands
from hand100m_assets.errors import AnnotationFileError, OutputUnwritableError
from hand100m_assets_tests.original_reader import read_coco
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
                "distance": record["distance"][0],
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
    monkeypatch.setattr("hand100m_assets.annotations.table_rows._BATCH_ROWS", 7)
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


def naive_pairable(hands: pl.DataFrame, has_crop: list[bool]) -> list[bool]:
    """The same by trying again until nothing changes."""
    rows = hands.rows(named=True)
    usable = zip(rows, has_crop, strict=True)
    kept = [row["video_id"] is not None and row["distances"] != [] and crop for row, crop in usable]
    for number, row in enumerate(rows):
        kept[number] &= row["hand_id"] not in {other["hand_id"] for other in rows[:number]}
    while True:
        there = {row["hand_id"] for row, is_kept in zip(rows, kept, strict=True) if is_kept}
        wanted = [next(iter(row["positives"]), None) for row in rows]
        again = [
            is_kept and positive in there and positive != row["hand_id"]
            for row, is_kept, positive in zip(rows, kept, wanted, strict=True)
        ]
        if again == kept:
            return kept
        kept = again


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.sampled_from(["v", "w", None]),
            st.lists(st.integers(0, 9), max_size=2),
            st.sampled_from([[0.5], [0.5, 1.0], [0.0], []]),
            st.sampled_from([True, True, True, False]),
        ),
        max_size=14,
    )
)
def test_what_is_pairable_is_what_trying_again_until_nothing_changes_leaves(rows: list[Any]) -> None:
    schema = {
        "hand_id": pl.Int64,
        "video_id": pl.String,
        "positives": pl.List(pl.Int64),
        "distances": pl.List(pl.Float64),
    }
    hands = pl.DataFrame([row[:-1] for row in rows], schema=schema, orient="row")
    has_crop = [row[-1] for row in rows]
    found = pairable_hands(hands.lazy(), np.array(has_crop, dtype=bool))
    assert found.kept.tolist() == naive_pairable(hands, has_crop)
    assert sum(found.left_out.values()) == hands.height - found.kept.sum()


def test_a_long_chain_that_ends_nowhere_is_left_out_to_its_beginning() -> None:
    count = 5000
    positives = [[n + 1] for n in range(count)]
    always = {"video_id": ["v"] * count, "distances": [[0.1]] * count}
    hands = pl.DataFrame({"hand_id": range(count), "positives": positives, **always})
    assert pairable_hands(hands.lazy()).left_out == {
        "positive not in this set": 1,
        "positive is left out itself": count - 1,
    }


def test_what_the_original_loaders_stumble_over_is_left_out_and_counted(tmp_path: Path) -> None:
    document = {
        "images": [image(0), image(1, "video_b"), image(0, "video_c")],
        "annotations": [
            hand(10, 0, 11), hand(11, 1, 10), hand(12, 404, 10), hand(11, 0, 10), hand(13, 0), hand(14, 0, 14),
            hand(15, 0, 99), hand(16, 1, 15), hand(17, 1, 16), hand(18, 1, 11), hand(19, 0, 10, distance=[]),
            hand(20, 0, 10, boxes="[20, 20, 20, 20]"), hand(21, 0, 10, boxes="[-90, 5, -50, 45]"), hand(22, 0, 20),
        ],
    }  # fmt: skip
    tables = ingested(tmp_path, document)
    made = export_json(tables, tmp_path / "x.json", frames_prefix="")
    content = json.loads((tmp_path / "x.json").read_text())
    assert [record["hand_id"] for record in content["annotations"]] == ["10", "11", "18"]
    assert [record["file_name"] for record in content["images"]] == [
        "video_a/frame_000000.jpg",
        "video_b/frame_000030.jpg",
    ]
    assert len(original_samples(tmp_path / "x.json")) == made.hands == 3
    assert made.left_out == {
        "no image": 1,
        "duplicate hand id": 1,
        "no positive": 1,
        "positive is the hand itself": 1,
        "positive not in this set": 1,
        "no distance": 1,
        "no crop": 2,
        "positive is left out itself": 3,
    }
    assert export_json(tables, tmp_path / "x.json", frames_prefix="", all_hands=True).hands == 14


@pytest.mark.parametrize("ids", [(0, 1), ("a", "b")], ids=["integers", "texts"])
@pytest.mark.parametrize("stated", [True, False], ids=["size stated", "size of the video"])
def test_a_box_beyond_its_image_is_left_out_where_the_size_is_known(
    tmp_path: Path, ids: tuple[Any, Any], stated: bool
) -> None:
    size = {"width": 320, "height": 240} if stated else {}
    small, other = (image(n, f"video_{n}", **(size if n == 0 else {})) | {"id": ids[n]} for n in range(2))
    hands = [hand(n, ids[0], 3, boxes=box) for n, box in enumerate(["[300, 5, 360, 45]", "[400, 5, 440, 45]"])]
    hands += [hand(2, ids[1], 3, boxes="[400, 5, 440, 45]"), hand(3, ids[1], 2)]
    tables = ingested(tmp_path, {"images": [small, other], "annotations": hands})
    sizes = None if stated else pl.DataFrame({"video_id": ["video_0"], "width_px": [320], "height_px": [240]})
    made = export_json(tables, tmp_path / "x.json", frames_prefix="", video_sizes=sizes)
    written = [record["hand_id"] for record in json.loads((tmp_path / "x.json").read_text())["annotations"]]
    assert (written, made.left_out) == (["0", "2", "3"], {"no crop": 1})


def coco_of(tmp_path: Path, document: Any, **how: Any) -> tuple[Any, Exported]:
    made = export_coco(ingested(tmp_path, document), tmp_path / "coco.json", frames_prefix="p/", **how)
    return read_coco(tmp_path / "coco.json"), made


def test_coco_leaves_out_what_has_no_place_in_an_image_and_says_why(tmp_path: Path) -> None:
    document = {
        "images": [image(0, width=640, height=480), image(1), image(2, width=640), image(0, width=1, height=1)],
        "annotations": [
            hand(10, 0), hand(11, 1), hand(12, 2), hand(13, 404), hand(14, 0, boxes="[9, 9, 5, 20]"),
            hand(15, 0, boxes="[900, 9, 990, 20]"), hand(10, 0),
        ],
    }  # fmt: skip
    content, made = coco_of(tmp_path, document)
    assert made.left_out == {
        "image size unknown": 2,
        "no image": 1,
        "box empty or inverted": 1,
        "box misses the image": 1,
    }
    assert [(a["id"], a["hand_id"]) for a in content["annotations"]] == [(1, 10), (2, 10)]
    assert content["images"] == [{"id": 0, "file_name": "p/video_a/frame_000000.jpg", "width": 640, "height": 480}]


def test_coco_takes_sizes_of_the_videos_where_the_file_has_none(tmp_path: Path) -> None:
    sizes = pl.DataFrame({"video_id": ["video_a"], "width_px": [320], "height_px": [240]})
    document = {"images": [image(0), image(1, width=640), image(2, "b")], "annotations": [hand(10, 0), hand(11, 2)]}
    content, made = coco_of(tmp_path, document, video_sizes=sizes)
    assert [(i["width"], i["height"]) for i in content["images"]] == [(320, 240), (320, 240)]
    assert made.left_out == {"image size unknown": 1}


@pytest.mark.parametrize("ids", [(7, 3, 5), ("7", "img", "5")], ids=["integers", "texts"])
def test_coco_finds_each_hands_image_whatever_the_batches_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ids: tuple[Any, ...]
) -> None:
    monkeypatch.setattr("hand100m_assets.annotations.table_rows._BATCH_ROWS", 2)
    images = [image(n, f"v{n}", width=640 + n, height=480) | {"id": name} for n, name in enumerate(ids)]
    hands = [hand(n, name) for n, name in enumerate((*ids, *reversed(ids), "07", "x", 4))]
    content, made = coco_of(tmp_path, {"images": images, "annotations": hands})
    widths = {i["id"]: i["width"] for i in content["images"]}
    assert [widths[a["image_id"]] for a in content["annotations"]] == [640, 641, 642, 642, 641, 640]
    assert made.left_out == {"no image": 3}


def test_coco_of_a_set_without_images_or_hands_is_whole(tmp_path: Path) -> None:
    assert coco_of(tmp_path, {"images": [], "annotations": [hand(1, 0)]})[1].left_out == {"no image": 1}
    content, _ = coco_of(tmp_path, {"images": [], "annotations": []})
    assert content["images"] == content["annotations"] == []


def test_coco_counts_images_whose_ids_are_no_integers(tmp_path: Path) -> None:
    images = [image(n, width=640, height=480) | {"id": name} for n, name in enumerate(("b", "a", "07"))]
    content, _ = coco_of(tmp_path, {"images": images, "annotations": [hand(1, "07"), hand(2, "b")]})
    assert [i["id"] for i in content["images"]] == [1, 2, 3]
    assert [a["image_id"] for a in content["annotations"]] == [3, 1]


def test_coco_marks_joints_outside_the_image_and_names_joints_by_the_order_of_the_file(tmp_path: Path) -> None:
    keypoints = [0.5] * 60 + [0.5, 1.4, 0.0]
    document = {
        "images": [image(0, width=200, height=160)],
        "annotations": [hand(2, 0, boxes="[50, 50, 150, 150]", keypoint_25d=keypoints)],
    }
    content, _ = coco_of(tmp_path, document)
    (annotation,) = content["annotations"]
    # The box grows to 35..165 both ways; its square is cut at the lower border, 160.
    assert annotation["keypoints"][:3] == [100, 97.5, 2]
    assert annotation["keypoints"][-3:] == [100, 210, 1]
    assert annotation["bbox"] == [50, 50, 100, 100]
    names = {order: hand_category(order)["keypoints"] for order in ("mediapipe", "by_joint")}
    assert names["mediapipe"][:6] == ["wrist", "thumb_1", "thumb_2", "thumb_3", "thumb_4", "index_1"]
    assert names["by_joint"][:7] == ["wrist", "thumb_1", "index_1", "middle_1", "ring_1", "pinky_1", "thumb_2"]
    bones = {
        order: {(names[order][a - 1], names[order][b - 1]) for a, b in hand_category(order)["skeleton"]}
        for order in names
    }
    assert bones["mediapipe"] == bones["by_joint"] and len(bones["mediapipe"]) == 20


def test_nothing_is_written_as_coco_from_an_unfinished_set(tmp_path: Path) -> None:
    with pytest.raises(AnnotationFileError, match="no finished tables"):
        export_coco(tmp_path, tmp_path / "x.json", frames_prefix="")
    assert not list(tmp_path.iterdir())
