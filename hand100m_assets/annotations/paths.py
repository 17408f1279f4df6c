"""Finds the path of an annotated image: below the folder of a mapped prefix, or else among the extracted frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import polars as pl

from hand100m_assets.annotations.table_rows import batches
from hand100m_assets.errors import UnsafeIdError
from hand100m_assets.layout import check_video_id, frame_file_name


def image_path(
    file_name: str, video_id: str, frame_index: int, frames_dir: Path, prefixes: Mapping[str, Path] | None = None
) -> Path:
    """Return the path of one annotated image; the file need not exist.

    Args:
        file_name: Name of the image in the annotation file. Only its prefix is used.
        video_id: Id of the video, which is the last folder of `file_name`.
        frame_index: Number of the frame in the video, counted from 0.
        frames_dir: Folder with one folder of frames per video; used if no prefix matches.
        prefixes: Leading folders of `file_name`, each with the folder that holds what follows them. Whole folder
            names are compared, and the longest prefix that matches is used. An empty prefix matches every relative
            name.

    Returns:
        The path below the folder of the prefix, or `<frames_dir>/<video_id>/frame_NNNNNN.jpg`.

    Raises:
        UnsafeIdError: The name or the video id would lead out of its folder. Correct the annotation file.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import image_path
        >>> name = "Hand2M/ego4d/video_a/frame_000030.jpg"
        >>> image_path(name, "video_a", 30, Path("frames")).as_posix()
        'frames/video_a/frame_000030.jpg'
        >>> image_path(name, "video_a", 30, Path("frames"), {"Hand2M": Path("/data")}).as_posix()
        '/data/ego4d/video_a/frame_000030.jpg'
    """
    mapped = mapped_path(file_name, prefixes or {})
    return mapped or frames_dir / check_video_id(video_id) / frame_file_name(frame_index)


def are_at_mapped_places(images: pl.LazyFrame, prefixes: Mapping[str, Path]) -> pl.Series | None:
    """Find the images in the folders of mapped prefixes.

    Args:
        images: The images table; only `file_name` is read, and nothing is read without prefixes.
        prefixes: As for `image_path`.

    Returns:
        One Boolean per row, null if no prefix matches; None if there is no prefix at all.
    """
    if not prefixes:
        return None
    names = (name for batch in batches(images.select("file_name")) for name in batch["file_name"])
    return pl.Series([_is_at_mapped_place(name, prefixes) for name in names], dtype=pl.Boolean)


def _is_at_mapped_place(file_name: str, prefixes: Mapping[str, Path]) -> bool | None:
    try:
        path = mapped_path(file_name, prefixes)
    except UnsafeIdError:
        return False
    return None if path is None else path.is_file()


def mapped_path(file_name: str, prefixes: Mapping[str, Path]) -> Path | None:
    """The path below the folder of the longest prefix that matches; None if none matches.

    Raises:
        UnsafeIdError: The name would lead out of its folder. Correct the annotation file.
    """
    name = PurePosixPath(file_name.replace("\\", "/"))
    matching = [prefix for prefix in prefixes if name.is_relative_to(prefix)] if file_name else []
    if not matching:
        return None
    longest = max(matching, key=lambda prefix: len(PurePosixPath(prefix).parts))
    rest = name.relative_to(longest)
    if ".." in rest.parts:
        raise UnsafeIdError(f"file_name {file_name[:80]!r} leads out of its folder", fix="Correct this record.")
    return prefixes[longest] / rest
