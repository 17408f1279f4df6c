"""Hands with their positives, one by one, as the original loaders give them; for PyTorch and without it."""

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


class HandPairs(reader.HandPairs):
    """The samples of one training set, in the order of the annotation file; a data set as PyTorch's loaders take it.

    A sample is a dict with the keys, shapes, dtypes and values of the original loaders: `image` (224, 224, 3) uint8
    RGB, a left hand flipped; `joints3D` (21, 3) float32 in pixels of it, z = 1; `joints_raw` (21, 3) float32, x and y
    in [0, 1] of the image, z relative; `K` (3, 3) and `joints_valid` (21, 1) float32, constant; `positive_sample_idx`,
    an index into this data set; `positive_sample` and `hand_id`, ids of the annotation file; `distance` to the positive
    as the file states it, NaN where it states none; `image_name`, path of the frame. Hands without a crop or without a
    positive are no samples.

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
            pictures: `crops` reads what was cut once; `frames` decodes the whole frame for each sample, as the
                original does.
            frames_dir: Folder of frame folders, for `frames` and for `image_name`; `<root>/frames` when None. Images
                elsewhere, which `HAND100M_IMAGE_PREFIXES` lets crops be cut from, are found only where they are named
                in the same way below this folder: the set does not keep their names.
            tensors: Whether joints and `K` are PyTorch's tensors rather than arrays, which is what the original
                gives; when None, if PyTorch is installed. The image is an array either way.

        Raises:
            TrainingSetError: There is no finished training set, or its records are damaged. Asking for a sample raises
                it where the shard or the frame is gone or damaged, unpickling where another set lies there by then.
        """
        self.pictures = pictures
        super().__init__(root, set_key, frames_dir=frames_dir, tensors=tensors)

    def origin(self, index: SupportsIndex) -> Origin:
        """Say where a sample comes from.

        Args:
            index: Of the sample, from 0; from the end when negative.

        Returns:
            Hand, row of the annotation file, video, frame, box in pixels of the frame, side, and place of the stored
            crop.

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
            The picture (height, width, 3) uint8 RGB, unmirrored; where in it the region of the crop rule lies; the
            keypoints (21, 3) float32, x and y in [0, 1] of that region; and the side.

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
