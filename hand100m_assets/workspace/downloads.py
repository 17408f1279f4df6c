"""The downloads of one source: the official list, looks at the folder, and the inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from hand100m_assets.errors import (
    FolderUnreadableError,
    Hand100mError,
    PermanentError,
    RetryableError,
    SettingsError,
    VideoListError,
)
from hand100m_assets.files import FileStamp, note_away, note_look, refuse_emptied
from hand100m_assets.layout import VIDEO_SUFFIX, OutputLayout
from hand100m_assets.settings import Settings, SourceFolders
from hand100m_assets.sources import Source
from hand100m_assets.video.container import VideoInfo, probe_video
from hand100m_assets.video.downloads import (
    Listing,
    Look,
    Probe,
    build_inventory,
    files_in,
    list_videos,
    missing_videos,
    partial_video_id,
    read_forgotten,
    read_known_files,
    read_official_metadata,
    read_video_list,
    remembered_probes,
    short_files,
    take_look,
    video_id_in,
    write_forgotten,
    write_known_files,
    write_missing_list,
)
from hand100m_assets.video.frames import stamp_of


def _pass_over(_: Hand100mError) -> None:
    """Ignores faults, for callers that do not ask for them."""


@dataclass(frozen=True)
class Downloads:
    """The videos of one source on disk, under one set of settings."""

    settings: Settings
    source: Source

    @property
    def folders(self) -> SourceFolders:
        """The input paths of the source."""
        return self.settings.folders(self.source)

    @property
    def output(self) -> OutputLayout:
        """The output paths of the source."""
        return self.settings.output(self.source)

    def video_file(self, video_id: str) -> Path:
        """Path of the file of one video; it need not exist."""
        return self.folders.videos_dir / f"{video_id}{VIDEO_SUFFIX}"

    def video_list(self) -> pl.DataFrame | None:
        """The official list as a table, or None if there is no list file.

        Raises:
            VideoListError: The file exists but is not a list; the message names row and column.
        """
        list_file = self.folders.list_file
        return read_video_list(list_file, self.source) if list_file.exists() else None

    def listing(self, registered: Iterable[str] = ()) -> Listing:
        """Look at the folder; an empty folder is an error if videos of it are known.

        Args:
            registered: Videos that have a partition.

        Raises:
            FolderUnreadableError: The video folder is missing, unmounted, emptied or not permitted.
        """
        folder = self.folders.videos_dir
        try:
            listing = list_videos(folder, self.source)
            if listing.is_empty:
                refuse_emptied(
                    folder,
                    f"the {self.source.title} video folder",
                    len(self._known_to_be_here(registered)),
                    "video",
                    on_purpose="If they were deleted on purpose, `hand100m forget` them.",
                )
        except FolderUnreadableError:
            note_away(self.output.videos_away_file)
            raise
        return listing

    def refused(self, inventory: pl.DataFrame) -> dict[str, str]:
        """File name -> why it cannot be used, if a new download would not help: its name, permissions or disk.

        Args:
            inventory: The present inventory.

        Raises:
            FolderUnreadableError: As `listing`.
        """
        listing = self.listing()
        refused = {name: why for name, why in listing.refused.items() if name not in listing.failed}
        here = inventory.filter((pl.col("state") == "refused") & pl.col("size_bytes").is_not_null())
        return refused | {self.video_file(v).name: why for v, why in here.select("video_id", "reason").iter_rows()}

    def known_and_here(self) -> tuple[set[str], set[str]]:
        """Videos that are listed or that a look found, and those of them whose file is here.

        An empty folder is no error here: the caller is about to say that it was emptied on purpose.

        Raises:
            FolderUnreadableError: The video folder is missing, unmounted or not permitted.
            VideoListError: The list is malformed.
        """
        listed = self.video_list()
        listing = list_videos(self.folders.videos_dir, self.source)
        here = listing.complete_names.keys() | {partial_video_id(name) for name in listing.in_progress}
        known = read_known_files(self.output.known_videos_file).stamps.keys()
        found = {*known, *files_in(self.output.table_file("inventory")), *here}
        return found if listed is None else found | set(listed["video_id"]), here

    def not_deleted(self) -> set[str]:
        """Videos that have a file, complete or not, under any name that contains the id.

        Raises:
            FolderUnreadableError: As `listing`.
        """
        listing = self.listing()
        begun = {partial_video_id(name) for name in (*listing.in_progress, *listing.refused)}
        return listing.complete_names.keys() | begun | {v for name in listing.refused if (v := video_id_in(name))}

    def _known_to_be_here(self, registered: Iterable[str]) -> set[str]:
        """Videos that an earlier look or inventory found, without those whose deletion was noticed."""
        known = read_known_files(self.output.known_videos_file)
        found = {*registered, *known.stamps} | files_in(self.output.table_file("inventory"))
        return found - known.gone - self.forgotten()

    def look_at_videos(
        self,
        registered: Sequence[str],
        concluded: int | None,
        on_fault: Callable[[Hand100mError], None] = _pass_over,
    ) -> Look:
        """Look at the downloads and compare with all earlier looks; the result is stored before it is used.

        Args:
            registered: Videos that have a partition.
            concluded: Number of the last look that was accepted completely; None if not known.
            on_fault: Called with the error if a list or manifest cannot be read, so that its sizes are not known.

        Raises:
            FolderUnreadableError: The video folder is missing, unmounted, emptied or not permitted.
            OutputUnwritableError: The result of the look cannot be stored.
        """
        listing = self.listing(registered)
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
        note_look(self.output.videos_looked_at_file)
        return look

    def whole_videos(self) -> set[str]:
        """Videos whose file has its final name and at least its official size; no file is opened.

        Raises:
            FolderUnreadableError: The video folder is missing, unmounted or not permitted.
        """
        listing = self.listing()
        return listing.complete_names.keys() - short_files(listing, self.official_bytes()).keys()

    def official_bytes(self, on_fault: Callable[[Hand100mError], None] = _pass_over) -> Mapping[str, int]:
        """Video id -> size in `manifest.csv`, or else in the official list, if one of them exists and gives sizes."""
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
        """The values of the metadata files of the official downloads, as far as these files exist and can be read."""
        videos_dir = self.folders.videos_dir
        doh_dir = None if self.source.list_format == "ego4d" else videos_dir.parent / "file"
        return read_official_metadata(videos_dir, doh_dir, on_fault=on_fault)

    def inventory(
        self, listed: pl.DataFrame | None, on_fault: Callable[[VideoListError], None] = _pass_over
    ) -> pl.DataFrame:
        """One row per video that is or was on disk, or is listed. Only headers of files that changed are read.

        Args:
            listed: The official list; None if there is none.
            on_fault: Called with the error if official metadata cannot be read; its columns stay null.

        Raises:
            FolderUnreadableError: The video folder is missing, unmounted or not permitted.
        """
        listing = self.listing()
        remembered = remembered_probes(self.output.table_file("inventory"), listing)
        probes = remembered | {v: self._probe_or_error(v) for v in listing.complete_names.keys() - remembered.keys()}
        gone = read_known_files(self.output.known_videos_file).gone - listing.complete_names.keys()
        if probes and all(isinstance(probe, RetryableError) for probe in probes.values()):
            self.listing()  # unmounted meanwhile?
        return build_inventory(
            listed,
            listing,
            probes,
            once_here=gone,
            forgotten=self.forgotten(),
            metadata=self.official_metadata(on_fault),
        )

    def forgotten(self) -> set[str]:
        """Videos that were deleted on purpose and are not asked for again.

        Raises:
            FolderUnreadableError: The list of them exists, but cannot be read.
        """
        return read_forgotten(self.output.forgotten_videos_file)

    def _headers_of_a_video(self, video_id: str) -> VideoInfo | None:
        """None if the file is not a video. A reason that may pass is raised."""
        try:
            return probe_video(self.video_file(video_id))
        except PermanentError:
            return None

    def _probe_or_error(self, video_id: str) -> Probe:
        try:
            return probe_video(self.video_file(video_id))
        except Hand100mError as error:
            return error


def forget_videos(downloads: Downloads, video_ids: Iterable[str] | None, *, undo: bool) -> tuple[set[str], set[str]]:
    """Stop asking for videos, or ask for them again. An existing list of missing videos is updated at once.

    Args:
        downloads: The downloads of the videos' source.
        video_ids: Which videos; None for all that are known and missing, or with `undo` for all that are forgotten.
        undo: Ask for them again.

    Returns:
        Videos that this call changed, and all videos that are forgotten now.

    Raises:
        SettingsError: An id is neither listed nor was ever here, or `undo` names one that is not forgotten; correct it.
        FolderUnreadableError: The video folder or the list of forgotten videos cannot be read; mount it or give
            permission.
        OutputUnwritableError: The output disk is full, read-only or not permitted; free space or correct the
            permissions.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.workspace import SourceWorkspace, forget_videos
        >>> downloads = SourceWorkspace(load_settings(), DOH).downloads
        >>> forget_videos(downloads, ["video_00001"], undo=False)
        ({'video_00001'}, {'video_00001'})
        >>> forget_videos(downloads, ["video_00001"], undo=True)
        ({'video_00001'}, set())
    """
    before, file = downloads.forgotten(), downloads.output.forgotten_videos_file
    if undo:
        asked = before if video_ids is None else set(video_ids)
        _insist_on_known(asked - before, f"not in {file}")
        now = before - asked
    else:
        known, here = downloads.known_and_here()
        asked = known - here if video_ids is None else set(video_ids)
        _insist_on_known(asked - known - before, f"neither listed nor ever in {downloads.folders.videos_dir}")
        now = before | asked
    write_forgotten(now, file)
    if downloads.output.missing_videos_file.exists():
        with suppress(FolderUnreadableError):  # away: nothing is written about it until it is back
            write_missing_list(
                missing_videos(downloads.inventory(downloads.video_list())),
                downloads.output.missing_videos_file,
                downloads.source,
            )
    return before ^ now, now


def _insist_on_known(unknown: set[str], why: str) -> None:
    if unknown:
        raise SettingsError(f"{', '.join(sorted(unknown))}: {why}", fix="Correct the id, or the source.")


@lru_cache(maxsize=2)
def _sizes_listed(list_file: Path, source: Source, stamp: FileStamp | None) -> Mapping[str, int]:
    """Read the list once per state of its file. An error is not stored, because its reason may pass."""
    return {} if stamp is None else _known_sizes(read_video_list(list_file, source), "size_bytes_listed")


@lru_cache(maxsize=2)
def _sizes_in_manifest(manifest: Path, stamp: FileStamp | None) -> tuple[Mapping[str, int], Sequence[Hand100mError]]:
    """The same for `manifest.csv`, with its faults; if it breaks off, the rows before that count."""
    faults: list[Hand100mError] = []
    if stamp is None:
        return {}, faults
    table = read_official_metadata(manifest.parent, on_fault=faults.append)
    return _known_sizes(table, "size_bytes_in_manifest"), faults


def _known_sizes(table: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(table.select("video_id", column).drop_nulls().iter_rows())
