"""Reads hands with their positives, one by one, in the form of the original loaders, with or without PyTorch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, SupportsIndex, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from hand100m_assets.dataset import reader
from hand100m_assets.dataset.reader import decode
from hand100m_assets.dataset.records import TrainingIndex, read_index
from hand100m_assets.errors import TrainingSetError
from hand100m_assets.imaging import CropRegion, ImageBgr, crop_hand

Pictures: TypeAlias = Literal["crops", "frames"]
Sample: TypeAlias = dict[str, Any]


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
    """A crop with its margin, not mirrored.

    Attributes:
        image: (height, width, 3) uint8, RGB.
        region: The region of the crop rule inside it.
        keypoints: (21, 3) float32, x and y in [0, 1] of that region, z relative.
        handedness: `Left` or `Right`.
    """

    image: npt.NDArray[np.uint8]
    region: CropRegion
    keypoints: npt.NDArray[np.float32]
    handedness: str


class HandPairs(reader.HandPairs):
    """The samples of one training set, in the order of the annotation file; a data set for PyTorch's loaders.

    A sample is a dict with the keys, shapes, dtypes and values of the original loaders: `image` (224, 224, 3) uint8
    RGB, a left hand flipped; `joints3D` (21, 3) float32 in pixels of it, z = 1; `joints_raw` (21, 3) float32, x and y
    in [0, 1] of the image, z relative; `K` (3, 3) and `joints_valid` (21, 1) float32, constant; `positive_sample_idx`,
    an index into this data set; `positive_sample` and `hand_id`, ids of the annotation file; `distance` to the positive
    as the annotation file gives it, NaN if it gives none; `image_name`, path of the frame. Hands without a crop or
    without a positive are not samples.

    Opening costs milliseconds. Pictures and records are mapped from the disk, so that all workers of a machine share
    them.

    Example:
        >>> from hand100m_assets.dataset import HandPairs
        >>> pairs = HandPairs(".", "simhand-50k", tensors=False)
        >>> anchor = pairs[0]
        >>> positive = pairs[anchor["positive_sample_idx"]]
        >>> len(pairs), anchor["hand_id"], positive["hand_id"], anchor["image"].shape
        (4, 100, 101, (224, 224, 3))
    """

    error: ClassVar[Any] = TrainingSetError
    index: TrainingIndex

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
            pictures: `crops` reads the stored crops; `frames` decodes the whole frame for each sample, as the original
                does.
            frames_dir: Folder of frame folders, for `frames` and for `image_name`; `<root>/frames` when None. Images in
                other folders (`HAND100M_IMAGE_PREFIXES`) are found only if they have the same kind of path below this
                folder, because the set does not store their names.
            tensors: Whether keypoints and `K` are PyTorch tensors, as in the original, or arrays; None means tensors if
                PyTorch is installed. The image is always an array.

        Raises:
            TrainingSetError: There is no finished training set, or its records are damaged. Reading a sample raises it
                if the shard or the frame is gone or damaged. Unpickling raises it if another set has replaced this one.
        """
        self.pictures = pictures
        super().__init__(root, set_key, frames_dir=frames_dir, tensors=tensors)

    def origin(self, index: SupportsIndex) -> Origin:
        """Say where a sample comes from.

        Args:
            index: Of the sample, from 0; from the end when negative.

        Returns:
            Hand, row of the annotation file, video, frame, box in pixels of the frame, handedness, and place of the
            stored crop.

        Raises:
            IndexError: There is no such sample.
            TrainingSetError: The record is damaged; build the training set again.

        Example:
            >>> from hand100m_assets.dataset import HandPairs
            >>> origin = HandPairs(".", "simhand-50k").origin(1)
            >>> origin.video_id, origin.frame_index, origin.handedness
            ('video_a', 30, 'Left')
        """
        record = self._record(index)
        if record["shard"] >= len(self.index.shards):
            raise self._bad_record(record)
        return Origin(
            int(record["hand_id"]),
            int(record["row_index"]),
            self._frame_path(record).parent.name,
            int(record["frame_index"]),
            record["box_px"].copy(),
            "Left" if record["is_left"] else "Right",
            self.index.shards[record["shard"]].name,
            int(record["offset"]),
            int(record["size_bytes"]),
        )

    def stored_picture(self, index: SupportsIndex) -> StoredPicture:
        """Read the crop as it is stored, with its margin and in the frame's resolution, for augmentation.

        Args:
            index: Of the sample, from 0; from the end when negative.

        Returns:
            The picture (height, width, 3) uint8 RGB, not mirrored; the region of the crop rule inside it; the keypoints
            (21, 3) float32, x and y in [0, 1] of that region; and the handedness.

        Raises:
            IndexError: There is no such sample.
            TrainingSetError: Its shard is gone or damaged; copy the set again, or build it again.

        Example:
            >>> from hand100m_assets.dataset import HandPairs
            >>> stored = HandPairs(".", "simhand-50k").stored_picture(0)
            >>> stored.image.dtype, stored.keypoints.shape, stored.handedness
            (dtype('uint8'), (21, 3), 'Right')
        """
        record = self._record(index)
        image = cv2.cvtColor(self._stored(record), cv2.COLOR_BGR2RGB)
        side = "Left" if record["is_left"] else "Right"
        return StoredPicture(np.asarray(image), CropRegion(*self._region(record)), record["keypoints"].copy(), side)

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "pictures": self.pictures}

    def _read_index(self) -> TrainingIndex:
        return read_index(self.folder)

    def _crop(self, record: Any, side: str) -> ImageBgr:  # noqa: ANN401
        if self.pictures == "crops":
            return super()._crop(record, side)
        path: Path = self._frame_path(record)
        try:
            image = decode(path.read_bytes())
        except OSError as error:
            raise TrainingSetError(
                f"cannot be read ({error.strerror or error})", where=path, fix="Mount or extract it, or use crops."
            ) from error
        if image is None:
            raise TrainingSetError("is damaged or empty", where=path, fix="Extract this video's frames again.")
        return crop_hand(image, record["box_px"], side)
