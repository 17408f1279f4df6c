"""`samples-….npy`: one fixed-size record a sample, mapped into memory, so that any row costs microseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hand100m_assets.dataset.records import TrainingIndex
from hand100m_assets.errors import TrainingSetError

Samples: TypeAlias = npt.NDArray[Any]


def sample_dtype(video_id_bytes: int) -> np.dtype[Any]:
    """One sample.

    `positive` is the position of its positive; `offset` is where in the shard the picture begins; `region` is the crop
    rule's, inside the picture; keypoints are as in the tables, before any mirroring.
    """
    return np.dtype(
        [
            ("hand_id", "<i8"),
            ("positive_hand_id", "<i8"),
            ("offset", "<i8"),
            ("distance", "<f8"),
            ("box_px", "<f8", (4,)),
            ("row_index", "<u4"),
            ("positive", "<u4"),
            ("shard", "<u4"),
            ("size_bytes", "<u4"),
            ("frame_index", "<i4"),
            ("region", "<u2", (4,)),
            ("picture_px", "<u2", (2,)),
            ("keypoints", "<f4", (21, 3)),
            ("is_left", "?"),
            ("video_id", f"S{max(video_id_bytes, 1)}"),
        ]
    )


def open_samples(folder: Path, index: TrainingIndex) -> Samples:
    """Map the records; nothing is read.

    Raises:
        TrainingSetError: The file is absent, cut short, or not what the index says.
    """
    path = folder / index.samples_file
    try:
        # An empty file cannot be mapped.
        samples = np.load(path, mmap_mode="r" if index.samples else None)
    except (OSError, ValueError) as error:
        raise TrainingSetError(
            f"cannot be read ({error})", where=path, fix="Copy or build the training set again."
        ) from error
    if samples.shape != (index.samples,) or samples.dtype.names is None:
        raise TrainingSetError(
            f"holds {samples.shape} records, not {index.samples}", where=path, fix="Build the training set again."
        )
    return np.asarray(samples)
