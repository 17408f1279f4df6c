"""Pairs of similar hands as one picture: 10 rows of 5 pairs, each anchor beside its positive."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import polars as pl

from hand100m_assets.errors import EmptyCropError
from hand100m_assets.render.cells import frame_pair, labelled_cell, marked_cell
from hand100m_assets.render.crop import CROP_SIZE_PX, ImageBgr, crop_hand
from hand100m_assets.render.grid_plan import Cell, DrawableHand, plan_cells
from hand100m_assets.render.jpeg import jpeg_size_px, read_image, thumbnail_markdown, write_jpeg
from hand100m_assets.render.skeleton import JointOrder

__all__ = [
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

GRID_SIZE_PX: Final = ROWS * CROP_SIZE_PX
"""Side of the square picture."""

NO_MORE_PAIRS: Final = "no more pairs"

MISSING_SCHEMA: Final = pl.Schema(
    {
        "cell": pl.UInt32,
        "row_index": pl.UInt32,
        "hand_id": pl.Int64,
        "video_id": pl.String,
        "frame_index": pl.Int32,
        "reason": pl.String,
    }
)
"""One row a cell that shows no hand; `cell` counts from 0, row by row; ids are null where unknown."""


class ImagePath(Protocol):
    """Where an annotated image lies on disk, whether or not it is there."""

    def __call__(self, video_id: str, frame_index: int, file_name: str | None, /) -> Path:
        """Path of one frame; `file_name` is that of the annotation file, or None where it is not known."""


@dataclass(frozen=True)
class GridPicture:
    """One drawn grid.

    Attributes:
        image_bgr: (2240, 2240, 3) uint8.
        missing: Cells that show no hand though they should (`MISSING_SCHEMA`).
        cell_count: Cells that should show a hand: two an anchor.
    """

    image_bgr: ImageBgr
    missing: pl.DataFrame
    cell_count: int


@dataclass(frozen=True)
class GridPictures:
    """The same grid twice, from one pass over the frames; the fields are those of `GridPicture`."""

    plain: ImageBgr
    labelled: ImageBgr
    missing: pl.DataFrame
    cell_count: int


def draw_grid(
    pairs: pl.DataFrame | pl.LazyFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    anchor_rows: Sequence[int],
    image_path: ImagePath,
    *,
    labelled: bool,
    images: pl.DataFrame | pl.LazyFrame | None = None,
    joint_order: JointOrder = "mediapipe",
) -> GridPicture:
    """Draw one grid, plain or labelled; arguments as for `draw_grids`, which costs little more for both."""
    both = draw_grids(pairs, hands, anchor_rows, image_path, images=images, joint_order=joint_order)
    return GridPicture(both.labelled if labelled else both.plain, both.missing, both.cell_count)


def draw_grids(
    pairs: pl.DataFrame | pl.LazyFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    anchor_rows: Sequence[int],
    image_path: ImagePath,
    *,
    images: pl.DataFrame | pl.LazyFrame | None = None,
    joint_order: JointOrder = "mediapipe",
) -> GridPictures:
    """Draw the grid of these hands and their positives, plain and labelled, reading each frame once.

    A hand that cannot be shown becomes a marked cell and a row of `missing`; nothing of that raises. Places
    beyond the last anchor are marked too, but are not missing. The same input gives the same pixels.

    Args:
        pairs: The pairs table.
        hands: The hands table of the same annotation set.
        anchor_rows: `row_index` of at most 50 hands, in drawing order.
        image_path: Finds an image on disk.
        images: The images table, when `image_path` wants to see file names.
        joint_order: Order of the keypoints in `hands`.

    Raises:
        ValueError: More anchors than places.
    """
    if len(anchor_rows) > ROWS * PAIRS_PER_ROW:
        raise ValueError(f"{len(anchor_rows)} anchors do not fit into {ROWS * PAIRS_PER_ROW} places")
    cells = plan_cells(pairs, hands, anchor_rows, images)
    crops, reasons = _cut_crops(cells, image_path)
    plain = np.tile(marked_cell(NO_MORE_PAIRS), (ROWS, 2 * PAIRS_PER_ROW, 1))
    labelled = plain.copy()
    for cell in cells:
        crop = crops.get(cell.index)
        marked = marked_cell(reasons[cell.index]) if crop is None else crop
        _put(plain, cell.index, marked)
        _put(labelled, cell.index, marked if crop is None else _label(cell, crop, joint_order))
    for anchor in cells[::2]:
        frame_pair(labelled, *_corner(anchor.index), badge=anchor.badge)
    return GridPictures(plain, labelled, _missing_table(cells, reasons), len(cells))


def _corner(index: int) -> tuple[int, int]:
    row, column = divmod(index, 2 * PAIRS_PER_ROW)
    return column * CROP_SIZE_PX, row * CROP_SIZE_PX


def _put(picture: ImageBgr, index: int, cell_bgr: ImageBgr) -> None:
    left_px, top_px = _corner(index)
    picture[top_px : top_px + CROP_SIZE_PX, left_px : left_px + CROP_SIZE_PX] = cell_bgr


def _label(cell: Cell, crop: ImageBgr, joint_order: JointOrder) -> ImageBgr:
    hand = cell.drawable
    lines = (f"{hand.handedness} #{cell.hand_id}", f"{_short(hand.video_id)} frame {hand.frame_index}")
    return labelled_cell(crop, hand.keypoints, hand.handedness, lines, joint_order=joint_order)


def _short(video_id: str) -> str:
    return video_id if len(video_id) <= 11 else f"{video_id[:8]}.."


def _cut_crops(cells: Sequence[Cell], image_path: ImagePath) -> tuple[dict[int, ImageBgr], dict[int, str]]:
    """Crops by cell, and reasons by cell for the others; frames are decoded once each, on several cores."""
    reasons = {cell.index: cell.reason for cell in cells if cell.reason is not None}
    by_path: dict[Path, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.hand is not None:
            path = image_path(cell.hand.video_id, cell.hand.frame_index, cell.hand.file_name)
            by_path[path].append(cell)
    crops: dict[int, ImageBgr] = {}
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:
        for outcomes in threads.map(_cut_from_frame, by_path.keys(), by_path.values()):
            for index, outcome in outcomes.items():
                if isinstance(outcome, str):
                    reasons[index] = outcome
                else:
                    crops[index] = outcome
    return crops, reasons


def _cut_from_frame(path: Path, cells: Sequence[Cell]) -> dict[int, ImageBgr | str]:
    image = read_image(path)
    if isinstance(image, str):
        return {cell.index: image for cell in cells}
    return {cell.index: _cut(image, cell.drawable) for cell in cells}


def _cut(image_bgr: ImageBgr, hand: DrawableHand) -> ImageBgr | str:
    try:
        return crop_hand(image_bgr, hand.box_px, hand.handedness)
    except EmptyCropError as error:
        return error.what


def _missing_table(cells: Sequence[Cell], reasons: dict[int, str]) -> pl.DataFrame:
    rows = [
        (cell.index, cell.row_index, cell.hand_id, cell.video_id, cell.frame_index, reasons[cell.index])
        for cell in cells
        if cell.index in reasons
    ]
    return pl.DataFrame(rows, schema=MISSING_SCHEMA, orient="row")
