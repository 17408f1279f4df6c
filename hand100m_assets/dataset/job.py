"""What a training set is to be made of, and what was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hand100m_assets.dataset.records import CutFrom, TrainingIndex
from hand100m_assets.dataset.storedcrop import CropOptions
from hand100m_assets.video.limits import UNLIMITED, Limits
from hand100m_assets.video.manifest import ExtractionOptions


@dataclass(frozen=True, kw_only=True)
class TrainingSetJob:
    """What a training set is made of and how.

    Attributes:
        folder: Receives it; made if needed.
        set_key: Its name.
        tables_dir: Finished tables of the annotation set.
        frames_dir: Folder of frame folders.
        video_path: Where a video's file is, whether or not it is there.
        cut_from: Extracted frames, or videos.
        options: How crops are stored.
        extraction: How frames are made of videos: also what tells crops of other frames.
        limits: What one video may cost, for `videos`.
        prefixes: Prefix of `file_name` -> folder that holds those images, for `frames`.
        shard_samples: A shard is closed when it has this many.
        workers: Processes; 0 works in this one.
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


@dataclass(frozen=True)
class BuildReport:
    """What a build left in place.

    Attributes:
        index: Of the finished set.
        cut: Crops made by this build; the others were there.
    """

    index: TrainingIndex
    cut: int
