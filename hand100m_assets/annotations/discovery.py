"""Finds the annotation files in a folder, and the set of each file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hand100m_assets.errors import AnnotationFileError, FolderUnreadableError
from hand100m_assets.files import FileStamp
from hand100m_assets.set_names import ANNOTATION_SUFFIXES, DEFAULT_NAME_PATTERN, annotation_set_name

_IN_PROGRESS: Final = re.compile(r".*\.json(\.gz|\.zst)?\.[^.]+|\..*", re.IGNORECASE)
"""Temporary names of downloaders and editors: something after the suffix, or a leading dot."""


@dataclass(frozen=True)
class AnnotationFile:
    """One complete annotation file.

    Attributes:
        path: The file.
        stamp: Its size in bytes and its modification time in nanoseconds, when it was looked at.
    """

    path: Path
    stamp: FileStamp


@dataclass(frozen=True)
class AnnotationListing:
    """What `list_annotation_files` found in a folder.

    Attributes:
        files: The file of each set, by set key.
        in_progress: Names of unfinished downloads, sorted.
        refused: File name -> why the file is refused.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import list_annotation_files
        >>> Path("more.json.part").touch()
        >>> Path("nothing.json").touch()
        >>> listing = list_annotation_files(Path("."))
        >>> listing.in_progress
        ['more.json.part']
        >>> listing.refused
        {'nothing.json': 'zero bytes: the download failed, download it again'}
    """

    files: dict[str, AnnotationFile] = field(default_factory=dict)
    in_progress: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def list_annotation_files(folder: Path, pattern: re.Pattern[str] = DEFAULT_NAME_PATTERN) -> AnnotationListing:
    """List the annotation files of a folder, and the set that each of them is.

    An annotation file ends in `.json`, `.json.gz` or `.json.zst`. Other files are ignored. If two files have names
    that give the same set, both are refused, because only the user knows which of them is meant.

    Args:
        folder: Folder of annotation files. Folders inside it are not searched.
        pattern: How annotation files are named; see `annotation_set_name`.

    Returns:
        The files that can be read, those that are still being downloaded, and those that are refused.

    Raises:
        FolderUnreadableError: The folder is missing, is no folder, or may not be read. Mount it, give read
            permission, or correct the setting.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import list_annotation_files
        >>> listing = list_annotation_files(Path("."))
        >>> {key: file.path.name for key, file in listing.files.items()}
        {'set': 'set.json'}
    """
    listing = AnnotationListing()
    by_key: dict[str, list[AnnotationFile]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                file = _sort_entry(entry, listing)
                if file is not None:
                    by_key.setdefault(annotation_set_name(entry.name, pattern).key, []).append(file)
    except OSError as error:
        raise FolderUnreadableError(
            f"the annotation folder cannot be read ({error.strerror or error})",
            where=folder,
            fix="Mount or create it, give read permission, or correct the setting of the folder.",
        ) from error
    for key, files in by_key.items():
        _take_the_only_one(key, files, listing)
    return listing


def _take_the_only_one(key: str, files: list[AnnotationFile], listing: AnnotationListing) -> None:
    if len(files) == 1:
        listing.files[key] = files[0]
        return
    names = [file.path.name for file in files]
    for name in names:
        others = ", ".join(other for other in names if other != name)
        listing.refused[name] = f"gives the same set key {key!r} as {others}: rename or remove all but one of them"


def find_annotation_file(folder: Path, set_key: str, pattern: re.Pattern[str] = DEFAULT_NAME_PATTERN) -> AnnotationFile:
    """Find the annotation file of one set.

    Args:
        folder: Folder of annotation files. Folders inside it are not searched.
        set_key: Key of the set, which the name of the file gives, such as `simhand-50k`.
        pattern: How annotation files are named; see `annotation_set_name`.

    Returns:
        The file, with its size and modification time.

    Raises:
        FolderUnreadableError: The folder is missing, is no folder, or may not be read. Mount it, give read
            permission, or correct the setting.
        AnnotationFileError: No file gives this set, or its file is refused. The message says why; put the file back, or
            replace it.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import find_annotation_file
        >>> find_annotation_file(Path("."), "set").path.name
        'set.json'
    """
    listing = list_annotation_files(folder, pattern)
    if set_key in listing.files:
        return listing.files[set_key]
    for name, reason in listing.refused.items():
        if annotation_set_name(name, pattern).key == set_key:
            raise AnnotationFileError(reason, where=folder / name, fix="Mend or replace this file, then run again.")
    raise AnnotationFileError(
        f"no annotation file gives the set {set_key!r}",
        where=folder,
        fix="Put the file back, or delete the partition in the UI.",
    )


def _sort_entry(entry: os.DirEntry[str], listing: AnnotationListing) -> AnnotationFile | None:
    name = entry.name
    if not name.lower().endswith(ANNOTATION_SUFFIXES):
        if _IN_PROGRESS.fullmatch(name) and ".json" in name.lower():
            listing.in_progress.append(name)
        return None
    if name.startswith("."):
        return None
    try:
        stat = entry.stat()
    except OSError as error:
        listing.refused[name] = f"cannot be read ({error.strerror or error})"
        return None
    if not entry.is_file():
        listing.refused[name] = "not a file"
    elif stat.st_size == 0:
        listing.refused[name] = "zero bytes: the download failed, download it again"
    else:
        return AnnotationFile(Path(entry.path), FileStamp(stat.st_size, stat.st_mtime_ns))
    return None
