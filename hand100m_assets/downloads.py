"""One source's downloads as the video room wants them: the official list, looks at the folder, the inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from hand100m_assets.errors import Hand100mError, PermanentError, VideoListError
from hand100m_assets.layout import VIDEO_SUFFIX, OutputLayout, Source
from hand100m_assets.settings import Settings, SourceFolders
from hand100m_assets.video.failures import stamp_of
from hand100m_assets.video.inbox import FileStamp, list_videos
from hand100m_assets.video.inventory import build_inventory, remembered_probes
from hand100m_assets.video.knownfiles import Look, read_known_files, short_files, take_look, write_known_files
from hand100m_assets.video.officialmetadata import read_official_metadata
from hand100m_assets.video.probe import VideoInfo, probe_video
from hand100m_assets.video.videolist import read_video_list


def _pass_over(_: Hand100mError) -> None:
    """Whoever does not ask for faults goes on with what is known."""


@dataclass(frozen=True)
class Downloads:
    """One source's videos on disk, under one set of settings."""

    settings: Settings
    source: Source

    @property
    def folders(self) -> SourceFolders:
        """Where they lie."""
        return self.settings.folders(self.source)

    @property
    def output(self) -> OutputLayout:
        """Where what is known of them goes."""
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

    def look_at_videos(
        self,
        registered: Sequence[str],
        concluded: int | None,
        on_fault: Callable[[Hand100mError], None] = _pass_over,
    ) -> Look:
        """One look at the downloads, compared with all earlier ones and remembered before anything is made of it.

        Args:
            registered: Files that have a partition.
            concluded: Number of the last look that was taken over whole, None where nobody knows.
            on_fault: Told of a list or manifest that cannot be read, so that its sizes are not known.

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
            official_bytes=self.official_bytes(on_fault),
            read_headers=self._headers_of_a_video,
        )
        if known_now != known:
            write_known_files(known_now, file)
        return look

    def whole_videos(self) -> set[str]:
        """Videos whose file is here under its final name and not below its official size; no file is opened.

        Raises:
            FolderUnreadableError: The video folder is missing, unmounted or not permitted.
        """
        listing = list_videos(self.folders.videos_dir, self.source)
        return listing.complete_names.keys() - short_files(listing, self.official_bytes()).keys()

    def official_bytes(self, on_fault: Callable[[Hand100mError], None] = _pass_over) -> Mapping[str, int]:
        """Video id -> size in `manifest.csv`, else in the official list, where one is here and tells sizes."""
        list_file, manifest = self.folders.list_file, self.folders.videos_dir / "manifest.csv"
        listed: Mapping[str, int] = {}
        try:
            listed = _sizes_listed(list_file, self.source, stamp_of(list_file))
        except Hand100mError as fault:
            on_fault(fault)
        in_manifest, faults = _sizes_in_manifest(manifest, stamp_of(manifest))
        for each in faults:
            on_fault(each)
        return {**listed, **in_manifest}

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

    def _headers_of_a_video(self, video_id: str) -> VideoInfo | None:
        """None for what is no video; a passing reason is raised."""
        try:
            return probe_video(self.video_file(video_id))
        except PermanentError:
            return None

    def _probe_or_reason(self, video_id: str) -> VideoInfo | str:
        try:
            return probe_video(self.video_file(video_id))
        except Hand100mError as error:
            return error.what


@lru_cache(maxsize=2)
def _sizes_listed(list_file: Path, source: Source, stamp: FileStamp | None) -> Mapping[str, int]:
    """Read once for each state of the list; an error, whose reason may pass, is not remembered."""
    return {} if stamp is None else _known_sizes(read_video_list(list_file, source), "size_bytes_listed")


@lru_cache(maxsize=2)
def _sizes_in_manifest(manifest: Path, stamp: FileStamp | None) -> tuple[Mapping[str, int], Sequence[Hand100mError]]:
    """The same of `manifest.csv`, and its faults; of one that breaks off, what it said until then counts."""
    faults: list[Hand100mError] = []
    if stamp is None:
        return {}, faults
    table = read_official_metadata(manifest.parent, on_fault=faults.append)
    return _known_sizes(table, "size_bytes_in_manifest"), faults


def _known_sizes(table: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(table.select("video_id", column).drop_nulls().iter_rows())
