"""Hands with their positives, one by one, as the original loaders give them; for PyTorch and without it."""

from __future__ import annotations

import importlib.util
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, SupportsIndex, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.dataset.records import read_index
from hand100m_assets.dataset.samples import Samples, open_samples
from hand100m_assets.dataset.storedcrop import crop_of_stored, decode
from hand100m_assets.errors import TrainingSetError
from hand100m_assets.layout import FRAMES_DIR, TRAINING_SET_DIR, frame_file_name
from hand100m_assets.render.crop import CROP_SIZE_PX, CropRegion, ImageBgr, crop_hand

Pictures: TypeAlias = Literal["crops", "frames"]
Sample: TypeAlias = dict[str, Any]

_REBUILD: Final = "Copy it again, or delete it and build the training set: only its crops are cut anew."


class Origin(NamedTuple):
    """Where a sample comes from; `row_index` is its position in the annotation file's `annotations`."""

    hand_id: int
    row_index: int
    video_id: str
    frame_index: int
    box_px: npt.NDArray[np.float64]
    handedness: str
    shard: str
    offset: int
    size_bytes: int


class StoredPicture(NamedTuple):
    """A crop with its margin, unmirrored.

    Attributes:
        image: (height, width, 3) uint8, RGB.
        region: Where in it the crop rule's region lies.
        keypoints: (21, 3) float32, x and y in [0, 1] of that region, z relative.
        handedness: `Left` or `Right`.
    """

    image: npt.NDArray[np.uint8]
    region: CropRegion
    keypoints: npt.NDArray[np.float32]
    handedness: str


class HandPairs:
    """The samples of one training set, in the order of the annotation file.

    Opening costs milliseconds. Records (`records`, one array) and shards are mapped, so that their pages are shared by
    all workers of a machine and none holds more than one picture of its own. Works on in forked processes, is opened
    anew where it is unpickled (spawned workers), and closes by itself.

    A sample has the keys, shapes, dtypes and values of the original loaders: `image` (224, 224, 3) uint8 RGB, a left
    hand flipped; `joints3D` (21, 3) float32 in pixels of it, z = 1; `joints_raw` (21, 3) float32, x and y in [0, 1], z
    relative; `K` (3, 3) and `joints_valid` (21, 1), constant there, too; `positive_sample_idx`, an index into this
    data set; `positive_sample`, `distance`, `hand_id`, `image_name`. Source: the original loaders.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        set_key: str,
        *,
        pictures: Pictures = "crops",
        frames_dir: str | os.PathLike[str] | None = None,
        tensors: bool | None = None,
    ) -> None:
        """Open a finished training set.

        Args:
            root: Output folder of a source, such as `output/ego4d`.
            set_key: Such as `simhand-50k`.
            pictures: `crops` reads what was cut once; `frames` decodes the whole frame for each sample, as the
                original does.
            frames_dir: Folder of frame folders, for `frames` and for `image_name`; `<root>/frames` when None. Images
                elsewhere, which `HAND100M_IMAGE_PREFIXES` lets crops be cut from, are found only where they are named
                in the same way below this folder: the set does not keep their names.
            tensors: Whether joints and `K` are PyTorch's tensors rather than arrays, which is what the original
                gives; when None, if PyTorch is installed. The image is an array either way.

        Raises:
            TrainingSetError: There is no finished training set, or its records are damaged.
        """
        self.root, self.set_key, self.pictures = Path(root), set_key, pictures
        self.folder = self.root / TRAINING_SET_DIR / set_key
        self.frames_dir = self.root / FRAMES_DIR if frames_dir is None else Path(frames_dir)
        self.index = read_index(self.folder)
        self.records: Samples = open_samples(self.folder, self.index)
        self._maps: dict[int, mmap.mmap] = {}
        has_torch = importlib.util.find_spec("torch") is not None
        self._tensors = has_torch if tensors is None else tensors
        self._from_numpy = importlib.import_module("torch").from_numpy if self._tensors else _unchanged

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: SupportsIndex) -> Sample:
        """One sample, counted from 0; from the end when negative.

        Raises:
            TrainingSetError: Its shard or its frame is gone or damaged.
        """
        record = self._record(index)
        is_left = bool(record["is_left"])
        image = self._crop(record, "Left" if is_left else "Right")
        raw = record["keypoints"].copy()
        joints = raw.copy()
        joints[:, :2] *= CROP_SIZE_PX
        if is_left:
            joints[:, 0] = CROP_SIZE_PX - joints[:, 0]
            raw[:, 0] = 1 - raw[:, 0]
        joints[:, 2] = 1.0
        return {
            "image": cv2.cvtColor(image, cv2.COLOR_BGR2RGB),
            "image_name": str(self._frame_path(record)),
            "hand_id": int(record["hand_id"]),
            "K": self._from_numpy(np.eye(3, dtype=np.float32)),
            "joints3D": self._from_numpy(joints),
            "joints_valid": self._from_numpy(np.zeros((len(joints), 1), dtype=np.float32)),
            "joints_raw": self._from_numpy(raw),
            "positive_sample": str(record["positive_hand_id"]),
            "positive_sample_idx": int(record["positive"]),
            "distance": float(record["distance"]),
        }

    def __iter__(self) -> Iterator[Sample]:
        return map(self.__getitem__, range(len(self)))

    def origin(self, index: SupportsIndex) -> Origin:
        """Where a sample comes from."""
        record = self._record(index)
        return Origin(
            int(record["hand_id"]),
            int(record["row_index"]),
            record["video_id"].decode(),
            int(record["frame_index"]),
            record["box_px"].copy(),
            "Left" if record["is_left"] else "Right",
            self.index.shards[record["shard"]].name,
            int(record["offset"]),
            int(record["size_bytes"]),
        )

    def stored_picture(self, index: SupportsIndex) -> StoredPicture:
        """The crop as it is stored, with its margin and in the frame's resolution, for augmentation.

        Raises:
            TrainingSetError: Its shard is gone or damaged.
        """
        record = self._record(index)
        image = cv2.cvtColor(self._stored(record), cv2.COLOR_BGR2RGB)
        side = "Left" if record["is_left"] else "Right"
        return StoredPicture(np.asarray(image), _region(record), record["keypoints"].copy(), side)

    def _record(self, index: SupportsIndex) -> Any:  # noqa: ANN401 - numpy's record scalar
        place = index.__index__()
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.records[place]

    def _crop(self, record: Any, side: str) -> ImageBgr:  # noqa: ANN401
        if self.pictures == "crops":
            return crop_of_stored(self._stored(record), _region(record), side)
        path = self._frame_path(record)
        try:
            image = decode(path.read_bytes())
        except OSError as error:
            raise TrainingSetError(
                f"cannot be read ({error.strerror or error})", where=path, fix="Mount or extract it, or use crops."
            ) from error
        if image is None:
            raise TrainingSetError("is damaged or empty", where=path, fix="Extract this video's frames again.")
        return crop_hand(image, record["box_px"], side)

    def _stored(self, record: Any) -> ImageBgr:  # noqa: ANN401
        shard = int(record["shard"])
        data = np.frombuffer(self._mapped(shard), np.uint8, int(record["size_bytes"]), int(record["offset"]))
        image = decode(data)
        if image is None or image.shape[1::-1] != tuple(record["picture_px"]):
            path = self.folder / self.index.shards[shard].name
            raise TrainingSetError(f"the picture of hand {record['hand_id']} is damaged", where=path, fix=_REBUILD)
        return image

    def _mapped(self, shard: int) -> mmap.mmap:
        mapped = self._maps.get(shard)
        if mapped is None:
            mapped = self._maps[shard] = self._map(shard)
        return mapped

    def _map(self, shard: int) -> mmap.mmap:
        entry = self.index.shards[shard]
        path = self.folder / entry.name
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise TrainingSetError(
                f"cannot be read ({error}); was the training set built anew meanwhile?", where=path, fix="Open it anew."
            ) from error
        if len(mapped) != entry.size_bytes:
            raise TrainingSetError(f"has {len(mapped)} bytes, not {entry.size_bytes}", where=path, fix=_REBUILD)
        if hasattr(mmap, "MADV_RANDOM"):
            # Otherwise each picture would pull its neighbours from the disk, too.
            mapped.madvise(mmap.MADV_RANDOM)
        return mapped

    def _frame_path(self, record: Any) -> Path:  # noqa: ANN401
        video_id: str = record["video_id"].decode()
        return self.frames_dir / video_id / frame_file_name(int(record["frame_index"]))

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self.root, self.set_key, self.pictures, self.frames_dir, self._tensors)


def _open(root: Path, set_key: str, pictures: Pictures, frames_dir: Path, tensors: bool) -> HandPairs:
    return HandPairs(root, set_key, pictures=pictures, frames_dir=frames_dir, tensors=tensors)


def _unchanged(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array


def _region(record: Any) -> CropRegion:  # noqa: ANN401
    return CropRegion(*record["region"].tolist())
