"""Annotation files of the original schema and frames to go with them, as large as real ones, by seed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

HANDS_50K, IMAGES_50K = 50_000, 49_930
FRAME_SIZE_PX = (1440, 1080)
VIDEO_COUNT = 400
BAD_FIELDS = (("boxes", "[1, 2, 3"), ("keypoint_25d", [0.5] * 60), ("left_right", "Both"), ("hand_id", "none"))


def frame_file(image: int) -> str:
    """`<video>/frame_NNNNNN.jpg` of an image's number."""
    video, place = image % VIDEO_COUNT, image // VIDEO_COUNT
    return f"{video:08x}-0000-4000-8000-000000000000/frame_{30 * place:06d}.jpg"


def write_annotations(
    path: Path,
    hands: int = HANDS_50K,
    images: int = IMAGES_50K,
    seed: int = 0,
    *,
    bad_every: int = 0,
    frames: int | None = None,
) -> Path:
    """One file of the 50k scale by default, about 90 MB; every positive is in it, and from another video.

    With `bad_every`, one hand in so many breaks the contract, in one of four ways in turn. With `frames`, images share
    so many frames.
    """
    rng = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"images": [')
        for image in range(images):
            record = {
                "id": image,
                "file_name": f"Hand100M/{frame_file(image % (frames or images))}",
                "width": 1440,
                "height": 1080,
            }
            file.write((", " if image else "") + json.dumps(record))
        file.write('], "annotations": [')
        for hand in range(hands):
            record = _hand(hand, hands, images, rng)
            if bad_every and hand % bad_every == 0:
                field, value = BAD_FIELDS[hand // bad_every % len(BAD_FIELDS)]
                record[field] = value
            file.write((", " if hand else "") + json.dumps(record))
        file.write("]}")
    return path


def _hand(hand: int, hands: int, images: int, rng: np.random.Generator) -> dict[str, object]:
    x, y, side = rng.uniform(0, 1100), rng.uniform(0, 800), rng.uniform(60, 300)
    keypoints = rng.random((21, 3), dtype=np.float32).astype(np.float64)
    return {
        "hand_id": str(7_000_000 + 3 * hand),
        "image_id": hand % images,
        "boxes": str([round(v, 2) for v in (x, y, x + side, y + side * rng.uniform(0.6, 1.3))]),
        "keypoint_25d": keypoints.ravel().tolist(),
        "left_right": "Left" if hand % 2 else "Right",
        "positive_sample": [str(7_000_000 + 3 * ((hand * 31 + 17) % hands))],
        "distance": [float(rng.random())],
    }


def write_frames(folder: Path, images: Iterable[int], seed: int = 0) -> None:
    """A 1440 x 1080 JPEG an image, about as large as a real one; the content repeats after eight."""
    rng = np.random.default_rng(seed)
    width_px, height_px = FRAME_SIZE_PX
    contents = []
    for _ in range(8):
        coarse = rng.integers(0, 256, (height_px // 12, width_px // 12, 3), dtype=np.uint8)
        smooth = cv2.resize(coarse, FRAME_SIZE_PX, interpolation=cv2.INTER_CUBIC)
        grain = rng.integers(0, 12, smooth.shape, dtype=np.uint8)
        contents.append(cv2.imencode(".jpg", cv2.add(smooth, grain))[1].tobytes())
    for number, image in enumerate(sorted(set(images))):
        path = folder / frame_file(image)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[number % len(contents)])
