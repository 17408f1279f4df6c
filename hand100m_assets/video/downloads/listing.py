"""Finds complete, new, replaced and deleted downloads: lists a folder and compares with earlier listings."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.files import FileStamp
from hand100m_assets.layout import SAFE_ID, VIDEO_SUFFIX
from hand100m_assets.sources import Source
from hand100m_assets.video.downloads.file_names import why_not_taken

_IN_PROGRESS: Final = re.compile(
    r"""(?P<stem>.+?)(?:
        \.temp\.mp4                                        # yt-dlp while it merges
      | (?:\.mp4)?\.f[0-9]+[\w-]*\.(?:mp4|m4a|webm|mkv)(?:\.part.*|\.ytdl)?   # one format of several, before the merge
      | (?:\.(?:mp4|webm|mkv|m4a))?\.(?:part(?:-Frag[0-9]+)?|ytdl|tmp|temp|crdownload|aria2|download|filepart)
      | \.mp4\.[^.]+                                       # transfer libraries: <name>.mp4.<random>
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""Names that downloaders give to unfinished files. Source: yt-dlp, aria2, curl, browsers, the Ego4D transfer."""

_ARIA2_SUFFIX: Final = f"{VIDEO_SUFFIX}.aria2"

_OTHER_VIDEO_SUFFIXES: Final = (".mkv", ".webm", ".mov", ".avi", ".m4v", ".mp4")


@dataclass(frozen=True)
class Listing:
    """The files of a folder of downloads at one moment.

    Attributes:
        complete_names: Video id (for other kinds of file, the file name) -> size and time, of files under their final
            name.
        in_progress: File names of unfinished downloads, sorted.
        refused: File name -> why the file is not taken.
        failed: Names among the refused that must be downloaded again.
        unreachable: Names among the refused that are right, but whose file cannot be read now.

    Example:
        >>> from hand100m_assets.files import FileStamp
        >>> from hand100m_assets.video.downloads import Listing
        >>> Listing({"video_a": FileStamp(size_bytes=1000, mtime_ns=0)}).is_empty
        False
    """

    complete_names: dict[str, FileStamp] = field(default_factory=dict)
    in_progress: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Whether no file here is a video of the source, or is going to be one; unreachable files count as videos."""
        return not self.complete_names and not self.in_progress and not self.unreachable


@dataclass(frozen=True)
class InboxChanges:
    """The differences between a listing and what was registered.

    Attributes:
        ready: New, and unchanged since the last look; sorted.
        replaced: Registered with another stamp, and unchanged since the last look; sorted.
        pending: New or changed since the last look. Pass these to the next look.
        vanished: Registered, and no longer there under any name; sorted.
    """

    ready: list[str]
    replaced: list[str]
    pending: dict[str, FileStamp]
    vanished: list[str]


def list_videos(folder: Path, source: Source) -> Listing:
    """List a folder of downloads once. Files that are not videos are left out.

    Args:
        folder: The folder that the videos are downloaded into.
        source: The dataset that the videos belong to; it decides which file names are suggested.

    Returns:
        Complete videos by id, unfinished downloads, and files that cannot be taken, with the reason.

    Raises:
        FolderUnreadableError: The folder is absent, is a file, or may not be read. Mount or create it, give read
            permission, or correct the setting.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sources import EGO4D
        >>> from hand100m_assets.video import list_videos
        >>> Path("downloads").mkdir(exist_ok=True)
        >>> for name in ("first.mp4", "second.mp4.part", "third.mkv"):
        ...     _ = Path("downloads", name).write_bytes(b"some bytes")
        >>> listing = list_videos(Path("downloads"), EGO4D)
        >>> list(listing.complete_names), listing.in_progress
        (['first'], ['second.mp4.part'])
        >>> listing.refused
        {'third.mkv': 'not named as a video of Ego4D has to be: rename it to third.mp4'}
    """
    listing = Listing()
    control_files: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_ARIA2_SUFFIX):
                    control_files.add(entry.name)
                _sort_entry(entry, listing, source)
    except OSError as error:
        raise FolderUnreadableError(
            f"the {source.title} video folder cannot be read ({error.strerror or error})",
            where=folder,
            fix="Mount or create it, give read permission, or correct the setting of the folder.",
        ) from error
    for name in control_files:
        # aria2 reserves the whole file under its final name and removes its control file when done.
        video_id = name.removesuffix(_ARIA2_SUFFIX)
        if listing.complete_names.pop(video_id, None):
            listing.in_progress.append(f"{video_id}{VIDEO_SUFFIX}")
    complete = {v: listing.complete_names[v] for v in sorted(listing.complete_names)}
    return replace(
        listing,
        complete_names=complete,
        in_progress=sorted(listing.in_progress),
        refused=dict(sorted(listing.refused.items())),
    )


def _sort_entry(entry: os.DirEntry[str], listing: Listing, source: Source) -> None:
    name = entry.name
    stem = name.removesuffix(VIDEO_SUFFIX)
    # A plain id has no dot, so its file is no unfinished download. This saves a regular expression for most names.
    if name != stem and SAFE_ID.fullmatch(stem):
        _sort_video(entry, stem, listing, source)
    elif _IN_PROGRESS.fullmatch(name):
        listing.in_progress.append(name)
    elif name.lower().endswith(_OTHER_VIDEO_SUFFIXES):
        listing.refused[name] = why_not_taken(name, source)


def _sort_video(entry: os.DirEntry[str], video_id: str, listing: Listing, source: Source) -> None:
    try:
        found = entry.stat()
    except OSError as error:
        listing.unreachable.add(entry.name)
        listing.refused[entry.name] = f"cannot be read ({error.strerror or error}); mount its disk or give permission"
        return
    if not stat.S_ISREG(found.st_mode):
        listing.refused[entry.name] = "not a file"
    elif found.st_size == 0:
        listing.failed.add(entry.name)
        listing.refused[entry.name] = f"zero bytes: the download of this {source.title} video failed, download it again"
    else:
        listing.complete_names[video_id] = FileStamp(found.st_size, found.st_mtime_ns)


def partial_video_id(file_name: str) -> str:
    """Return the video id that an unfinished download's file name is for.

    Args:
        file_name: Name of a file, without its folder.

    Returns:
        The id, or the name without `.mp4` where it is not the name of an unfinished download.

    Example:
        >>> from hand100m_assets.video.downloads import partial_video_id
        >>> partial_video_id("video_a.mp4.part"), partial_video_id("video_a.f137.webm")
        ('video_a', 'video_a')
    """
    match = _IN_PROGRESS.fullmatch(file_name)
    return match["stem"] if match else file_name.removesuffix(VIDEO_SUFFIX)


def find_changes(
    listing: Listing | Mapping[str, FileStamp],
    known: Mapping[str, FileStamp],
    pending: Mapping[str, FileStamp],
) -> InboxChanges:
    """Compare a listing with what is registered. A file counts when it was the same in two looks.

    Args:
        listing: The listing just made; for other kinds of file, a mapping from name to stamp.
        known: What is registered: name -> stamp, `NO_FILE` where nothing was made from any file yet.
        pending: The `pending` of the look before; empty for the first look.

    Returns:
        Names that are new, replaced or gone, sorted, and the files whose turn comes with the next look.

    Example:
        >>> from hand100m_assets.files import FileStamp
        >>> from hand100m_assets.video.downloads import find_changes
        >>> here = {"set.json": FileStamp(size_bytes=1000, mtime_ns=0)}
        >>> first = find_changes(here, known={}, pending={})
        >>> second = find_changes(here, known={}, pending=first.pending)
        >>> first.ready, second.ready
        ([], ['set.json'])
    """
    look = listing if isinstance(listing, Listing) else Listing(dict(listing))
    ready: list[str] = []
    replaced: list[str] = []
    waiting: dict[str, FileStamp] = {}
    for name in sorted(look.complete_names):
        stamp = look.complete_names[name]
        if known.get(name) == stamp:
            continue
        if pending.get(name) != stamp:
            waiting[name] = stamp
        elif name in known:
            replaced.append(name)
        else:
            ready.append(name)
    # A file that is being downloaded again, or that is refused for now, is not gone.
    there = look.complete_names.keys() | {partial_video_id(name) for name in (*look.in_progress, *look.refused)}
    return InboxChanges(ready, replaced, waiting, sorted(known.keys() - there))
