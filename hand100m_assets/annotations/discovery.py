"""Which annotation files are here, and the set each of them is."""

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
    """One file under its final name."""

    path: Path
    stamp: FileStamp


@dataclass(frozen=True)
class AnnotationListing:
    """One look at a folder.

    Attributes:
        files: Set key -> file.
        in_progress: Names of unfinished downloads, sorted.
        refused: File name -> why it is not taken.
    """

    files: dict[str, AnnotationFile] = field(default_factory=dict)
    in_progress: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def list_annotation_files(folder: Path, pattern: re.Pattern[str] = DEFAULT_NAME_PATTERN) -> AnnotationListing:
    """Look at a folder of annotation files once; other files are passed over.

    Files that would be the same set are all refused: which of them was meant, only the user can say.

    Args:
        folder: Not searched deeper.
        pattern: Of file names, as in `annotation_set_name`.

    Raises:
        FolderUnreadableError: The folder is missing, no folder or not permitted; mount it or correct the setting.
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
    """The file of one annotation set.

    Args:
        folder: As for `list_annotation_files`.
        set_key: Key that the file's name gives.
        pattern: Of file names, as in `annotation_set_name`.

    Raises:
        FolderUnreadableError: As `list_annotation_files`.
        AnnotationFileError: No file gives this set, or the one that would cannot be taken; the message says why.
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
