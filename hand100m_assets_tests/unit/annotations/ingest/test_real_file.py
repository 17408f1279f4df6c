"""A file as large and as mixed as a small real one, against a reader written from the original loaders' field rules."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets_tests.unit.annotations.records import Raw

HANDS, IMAGES, VIDEOS = 2000, 1950, 40


def real_like(rng: random.Random) -> Raw:
    videos = [f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}" for _ in range(VIDEOS)]
    images = []
    for n in range(IMAGES):
        file_name = f"Hand2M/ego4d/images/{videos[n % VIDEOS]}/frame_{30 * (n // VIDEOS):06d}.jpg"
        size = {"width": 1440, "height": 1080} if n % 3 else {}
        images.append({"license": 1, "id": 10_000 + n, "file_name": file_name, **size})
    hand_ids = rng.sample(range(10**7), HANDS)
    return {"images": images, "annotations": [_hand(rng, hand_ids, n) for n in range(HANDS)], "info": {"v": "1-1"}}


def _hand(rng: random.Random, hand_ids: list[int], n: int) -> Raw:
    x, y = rng.uniform(0, 1100), rng.uniform(0, 800)
    joints = [[rng.random(), rng.random(), rng.gauss(0, 0.1)] for _ in range(21)]
    return {
        "id": n,
        "hand_id": str(hand_ids[n]),
        "image_id": 10_000 + rng.randrange(IMAGES),
        "boxes": str([round(v, 2) for v in (x, y, x + rng.uniform(40, 300), y + rng.uniform(40, 250))]),
        "keypoint_25d": joints if n % 5 == 0 else [number for joint in joints for number in joint],
        "left_right": rng.choice(["Left", "Right"]),
        "positive_sample": [str(rng.choice(hand_ids)) for _ in range(rng.choice([1, 1, 1, 3]))],
        "distance": [rng.random()],
        "contact": None,
    }


SPOILED_HANDS: list[Callable[[Raw], Any]] = [
    lambda hand: hand.update(hand_id="none"),
    lambda hand: hand.update(boxes="[1.0, 2.0, 3.0"),
    lambda hand: hand.update(boxes="[1.0, 2.0, 3.0]"),
    lambda hand: hand.update(keypoint_25d=[0.5] * 62),
    lambda hand: hand.update(left_right="Both"),
    lambda hand: hand.update(positive_sample=["?"]),
    lambda hand: hand.update(distance=["far"]),
    lambda hand: hand.pop("distance"),
    lambda hand: hand.pop("image_id"),
]
SPOILED_IMAGES: list[Callable[[Raw], Any]] = [
    lambda image: image.pop("file_name"),
    lambda image: image.update(file_name="000030.jpg"),
    lambda image: image.pop("id"),
]


def spoil(document: Raw) -> None:
    for number, place in enumerate(range(50, HANDS, 97)):
        SPOILED_HANDS[number % len(SPOILED_HANDS)](document["annotations"][place])
    for number, place in enumerate(range(20, IMAGES, 211)):
        SPOILED_IMAGES[number % len(SPOILED_IMAGES)](document["images"][place])


def original_image(raw: Raw) -> dict[str, Any]:
    video_id, frame = raw["file_name"].split("/")[-2:]
    return {
        "image_id": str(raw["id"]),
        "file_name": raw["file_name"],
        "video_id": video_id,
        "frame_index": int(frame.removeprefix("frame_").removesuffix(".jpg")),
        "width_px": raw.get("width"),
        "height_px": raw.get("height"),
    }


def original_hand(raw: Raw) -> dict[str, Any]:
    x1, y1, x2, y2 = json.loads(raw["boxes"])
    return {
        "hand_id": int(raw["hand_id"]),
        "image_id": str(raw["image_id"]),
        "box_px": [x1, y1, x2, y2],
        "keypoints": np.array(raw["keypoint_25d"], dtype=np.float32).reshape(21, 3).tolist(),
        "handedness": {"Left": "Left", "Right": "Right"}[raw["left_right"]],
        "positives": [int(positive) for positive in raw["positive_sample"]],
        "distances": [float(distance) for distance in raw["distance"]],
    }


def usable(records: list[Raw], reader: Callable[[Raw], dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    for n, raw in enumerate(records):
        with suppress(KeyError, ValueError):  # where the original would have stopped
            yield n, reader(raw)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("hands_first", [False, True])
def test_two_thousand_hands_are_the_rows_that_the_original_would_have_read(
    tmp_path: Path, packed: bool, hands_first: bool
) -> None:
    document = real_like(random.Random(7))
    spoil(document)
    text = json.dumps(dict(sorted(document.items(), reverse=not hands_first))).encode()
    path = tmp_path / "Hand100M_Ego4D_2k_v1-1.json"
    path.write_bytes(gzip.compress(text, 1) if packed else text)
    summary = ingest_file(path, tmp_path / "out", chunk_bytes=300_000)

    expected = json.loads(text)
    images = dict(usable(expected["images"], original_image))
    hands = dict(usable(expected["annotations"], original_hand))
    frames = {row["image_id"]: (row["video_id"], row["frame_index"]) for row in images.values()}
    for row in hands.values():
        row["video_id"], row["frame_index"] = frames.get(row["image_id"], (None, None))
    images_table, hands_table, rejects = (
        pl.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in ("images", "hands", "rejects")
    )
    assert images_table.to_dicts() == [{"record": n, **row} for n, row in images.items()]
    assert hands_table.to_dicts() == [{"row_index": n, **row} for n, row in hands.items()]
    assert set(rejects.select("section", "record").rows()) == {
        *(("images", n) for n in range(IMAGES) if n not in images),
        *(("annotations", n) for n in range(HANDS) if n not in hands),
    }
    assert hands_table["video_id"].null_count() > 0
    assert summary.complete
    assert (summary.images_read, summary.hands_read) == (IMAGES, HANDS)
    assert (summary.images_kept, summary.hands_kept, summary.rejects) == (
        len(images),
        len(hands),
        IMAGES - len(images) + HANDS - len(hands),
    )
    assert summary.rejects == len(range(50, HANDS, 97)) + len(range(20, IMAGES, 211))
