"""A reader of annotation files written from the field rules alone, for tests: knows nothing of this project's code.

Rules: `file_name` is relative to a data root; `boxes` is a JSON string of four numbers; `keypoint_25d` is viewed as
(21, 3); `hand_id` is cast with `int`; the pair of a hand is the hand whose id is `positive_sample[0]`; `distance[0]`
belongs to it. A crop is the box grown by 1.3, squared, clamped, resized to 224 px; a left hand is flipped, and its x
becomes 1 - x. A grid is ten rows of five pairs, each anchor left of its positive. Source: the original scripts.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np


@dataclass(frozen=True)
class Sample:
    hand_id: int
    file_name: str
    box: tuple[int, ...]
    keypoints: np.ndarray
    side: str
    positive_id: int
    distance: float

    @property
    def frame(self) -> str:
        return "/".join(self.file_name.split("/")[-2:])


def to_sample(record: dict[str, Any], file_names: dict[Any, str]) -> Sample:
    """Raises KeyError, IndexError or ValueError where the original loaders would."""
    left_right = record["left_right"]
    if left_right not in ("Left", "Right"):
        raise ValueError(left_right)
    return Sample(
        hand_id=int(record["hand_id"]),
        file_name=file_names[record["image_id"]],
        box=region_ends(json.loads(record["boxes"])),
        keypoints=np.array(record["keypoint_25d"], dtype=np.float32).reshape(21, 3),
        side=left_right,
        positive_id=int(record["positive_sample"][0]),
        distance=float(record["distance"][0]),
    )


def region_ends(numbers: list[float]) -> tuple[int, ...]:
    x1, y1, x2, y2 = (int(number) for number in numbers)
    return x1, y1, x2, y2


class OriginalSet:
    """A file as the original data sets hold it: samples by position, pairs by id; a bad record is an exception."""

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text())
        assert set(content) == {"images", "annotations"}
        file_names = {image["id"]: image["file_name"] for image in content["images"]}
        assert len(file_names) == len(content["images"])
        self.samples = [to_sample(record, file_names) for record in content["annotations"]]
        self.row_of = {sample.hand_id: row for row, sample in enumerate(self.samples)}
        assert len(self.row_of) == len(self.samples)

    def pair(self, row: int) -> tuple[Sample, Sample]:
        anchor = self.samples[row]
        return anchor, self.samples[self.row_of[anchor.positive_id]]


def usable_samples(path: Path) -> dict[int, Sample]:
    """Of a file with faults, what a loader could use, with no regard to time: ids taken twice go to the first."""
    content = json.loads(path.read_text())
    file_names = {image["id"]: image["file_name"] for image in content["images"]}
    found: dict[int, Sample] = {}
    for record in content["annotations"]:
        try:
            sample = to_sample(record, file_names)
            if not sample.file_name.split("/")[-1].startswith("frame_"):
                continue
        except (KeyError, IndexError, ValueError):
            continue
        found.setdefault(sample.hand_id, sample)
    while without := [i for i, s in found.items() if s.positive_id not in found or s.positive_id == i]:
        for hand_id in without:
            del found[hand_id]
    return found


def crop_square(box: tuple[int, ...], width: int, height: int) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    grow_x = int((int((x2 - x1) * 1.3) - (x2 - x1)) / 2)
    grow_y = int((int((y2 - y1) * 1.3) - (y2 - y1)) / 2)
    x1, x2, y1, y2 = x1 - grow_x, x2 + grow_x, y1 - grow_y, y2 + grow_y
    center_x, center_y, half = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) // 2
    left, right = max(int(center_x - half), 0), min(int(center_x + half), width)
    top, bottom = max(int(center_y - half), 0), min(int(center_y + half), height)
    return left, top, right, bottom


def crop(image: np.ndarray, sample: Sample) -> np.ndarray:
    left, top, right, bottom = crop_square(sample.box, image.shape[1], image.shape[0])
    cut = cv2.resize(image[top:bottom, left:right], (224, 224), interpolation=cv2.INTER_LINEAR)
    return cv2.flip(cut, 1) if sample.side == "Left" else cut


def crop_keypoints(sample: Sample) -> np.ndarray:
    keypoints = sample.keypoints.copy()
    if sample.side == "Left":
        keypoints[:, 0] = 1 - keypoints[:, 0]
    return keypoints


def grid(data_root: Path, annotation_file: Path, rows: list[int]) -> np.ndarray:
    """The (2240, 2240, 3) picture of 50 rows; images are looked for where `file_name` says, below the data root."""
    hands = OriginalSet(annotation_file)
    crops = []
    for row in rows:
        for sample in hands.pair(row):
            image = cv2.imread(str(data_root / sample.file_name))
            assert image is not None, sample.file_name
            crops.append(crop(image, sample))
    return np.vstack([np.hstack(crops[start : start + 10]) for start in range(0, 100, 10)])


def read_coco(path: Path) -> dict[str, Any]:
    """A COCO keypoints file, after checking what the format and the tools that read it rely on."""
    content = json.loads(path.read_text())
    assert {"info", "licenses", "images", "annotations", "categories"} <= set(content)
    (category,) = content["categories"]
    assert len(category["keypoints"]) == len(set(category["keypoints"])) == 21
    assert all(1 <= joint <= 21 for bone in category["skeleton"] for joint in bone)
    images = {image["id"]: image for image in content["images"]}
    assert len(images) == len(content["images"])
    for image in images.values():
        assert isinstance(image["id"], int) and image["width"] > 0 and image["height"] > 0 and image["file_name"]
    ids = [annotation["id"] for annotation in content["annotations"]]
    assert len(set(ids)) == len(ids) and all(isinstance(i, int) and i > 0 for i in ids)
    for annotation in content["annotations"]:
        assert annotation["image_id"] in images
        assert annotation["category_id"] == category["id"]
        _, _, width, height = annotation["bbox"]
        assert width > 0 and height > 0 and annotation["area"] == width * height
        assert annotation["iscrowd"] == 0
        visibility = annotation["keypoints"][2::3]
        assert len(annotation["keypoints"]) == 63 and set(visibility) <= {0, 1, 2}
        assert all(isinstance(v, int) for v in visibility)
        assert annotation["num_keypoints"] == sum(v > 0 for v in visibility)
    return content


class OriginalLoader:
    """The data sets of the original training code over one annotation file, arrays in the place of tensors.

    Everything is held in memory as JSON gives it; a whole frame is read for each sample, and turned to RGB before it is
    cut. `joints3D` is in pixels of the crop with z = 1; `joints_raw` keeps [0, 1] and z; tensors are float32.
    """

    def __init__(self, data_root: Path, annotation_file: Path) -> None:
        content = json.loads(annotation_file.read_text())
        self.data_root = data_root
        self.hands = content["annotations"]
        self.images = {image["id"]: image for image in content["images"]}
        self.index_of = {hand["hand_id"]: index for index, hand in enumerate(self.hands)}
        assert len(self.index_of) == len(self.hands)

    def __len__(self) -> int:
        return len(self.hands)

    def __getitem__(self, index: int) -> dict[str, Any]:
        hand = self.hands[index]
        image_name = os.path.join(self.data_root, self.images[hand["image_id"]]["file_name"])  # noqa: PTH118 - as it is
        picture = cv2.cvtColor(cv2.imread(image_name), cv2.COLOR_BGR2RGB)
        left, top, right, bottom = crop_square(region_ends(json.loads(hand["boxes"])), *picture.shape[1::-1])
        image = cv2.resize(picture[top:bottom, left:right], (224, 224), interpolation=cv2.INTER_LINEAR)
        joints = np.array(hand["keypoint_25d"], dtype=np.float32).reshape(21, 3)
        raw = joints.copy()
        joints[:, 0] *= image.shape[1]
        joints[:, 1] *= image.shape[0]
        if hand["left_right"] == "Left":
            image = cv2.flip(image, 1)
            joints[:, 0] = image.shape[1] - joints[:, 0]
            raw[:, 0] = 1 - raw[:, 0]
        joints[..., -1] = 1.0
        positive = str(hand["positive_sample"][0])
        return {
            "image": image,
            "image_name": image_name,
            "hand_id": int(hand["hand_id"]),
            "K": np.eye(3, dtype=np.float32),
            "joints3D": joints,
            "joints_valid": np.zeros_like(joints[..., -1:]),
            "joints_raw": raw,
            "positive_sample": positive,
            "positive_sample_idx": self.index_of[positive],
            "distance": hand["distance"][0],
        }
