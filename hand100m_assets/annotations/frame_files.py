"""Finds the images of a set that can be opened on this machine, and their sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.annotations.paths import are_at_mapped_places, image_path, mapped_path
from hand100m_assets.errors import UnsafeIdError
from hand100m_assets.imaging import NOT_ON_DISK, image_size_px

LOOKS_SCHEMA: Final = pl.Schema({"width_px": pl.Int32(), "height_px": pl.Int32(), "fault": pl.String()})
"""Size of an image on disk, or why it cannot be opened."""

_THREADS: Final = 8
"""Number of files that are opened at the same time: on a network drive each waits for an answer."""


@dataclass(frozen=True)
class FrameFiles:
    """Where the images of a set are on this machine.

    Attributes:
        frames_dir: Folder with one folder of frames per video.
        prefixes: Leading folders of `file_name`, each with the folder that holds what follows them; see `image_path`.
        name_mapped: Whether an export names an image that matches a prefix by its full path.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.annotations import FrameFiles
        >>> files = FrameFiles(Path("frames"))
        >>> files.looks(iter([pl.read_parquet("tables/images.parquet")])).row(0)
        (320, 240, None)
        >>> images = pl.scan_parquet("tables/images.parquet")
        >>> FrameFiles(Path("frames"), {"Hand2M/ego4d": Path("frames")}).are_at_mapped_places(images).to_list()
        [True, True, True, True]
    """

    frames_dir: Path
    prefixes: Mapping[str, Path] = field(default_factory=dict)
    name_mapped: bool = False

    def looks(self, batches: Iterator[pl.DataFrame]) -> pl.DataFrame:
        """Open each image and read its size. Only the two ends of a plain JPEG are read.

        Args:
            batches: Parts of the images table; `file_name`, `video_id` and `frame_index` are read.

        Returns:
            One row per image with `width_px` and `height_px` (Int32, null if the image cannot be opened) and
            `fault` (text, why it cannot be opened; null if it can).
        """
        with ThreadPoolExecutor(_THREADS) as pool:
            found = [
                pl.DataFrame(list(pool.map(self._look, _names(batch))), schema=LOOKS_SCHEMA, orient="row")
                for batch in batches
            ]
        return pl.concat(found) if found else pl.DataFrame(schema=LOOKS_SCHEMA)

    def _look(self, name: tuple[str, str, int]) -> tuple[int | None, int | None, str | None]:
        try:
            size_px = image_size_px(image_path(*name, self.frames_dir, self.prefixes))
        except UnsafeIdError:
            return None, None, NOT_ON_DISK
        return (None, None, size_px) if isinstance(size_px, str) else (*size_px, None)

    def are_at_mapped_places(self, images: pl.LazyFrame) -> pl.Series | None:
        """Find the images in the folders of `prefixes`.

        Args:
            images: The images table; only `file_name` is read, and nothing is read without prefixes.

        Returns:
            One Boolean per row, null if no prefix matches; None if there is no prefix at all.
        """
        return are_at_mapped_places(images, self.prefixes)

    def full_names(self, images: pl.DataFrame) -> pl.Series:
        """Full paths of images, as an export names them.

        Args:
            images: Part of the images table; only `file_name` is read.

        Returns:
            One text per row: the full path if `name_mapped` is set and a prefix matches, else null.
        """
        mapped = (mapped_path(name, self.prefixes) if self.name_mapped else None for name in images["file_name"])
        return pl.Series("full_name", [None if path is None else str(path.absolute()) for path in mapped], pl.String)


def _names(images: pl.DataFrame) -> Iterator[tuple[str, str, int]]:
    return images.select("file_name", "video_id", "frame_index").iter_rows()
