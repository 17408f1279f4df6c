"""Where an annotated image lies on disk: by mapped prefix of its file name, else among our own frames."""

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
    """Path of one annotated image, whether or not it is there.

    Args:
        file_name: As in the annotation file; only looked at for its prefix.
        video_id: Last folder of the file name.
        frame_index: Its frame number.
        frames_dir: Folder of frame folders, used when no prefix matches.
        prefixes: Leading folders of `file_name` -> folder that holds what follows them; whole folder names are
            compared, and the longest match counts. An empty prefix matches every relative name.

    Raises:
        UnsafeIdError: The name would lead out of its folder; correct the annotation file.
    """
    mapped = mapped_path(file_name, prefixes or {})
    return mapped or frames_dir / check_video_id(video_id) / frame_file_name(frame_index)


def are_at_mapped_places(images: pl.LazyFrame, prefixes: Mapping[str, Path]) -> pl.Series | None:
    """Of each image whether it is where a mapped prefix leads, null where no prefix matches.

    Args:
        images: The images table; only `file_name` is read, and nothing where no prefix is mapped.
        prefixes: As of `image_path`.

    Returns:
        A truth value a row, or None where no prefix is mapped.
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
    """Where the longest prefix leads; None where none matches.

    Raises:
        UnsafeIdError: The name would lead out of its folder; correct the annotation file.
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
