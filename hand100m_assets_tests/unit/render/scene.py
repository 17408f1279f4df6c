"""A few noisy frames with hands in them, and the tables that describe them: input of the drawing tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl

HANDS_SCHEMA = pl.Schema(
    {
        "row_index": pl.UInt32,
        "hand_id": pl.Int64,
        "image_id": pl.String,
        "video_id": pl.String,
        "frame_index": pl.Int32,
        "box_px": pl.Array(pl.Float64, 4),
        "keypoints": pl.Array(pl.Float32, (21, 3)),
        "handedness": pl.Enum(["Left", "Right"]),
        "positives": pl.List(pl.Int64),
        "distances": pl.List(pl.Float32),
    }
)
PAIRS_SCHEMA = pl.Schema(
    {
        "row_index": pl.UInt32,
        "hand_id": pl.Int64,
        "image_id": pl.String,
        "video_id": pl.String,
        "frame_index": pl.Int32,
        "positive_hand_id": pl.Int64,
        "positive_row_index": pl.UInt32,
        "positive_video_id": pl.String,
        "positive_frame_index": pl.Int32,
        "distance": pl.Float32,
        "pose_distance": pl.Float32,
        "same_video": pl.Boolean,
        "reason": pl.String,
    }
)
WIDTH_PX, HEIGHT_PX = 320, 240


def open_hand() -> np.ndarray:
    """(21, 3) keypoints of an open hand, MediaPipe order, wrist at the bottom, thumb to the left."""
    fingers = [
        [(0.5 - 0.1 * k, 0.9 - 0.09 * k) for k in range(1, 5)],
        *([(x, 0.6 - 0.13 * k) for k in range(4)] for x in (0.38, 0.5, 0.6, 0.7)),
    ]
    xy = [(0.5, 0.95), *(joint for finger in fingers for joint in finger)]
    return np.column_stack([xy, np.zeros(21)]).astype(np.float32)


class Scene:
    """`count` hands, two a frame, two videos; the positive of hand i is hand i + 3, turning round at the end."""

    def __init__(self, folder: Path, count: int = 12) -> None:
        self.folder, self.count = folder, count
        rng = np.random.default_rng(5)
        hands = [self._hand(i, rng) for i in range(count)]
        self.hands = pl.DataFrame(hands, schema=HANDS_SCHEMA)
        self.pairs = pl.DataFrame([self._pair(hand, hands) for hand in hands], schema=PAIRS_SCHEMA)
        for video_id, frame_index in {(h["video_id"], h["frame_index"]) for h in hands}:
            noise = rng.integers(0, 256, (HEIGHT_PX // 8, WIDTH_PX // 8, 3), dtype=np.uint8)
            path = self.image_path(video_id, frame_index)
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), cv2.resize(noise, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC))

    def image_path(self, video_id: str, frame_index: int, file_name: str | None = None) -> Path:
        return self.folder / video_id / f"frame_{frame_index:06d}.jpg"

    def _hand(self, i: int, rng: np.random.Generator) -> dict[str, Any]:
        x, y, side = rng.uniform(0, 200), rng.uniform(0, 150), rng.uniform(40, 120)
        return {
            "row_index": i,
            "hand_id": 1000 + i,
            "image_id": f"image-{i // 2}",
            "video_id": "-video_with_" if i // 2 % 2 else "video_without",
            "frame_index": 30 * (i // 4),
            "box_px": [x, y, x + side, y + side * 0.8],
            "keypoints": open_hand().tolist(),
            "handedness": "Left" if i % 3 == 0 else "Right",
            "positives": [1000 + (i + 3) % self.count],
            "distances": [0.01 * i],
        }

    def _pair(self, hand: dict[str, Any], hands: list[dict[str, Any]]) -> dict[str, Any]:
        positive = hands[(hand["row_index"] + 3) % self.count]
        taken = {key: hand[key] for key in ("row_index", "hand_id", "image_id", "video_id", "frame_index")}
        return taken | {
            "positive_hand_id": positive["hand_id"],
            "positive_row_index": positive["row_index"],
            "positive_video_id": positive["video_id"],
            "positive_frame_index": positive["frame_index"],
            "distance": hand["distances"][0],
            "pose_distance": 0.02 * hand["row_index"],
            "same_video": hand["video_id"] == positive["video_id"],
            "reason": None,
        }
