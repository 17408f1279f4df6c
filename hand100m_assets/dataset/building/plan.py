"""Plans which hands of a set are cut, from which videos and in which order, and finds the crops that exist already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import ValidationError

from hand100m_assets.annotations import pairable_hands
from hand100m_assets.dataset.records import CutOrder, ShardRecord, is_intact

Booleans = npt.NDArray[np.bool_]

PLACE: Final = np.dtype(
    [
        ("shard", "<i4"),
        ("offset", "<i8"),
        ("size_bytes", "<u4"),
        ("picture_px", "<u2", (2,)),
        ("region", "<u2", (4,)),
    ]
)
"""Where the crop of a row is; `shard` is -1 if there is none."""


@dataclass(frozen=True)
class HandsByVideo:
    """The hands of a set that can be samples, grouped.

    Attributes:
        pairable: One truth value per row of `hands.parquet`.
        rows: Video id -> rows, in order of frame; the videos are in a mixed order.
        count: Number of rows of `hands.parquet`.
    """

    pairable: Booleans
    rows: dict[str, tuple[int, ...]]
    count: int


def hands_by_video(hands: pl.LazyFrame) -> HandsByVideo:
    """Group the hands that the original loaders could use if all frames were on disk.

    Videos are ordered by a digest of their ids. So neighbours in a shard come from unrelated videos, and the order is
    always the same.
    """
    pairable = pairable_hands(hands).kept
    grouped = (
        hands.select("video_id", "frame_index")
        .with_row_index("row")
        .collect()
        .filter(pl.Series(pairable, dtype=pl.Boolean))
        .sort("frame_index", "row")
        .group_by("video_id", maintain_order=True)
        .agg("row")
    )
    ordered = sorted(grouped.iter_rows(), key=lambda group: hashlib.blake2b(group[0].encode()).digest())
    return HandsByVideo(pairable, {video_id: tuple(rows) for video_id, rows in ordered}, len(pairable))


@dataclass
class CropsHere:
    """Crops of earlier builds that are still valid.

    Attributes:
        places: `PLACE` of each row.
        reasons: Row -> why it cannot be cut, until the video changes.
        shards: Records of the shards, in order; `places` numbers them.
    """

    places: npt.NDArray[Any]
    reasons: dict[int, str] = field(default_factory=dict)
    shards: list[ShardRecord] = field(default_factory=list)

    def add(self, record: ShardRecord, token_now: Callable[[str], str | None]) -> None:
        """Add a shard, without crops of videos that changed; crops of videos with unknown state are kept."""
        number = len(self.shards)
        self.shards.append(record)
        for cut in record.videos:
            if token_now(cut.video_id) not in (None, cut.token):
                continue
            for row, offset, size_bytes, width_px, height_px, *region in cut.members:
                self.places[row] = (number, offset, size_bytes, (width_px, height_px), tuple(region))
                self.reasons.pop(row, None)
            if cut.for_good:
                self.reasons.update(cut.missing)


def crops_here(folder: Path, order: CutOrder, hands: HandsByVideo, token_now: Callable[[str], str | None]) -> CropsHere:
    """Read the records of complete shards of this order."""
    places = np.zeros(hands.count, dtype=PLACE)
    places["shard"] = -1
    here = CropsHere(places)
    for record in shard_records(folder):
        if record.order == order:
            here.add(record, token_now)
    return here


def shard_records(folder: Path) -> Iterator[ShardRecord]:
    """Records of shards whose tar file is complete; others are skipped and made again."""
    for path in sorted(folder.glob("shard-*.json")):
        try:
            record = ShardRecord.model_validate_json(path.read_bytes())
            size_bytes = (folder / record.shard.name).stat().st_size
        except (OSError, ValidationError):
            continue
        if size_bytes == record.shard.size_bytes and is_intact(record):
            yield record


def outstanding(hands: HandsByVideo, here: CropsHere) -> Mapping[str, tuple[int, ...]]:
    """Video id -> rows that still have to be cut."""
    shards, reasons = here.places["shard"], here.reasons
    wanted = {
        video_id: tuple(row for row in rows if shards[row] < 0 and row not in reasons)
        for video_id, rows in hands.rows.items()
    }
    return {video_id: rows for video_id, rows in wanted.items() if rows}


def missing_hands(hands: pl.LazyFrame, kept: Booleans, reasons: Mapping[int, str]) -> pl.DataFrame:
    """Every hand that is not a sample, and why.

    Returns:
        `row_index`, `hand_id`, `video_id`, `frame_index`, `reason`.
    """
    rows = np.flatnonzero(~kept)
    columns = ["row_index", "hand_id", "video_id", "frame_index"]
    first = {"positive": pl.col("positives").list.first(), "distance": pl.col("distances").list.first()}
    table = hands.select(*columns, **first).collect()
    ids = table["hand_id"]
    of_crop = pl.Series([reasons.get(int(row)) for row in rows], dtype=pl.String)
    facts = table.with_columns(
        is_first=pl.col("hand_id").is_first_distinct(), is_known=pl.col("positive").is_in(ids.implode())
    )[rows]
    positive = pl.col("positive")
    reason = (
        pl.when(of_crop.is_not_null())
        .then(of_crop)
        .when(pl.col("video_id").is_null())
        .then(pl.lit("no image"))
        .when(~pl.col("is_first"))
        .then(pl.lit("duplicate hand id"))
        .when(positive.is_null())
        .then(pl.lit("no positive"))
        .when(positive == pl.col("hand_id"))
        .then(pl.lit("positive is the hand itself"))
        .when(~pl.col("is_known"))
        .then(pl.lit("positive not in this set"))
        .when(pl.col("distance").is_null())
        .then(pl.lit("no distance"))
        .otherwise(pl.lit("positive is left out itself"))
    )
    return facts.with_columns(reason=reason).select(*columns, "reason")
