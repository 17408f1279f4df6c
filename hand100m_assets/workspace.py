"""One source's inputs and outputs as the rooms want them: where settings, layout and rooms meet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from hand100m_assets.annotations.coco import export_coco
from hand100m_assets.annotations.discovery import AnnotationListing, list_annotation_files
from hand100m_assets.annotations.export import Exported, export_json
from hand100m_assets.annotations.ingest import read_summary
from hand100m_assets.annotations.named_frames import frames_named
from hand100m_assets.annotations.paths import image_path
from hand100m_assets.errors import Hand100mError, SettingsError, VideoListError
from hand100m_assets.layout import (
    VIDEO_SUFFIX,
    AnnotationSetName,
    ExportFormat,
    OutputLayout,
    Source,
    annotation_set_name,
    export_file_name,
)
from hand100m_assets.pairs.resolve import console_lines
from hand100m_assets.settings import Settings, SourceFolders
from hand100m_assets.video.batch import ExtractionJob
from hand100m_assets.video.completeness import frame_states
from hand100m_assets.video.failures import read_failures, stamp_of
from hand100m_assets.video.inbox import FileStamp, list_videos
from hand100m_assets.video.inventory import build_inventory, remembered_probes, video_sizes
from hand100m_assets.video.knownfiles import Look, read_known_files, take_look, write_known_files
from hand100m_assets.video.manifest import ExtractionOptions
from hand100m_assets.video.officialmetadata import read_official_metadata
from hand100m_assets.video.probe import VideoInfo, probe_video
from hand100m_assets.video.selection import FrameSetSelection, StrideSelection
from hand100m_assets.video.videolist import read_video_list

if TYPE_CHECKING:
    from hand100m_assets.render.grid import ImagePath


def _pass_over(_: VideoListError) -> None:
    """The inventory's log says it; whoever asks for sizes goes on with those that are known."""


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
            FolderUnreadableError: It is missing, unmounted or not permitted.
        """
        return list_annotation_files(self.folders.annotations_dir, self.settings.name_pattern)

    @property
    def output(self) -> OutputLayout:
        """Where the output goes."""
        return self.settings.output(self.source)

    def video_file(self, video_id: str) -> Path:
        """The downloaded file of one video, whether or not it is there."""
        return self.folders.videos_dir / f"{video_id}{VIDEO_SUFFIX}"

    def video_list(self) -> pl.DataFrame | None:
        """The official list as a table, or None where there is no list file.

        Raises:
            VideoListError: The file is there but is not a list; the message names row and column.
        """
        list_file = self.folders.list_file
        return read_video_list(list_file, self.source) if list_file.exists() else None

    def look_at_videos(self, registered: Sequence[str], concluded: int | None) -> Look:
        """One look at the downloads, compared with all earlier ones and remembered before anything is made of it.

        Raises:
            FolderUnreadableError: The video folder is missing, unmounted, emptied or not permitted.
            OutputUnwritableError: What was seen cannot be written down.
        """
        listing = list_videos(self.folders.videos_dir, self.source)
        file = self.output.known_videos_file
        known = read_known_files(file)
        look, known_now = take_look(
            listing,
            registered,
            known,
            concluded=concluded,
            limit=self.settings.videos_per_tick,
            official_bytes=self.official_bytes(),
        )
        if known_now != known:
            write_known_files(known_now, file)
        return look

    def official_bytes(self) -> Mapping[str, int]:
        """Video id -> size in `manifest.csv`, else in the official list, where one is here and tells sizes."""
        list_file, manifest = self.folders.list_file, self.folders.videos_dir / "manifest.csv"
        return {
            **_sizes_listed(list_file, self.source, stamp_of(list_file)),
            **_sizes_in_manifest(manifest, stamp_of(manifest)),
        }

    def official_metadata(self, on_fault: Callable[[VideoListError], None]) -> pl.DataFrame:
        """What the files that come with the official downloads say, as far as they are here and are what they seem."""
        videos_dir = self.folders.videos_dir
        doh_dir = None if self.source.list_format == "ego4d" else videos_dir.parent / "file"
        return read_official_metadata(videos_dir, doh_dir, on_fault=on_fault)

    def inventory(
        self, listed: pl.DataFrame | None, on_fault: Callable[[VideoListError], None] = _pass_over
    ) -> pl.DataFrame:
        """One row a video, on disk, listed or once here; headers are read of files that changed since the last table.

        Args:
            listed: The official list; None where there is none.
            on_fault: Told of official metadata that cannot be read, whose columns stay null.

        Raises:
            FolderUnreadableError: The video folder is missing, unmounted or not permitted.
        """
        listing = list_videos(self.folders.videos_dir, self.source)
        remembered = remembered_probes(self.output.table_file("inventory"), listing)
        probes = remembered | {v: self._probe_or_reason(v) for v in listing.complete_names.keys() - remembered.keys()}
        gone = read_known_files(self.output.known_videos_file).gone - listing.complete_names.keys()
        return build_inventory(listed, listing, probes, once_here=gone, metadata=self.official_metadata(on_fault))

    def _probe_or_reason(self, video_id: str) -> VideoInfo | str:
        try:
            return probe_video(self.video_file(video_id))
        except Hand100mError as error:
            return error.what

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
                fix=f"Materialize {self.source.name}/annotations for them first, or correct the setting.",
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

    def ingested_stamp(self, set_key: str) -> FileStamp | None:
        """State of the annotation file that a set's tables were made from; None when there are none."""
        tables = self.output.annotation_dir(set_key)
        if not (tables / "summary.json").exists():
            return None
        summary = read_summary(tables)
        return FileStamp(summary.source_size_bytes, summary.source_mtime_ns)

    def extraction_failures(self) -> dict[str, bool]:
        """Videos whose last extraction failed -> whether for good: trying again is useless until the file changes."""
        failures = read_failures(self.output.frames_dir)
        return {v: f.permanent and f.stamp == stamp_of(self.video_file(v)) for v, f in failures.items()}

    def is_selected(self, set_key: str) -> pl.Expr | None:
        """Whether a frame that a set names is asked for by the present settings; None where other sets decide."""
        if self.settings.frame_selection == "stride":
            return pl.col("frame_index") % self.settings.frame_stride == 0
        chosen = self.settings.annotated_sets
        return pl.lit(True) if not chosen or set_key in chosen else None

    def export(
        self,
        set_key: str,
        export_format: ExportFormat,
        *,
        out_dir: Path | None = None,
        frames_prefix: str | None = None,
        all_hands: bool = False,
        inventory: pl.DataFrame | None = None,
    ) -> Exported:
        """Write one set for other tools; folder and prefix are those of the settings unless given.

        Args:
            set_key: A finished set.
            export_format: `original` or `coco`.
            out_dir: Folder that receives the file.
            frames_prefix: What comes before `<video id>/frame_NNNNNN.jpg`.
            all_hands: In the original schema, leave out nothing, whether or not the original loaders can use it.
            inventory: For images whose size the annotation file does not give.

        Raises:
            AnnotationFileError: The set has no tables; materialize the set's annotations first.
            OutputUnwritableError: The output disk is full, read-only or not permitted.
        """
        tables = self.annotation_tables(set_key)
        name = export_file_name(read_summary(tables).source_name, export_format)
        file = (out_dir or self.output.export_dir) / name
        prefix = self.settings.export_prefix.replace("{source}", self.source.name)
        prefix = prefix if frames_prefix is None else frames_prefix
        if export_format == "original":
            return export_json(tables, file, frames_prefix=prefix, all_hands=all_hands)
        sizes = None if inventory is None else video_sizes(inventory)
        order = self.settings.joint_order
        return export_coco(tables, file, frames_prefix=prefix, video_sizes=sizes, joint_order=order)

    def selections(self, video_ids: Sequence[str]) -> Mapping[str, StrideSelection | FrameSetSelection]:
        """Which frames to take of each video: every N-th, or those that the chosen annotation sets name."""
        if self.settings.frame_selection == "stride":
            return dict.fromkeys(video_ids, StrideSelection(self.settings.frame_stride))
        tables = [folder / "images.parquet" for folder in self.annotation_dirs(self.settings.annotated_sets)]
        named = frames_named(tables, video_ids)
        return {video_id: FrameSetSelection(named.get(video_id, ())) for video_id in video_ids}

    def extraction_jobs(self, video_ids: Sequence[str]) -> list[ExtractionJob]:
        """The work that would finish these videos' frames."""
        options = ExtractionOptions(jpeg_quality=self.settings.jpeg_quality, colour_rule=self.settings.colour_rule)
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


@lru_cache(maxsize=2)
def _sizes_listed(list_file: Path, source: Source, stamp: FileStamp | None) -> Mapping[str, int]:
    if stamp is None:
        return {}
    try:
        return _known_sizes(read_video_list(list_file, source), "size_bytes_listed")
    except VideoListError:
        return {}  # the list's own check says what is wrong with it; downloads are noticed all the same


@lru_cache(maxsize=2)
def _sizes_in_manifest(manifest: Path, stamp: FileStamp | None) -> Mapping[str, int]:
    if stamp is None:
        return {}
    return _known_sizes(read_official_metadata(manifest.parent, on_fault=_pass_over), "size_bytes_in_manifest")


def _known_sizes(table: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(table.select("video_id", column).drop_nulls().iter_rows())


@dataclass(frozen=True)
class Outstanding:
    """Which videos' frames are still wanted, finished, or known not to come until the file changes."""

    wanted: list[str]
    done: list[str]
    failed_for_good: list[str]


def outstanding_videos(workspace: SourceWorkspace, video_ids: Sequence[str]) -> Outstanding:
    """Sort videos by what a nightly backfill should do; damaged videos count as done until the file changes."""
    states = frame_states(workspace.extraction_jobs(video_ids))

    def having(*names: str) -> list[str]:
        return states.filter(pl.col("state").is_in(names))["video_id"].to_list()

    return Outstanding(
        wanted=having("outstanding", "failed"),
        done=having("done", "damaged"),
        failed_for_good=having("failed for good"),
    )


def read_set_name(tables: Path, pattern: re.Pattern[str]) -> AnnotationSetName:
    """What the name of the file says that these tables were made from."""
    return annotation_set_name(read_summary(tables).source_name, pattern)


def console_lines_of(tables: Path, pattern: re.Pattern[str]) -> list[str]:
    """The three lines that users of the original look for, with what was really read."""
    summary = read_summary(tables)
    name = annotation_set_name(summary.source_name, pattern)
    return console_lines(name.title, name.label, summary.images_read, summary.hands_read)
