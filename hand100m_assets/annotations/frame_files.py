"""Which images of a set can be opened where they lie, and of which size they are there."""

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
"""Looks at once: on a network drive each waits for an answer."""


@dataclass(frozen=True)
class FrameFiles:
    """Where the images of a set lie on this machine.

    Attributes:
        frames_dir: Folder of frame folders.
        prefixes: Prefix of `file_name` -> folder that holds those images; as of `image_path`.
        name_mapped: Whether files for other tools name an image under such a prefix by its full path.
    """

    frames_dir: Path
    prefixes: Mapping[str, Path] = field(default_factory=dict)
    name_mapped: bool = False

    def looks(self, batches: Iterator[pl.DataFrame]) -> pl.DataFrame:
        """Look at each image; of a plain JPEG only its two ends are read.

        Args:
            batches: Rows of the images table.

        Returns:
            Columns of `LOOKS_SCHEMA`, a row each.
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
        """Which images are where one of `prefixes` leads.

        Args:
            images: The images table; only `file_name` is read, and nothing is read where there is no prefix.

        Returns:
            One Boolean per row, null where no prefix matches; None where there is no prefix at all.
        """
        return are_at_mapped_places(images, self.prefixes)

    def full_names(self, images: pl.DataFrame) -> pl.Series:
        """Full path of each image that is to be named so, null for the others."""
        mapped = (mapped_path(name, self.prefixes) if self.name_mapped else None for name in images["file_name"])
        return pl.Series("full_name", [None if path is None else str(path.absolute()) for path in mapped], pl.String)


def _names(images: pl.DataFrame) -> Iterator[tuple[str, str, int]]:
    return images.select("file_name", "video_id", "frame_index").iter_rows()
