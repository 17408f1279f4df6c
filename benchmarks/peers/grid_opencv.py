"""The grid as the original makes it, a frame decoded for every crop: `grid_opencv FILE ROWS FRAMES OUT`."""

import json
from pathlib import Path

import cv2
import numpy as np


def crop(hand: dict, file_names: dict, frames: Path) -> np.ndarray:
    image = cv2.imread(str(frames.joinpath(*Path(file_names[hand["image_id"]]).parts[-2:])))
    x1, y1, x2, y2 = (int(v) for v in json.loads(hand["boxes"]))
    grow_x = int((int((x2 - x1) * 1.3) - (x2 - x1)) / 2)
    grow_y = int((int((y2 - y1) * 1.3) - (y2 - y1)) / 2)
    x1, x2, y1, y2 = x1 - grow_x, x2 + grow_x, y1 - grow_y, y2 + grow_y
    center_x, center_y, half = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) // 2
    left, right = max(int(center_x - half), 0), min(int(center_x + half), image.shape[1])
    top, bottom = max(int(center_y - half), 0), min(int(center_y + half), image.shape[0])
    cut = cv2.resize(image[top:bottom, left:right], (224, 224), interpolation=cv2.INTER_LINEAR)
    return cv2.flip(cut, 1) if hand["left_right"] == "Left" else cut


def main(file: str, rows: str, frames: str, out: str) -> None:
    with Path(file).open() as stream:
        content = json.load(stream)
    file_names = {image["id"]: image["file_name"] for image in content["images"]}
    by_id = {hand["hand_id"]: hand for hand in content["annotations"]}
    anchors = [by_id[hand_id] for hand_id in json.loads(Path(rows).read_text())["hand_ids"]]
    shown = [hand for anchor in anchors for hand in (anchor, by_id[anchor["positive_sample"][0]])]
    crops = [crop(hand, file_names, Path(frames)) for hand in shown]
    picture = np.vstack([np.hstack(crops[start : start + 10]) for start in range(0, 100, 10)])
    cv2.imwrite(str(Path(out) / "plain.jpg"), picture)
