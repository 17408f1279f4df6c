"""The inputs and outputs of one source: combines the settings, the layout and the rooms."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from hand100m_assets.annotations import (
    AnnotationListing,
    FrameFiles,
    frames_named,
    image_path,
    list_annotation_files,
    read_summary,
)
from hand100m_assets.annotations.export import Exported, export_coco, export_json
from hand100m_assets.annotations.rules import RuleTables
from hand100m_assets.dataset import INDEX_FILE
from hand100m_assets.dataset.building import TrainingSetJob
from hand100m_assets.errors import AnnotationFileError, SettingsError
from hand100m_assets.files import NO_FILE, FileStamp, refuse_emptied
from hand100m_assets.layout import IN_PROGRESS_DIR, ExportFormat, ExportImages, OutputLayout, export_file_name
from hand100m_assets.pairs import export_mined_json
from hand100m_assets.set_names import AnnotationSetName, annotation_set_name
from hand100m_assets.settings import DEFAULT_EXPORT_PREFIX, Settings, SourceFolders
from hand100m_assets.sources import Source
from hand100m_assets.video.decode import FrameSetSelection, StrideSelection
from hand100m_assets.video.downloads import video_sizes
from hand100m_assets.video.frames import (
    ExtractionJob,
    ExtractionOptions,
    catalogued_videos,
    frame_states,
    read_failures,
    remembered_videos,
    stamp_of,
)
from hand100m_assets.workspace.downloads import Downloads

if TYPE_CHECKING:
    from hand100m_assets.render.grids import ImagePath


@dataclass(frozen=True)
class SourceWorkspace:
    """The inputs and outputs of one source under one set of settings.

    Attributes:
        settings: The settings.
        source: Ego4D or 100DOH.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.workspace import SourceWorkspace
        >>> workspace = SourceWorkspace(load_settings(), DOH)
        >>> workspace.video_file("video_00001").as_posix()
        'data/100DOH/videos/video_00001.mp4'
        >>> [folder.name for folder in workspace.annotation_dirs()]
        ['simhand-50k']
    """

    settings: Settings
    source: Source

    @property
    def folders(self) -> SourceFolders:
        """The input paths."""
        return self.settings.folders(self.source)

    def annotation_files(self) -> AnnotationListing:
        """List the folder of annotation files.

        Returns:
            The files by set, those still being downloaded, and those that are refused with the reason.

        Raises:
            FolderUnreadableError: The folder is missing, unmounted, emptied or not permitted; mount it.
        """
        folder = self.folders.annotations_dir
        listing = list_annotation_files(folder, self.settings.name_pattern)
        if not (listing.files or listing.in_progress or listing.refused):
            what, tables = f"the {self.source.title} annotation folder", self.output.annotations_dir
            on_purpose = f"If its files were deleted on purpose, delete their tables in {tables}, too."
            refuse_emptied(folder, what, len(self.annotation_dirs()), "annotation set", on_purpose=on_purpose)
        return listing

    def insist_on_frames(self) -> None:
        """Refuse a folder of frames that is empty or missing although frames were extracted into it.

        Without this, all frames would be extracted again, perhaps onto the disk below the mount.

        Raises:
            FolderUnreadableError: Even the hidden folders that every extraction leaves are missing; mount the folder.
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
            "finished video",
            on_purpose=f"If its frames were deleted on purpose: mkdir -p {folder / IN_PROGRESS_DIR}",
        )

    @property
    def output(self) -> OutputLayout:
        """The output paths."""
        return self.settings.output(self.source)

    def video_file(self, video_id: str) -> Path:
        """Return the path of the downloaded file of one video; it need not exist.

        Args:
            video_id: The video.

        Returns:
            Path of the file.
        """
        return self.downloads.video_file(video_id)

    @property
    def downloads(self) -> Downloads:
        """The videos on disk."""
        return Downloads(self.settings, self.source)

    def annotation_dirs(self, set_keys: Sequence[str] = ()) -> list[Path]:
        """List the table folders of finished annotation sets.

        Args:
            set_keys: Keys of the sets; empty for all sets that have tables.

        Returns:
            Folders; with `set_keys` in their order, else sorted.

        Raises:
            SettingsError: A named set has no tables yet; materialize its annotations first, or correct the setting.
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
        """Find the finished tables of one set.

        Args:
            set_key: Key of the set.

        Returns:
            Folder of the tables.

        Raises:
            AnnotationFileError: They do not exist or are not finished; materialize the annotations of the set first.
        """
        tables = self.output.annotation_dir(set_key)
        read_summary(tables)
        return tables

    def rule_tables(self, tables: Path, set_key: str | None = None) -> RuleTables:
        """Read the tables of a set and all that the rules compare them with.

        Args:
            tables: Folder of the tables; it may be anywhere.
            set_key: Key of the set; None for the name of the folder.

        Returns:
            What `apply_rules` takes.

        Raises:
            AnnotationFileError: The tables are not finished; ingest the annotation file first.
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
        """Return the state of the annotation file from which the tables of a set were made.

        Args:
            set_key: Key of the set.

        Returns:
            Size and time of the file; `NO_FILE` if there are no tables.
        """
        try:
            summary = read_summary(self.output.annotation_dir(set_key))
        except AnnotationFileError:
            return NO_FILE
        return FileStamp(summary.source_size_bytes, summary.source_mtime_ns)

    def outdated_sets(self) -> dict[str, FileStamp]:
        """Find the sets that have a file, but no tables or tables of another file.

        Returns:
            Key of each set -> size and time of its file.

        Raises:
            FolderUnreadableError: The folder of annotation files is missing, unmounted or not permitted; mount it.
        """
        files = self.annotation_files().files
        return {key: file.stamp for key, file in files.items() if self.ingested_stamp(key) != file.stamp}

    def extraction_failures(self) -> dict[str, bool]:
        """Find the videos whose last extraction failed.

        Returns:
            Video id -> whether a new try is useless until the file changes.
        """
        failures = read_failures(self.output.frames_dir)
        return {v: f.is_for_good(stamp_of(self.video_file(v))) for v, f in failures.items()}

    def is_selected(self, set_key: str) -> pl.Expr | None:
        """Make an expression that says whether the present settings choose a frame that a set names.

        Args:
            set_key: Key of the set.

        Returns:
            An expression over `frame_index`; None if other sets decide.
        """
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
        """Write one set for other tools; the default folder and prefix are those of the settings.

        Args:
            set_key: Key of a finished set.
            export_format: `original` or `coco`.
            out_dir: Folder for the file.
            frames_prefix: What comes before `<video id>/frame_NNNNNN.jpg`.
            all_hands: In the original schema, leave out no hands, even if the original loaders cannot use them.
            images: `on_disk` leaves out hands that the original loaders cannot load because an image is missing; `all`
                keeps them. None means `on_disk` in the original schema, and the choice of the settings for COCO.
            inventory: For images whose size the annotation file does not give.

        Returns:
            The file, and what was written and left out.

        Raises:
            AnnotationFileError: The set has no tables; materialize the set's annotations first.
            OutputUnwritableError: The output disk is full, read-only or not permitted; free space or correct the
                permissions.
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
        """Write one set with the nearest mined hands as positives, into a file beside the table of mined pairs.

        Args:
            set_key: Key of a set whose pairs were mined.

        Returns:
            The file, and what was written and left out.

        Raises:
            AnnotationFileError: The set has no tables; materialize the set's annotations first.
            OutputUnwritableError: The output disk is full, read-only or not permitted; free space or correct the
                permissions.
        """
        return export_mined_json(
            self.annotation_tables(set_key),
            self.output.table_file("mined_pairs", set_key),
            self.output.mined_annotations_file(set_key),
            frames_prefix=self.frames_prefix,
            files=self.frame_files(),
        )

    def frame_files(self, frames_prefix: str | None = None) -> FrameFiles:
        """Describe where the images of the sets of this source are.

        Args:
            frames_prefix: Path before `<video id>/frame_NNNNNN.jpg` in a file for other tools, if the caller gave one;
                images in mapped folders then get it, too.

        Returns:
            The folders, and how images are named in files for other tools.
        """
        by_default = frames_prefix is None and self.settings.export_prefix == DEFAULT_EXPORT_PREFIX
        return FrameFiles(self.output.frames_dir, self.settings.image_prefixes, name_mapped=by_default)

    @property
    def frames_prefix(self) -> str:
        """Path before `<video id>/frame_NNNNNN.jpg` in files for other tools."""
        return self.settings.export_prefix.replace("{source}", self.source.name)

    @property
    def extraction_options(self) -> ExtractionOptions:
        """How frames are made from videos."""
        return ExtractionOptions(jpeg_quality=self.settings.jpeg_quality, colour_rule=self.settings.colour_rule)

    def training_set_job(self, set_key: str) -> TrainingSetJob:
        """Describe the work that finishes the training set of one set.

        Args:
            set_key: Key of a finished set.

        Returns:
            What `build_training_set` takes.

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
        """List the finished training sets.

        Returns:
            Their keys, sorted.
        """
        return sorted(path.parent.name for path in self.output.training_sets_dir.glob(f"[!.]*/{INDEX_FILE}"))

    def selections(self, video_ids: Sequence[str]) -> Mapping[str, StrideSelection | FrameSetSelection]:
        """Return which frames to take of each video: every N-th, or those that the chosen annotation sets name.

        Args:
            video_ids: The videos.

        Returns:
            Video id -> selection.

        Raises:
            SettingsError: A chosen annotation set has no tables yet; materialize its annotations first.
        """
        if self.settings.frame_selection == "stride":
            return dict.fromkeys(video_ids, StrideSelection(self.settings.frame_stride))
        chosen = self.settings.annotated_sets_of(self.source)
        tables = [folder / "images.parquet" for folder in self.annotation_dirs(chosen)]
        named = frames_named(tables, video_ids)
        return {video_id: FrameSetSelection(named.get(video_id, ())) for video_id in video_ids}

    def extraction_jobs(self, video_ids: Sequence[str]) -> list[ExtractionJob]:
        """Describe the work that finishes the frames of these videos.

        Args:
            video_ids: The videos.

        Returns:
            One job per video.

        Raises:
            FolderUnreadableError: The folder of frames is not mounted; mount it.
            SettingsError: A chosen annotation set has no tables yet; materialize its annotations first.
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
        """Make a function that finds an annotated image of this source; see `image_finder`.

        Returns:
            A function: video id, frame index and file name (or None) -> path of the image.
        """
        return image_finder(self.output.frames_dir, self.settings.image_prefixes)


def image_finder(frames_dir: Path, prefixes: Mapping[str, Path]) -> ImagePath:
    """Make a function that finds an annotated image on disk.

    Args:
        frames_dir: Folder of frame folders.
        prefixes: Prefix of `file_name` in the annotation file -> folder that holds those images.

    Returns:
        A function: video id, frame index and file name (or None) -> path of the image; it need not exist. If
        `file_name` has a mapped prefix, the path is in the mapped folder; otherwise it is that of the extracted frame.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.workspace import image_finder
        >>> find = image_finder(Path("frames"), {"mine/": Path("/mnt/frames")})
        >>> find("video_a", 30, None).as_posix()
        'frames/video_a/frame_000030.jpg'
        >>> find("video_a", 30, "mine/video_a/30.png").as_posix()
        '/mnt/frames/video_a/30.png'
    """

    def find(video_id: str, frame_index: int, file_name: str | None, /) -> Path:
        return image_path(file_name or "", video_id, frame_index, frames_dir, prefixes)

    return find


@dataclass(frozen=True)
class Outstanding:
    """Videos, sorted by what a nightly run should do.

    Attributes:
        wanted: Videos whose frames are not finished and whose file is here.
        done: Videos whose frames are finished, or stay damaged until the file changes.
        failed_for_good: Videos for which a new try is useless until the file changes.
        not_here: Videos whose frames are not finished and whose file is missing.

    Example:
        >>> from hand100m_assets.workspace import Outstanding
        >>> Outstanding(wanted=["video_00001"], done=[], failed_for_good=[], not_here=["video_00002"]).wanted
        ['video_00001']
    """

    wanted: list[str]
    done: list[str]
    failed_for_good: list[str]
    not_here: list[str]


def outstanding_videos(workspace: SourceWorkspace, video_ids: Sequence[str]) -> Outstanding:
    """Sort videos by what a nightly run should do. Damaged videos count as done until the file changes.

    Args:
        workspace: The source and the settings.
        video_ids: Which videos.

    Returns:
        Video ids, each in one of four lists.

    Raises:
        FolderUnreadableError: The video folder is missing, unmounted or not permitted; mount it.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.workspace import SourceWorkspace, outstanding_videos
        >>> outstanding_videos(SourceWorkspace(load_settings(), DOH), ["video_00002"]).not_here
        ['video_00002']
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
    """Read the parts of the name of a set's annotation file from its tables.

    Args:
        tables: Folder of the finished tables.
        pattern: How annotation files are named, as `Settings.name_pattern`.

    Returns:
        Key, family, scale and title of the set.

    Raises:
        AnnotationFileError: The tables are not finished; ingest the annotation file first.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.workspace import read_set_name
        >>> read_set_name(Path("tables"), load_settings().name_pattern).family
        'other'
    """
    return annotation_set_name(read_summary(tables).source_name, pattern)


def console_lines_of(tables: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return the three lines that the original prints after loading a file. Source: the original grid script.

    Args:
        tables: Folder of the finished tables.
        pattern: How annotation files are named, as `Settings.name_pattern`.

    Returns:
        Three lines of text.

    Raises:
        AnnotationFileError: The tables are not finished; ingest the annotation file first.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.workspace import console_lines_of
        >>> console_lines_of(Path("tables"), load_settings().name_pattern)[0]
        'set JSON file loaded successfully.'
    """
    summary = read_summary(tables)
    name = annotation_set_name(summary.source_name, pattern)
    return [
        f"{' '.join(filter(None, (name.title, name.label)))} JSON file loaded successfully.",
        f"A total of {summary.images_read} images were read.",
        f"A total of {summary.hands_read} data items were read.",
    ]
