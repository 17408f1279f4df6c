"""Samples as the original loads them: `training_original FILE DATA_ROOT WORKERS SAMPLES OUT`."""

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.training import measure


def crop_square(box: list[int], width: int, height: int) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    grow_x = int((int((x2 - x1) * 1.3) - (x2 - x1)) / 2)
    grow_y = int((int((y2 - y1) * 1.3) - (y2 - y1)) / 2)
    x1, x2, y1, y2 = x1 - grow_x, x2 + grow_x, y1 - grow_y, y2 + grow_y
    center_x, center_y, half = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) // 2
    left, right = max(int(center_x - half), 0), min(int(center_x + half), width)
    return left, max(int(center_y - half), 0), right, min(int(center_y + half), height)


class Loader:
    """JSON read twice and kept as dicts, a whole frame decoded for each sample; arrays in the place of tensors."""

    def __init__(self, file: str, data_root: str) -> None:
        self.data_root = data_root
        with Path(file).open() as stream:
            content = json.load(stream)
        self.hands, self.image_list = content["annotations"], content["images"]
        with Path(file).open() as stream:
            again = json.load(stream)["annotations"]
        self.index_of = {hand["hand_id"]: index for index, hand in enumerate(again)}
        self.images = {image["id"]: image for image in self.image_list}

    def labels(self, row: int) -> dict[str, Any]:
        hand = self.hands[row]
        return {
            "box": json.loads(hand["boxes"]),
            "image_name": os.path.join(self.data_root, self.images[hand["image_id"]]["file_name"]),  # noqa: PTH118 - as it is
            "joints": np.array(hand["keypoint_25d"], dtype=np.float32).reshape(21, 3),
            "is_left": hand["left_right"] == "Left",
            "hand_id": int(hand["hand_id"]),
            "positive": self.index_of[hand["positive_sample"][0]],
            "distance": hand["distance"][0],
        }

    def sample(self, row: int) -> dict[str, Any]:
        labels = self.labels(row)
        picture = cv2.cvtColor(cv2.imread(labels["image_name"]), cv2.COLOR_BGR2RGB)
        left, top, right, bottom = crop_square([int(v) for v in labels["box"]], picture.shape[1], picture.shape[0])
        image = cv2.resize(picture[top:bottom, left:right], (224, 224), interpolation=cv2.INTER_LINEAR)
        joints = labels["joints"]
        raw = joints.copy()
        joints[:, :2] *= 224
        if labels["is_left"]:
            image = cv2.flip(image, 1)
            joints[:, 0] = 224 - joints[:, 0]
            raw[:, 0] = 1 - raw[:, 0]
        joints[:, 2] = 1.0
        constants = {"K": np.eye(3, dtype=np.float32), "joints_valid": np.zeros((21, 1), dtype=np.float32)}
        return {**labels, **constants, "image": image, "joints3D": joints, "joints_raw": raw}


def main(file: str, data_root: str, workers: str, samples: str, out: str) -> None:
    def opened() -> tuple[int, Any, Any]:
        loader = Loader(file, data_root)
        return len(loader.hands), loader.sample, loader.labels

    measure(opened, int(workers), int(samples), out)
