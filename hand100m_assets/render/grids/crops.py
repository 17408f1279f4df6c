"""Cuts the crops of all cells. Each frame is read once, and a cell that cannot be shown gets a reason."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from hand100m_assets.errors import EmptyCropError
from hand100m_assets.imaging import NOT_ON_DISK, ImageBgr, JointOrder, crop_hand, read_image
from hand100m_assets.render.grids.cells import labelled_cell
from hand100m_assets.render.grids.grid_plan import Cell, DrawableHand

CELLS_SCHEMA: Final = pl.Schema(
    {
        "cell": pl.UInt32,
        "row_index": pl.UInt32,
        "hand_id": pl.Int64,
        "video_id": pl.String,
        "frame_index": pl.Int32,
        "reason": pl.String,
    }
)
"""One row per cell that should show a hand; `cell` counts from 0, row by row; ids are null if unknown. `reason` is null
if the hand is shown, else it says why it is not."""


class ImagePath(Protocol):
    """A function that returns the path of an annotated image; the file need not exist.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.render.grids import ImagePath
        >>> def in_frames(video_id: str, frame_index: int, file_name: str | None, /) -> Path:
        ...     return Path("frames", video_id, f"frame_{frame_index:06d}.jpg")
        >>> image_path: ImagePath = in_frames
        >>> image_path("video_a", 30, None).exists()
        True
    """

    def __call__(self, video_id: str, frame_index: int, file_name: str | None, /) -> Path:
        """Find one image.

        Args:
            video_id: Its video.
            frame_index: Its decoded frame, from 0.
            file_name: Name in the annotation file; None if it is not known.

        Returns:
            Path of the image.
        """


@dataclass(frozen=True)
class CutCells:
    """Crops by cell index, and reasons by cell index for all others."""

    crops: dict[int, ImageBgr]
    reasons: dict[int, str]


def cut_crops(
    cells: Sequence[Cell], image_path: ImagePath, coverage: pl.DataFrame | pl.LazyFrame | None = None
) -> CutCells:
    """Cut the crop of every cell. Each frame is decoded once, on several cores.

    Args:
        cells: The cells to fill.
        image_path: Finds an image on disk.
        coverage: The coverage table of the set, which says why a frame is not on disk.
    """
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
    return CutCells(crops, _with_causes(reasons, cells, coverage))


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


def _with_causes(
    reasons: dict[int, str], cells: Sequence[Cell], coverage: pl.DataFrame | pl.LazyFrame | None
) -> dict[int, str]:
    """The same, with the reason of the coverage table instead of the fact that a file does not exist."""
    absent = {cell.index: cell for cell in cells if reasons.get(cell.index) == NOT_ON_DISK}
    if coverage is None or not absent:
        return reasons
    wanted = pl.LazyFrame(
        [(cell.video_id, cell.frame_index) for cell in absent.values()],
        schema={"video_id": pl.String, "frame_index": pl.Int32},
        orient="row",
    ).unique()
    told = coverage.lazy().select("video_id", "frame_index", "reason").filter(pl.col("reason").is_not_null())
    found = told.join(wanted, on=["video_id", "frame_index"], how="semi").collect()
    causes = {(video_id, frame_index): reason for video_id, frame_index, reason in found.iter_rows()}
    better = {index: causes.get((cell.video_id, cell.frame_index), NOT_ON_DISK) for index, cell in absent.items()}
    return {**reasons, **better}


def cells_table(cells: Sequence[Cell], reasons: Mapping[int, str]) -> pl.DataFrame:
    """What each cell shows, or why it shows nothing: `CELLS_SCHEMA`."""
    rows = [
        (cell.index, cell.row_index, cell.hand_id, cell.video_id, cell.frame_index, reasons.get(cell.index))
        for cell in cells
    ]
    return pl.DataFrame(rows, schema=CELLS_SCHEMA, orient="row")


def label(cell: Cell, crop_bgr: ImageBgr, joint_order: JointOrder, *, first_line: str = "") -> ImageBgr:
    """The crop with its skeleton, handedness, id, video and frame; `first_line` comes above these."""
    hand = cell.drawable
    lines = (first_line, f"{hand.handedness} #{cell.hand_id}", f"{short_id(hand.video_id)} frame {hand.frame_index}")
    shown = tuple(line for line in lines if line)
    return labelled_cell(crop_bgr, hand.keypoints, hand.handedness, shown, joint_order=joint_order)


def short_id(video_id: str) -> str:
    """Shorten a video id so that it fits below a crop: a YouTube id stays whole, a UUID keeps its first part.

    Args:
        video_id: The whole id.

    Returns:
        At most 11 characters.

    Example:
        >>> from hand100m_assets.render.grids import short_id
        >>> short_id("dQw4w9WgXcQ")
        'dQw4w9WgXcQ'
    """
    return video_id if len(video_id) <= 11 else f"{video_id[:8]}.."
