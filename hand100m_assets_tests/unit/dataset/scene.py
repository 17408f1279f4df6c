"""A small annotation set with frames or videos, and training sets made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.dataset.building.build import build_training_set
from hand100m_assets.dataset.building.job import BuildReport, TrainingSetJob
from hand100m_assets.dataset.hand_pairs import HandPairs
from hand100m_assets.dataset.stored_crop import CropOptions
from hand100m_assets.layout import frame_file_name
from hand100m_assets_tests.unit.annotations.records import hand, image, write

KEY = "simhand-50k"
LOSSLESS = CropOptions(codec="png")


def picture(seed: str, width: int = 320, height: int = 240) -> np.ndarray:
    """Smooth colours, another picture for each text."""
    rng = np.random.default_rng(list(seed.encode()))
    coarse = rng.integers(0, 256, (max(height // 16, 2), max(width // 16, 2), 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@dataclass
class Scene:
    """Folders as the output of one source has them, `videos` beside."""

    root: Path

    @property
    def frames_dir(self) -> Path:
        return self.root / "frames"

    @property
    def tables(self) -> Path:
        return self.root / "annotations" / KEY

    def add_set(self, hands: Sequence[dict[str, Any]], images: Sequence[dict[str, Any]]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        ingest_file(write(self.root / "set.json", {"images": images, "annotations": hands}), self.tables)

    def add_frame(self, video_id: str, frame_index: int, size: tuple[int, int] = (320, 240)) -> Path:
        path = self.frames_dir / video_id / frame_file_name(frame_index)
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), picture(f"{video_id}/{frame_index}", *size))
        return path

    def job(self, **changes: Any) -> TrainingSetJob:
        job = TrainingSetJob(
            folder=self.root / "training_set" / KEY,
            set_key=KEY,
            tables_dir=self.tables,
            frames_dir=self.frames_dir,
            video_path=lambda video_id: self.root / "videos" / f"{video_id}.mp4",
            options=LOSSLESS,
        )
        return replace(job, **changes)

    def build(self, **changes: Any) -> BuildReport:
        return build_training_set(self.job(**changes))

    def pairs(self, **how: Any) -> HandPairs:
        return HandPairs(self.root, KEY, tensors=False, **how)


def ring(scene: Scene, videos: Sequence[str], frames: Sequence[int] = (0, 30), *, draw: bool = True) -> Scene:
    """A hand in each of these frames, sides in turn, each with the next one as its positive."""
    places = [(video_id, frame) for video_id in videos for frame in frames]
    images = [image(n, video_id, frame) for n, (video_id, frame) in enumerate(places)]
    boxes = ["[10.5, 20, 110, 150]", "[-30, 100, 90, 260.9]", "[200, 10, 330, 90]", "[100, 60, 240, 190]"]
    hands = [hand(100 + n, n, 100 + (n + 1) % len(places), boxes=boxes[n % 4]) for n in range(len(places))]
    scene.add_set(hands, images)
    for video_id, frame in places if draw else ():
        scene.add_frame(video_id, frame)
    return scene


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a training set."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
