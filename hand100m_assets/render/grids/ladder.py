"""The ladder: one row per hand, with its 1st, 2nd, 5th, 10th, 50th and 100th nearest hand of other videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from hand100m_assets.imaging import CROP_SIZE_PX, ImageBgr, JointOrder
from hand100m_assets.render.grids.cells import marked_cell
from hand100m_assets.render.grids.crops import ImagePath, cells_table, cut_crops, label
from hand100m_assets.render.grids.grid_plan import HAND_COLUMNS, Cell, file_names_of, hand_cell, rows_by_key
from hand100m_assets.render.grids.sheet import Sheet, headed, paper

RANKS: Final = (1, 2, 5, 10, 50, 100)
"""Which neighbours are shown, 1 being the nearest."""

LADDER_ROWS: Final = 10
"""Number of anchors that a ladder shows, one per row."""

_ROW_GAP_PX: Final = 6
_ANCHOR_GAP_PX: Final = 14


@dataclass(frozen=True)
class _Rungs:
    """Cells that should show a hand, and the texts of the cells without one."""

    cells: list[Cell]
    ended: dict[int, str]


def draw_ladder(
    neighbours: pl.DataFrame | pl.LazyFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    anchor_rows: Sequence[int],
    image_path: ImagePath,
    *,
    title: str = "Nearest hands of other videos",
    subtitle: str = "",
    ranks: Sequence[int] = RANKS,
    images: pl.DataFrame | pl.LazyFrame | None = None,
    coverage: pl.DataFrame | pl.LazyFrame | None = None,
    joint_order: JointOrder = "mediapipe",
) -> Sheet:
    """Draw one row per hand: the hand, then its neighbours of the given ranks with rank and distance.

    A hand that cannot be shown becomes a marked cell with the reason. A rank beyond the mined neighbours becomes a
    marked cell that says so; it does not count as missing. The same input gives the same pixels.

    Args:
        neighbours: `row_index` u32, `neighbour_rows` List(u32) and `neighbour_distances` List(f32), nearest first.
        hands: The hands table of the same annotation set.
        anchor_rows: `row_index` of the hands, in drawing order.
        image_path: Finds an image on disk.
        title: Headline.
        subtitle: Second line.
        ranks: Columns after the first; 1 is the nearest hand.
        images: The images table; needed only if `image_path` wants file names.
        coverage: The coverage table of the set, for the reason why a frame is not on disk.
        joint_order: Order of the keypoints in `hands`.

    Returns:
        The picture, and what each of its cells shows.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.render import draw_ladder
        >>> from hand100m_assets.workspace import image_finder
        >>> hands = pl.read_parquet("tables/hands.parquet")
        >>> neighbours = pl.DataFrame(
        ...     {"row_index": [0], "neighbour_rows": [[2, 3]], "neighbour_distances": [[0.02, 0.05]]},
        ...     schema_overrides={"row_index": pl.UInt32, "neighbour_rows": pl.List(pl.UInt32)},
        ... )
        >>> sheet = draw_ladder(neighbours, hands, [0], image_finder(Path("frames"), {}), ranks=(1, 2))
        >>> sheet.cells["row_index"].to_list(), sheet.missing.height
        ([0, 2, 3], 0)
    """
    rungs = _plan(neighbours, hands, anchor_rows, images, ranks)
    cut = cut_crops(rungs.cells, image_path, coverage)
    columns = len(ranks) + 1
    body = paper(len(anchor_rows), columns, _ROW_GAP_PX, _ANCHOR_GAP_PX)
    for cell in rungs.cells:
        crop = cut.crops.get(cell.index)
        shown = marked_cell(cut.reasons[cell.index]) if crop is None else crop
        _put(
            body, cell.index, columns, shown if crop is None else label(cell, crop, joint_order, first_line=cell.badge)
        )
    for index, words in rungs.ended.items():
        _put(body, index, columns, marked_cell(words))
    titles = ["anchor", *(f"{ordinal(rank)} nearest" for rank in ranks)]
    middles = [(_left_px(column) + CROP_SIZE_PX // 2, text) for column, text in enumerate(titles)]
    return Sheet(headed(body, title, subtitle, middles), cells_table(rungs.cells, cut.reasons))


def _plan(
    neighbours: pl.DataFrame | pl.LazyFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    anchor_rows: Sequence[int],
    images: pl.DataFrame | pl.LazyFrame | None,
    ranks: Sequence[int],
) -> _Rungs:
    columns = ("row_index", "neighbour_rows", "neighbour_distances")
    mined = rows_by_key(neighbours, "row_index", anchor_rows, columns)
    shown = {row for found in mined.values() for row in _at(found["neighbour_rows"], ranks).values()}
    hand_by_row = rows_by_key(hands, "row_index", shown.union(anchor_rows), HAND_COLUMNS)
    file_names = file_names_of(images, hand_by_row)
    rungs = _Rungs([], {})
    for place, row in enumerate(anchor_rows):
        first = place * (len(ranks) + 1)
        rungs.cells.append(hand_cell(first, hand_by_row.get(row, {"row_index": row}), file_names))
        found = mined.get(row)
        rows, distances = (_at(found[name], ranks) if found else {} for name in columns[1:])
        for index, rank in enumerate(ranks, start=first + 1):
            if rank in rows:
                known = hand_by_row.get(rows[rank], {"row_index": rows[rank]})
                rungs.cells.append(
                    hand_cell(index, known, file_names, badge=f"rank {rank}   distance {distances[rank]:.4f}")
                )
            else:
                rungs.ended[index] = _why_ended(found)
    return rungs


def _why_ended(mined: Mapping[str, Any] | None) -> str:
    return f"no further neighbour: {len(mined['neighbour_rows'])} mined" if mined else "hand was not mined"


def _at(values: Sequence[Any], ranks: Sequence[int]) -> dict[int, Any]:
    return {rank: values[rank - 1] for rank in ranks if rank <= len(values)}


def _left_px(column: int) -> int:
    return column * CROP_SIZE_PX + (_ANCHOR_GAP_PX if column else 0)


def _put(body: ImageBgr, index: int, columns: int, cell_bgr: ImageBgr) -> None:
    row, column = divmod(index, columns)
    left_px, top_px = _left_px(column), row * (CROP_SIZE_PX + _ROW_GAP_PX)
    body[top_px : top_px + CROP_SIZE_PX, left_px : left_px + CROP_SIZE_PX] = cell_bgr


def ordinal(rank: int) -> str:
    """Write a number as a rank.

    Args:
        rank: From 0 on.

    Returns:
        `1st`, `2nd`, `3rd`, `4th`, `11th`, `21st` and so on.

    Example:
        >>> from hand100m_assets.render.grids import ordinal
        >>> [ordinal(rank) for rank in (1, 2, 11, 23)]
        ['1st', '2nd', '11th', '23rd']
    """
    suffix = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{suffix}"
