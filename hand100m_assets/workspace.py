"""One source's inputs and outputs as the rooms want them: where settings, layout and rooms meet."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from hand100m_assets.annotations.coco import export_coco
from hand100m_assets.annotations.discovery import AnnotationListing, list_annotation_files
from hand100m_assets.annotations.export import Exported, export_json
from hand100m_assets.annotations.frame_files import FrameFiles
from hand100m_assets.annotations.ingest import read_summary
from hand100m_assets.annotations.named_frames import frames_named
from hand100m_assets.annotations.paths import image_path
from hand100m_assets.annotations.rule_tables import RuleTables
from hand100m_assets.dataset.job import TrainingSetJob
from hand100m_assets.dataset.records import INDEX_FILE
from hand100m_assets.downloads import Downloads
from hand100m_assets.errors import AnnotationFileError, SettingsError
from hand100m_assets.layout import (
    IN_PROGRESS_DIR,
    AnnotationSetName,
    ExportFormat,
    ExportImages,
    OutputLayout,
    Source,
    annotation_set_name,
    export_file_name,
)
from hand100m_assets.pairs.positives_export import export_mined_json
from hand100m_assets.pairs.resolve import console_lines
from hand100m_assets.presence import refuse_emptied
from hand100m_assets.settings import DEFAULT_EXPORT_PREFIX, Settings, SourceFolders
from hand100m_assets.video.batch import ExtractionJob
from hand100m_assets.video.catalog import catalogued_videos
from hand100m_assets.video.completeness import frame_states, remembered_videos
from hand100m_assets.video.failures import read_failures, stamp_of
from hand100m_assets.video.inbox import NO_FILE, FileStamp
from hand100m_assets.video.inventory import video_sizes
from hand100m_assets.video.manifest import ExtractionOptions
from hand100m_assets.video.selection import FrameSetSelection, StrideSelection

if TYPE_CHECKING:
    from hand100m_assets.render.grid import ImagePath


@dataclass(frozen=True)
class SourceWorkspace:
    """One source under one set of settings."""

    settings: Settings
    source: Source

    @property
    def folders(self) -> SourceFolders:
        """Where the input lies."""
        return self.settings.folders(self.source)

    def annotation_files(self) -> AnnotationListing:
        """One look at the folder of annotation files.

        Raises:
            FolderUnreadableError: It is missing, unmounted, emptied or not permitted.
        """
        folder = self.folders.annotations_dir
        listing = list_annotation_files(folder, self.settings.name_pattern)
        if not (listing.files or listing.in_progress or listing.refused):
            what, tables = f"the {self.source.title} annotation folder", self.output.annotations_dir
            on_purpose = f"If its files were deleted on purpose, delete their tables in {tables}, too."
            refuse_emptied(folder, what, len(self.annotation_dirs()), "annotation sets", on_purpose=on_purpose)
        return listing

    def insist_on_frames(self) -> None:
        """Refuse a folder of frames that is empty, or not there, though frames of videos were made in it.

        Otherwise all would be extracted again, perhaps onto the disk below the mount.

        Raises:
            FolderUnreadableError: It is; not even the hidden folders that every extraction leaves are there.
        """
        folder = self.output.frames_dir
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
            if any(True for _ in entries):
                return
        refuse_emptied(
            folder,
            "the folder of frames",
            len(
                remembered_videos(self.output.frame_states_file)
                | catalogued_videos(self.output.table_file("frame_catalog"))
            ),
            "finished videos",
            on_purpose=f"If its frames were deleted on purpose: mkdir -p {folder / IN_PROGRESS_DIR}",
        )

    @property
    def output(self) -> OutputLayout:
        """Where the output goes."""
        return self.settings.output(self.source)

    def video_file(self, video_id: str) -> Path:
        """The downloaded file of one video, whether or not it is there."""
        return self.downloads.video_file(video_id)

    @property
    def downloads(self) -> Downloads:
        """The videos on disk."""
        return Downloads(self.settings, self.source)

    def annotation_dirs(self, set_keys: Sequence[str] = ()) -> list[Path]:
        """Table folders of the finished annotation sets: the named ones, or all that are here.

        Raises:
            SettingsError: A named set has no tables yet.
        """
        if not set_keys:
            return sorted(folder.parent for folder in self.output.annotations_dir.glob("[!.]*/summary.json"))
        folders = [self.output.annotation_dir(key) for key in set_keys]
        absent = [folder.name for folder in folders if not (folder / "summary.json").exists()]
        if absent:
            raise SettingsError(
                f"no tables yet for annotation sets {', '.join(absent)}",
                where="HAND100M_ANNOTATED_SETS",
                fix=f"Materialize {self.source.name}/annotations for them first, or correct the setting; "
                "a set that only one source has is named <source>/<set>.",
            )
        return folders

    def annotation_tables(self, set_key: str) -> Path:
        """Folder of one set's tables, which are there and finished.

        Raises:
            AnnotationFileError: They are not; materialize the set's annotations first.
        """
        tables = self.output.annotation_dir(set_key)
        read_summary(tables)
        return tables

    def rule_tables(self, tables: Path, set_key: str | None = None) -> RuleTables:
        """A set's tables and all that the rules compare them with.

        Args:
            tables: Folder of the tables, wherever it is.
            set_key: Of the set; by default the name of the folder.

        Raises:
            AnnotationFileError: They are not finished; ingest the annotation file first.
        """
        inventory = self.output.table_file("inventory")
        return RuleTables.read(
            tables,
            stride=self.settings.frame_stride,
            inventory=pl.read_parquet(inventory) if inventory.exists() else None,
            expected_totals=self.settings.expected_totals.get(f"{self.source.name}/{set_key or tables.name}"),
            name_pattern=self.settings.name_pattern,
        )

    def ingested_stamp(self, set_key: str) -> FileStamp:
        """State of the annotation file that a set's tables were made from; `NO_FILE` when there are none."""
        try:
            summary = read_summary(self.output.annotation_dir(set_key))
        except AnnotationFileError:
            return NO_FILE
        return FileStamp(summary.source_size_bytes, summary.source_mtime_ns)

    def outdated_sets(self) -> dict[str, FileStamp]:
        """Sets whose file is here and whose tables are not of it, or not there -> the state of that file.

        Raises:
            FolderUnreadableError: The folder of annotation files is missing, unmounted or not permitted.
        """
        files = self.annotation_files().files
        return {key: file.stamp for key, file in files.items() if self.ingested_stamp(key) != file.stamp}

    def extraction_failures(self) -> dict[str, bool]:
        """Videos whose last extraction failed -> whether for good: trying again is useless until the file changes."""
        failures = read_failures(self.output.frames_dir)
        return {v: f.is_for_good(stamp_of(self.video_file(v))) for v, f in failures.items()}

    def is_selected(self, set_key: str) -> pl.Expr | None:
        """Whether a frame that a set names is asked for by the present settings; None where other sets decide."""
        if self.settings.frame_selection == "stride":
            return pl.col("frame_index") % self.settings.frame_stride == 0
        chosen = self.settings.annotated_sets_of(self.source)
        return pl.lit(True) if not chosen or set_key in chosen else None

    def export(
        self,
        set_key: str,
        export_format: ExportFormat,
        *,
        out_dir: Path | None = None,
        frames_prefix: str | None = None,
        all_hands: bool = False,
        images: ExportImages | None = None,
        inventory: pl.DataFrame | None = None,
    ) -> Exported:
        """Write one set for other tools; folder and prefix are those of the settings unless given.

        Args:
            set_key: A finished set.
            export_format: `original` or `coco`.
            out_dir: Folder that receives the file.
            frames_prefix: What comes before `<video id>/frame_NNNNNN.jpg`.
            all_hands: In the original schema, leave out nothing, whether or not the original loaders can use it.
            images: `on_disk` leaves out hands that the original loaders cannot load, as an image is not there; `all`
                looks for none. When None, `on_disk` in the original schema, and as the settings say for COCO.
            inventory: For images whose size the annotation file does not give.

        Raises:
            AnnotationFileError: The set has no tables; materialize the set's annotations first.
            OutputUnwritableError: The output disk is full, read-only or not permitted.
        """
        tables = self.annotation_tables(set_key)
        name = export_file_name(read_summary(tables).source_name, export_format)
        file = (out_dir or self.output.export_dir) / name
        prefix = self.frames_prefix if frames_prefix is None else frames_prefix
        sizes = None if inventory is None else video_sizes(inventory)
        wanted = images or (self.settings.coco_images if export_format == "coco" else "on_disk")
        files = self.frame_files(frames_prefix) if wanted == "on_disk" and not all_hands else None
        if export_format == "original":
            return export_json(tables, file, frames_prefix=prefix, all_hands=all_hands, video_sizes=sizes, files=files)
        order = self.settings.joint_order
        return export_coco(tables, file, frames_prefix=prefix, video_sizes=sizes, joint_order=order, files=files)

    def export_mined(self, set_key: str) -> Exported:
        """Write one set with its nearest mined hands as positives, beside the table of mined pairs.

        Raises:
            AnnotationFileError: The set has no tables; materialize the set's annotations first.
            OutputUnwritableError: The output disk is full, read-only or not permitted.
        """
        return export_mined_json(
            self.annotation_tables(set_key),
            self.output.table_file("mined_pairs", set_key),
            self.output.mined_annotations_file(set_key),
            frames_prefix=self.frames_prefix,
            files=self.frame_files(),
        )

    def frame_files(self, frames_prefix: str | None = None) -> FrameFiles:
        """Where the images of this source's sets lie.

        Args:
            frames_prefix: What comes before `<video id>/frame_NNNNNN.jpg` in a file for other tools, if that was asked
                for; images at mapped places are then named by it, too.
        """
        by_default = frames_prefix is None and self.settings.export_prefix == DEFAULT_EXPORT_PREFIX
        return FrameFiles(self.output.frames_dir, self.settings.image_prefixes, name_mapped=by_default)

    @property
    def frames_prefix(self) -> str:
        """What comes before `<video id>/frame_NNNNNN.jpg` in files made for other tools."""
        return self.settings.export_prefix.replace("{source}", self.source.name)

    @property
    def extraction_options(self) -> ExtractionOptions:
        """How frames are made of videos."""
        return ExtractionOptions(jpeg_quality=self.settings.jpeg_quality, colour_rule=self.settings.colour_rule)

    def training_set_job(self, set_key: str) -> TrainingSetJob:
        """The work that would finish one set's training set.

        Raises:
            AnnotationFileError: The set has no tables; materialize the set's annotations first.
        """
        settings = self.settings
        return TrainingSetJob(
            folder=self.output.training_set_dir(set_key),
            set_key=set_key,
            tables_dir=self.annotation_tables(set_key),
            frames_dir=self.output.frames_dir,
            video_path=self.video_file,
            cut_from=settings.training_set_from,
            options=settings.crop_options,
            extraction=self.extraction_options,
            limits=settings.limits,
            prefixes=settings.image_prefixes,
            shard_samples=settings.training_set_shard_samples,
            workers=settings.worker_count,
        )

    def training_sets(self) -> list[str]:
        """Keys of the finished training sets."""
        return sorted(path.parent.name for path in self.output.training_sets_dir.glob(f"[!.]*/{INDEX_FILE}"))

    def selections(self, video_ids: Sequence[str]) -> Mapping[str, StrideSelection | FrameSetSelection]:
        """Which frames to take of each video: every N-th, or those that the chosen annotation sets name."""
        if self.settings.frame_selection == "stride":
            return dict.fromkeys(video_ids, StrideSelection(self.settings.frame_stride))
        chosen = self.settings.annotated_sets_of(self.source)
        tables = [folder / "images.parquet" for folder in self.annotation_dirs(chosen)]
        named = frames_named(tables, video_ids)
        return {video_id: FrameSetSelection(named.get(video_id, ())) for video_id in video_ids}

    def extraction_jobs(self, video_ids: Sequence[str]) -> list[ExtractionJob]:
        """The work that would finish these videos' frames.

        Raises:
            FolderUnreadableError: The folder of frames is not mounted.
        """
        self.insist_on_frames()
        options = self.extraction_options
        limits = self.settings.limits
        return [
            ExtractionJob(
                video_path=self.video_file(video_id),
                frames_dir=self.output.frames_dir,
                video_id=video_id,
                selection=selection,
                options=options,
                limits=limits,
            )
            for video_id, selection in self.selections(video_ids).items()
        ]

    def image_path(self) -> ImagePath:
        """How to find an annotated image on disk: the mapped prefix, else our own frame file."""
        return image_finder(self.output.frames_dir, self.settings.image_prefixes)


def image_finder(frames_dir: Path, prefixes: Mapping[str, Path]) -> ImagePath:
    """How to find an annotated image: by mapped prefix of its file name, else in a folder of frame folders."""

    def find(video_id: str, frame_index: int, file_name: str | None, /) -> Path:
        return image_path(file_name or "", video_id, frame_index, frames_dir, prefixes)

    return find


@dataclass(frozen=True)
class Outstanding:
    """Which videos' frames are still wanted, finished, or known not to come until there is another file."""

    wanted: list[str]
    done: list[str]
    failed_for_good: list[str]
    not_here: list[str]


def outstanding_videos(workspace: SourceWorkspace, video_ids: Sequence[str]) -> Outstanding:
    """Sort videos by what a nightly backfill should do; damaged videos count as done until the file changes.

    Raises:
        FolderUnreadableError: The video folder is missing, unmounted or not permitted.
    """
    here = workspace.downloads.whole_videos()
    states = frame_states(workspace.extraction_jobs(video_ids), workspace.output.frame_states_file)

    def having(*names: str) -> list[str]:
        return states.filter(pl.col("state").is_in(names))["video_id"].to_list()

    unfinished = having("outstanding", "failed")
    return Outstanding(
        wanted=[video_id for video_id in unfinished if video_id in here],
        done=having("done", "damaged"),
        failed_for_good=having("failed for good"),
        not_here=[video_id for video_id in unfinished if video_id not in here],
    )


def read_set_name(tables: Path, pattern: re.Pattern[str]) -> AnnotationSetName:
    """What the name of the file says that these tables were made from."""
    return annotation_set_name(read_summary(tables).source_name, pattern)


def console_lines_of(tables: Path, pattern: re.Pattern[str]) -> list[str]:
    """The three lines that users of the original look for, with what was really read."""
    summary = read_summary(tables)
    name = annotation_set_name(summary.source_name, pattern)
    return console_lines(name.title, name.label, summary.images_read, summary.hands_read)
