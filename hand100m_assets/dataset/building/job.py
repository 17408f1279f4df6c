"""The inputs and options of a training set, and the result of a build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from hand100m_assets.dataset.records import CutFrom, TrainingIndex
from hand100m_assets.dataset.stored_crop import CropOptions
from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE
from hand100m_assets.video.frames import UNLIMITED, ExtractionOptions, Limits


@dataclass(frozen=True, kw_only=True)
class TrainingSetJob:
    """The inputs and options of a training set.

    Attributes:
        folder: Folder for the training set; it is created if needed.
        set_key: Key of the annotation set.
        tables_dir: Finished tables of the annotation set.
        frames_dir: Folder of frame folders.
        video_path: Path of the file of a video; it need not exist.
        cut_from: `frames`: extracted frames on disk; `videos`: the videos themselves.
        options: How crops are stored.
        extraction: How frames are made from videos. Crops of frames that were made in another way are made again.
        limits: Limits on the work on one video, for `videos`.
        prefixes: Prefix of `file_name` -> folder that holds those images, for `frames`.
        shard_samples: A shard is closed when it has this many samples.
        workers: Number of worker processes; 0 works in this process.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.dataset import TrainingSetJob
        >>> job = TrainingSetJob(
        ...     folder=Path("training_set/mine"),
        ...     set_key="mine",
        ...     tables_dir=Path("tables"),
        ...     frames_dir=Path("frames"),
        ...     video_path=lambda video_id: Path("videos", f"{video_id}.mp4"),
        ... )
        >>> job.cut_from, job.options.codec
        ('frames', 'jpeg')
    """

    folder: Path
    set_key: str
    tables_dir: Path
    frames_dir: Path
    video_path: Callable[[str], Path]
    cut_from: CutFrom = "frames"
    options: CropOptions = field(default_factory=CropOptions)
    extraction: ExtractionOptions = field(default_factory=ExtractionOptions)
    limits: Limits = UNLIMITED
    prefixes: Mapping[str, Path] = field(default_factory=dict)
    shard_samples: int = 2000
    workers: int = 0

    def file_names(self, by: Literal["row", "row_index"] = "row") -> dict[int, str]:
        """Find the `file_name` of each hand's image.

        Args:
            by: What identifies the hands: `row`, their row of the hands table, or `row_index`, their position in the
                annotation file.

        Returns:
            File names; empty if the job has no prefixes or cuts from videos, because names are not needed then.
        """
        if not self.prefixes or self.cut_from == "videos":
            return {}
        images = pl.scan_parquet(self.tables_dir / IMAGES_FILE).select("image_id", "file_name")
        images = images.unique("image_id", keep="first", maintain_order=True)
        hands = pl.scan_parquet(self.tables_dir / HANDS_FILE).select("row_index", "image_id").with_row_index("row")
        return dict(hands.join(images, on="image_id").select(by, "file_name").collect().iter_rows())


@dataclass(frozen=True)
class BuildReport:
    """The result of a build.

    Attributes:
        index: The index of the finished set: counts of samples and of hands that are left out, files, digests.
        cut: Number of crops that this build made; the others existed already.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.dataset import HandPairs
        >>> from hand100m_assets.dataset.building import BuildReport
        >>> report = BuildReport(HandPairs(".", "simhand-50k").index, cut=0)
        >>> report.index.hands, report.index.left_out
        (4, {})
    """

    index: TrainingIndex
    cut: int
