"""Finds the hand of each cell of a grid in the tables. Nothing is drawn or read from disk here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from hand100m_assets.imaging import Keypoints

_PAIR_COLUMNS: Final = (
    "row_index",
    "positive_hand_id",
    "positive_row_index",
    "positive_video_id",
    "positive_frame_index",
    "distance",
    "pose_distance",
    "same_video",
    "reason",
)
_IMAGE_COLUMNS: Final = ("image_id", "file_name")
HAND_COLUMNS: Final = (
    "row_index",
    "hand_id",
    "image_id",
    "video_id",
    "frame_index",
    "box_px",
    "keypoints",
    "handedness",
)


@dataclass(frozen=True, eq=False)
class DrawableHand:
    """The data for drawing one hand: its frame, its box in the frame, its keypoints as in the annotation files."""

    video_id: str
    frame_index: int
    file_name: str | None
    box_px: tuple[float, ...]
    keypoints: Keypoints
    handedness: str


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell of the grid: a drawable hand, or the reason why there is none.

    Attributes:
        index: Position, counted row by row; even for anchors, odd for positives.
        badge: Text about the pair, on the cell of the anchor.
    """

    index: int
    row_index: int | None
    hand_id: int | None
    video_id: str | None
    frame_index: int | None
    hand: DrawableHand | None
    reason: str | None
    badge: str = ""

    @property
    def drawable(self) -> DrawableHand:
        """The hand of a cell that has one."""
        assert self.hand is not None
        return self.hand


def plan_cells(
    pairs: pl.DataFrame | pl.LazyFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    anchor_rows: Sequence[int],
    images: pl.DataFrame | pl.LazyFrame | None,
    neighbours: pl.DataFrame | pl.LazyFrame | None = None,
) -> list[Cell]:
    """Two cells per anchor: the hand itself, then its positive."""
    pair_by_row = rows_by_key(pairs, "row_index", anchor_rows, _PAIR_COLUMNS)
    ranks = _ranks(pair_by_row, neighbours)
    positive_rows = [pair["positive_row_index"] for pair in pair_by_row.values()]
    wanted = {row for row in (*anchor_rows, *positive_rows) if row is not None}
    hand_by_row = rows_by_key(hands, "row_index", wanted, HAND_COLUMNS)
    file_names = file_names_of(images, hand_by_row)
    cells: list[Cell] = []
    for place, row in enumerate(anchor_rows):
        pair = pair_by_row.get(row)
        anchor = hand_by_row.get(row, {"row_index": row})
        cells.append(hand_cell(2 * place, anchor, file_names, badge=_badge(pair, ranks.get(row, ""))))
        cells.append(_positive_cell(2 * place + 1, pair, hand_by_row, file_names))
    return cells


def rows_by_key(
    table: pl.DataFrame | pl.LazyFrame, key: str, wanted: Iterable[Any], columns: Sequence[str]
) -> dict[Any, dict[str, Any]]:
    """Key -> row, for the wanted keys; the rest of the table is not loaded."""
    lazy = table.lazy().select(columns)
    keys = pl.Series(sorted(set(wanted)), dtype=lazy.collect_schema()[key])
    return {row[key]: row for row in lazy.filter(pl.col(key).is_in(keys.implode())).collect().iter_rows(named=True)}


def file_names_of(
    images: pl.DataFrame | pl.LazyFrame | None, hand_by_row: Mapping[int, Mapping[str, Any]]
) -> dict[str, str]:
    """Image id -> file name, for the images of these hands; empty without an images table."""
    if images is None:
        return {}
    rows = rows_by_key(images, "image_id", {hand["image_id"] for hand in hand_by_row.values()}, _IMAGE_COLUMNS)
    return {image_id: row["file_name"] for image_id, row in rows.items()}


def _ranks(
    pair_by_row: Mapping[int, Mapping[str, Any]], neighbours: pl.DataFrame | pl.LazyFrame | None
) -> dict[int, str]:
    """Rank of each positive among the mined neighbours of its anchor, in words; 1 is the nearest."""
    if neighbours is None:
        return {}
    lists = rows_by_key(neighbours, "row_index", pair_by_row, ("row_index", "neighbour_rows"))
    ranks = {}
    for row, found in lists.items():
        nearest, positive = list(found["neighbour_rows"]), pair_by_row[row]["positive_row_index"]
        if positive in nearest:
            ranks[row] = f"rank {nearest.index(positive) + 1}"
        elif positive is not None and not pair_by_row[row]["same_video"]:
            ranks[row] = f"rank > {len(nearest)}"
    return ranks


def _positive_cell(
    index: int,
    pair: Mapping[str, Any] | None,
    hand_by_row: Mapping[int, Mapping[str, Any]],
    file_names: Mapping[str, str],
) -> Cell:
    if pair is None:
        return hand_cell(index, {}, file_names, reason="no pair of this hand in the table")
    known = {
        "row_index": pair["positive_row_index"],
        "hand_id": pair["positive_hand_id"],
        "video_id": pair["positive_video_id"],
        "frame_index": pair["positive_frame_index"],
    }
    if pair["positive_row_index"] is None:
        return hand_cell(index, known, file_names, reason=pair["reason"] or "positive not found")
    return hand_cell(index, hand_by_row.get(pair["positive_row_index"], known), file_names)


def hand_cell(
    index: int,
    hand: Mapping[str, Any],
    file_names: Mapping[str, str],
    *,
    reason: str | None = None,
    badge: str = "",
) -> Cell:
    """A cell for a row of the hands table, for a hand without a row, or for a given reason."""
    if reason is None and "box_px" not in hand:
        reason = "hand not in the table: its record was rejected"
    if reason is None and (hand["frame_index"] is None or hand["video_id"] is None):
        reason = "the hand's image record is missing or was rejected"
    return Cell(
        index=index,
        row_index=hand.get("row_index"),
        hand_id=hand.get("hand_id"),
        video_id=hand.get("video_id"),
        frame_index=hand.get("frame_index"),
        hand=None if reason else _drawable(hand, file_names),
        reason=reason,
        badge=badge,
    )


def _drawable(hand: Mapping[str, Any], file_names: Mapping[str, str]) -> DrawableHand:
    return DrawableHand(
        video_id=hand["video_id"],
        frame_index=hand["frame_index"],
        file_name=file_names.get(hand["image_id"]),
        box_px=tuple(hand["box_px"]),
        keypoints=np.asarray(hand["keypoints"], dtype=np.float32),
        handedness=hand["handedness"],
    )


def _badge(pair: Mapping[str, Any] | None, rank: str) -> str:
    if pair is None:
        return ""
    parts = [
        "" if pair["distance"] is None else f"stated {pair['distance']:.3f}",
        "" if pair["pose_distance"] is None else f"pose {pair['pose_distance']:.3f}",
        rank,
        "same video" if pair["same_video"] else "",
    ]
    return "   ".join(part for part in parts if part)
