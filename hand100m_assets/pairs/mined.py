"""The table of mined pairs: every hand that can be compared, with its nearest hands of other videos."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final, Literal, TypeAlias

import numpy as np
import polars as pl

from hand100m_assets.files import output_errors, table_output_errors
from hand100m_assets.interrupts import half_made
from hand100m_assets.pairs.approximate import ApproximateSearch
from hand100m_assets.pairs.embed import Embedding, EmbeddingOptions, embed_hands
from hand100m_assets.pairs.mine import ExactSearch, Neighbours, Progress

Engine: TypeAlias = Literal["exact", "faiss"]
"""How neighbours are mined: `exact`, or `faiss`, which is approximate and needs the extra `ann`."""
MOST_NEIGHBOURS: Final = 100
"""Maximum number of neighbours per hand that can be mined."""

MINED_SCHEMA: Final = pl.Schema(
    {
        "row_index": pl.UInt32(),
        "hand_id": pl.Int64(),
        "video_id": pl.String(),
        "neighbour_rows": pl.List(pl.UInt32()),
        "neighbour_hand_ids": pl.List(pl.Int64()),
        "distances": pl.List(pl.Float32()),
    }
)
"""Columns of the table of mined pairs: one row per hand that can be compared, in the order of the hands table.

The rank of a neighbour is its position in the three lists; the nearest comes first. Lists are shorter than asked for
if other videos have fewer hands, and empty if they have none. `distances` are Euclidean, in RMS distances of keypoints
if scale was removed, else in crop sides."""

_RECALL_QUERIES: Final = 1000


@dataclass(frozen=True)
class MiningReport:
    """Counts of mined pairs.

    Attributes:
        hands: Number of rows of the table.
        neighbours: Number of neighbours in all lists together.
        without_neighbour: Number of hands with empty lists, because no other video has a hand.
        rejected: Hands that are not in the table, because they cannot be compared: `row_index`, `hand_id`, `reason`.
        explained_variance: Share of the variance of the keypoints that the vectors keep, 0 to 1.
        recall: Share of the exact neighbours that were found, for a sample of hands; always 1.0 for `exact`.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.pairs import mine_pairs
        >>> report = mine_pairs(pl.scan_parquet("tables/hands.parquet"), Path("mined.parquet"), count=1)
        >>> report.hands, report.neighbours, report.without_neighbour, report.recall
        (4, 4, 0, 1.0)
    """

    hands: int
    neighbours: int
    without_neighbour: int
    rejected: pl.DataFrame
    explained_variance: float
    recall: float


def mine_pairs(
    hands: pl.DataFrame | pl.LazyFrame,
    out_file: Path,
    *,
    count: int = 10,
    options: EmbeddingOptions | None = None,
    engine: Engine = "exact",
    workers: int = 1,
    progress: Progress | None = None,
) -> MiningReport:
    """Find the nearest hands of other videos for every hand, and write them as a table.

    Equal distances are in the order of the rows. Memory is highest while keypoints become vectors; results go to disk
    part by part.

    Args:
        hands: The hands table; `row_index`, `hand_id`, `video_id`, `keypoints` and `handedness` are read.
        out_file: Parquet file with the columns of `MINED_SCHEMA`. It appears under this name only when it is complete.
        count: Number of neighbours per hand, 1 to 100.
        options: How keypoints become vectors; None for the defaults.
        engine: `exact`, or `faiss`, whose recall is then measured.
        workers: Number of threads.
        progress: Called after each finished part with the number of hands done and the number of all hands.

    Returns:
        How many hands and neighbours are in the table, and which hands are not.

    Raises:
        ValueError: `count` is not 1 to 100.
        SettingsError: faiss is not installed. Install the extra `ann`, or use `exact`.
        OutputUnwritableError: The output disk is full, read-only or not permitted.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.pairs import mine_pairs
        >>> report = mine_pairs(pl.scan_parquet("tables/hands.parquet"), Path("mined.parquet"), count=2)
        >>> pl.read_parquet("mined.parquet")["neighbour_hand_ids"].to_list()
        [[102, 103], [103, 102], [100, 101], [101, 100]]
    """
    if not 1 <= count <= MOST_NEIGHBOURS:
        raise ValueError(f"count must be 1 to {MOST_NEIGHBOURS}, not {count}")
    embedding = embed_hands(hands, options)
    kind = ExactSearch if engine == "exact" else ApproximateSearch
    search = kind(embedding.vectors, embedding.videos)
    neighbours = empty = 0

    def tables() -> Iterator[pl.DataFrame]:
        nonlocal neighbours, empty
        start = 0
        for found in search.chunks(count, workers=workers, progress=progress):
            neighbours += int(found.counts.sum())
            empty += int((found.counts == 0).sum())
            yield _table(embedding, start, found)
            start += len(found.rows)

    _write_parts(out_file, tables())
    return MiningReport(
        hands=len(embedding.vectors),
        neighbours=neighbours,
        without_neighbour=empty,
        rejected=embedding.rejected,
        explained_variance=float(embedding.explained_variance.sum()),
        recall=1.0 if engine == "exact" else measured_recall(search, embedding, count, workers=workers),
    )


def exact_neighbours(embedding: Embedding, count: int, *, workers: int = 1) -> pl.DataFrame:
    """The table that `mine_pairs` would write with the exact engine, but in memory."""
    search = ExactSearch(embedding.vectors, embedding.videos)
    every = np.arange(len(embedding.vectors), dtype=np.int32)
    return _table(embedding, 0, search.nearest(every, count, workers=workers))


def measured_recall(
    search: ExactSearch | ApproximateSearch, embedding: Embedding, count: int, *, workers: int = 1
) -> float:
    """Share of the exact neighbours that an engine finds, for at most 1,000 hands spread evenly; 1.0 without any.

    A neighbour counts as found if it is no farther than the farthest exact one: hands at equal distance are equally
    good.
    """
    total = len(embedding.vectors)
    queries = np.unique(np.linspace(0, max(total - 1, 0), min(total, _RECALL_QUERIES)).astype(np.int32))
    exact = ExactSearch(embedding.vectors, embedding.videos).nearest(queries, count, workers=workers)
    given = search.nearest(queries, count, workers=workers)
    wanted = exact.rows >= 0
    farthest = np.where(wanted, exact.distances, -1).max(axis=1, initial=-1)
    found = ((given.rows >= 0) & (given.distances <= farthest[:, None])).sum()
    return float(min(found / wanted.sum(), 1.0)) if wanted.any() else 1.0


def _table(embedding: Embedding, start: int, found: Neighbours) -> pl.DataFrame:
    part = slice(start, start + len(found.rows))
    known = found.rows >= 0
    rows = found.rows[known]
    ends = np.concatenate([[0], found.counts.cumsum()])
    flat = pl.DataFrame(
        {
            "hand": np.repeat(np.arange(len(found.rows), dtype=np.uint32), np.diff(ends)),
            "neighbour_rows": embedding.row_index[rows],
            "neighbour_hand_ids": embedding.hand_ids[rows],
            "distances": found.distances[known],
        }
    )
    lists = flat.group_by("hand", maintain_order=True).agg(pl.exclude("hand"))
    hands = pl.DataFrame(
        {
            "hand": np.arange(len(found.rows), dtype=np.uint32),
            "row_index": embedding.row_index[part],
            "hand_id": embedding.hand_ids[part],
            "video_id": embedding.video_ids.gather(embedding.videos[part]),
        }
    )
    joined = hands.join(lists, on="hand", how="left", maintain_order="left")
    filled = joined.with_columns(pl.col("neighbour_rows", "neighbour_hand_ids", "distances").fill_null([]))
    return filled.select(pl.col(name).cast(dtype) for name, dtype in MINED_SCHEMA.items())


def _write_parts(out_file: Path, tables: Iterable[pl.DataFrame]) -> None:
    """Write each table to its own file, then join the files, so that only one table is in memory."""
    with _folder_beside(out_file) as folder:
        parts = []
        for number, table in enumerate(tables):
            parts.append(folder / f"{number:06d}.parquet")
            with table_output_errors(out_file):
                table.write_parquet(parts[-1], compression="zstd", compression_level=1)
        whole = folder / "whole.parquet"
        with table_output_errors(out_file):
            if parts:
                pl.scan_parquet(parts).sink_parquet(whole, compression="zstd", maintain_order=True)
            else:
                pl.DataFrame(schema=MINED_SCHEMA).write_parquet(whole)
            whole.replace(out_file)


@contextmanager
def _folder_beside(out_file: Path) -> Iterator[Path]:
    with output_errors(out_file):
        out_file.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=f".{out_file.name}.", suffix=".part", dir=out_file.parent))
    with half_made(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
