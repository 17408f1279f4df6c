"""An export holds what the original loaders load to its end: every frame opened, every crop cut, every pair found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.annotations.export.coco import export_coco
from hand100m_assets.annotations.export.original import Exported, export_json
from hand100m_assets.annotations.frame_files import FrameFiles
from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.dataset.building import build_training_set
from hand100m_assets.dataset.reader import decode
from hand100m_assets.imaging import image_size_px, read_image
from hand100m_assets_tests.original_reader import OriginalLoader, read_coco
from hand100m_assets_tests.unit.annotations.records import hand, image, write
from hand100m_assets_tests.unit.dataset.scene import Scene, ring


def export(scene: Scene, **how: Any) -> Exported:
    files = FrameFiles(scene.frames_dir, **how)
    return export_json(scene.tables, scene.root / "x.json", frames_prefix="frames", files=files)


def load_to_the_end(scene: Scene, made: Exported) -> list[int]:
    """Ids of the hands; an exception where the original would stop."""
    loader = OriginalLoader(scene.root, made.path)
    samples = [loader[number] for number in range(len(loader))]
    assert all(
        Path(image["file_name"]).name in {p.name for p in scene.root.parent.rglob("*.*g")} for image in images(made)
    )
    assert [samples[s["positive_sample_idx"]]["hand_id"] for s in samples] == [
        int(s["positive_sample"]) for s in samples
    ]
    assert made.hands == len(samples)
    return [sample["hand_id"] for sample in samples]


def images(made: Exported) -> list[dict[str, Any]]:
    content: dict[str, list[dict[str, Any]]] = json.loads(made.path.read_text())
    return content["images"]


def chain(scene: Scene, positives: list[int]) -> Scene:
    """A hand in a frame each, hand n leading to hand positives[n]."""
    scene.add_set(
        [hand(n, n, positive) for n, positive in enumerate(positives)],
        [image(n, f"video_{n % 3}", 30 * n) for n in range(len(positives))],
    )
    return scene


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 9).flatmap(
        lambda count: st.tuples(
            st.lists(st.integers(0, count - 1), min_size=count, max_size=count),
            st.lists(st.booleans(), min_size=count, max_size=count),
        )
    )
)
def test_whichever_frames_are_there_the_export_holds_the_training_set_s_hands_and_loads_to_its_end(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[int], list[bool]]
) -> None:
    positives, is_there = drawn
    scene = chain(Scene(tmp_path_factory.mktemp("out") / "ego4d"), positives)
    for n, there in enumerate(is_there):
        if there:
            scene.add_frame(f"video_{n % 3}", 30 * n)
    made = export(scene)
    build_training_set(scene.job())
    found = load_to_the_end(scene, made)
    assert found == [pairs["hand_id"] for pairs in scene.pairs()]
    assert made.hands + sum(made.left_out.values()) == len(positives)
    assert made.images == sum(is_there)


def test_hands_that_lead_to_a_hand_without_a_frame_leave_with_it_and_each_is_counted(tmp_path: Path) -> None:
    scene = chain(Scene(tmp_path / "ego4d"), [1, 0, 3, 4, 5, 2, 0])
    for n in (0, 1, 2, 3, 5, 6):
        scene.add_frame(f"video_{n % 3}", 30 * n)
    made = export(scene)
    assert load_to_the_end(scene, made) == [0, 1, 6]
    assert made.left_out == {"image not on disk": 1, "positive is left out itself": 3}


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "folder":
        path.unlink()
        path.mkdir()
        return
    path.write_bytes({"empty": b"", "text": b"no picture", "cut": data[: len(data) // 2], "head": data[:100]}[how])


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("empty", "image file is damaged or empty"),
        ("text", "image file is damaged or empty"),
        ("cut", "image file is cut short"),
        ("head", "image file is damaged or empty"),
        ("folder", "image cannot be read: Is a directory"),
    ],
)
def test_a_frame_that_is_no_whole_picture_is_as_good_as_none(tmp_path: Path, how: str, reason: str) -> None:
    scene = ring(Scene(tmp_path / "ego4d"), ["video_0", "video_1"])
    spoil(scene.frames_dir / "video_1" / "frame_000030.jpg", how)
    made = export(scene)
    assert load_to_the_end(scene, made) == []
    assert made.left_out == {reason: 1, "positive is left out itself": 3}


def test_the_size_of_the_file_counts_not_the_size_that_the_annotations_state(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ego4d")
    hands = [hand(1, 1, 2, boxes="[700, 100, 800, 200]"), hand(2, 2, 1), hand(3, 3, 4), hand(4, 2, 3)]
    scene.add_set(hands, [image(n, "v", n, width=1920, height=1080) for n in (1, 2, 3)])
    for n in (1, 2, 3):
        scene.add_frame("v", n)  # 320 x 240
    made = export(scene)
    assert load_to_the_end(scene, made) == [3, 4]
    assert made.left_out == {"no crop": 1, "positive is left out itself": 1}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".jpeg"])
def test_images_at_mapped_places_are_named_where_they_are(tmp_path: Path, suffix: str) -> None:
    scene, elsewhere = Scene(tmp_path / "ego4d"), tmp_path / "elsewhere"
    names = [f"Hand2M/Ego4D/more/v/frame_{n:06d}{suffix}" for n in range(3)]
    records = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    scene.add_set([hand(n, n, (n + 1) % 3) for n in range(3)], records)
    for name in names:
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(elsewhere / name), np.full((240, 320, 3), 99, np.uint8))
    made = export(scene, prefixes={"Hand2M": elsewhere / "Hand2M"}, name_mapped=True)
    assert load_to_the_end(scene, made) == [0, 1, 2]
    assert [each["file_name"] for each in images(made)] == [str(elsewhere / name) for name in names]
    (elsewhere / names[0]).unlink()
    assert export(scene, prefixes={"Hand2M": elsewhere / "Hand2M"}).left_out["image not on disk"] == 1


def test_a_coco_file_of_what_is_on_disk_has_each_image_in_its_own_size(tmp_path: Path) -> None:
    scene = ring(Scene(tmp_path / "ego4d"), ["video_0", "video_1"])
    (scene.frames_dir / "video_0" / "frame_000030.jpg").unlink()
    scene.add_frame("video_1", 0, (640, 480))
    made = export_coco(scene.tables, tmp_path / "c.json", frames_prefix="p", files=FrameFiles(scene.frames_dir))
    content = read_coco(made.path)
    assert [(each["id"], each["width"], each["height"]) for each in content["images"]] == [
        (0, 320, 240), (2, 640, 480), (3, 320, 240),
    ]  # fmt: skip
    assert [each["hand_id"] for each in content["annotations"]] == [100, 102, 103]
    assert made.left_out == {"image not on disk": 1}


def test_batches_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = ring(Scene(tmp_path / "ego4d"), ["video_0", "video_1", "video_2"])
    (scene.frames_dir / "video_1" / "frame_000030.jpg").unlink()
    made = [
        export(scene),
        export_coco(scene.tables, tmp_path / "c", frames_prefix="", files=FrameFiles(scene.frames_dir)),
    ]
    truth = [(one.images, one.hands, dict(one.left_out), one.path.read_bytes()) for one in made]
    monkeypatch.setattr("hand100m_assets.annotations.table_rows._BATCH_ROWS", 2)
    again = [
        export(scene),
        export_coco(scene.tables, tmp_path / "c", frames_prefix="", files=FrameFiles(scene.frames_dir)),
    ]
    assert [(one.images, one.hands, dict(one.left_out), one.path.read_bytes()) for one in again] == truth


FLAGS = {
    "baseline": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "optimised": [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 4],
}


@pytest.mark.parametrize("kind", [*FLAGS, "grey", "png", "exif turned", "comment of 60 kB", "trailing bytes", "no end"])
def test_the_two_ends_of_a_file_tell_what_decoding_it_tells(tmp_path: Path, kind: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    _, data = cv2.imencode(
        ".png" if kind == "png" else ".jpg", picture[..., 0] if kind == "grey" else picture, FLAGS.get(kind, [])
    )
    plain = data.tobytes()
    turn = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = {"exif turned": (b"\xff\xe1", turn), "comment of 60 kB": (b"\xff\xfe", bytes(60_000))}.get(kind)
    if segment:
        mark, body = segment
        plain = plain[:2] + mark + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]
    plain = {"trailing bytes": plain + bytes(9000), "no end": plain[:-2]}.get(kind, plain)
    path = tmp_path / "frame_000000.jpg"
    path.write_bytes(plain)
    decoded = read_image(path)
    assert image_size_px(path) == (decoded if isinstance(decoded, str) else decoded.shape[1::-1])
    assert (kind == "exif turned") == (image_size_px(path) == (60, 90))


@pytest.mark.parametrize("sides_px", [(0, 90), (0xFFDC, 0xFFDC), (0x8000, 0x8001)])
def test_a_frame_whose_header_states_an_impossible_size_is_damaged(tmp_path: Path, sides_px: tuple[int, int]) -> None:
    data = bytearray(cv2.imencode(".jpg", np.zeros((60, 90, 3), np.uint8))[1].tobytes())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = sides_px[0].to_bytes(2, "big") + sides_px[1].to_bytes(2, "big")
    path = tmp_path / "frame_000000.jpg"
    path.write_bytes(data)
    assert image_size_px(path) == read_image(path) == "image file is damaged or empty"
    assert decode(bytes(data)) is None


def test_every_way_of_cutting_a_frame_short_gives_the_verdict_of_decoding_it(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    data, path = cv2.imencode(".jpg", picture)[1].tobytes(), tmp_path / "frame_000000.jpg"
    for size in range(len(data)):
        path.write_bytes(data[:size])
        found, truth = image_size_px(path), read_image(path)
        assert found == (truth if isinstance(truth, str) else truth.shape[1::-1]), size


def test_of_images_with_one_id_the_first_is_looked_at(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ego4d")
    scene.root.mkdir(parents=True)
    document = {"images": [image(1, "v", 0), image(1, "w", 0)], "annotations": [hand(1, 1, 2), hand(2, 1, 1)]}
    ingest_file(write(scene.root / "set.json", document), scene.tables)
    scene.add_frame("w", 0)
    assert export(scene).left_out == {"image not on disk": 2}
    scene.add_frame("v", 0)
    made = export(scene)
    assert load_to_the_end(scene, made) == [1, 2] and made.images == 1
