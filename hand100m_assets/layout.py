"""Every path on disk and every file name pattern: what differs between the two sources, and where outputs go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from hand100m_assets.errors import UnsafeIdError
from hand100m_assets.set_names import annotation_file_stem
from hand100m_assets.sources import Source

VIDEO_SUFFIX: Final = ".mp4"

FRAME_FILE_PATTERN: Final = re.compile(r"frame_(?P<frame_index>[0-9]{6,})\.(?:jpe?g|png)")
"""Name of one frame file; the number is the decoded frame index. Source: the original extraction scripts."""

MAX_ID_CHARACTERS: Final = 200
"""File systems allow 255 in a name, and some of ours are an id with more around it."""

SAFE_ID: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_CHARACTERS}}}")
"""Ids that are safe as a folder name and as a Dagster partition key (which accepts any string unchecked)."""

IN_PROGRESS_DIR: Final = ".in_progress"
FAILURES_DIR: Final = ".failures"
"""Folders beside the finished frame folders; the leading dot keeps them apart from every video id."""

MANIFEST_FILE: Final = "manifest.json"

FRAMES_DIR: Final = "frames"
ANNOTATIONS_DIR: Final = "annotations"
TRAINING_SET_DIR: Final = "training_set"
"""Below the output folder of a source: frame folders by video id; tables and training sets by annotation set."""

IMAGES_FILE: Final = "images.parquet"
"""Table of the annotated images of a set, one row per image."""
HANDS_FILE: Final = "hands.parquet"
"""Table of the hands of a set, one row per hand, in the order of the annotation file."""
REJECTS_FILE: Final = "rejects.parquet"
"""Table of the records that broke the contract, with byte offset, field and reason."""
SUMMARY_FILE: Final = "summary.json"
"""Counts of a set and what it was made of; written last."""
LOOKUP_FILE: Final = "hands.lookup"
"""Beside `hands.parquet` in the folder of an annotation set: the same hands, found one at a time."""

ExportFormat: TypeAlias = Literal["original", "coco"]
EXPORT_FORMATS: Final[tuple[ExportFormat, ...]] = ("original", "coco")

ExportImages: TypeAlias = Literal["on_disk", "all"]
EXPORT_IMAGES: Final[tuple[ExportImages, ...]] = ("on_disk", "all")
"""Whether files for other tools hold only images that can be opened, or all that the annotations name."""


def check_video_id(video_id: str, *, where: str | Path | None = None) -> str:
    """Return the id unchanged if it is safe as a folder name and partition key.

    Raises:
        UnsafeIdError: The id holds anything but letters, digits, `_` and `-`; correct or drop the row.
    """
    if SAFE_ID.fullmatch(video_id):
        return video_id
    raise UnsafeIdError(
        unsafe_id_reason(video_id),
        where=where,
        fix="Correct or drop this entry: the id names a folder and must not lead out of it.",
    )


def unsafe_id_reason(video_id: str) -> str:
    """What is wrong with an id that does not match `SAFE_ID`."""
    if len(video_id) > MAX_ID_CHARACTERS:
        length = f"{len(video_id):,} of at most {MAX_ID_CHARACTERS} characters"
        return f"video id {video_id[:40]!r}... is too long: {length}"
    return f"video id {video_id[:80]!r} may hold only letters, digits, '_' and '-'"


def frame_file_name(frame_index: int) -> str:
    """File name of one frame, zero-padded to six digits as the original scripts write it."""
    return f"frame_{frame_index:06d}.jpg"


def export_file_name(source_name: str, export_format: ExportFormat) -> str:
    """File name of an export: that of the annotation file, which the original loaders look for, or one like it."""
    return f"{annotation_file_stem(source_name)}{'' if export_format == 'original' else f'_{export_format}'}.json"


@dataclass(frozen=True)
class OutputLayout:
    """Where the outputs of one source lie, below the output root.

    Tables that are one file an asset follow `<source>/<asset>[/<partition>].parquet`, written by the
    Parquet IO manager; the paths here are those that domain rooms write themselves or read again.
    """

    root: Path
    source: Source

    @property
    def base_dir(self) -> Path:
        """Folder of everything made for this source."""
        return self.root / self.source.name

    @property
    def frames_dir(self) -> Path:
        """Folder of the frame folders, one per video."""
        return self.base_dir / FRAMES_DIR

    def frame_dir(self, video_id: str) -> Path:
        """Finished frame folder of one video."""
        return self.frames_dir / check_video_id(video_id)

    def manifest_file(self, video_id: str) -> Path:
        """Manifest inside the finished frame folder: written last, its presence means done."""
        return self.frame_dir(video_id) / MANIFEST_FILE

    def frame_file(self, video_id: str, frame_index: int) -> Path:
        """JPEG of one frame."""
        return self.frame_dir(video_id) / frame_file_name(frame_index)

    @property
    def annotations_dir(self) -> Path:
        """Folder of the annotation sets' table folders."""
        return self.base_dir / ANNOTATIONS_DIR

    def annotation_dir(self, set_key: str) -> Path:
        """Folder of `images.parquet`, `hands.parquet`, `rejects.parquet` of one annotation set."""
        return self.annotations_dir / set_key

    def table_file(self, asset: str, partition: str | None = None) -> Path:
        """Parquet file of one table asset, as the IO manager names it."""
        if partition is None:
            return self.base_dir / f"{asset}.parquet"
        return self.base_dir / asset / f"{partition}.parquet"

    def mined_annotations_file(self, set_key: str) -> Path:
        """Beside the table of mined pairs: the same set in the original schema, with mined positives."""
        return self.base_dir / "mined_pairs" / f"{set_key}_mined.json"

    @property
    def grid_dir(self) -> Path:
        """Folder of the grid pictures."""
        return self.base_dir / "grid"

    def grid_file(self, set_key: str, *, labelled: bool = False) -> Path:
        """The 2240 x 2240 px grid picture of one annotation set, plain or labelled."""
        return self.grid_dir / f"{set_key}{'_labelled' if labelled else ''}.jpg"

    def sheet_file(self, set_key: str, sheet: str) -> Path:
        """One of the pictures drawn of an annotation set besides the grid, such as `ladder.jpg`."""
        return self.base_dir / "sheets" / set_key / sheet

    @property
    def report_dir(self) -> Path:
        """Folder of the reports."""
        return self.base_dir / "report"

    def report_file(self, set_key: str) -> Path:
        """The page that says everything about one annotation set, pictures inside."""
        return self.report_dir / f"{set_key}.html"

    @property
    def training_sets_dir(self) -> Path:
        """Folder of the training sets."""
        return self.base_dir / TRAINING_SET_DIR

    def training_set_dir(self, set_key: str) -> Path:
        """Folder of one annotation set's crops in shards, their records and their index."""
        return self.training_sets_dir / set_key

    @property
    def export_dir(self) -> Path:
        """Folder of the files made for other tools."""
        return self.base_dir / "export"

    @property
    def missing_videos_file(self) -> Path:
        """The text file to send to the dataset's author, one `<video_id>.mp4` a line."""
        return self.base_dir / "missing_videos.txt"

    @property
    def forgotten_videos_file(self) -> Path:
        """Ids of videos that are not asked for again, one per line."""
        return self.base_dir / "forgotten_videos.txt"

    @property
    def videos_away_file(self) -> Path:
        """There while the folder of downloads is away, or was, and nothing was renewed since."""
        return self.base_dir / ".videos_away"

    @property
    def videos_looked_at_file(self) -> Path:
        """When a look at the folder of downloads last succeeded."""
        return self.base_dir / ".videos_looked_at"

    @property
    def frame_states_file(self) -> Path:
        """What was last found of each finished frame folder, so that none is read again unchanged."""
        return self.base_dir / "frame_states.parquet"

    @property
    def known_videos_file(self) -> Path:
        """What the looks at the folder of downloads found so far."""
        return self.base_dir / "known_videos.parquet"
