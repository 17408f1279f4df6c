"""Pairs of similar hands as one picture: 10 rows of 5 pairs, each anchor beside its positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from hand100m_assets.imaging import CROP_SIZE_PX, ImageBgr, JointOrder, jpeg_size_px, thumbnail_markdown, write_jpeg
from hand100m_assets.render.grids.cells import frame_pair, marked_cell
from hand100m_assets.render.grids.crops import ImagePath, cells_table, cut_crops, label
from hand100m_assets.render.grids.grid_plan import plan_cells

__all__ = [
    "GRID_PAIRS",
    "GRID_SIZE_PX",
    "GridPicture",
    "GridPictures",
    "ImagePath",
    "draw_grid",
    "draw_grids",
    "jpeg_size_px",
    "thumbnail_markdown",
    "write_jpeg",
]

ROWS: Final = 10
PAIRS_PER_ROW: Final = 5
"""Shape of the picture. Source: the original grid script and the published picture."""

GRID_PAIRS: Final = ROWS * PAIRS_PER_ROW
"""Number of pairs that a grid shows."""

GRID_SIZE_PX: Final = ROWS * CROP_SIZE_PX
"""Side of the square picture."""

NO_MORE_PAIRS: Final = "no more pairs"


class _WithCells:
    """Properties that follow from the table of cells."""

    cells: pl.DataFrame

    @property
    def missing(self) -> pl.DataFrame:
        """The cells that should show a hand and do not."""
        return self.cells.filter(pl.col("reason").is_not_null())

    @property
    def cell_count(self) -> int:
        """Number of cells that should show a hand: two per anchor."""
        return self.cells.height


@dataclass(frozen=True)
class GridPicture(_WithCells):
    """One drawn grid.

    Attributes:
        image_bgr: (2240, 2240, 3) uint8.
        cells: What each cell shows, or why it shows nothing (`crops.CELLS_SCHEMA`).
    """

    image_bgr: ImageBgr
    cells: pl.DataFrame


@dataclass(frozen=True)
class GridPictures(_WithCells):
    """The same grid twice, from one pass over the frames.

    Attributes:
        plain: (2240, 2240, 3) uint8, BGR: crops only.
        labelled: The same with skeletons, ids and distances.
        cells: One row per cell that should show a hand; `reason` is null if it does, and otherwise says why not.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.pairs import resolve_pairs
        >>> from hand100m_assets.render.grids import draw_grids
        >>> from hand100m_assets.workspace import image_finder
        >>> hands = pl.read_parquet("tables/hands.parquet")
        >>> grids = draw_grids(resolve_pairs(hands), hands, [0, 1], image_finder(Path("frames"), {}))
        >>> grids.cell_count, grids.missing.height
        (4, 0)
    """

    plain: ImageBgr
    labelled: ImageBgr
    cells: pl.DataFrame


def draw_grid(
    pairs: pl.DataFrame | pl.LazyFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    anchor_rows: Sequence[int],
    image_path: ImagePath,
    *,
    labelled: bool,
    images: pl.DataFrame | pl.LazyFrame | None = None,
    coverage: pl.DataFrame | pl.LazyFrame | None = None,
    neighbours: pl.DataFrame | pl.LazyFrame | None = None,
    joint_order: JointOrder = "mediapipe",
) -> GridPicture:
    """Draw one grid, plain or labelled; arguments as for `draw_grids`, which costs little more for both."""
    both = draw_grids(
        pairs,
        hands,
        anchor_rows,
        image_path,
        images=images,
        coverage=coverage,
        neighbours=neighbours,
        joint_order=joint_order,
    )
    return GridPicture(both.labelled if labelled else both.plain, both.cells)


def draw_grids(
    pairs: pl.DataFrame | pl.LazyFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    anchor_rows: Sequence[int],
    image_path: ImagePath,
    *,
    images: pl.DataFrame | pl.LazyFrame | None = None,
    coverage: pl.DataFrame | pl.LazyFrame | None = None,
    neighbours: pl.DataFrame | pl.LazyFrame | None = None,
    joint_order: JointOrder = "mediapipe",
) -> GridPictures:
    """Draw the grid of these hands and their positives, plain and labelled, and read each frame once.

    A hand that cannot be shown becomes a marked cell and a row of `missing`; it raises nothing. Cells after the last
    anchor are also marked, but do not count as missing. The same input gives the same pixels.

    Args:
        pairs: The pairs table.
        hands: The hands table of the same annotation set.
        anchor_rows: `row_index` of at most 50 hands, in drawing order.
        image_path: Finds an image on disk.
        images: The images table; needed only if `image_path` wants file names.
        coverage: The coverage table of the set, for the reason why a frame is not on disk.
        neighbours: The mined pairs of the set (`row_index`, `neighbour_rows`), for the rank of each positive.
        joint_order: Order of the keypoints in `hands`.

    Returns:
        Both pictures, and what each cell shows.

    Raises:
        ValueError: More than 50 anchors; draw fewer.

    Example:
        >>> from pathlib import Path
        >>> import cv2
        >>> import polars as pl
        >>> from hand100m_assets.pairs import resolve_pairs
        >>> from hand100m_assets.render import draw_grids
        >>> from hand100m_assets.workspace import image_finder
        >>> hands = pl.read_parquet("tables/hands.parquet")
        >>> grids = draw_grids(resolve_pairs(hands), hands, [0, 1, 2], image_finder(Path("frames"), {}))
        >>> cv2.imwrite("grid.jpg", grids.labelled)
        True
    """
    if len(anchor_rows) > GRID_PAIRS:
        raise ValueError(f"a grid has {GRID_PAIRS} places for anchors, not {len(anchor_rows)}")
    cells = plan_cells(pairs, hands, anchor_rows, images, neighbours)
    cut = cut_crops(cells, image_path, coverage)
    plain = np.tile(marked_cell(NO_MORE_PAIRS), (ROWS, 2 * PAIRS_PER_ROW, 1))
    labelled = plain.copy()
    for cell in cells:
        crop = cut.crops.get(cell.index)
        marked = marked_cell(cut.reasons[cell.index]) if crop is None else crop
        _put(plain, cell.index, marked)
        _put(labelled, cell.index, marked if crop is None else label(cell, crop, joint_order))
    for anchor in cells[::2]:
        frame_pair(labelled, *_corner(anchor.index), badge=anchor.badge)
    return GridPictures(plain, labelled, cells_table(cells, cut.reasons))


def _corner(index: int) -> tuple[int, int]:
    row, column = divmod(index, 2 * PAIRS_PER_ROW)
    return column * CROP_SIZE_PX, row * CROP_SIZE_PX


def _put(picture: ImageBgr, index: int, cell_bgr: ImageBgr) -> None:
    left_px, top_px = _corner(index)
    picture[top_px : top_px + CROP_SIZE_PX, left_px : left_px + CROP_SIZE_PX] = cell_bgr
