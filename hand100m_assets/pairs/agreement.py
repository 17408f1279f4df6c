"""Do the shipped positives agree with our own mining: which rank the positive has among the hands of other videos."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.pairs.embed import Embedding, EmbeddingOptions, embed_hands
from hand100m_assets.pairs.leaves import Floats, Integers
from hand100m_assets.pairs.mine import squared_distances
from hand100m_assets.pairs.mined import Engine, exact_neighbours

AGREEMENT_SCHEMA: Final = pl.Schema(
    {
        "row_index": pl.UInt32(),
        "hand_id": pl.Int64(),
        "positive_row_index": pl.UInt32(),
        "rank": pl.UInt32(),
        "rank_at_least": pl.UInt32(),
        "positive_distance": pl.Float32(),
        "nearest_distance": pl.Float32(),
        "reason": pl.String(),
    }
)
"""One row a hand of the pairs table. `rank` is the positive's exact place among the hands of other videos, 1 the
nearest, equal distances by row; null where there is a `reason`, and where the positive is beyond the nearest hands that
are known (the mined ones, at least ten) and the hand is not among those counted: `rank_at_least` is then one more than
those. Distances are those of `mined_pairs`."""

_SLICE_HANDS: Final = 20_000
SURE_RANKS: Final = 10
"""Ranks up to this are known of every hand: where the mined neighbours do not tell them, they are searched for."""

COUNTED_HANDS: Final = 1000
"""So many positives beyond the known neighbours are ranked by counting all nearer hands: 30 ms each in a million."""


def measure_agreement(
    pairs: pl.DataFrame,
    mined: pl.DataFrame,
    hands: pl.DataFrame | pl.LazyFrame,
    options: EmbeddingOptions | None = None,
    *,
    engine: Engine = "exact",
    counted_hands: int = COUNTED_HANDS,
    workers: int = 1,
) -> pl.DataFrame:
    """Rank of each hand's positive.

    Args:
        pairs: The pairs table of the set.
        mined: The mined pairs, made of the same hands with the same options.
        hands: The hands table.
        options: How keypoints become vectors.
        engine: What found the mined pairs. Lists that are not exact, or all shorter than ten, tell no rank: the ten
            nearest of every hand are then searched for, which takes as long as mining them exactly.
        counted_hands: At most so many ranks beyond the known ones are counted, of hands spread evenly.
        workers: Threads that search and count.

    Returns:
        Columns of `AGREEMENT_SCHEMA`, in the order of `pairs`.
    """
    embedding = embed_hands(hands, options)
    if engine != "exact" or (mined["neighbour_rows"].list.len() < SURE_RANKS).all():
        mined = exact_neighbours(embedding, SURE_RANKS, workers=workers)
    table = _with_places(pairs, embedding).join(_nearest(mined), on="row_index", how="left", maintain_order="left")
    table = table.with_columns(reason=_reason()).with_columns(comparable=pl.col("reason").is_null())
    rows, others = (table.filter("comparable")[name].to_numpy() for name in ("place", "positive_place"))
    squares = squared_distances(embedding.vectors, rows, others)
    ranks = _mined_ranks(table.filter("comparable"), mined)
    missing = np.flatnonzero(ranks == 0)
    counted = missing[np.unique(np.linspace(0, len(missing) - 1, min(len(missing), counted_hands)).astype(np.int64))]
    ranks[counted] = _counted_ranks(embedding, rows[counted], others[counted], squares[counted], workers)
    measured = pl.DataFrame(
        {
            "row_index": table.filter("comparable")["row_index"],
            "rank": pl.Series(ranks),
            "positive_distance": np.sqrt(squares),
        }
    ).with_columns(pl.when(pl.col("rank") > 0).then("rank").alias("rank"))
    joined = table.join(measured, on="row_index", how="left", maintain_order="left").with_columns(
        rank_at_least=pl.when("comparable").then(pl.coalesce("rank", pl.col("mined") + 1))
    )
    return joined.select(pl.col(name).cast(dtype) for name, dtype in AGREEMENT_SCHEMA.items())


@dataclass(frozen=True)
class AgreementSummary:
    """The table in numbers.

    Attributes:
        hands: All of the set.
        comparable: Those whose positive has a rank, known or not.
        nearest: Those whose positive is our nearest.
        within_10: Those whose positive is among our nearest ten.
        ranked: Those whose rank is known.
        reasons: Reason -> hands that are not comparable.
    """

    hands: int
    comparable: int
    nearest: int
    within_10: int
    ranked: int
    reasons: dict[str, int]


def summarise_agreement(agreement: pl.DataFrame) -> AgreementSummary:
    """Counts of an agreement table."""
    reasons = agreement.drop_nulls("reason").group_by("reason").len().sort("reason")
    return AgreementSummary(
        hands=agreement.height,
        comparable=agreement["reason"].null_count(),
        nearest=int((agreement["rank"] == 1).sum()),
        within_10=int((agreement["rank"] <= SURE_RANKS).sum()),
        ranked=agreement["rank"].len() - agreement["rank"].null_count(),
        reasons=dict(reasons.iter_rows()),
    )


def _with_places(pairs: pl.DataFrame, embedding: Embedding) -> pl.DataFrame:
    """Each hand's and its positive's row of the vectors; null where it has none."""
    places = pl.DataFrame({"row_index": embedding.row_index}).with_row_index("place")
    positives = places.select(positive_row_index="row_index", positive_place="place")
    columns = pairs.select("row_index", "hand_id", "positive_row_index", "same_video", unresolved="reason")
    joined = columns.join(places, on="row_index", how="left", maintain_order="left")
    return joined.join(positives, on="positive_row_index", how="left", maintain_order="left")


def _nearest(mined: pl.DataFrame) -> pl.DataFrame:
    return mined.select(
        "row_index", nearest_distance=pl.col("distances").list.first(), mined=pl.col("distances").list.len()
    )


def _reason() -> pl.Expr:
    return (
        pl.when(pl.col("unresolved").is_not_null())
        .then("unresolved")
        .when(pl.col("same_video").fill_null(False))
        .then(pl.lit("positive is from the same video"))
        .when(pl.col("place").is_null())
        .then(pl.lit("hand cannot be compared"))
        .when(pl.col("positive_place").is_null())
        .then(pl.lit("positive cannot be compared"))
        .otherwise(None)
    )


def _mined_ranks(table: pl.DataFrame, mined: pl.DataFrame) -> npt.NDArray[np.uint32]:
    """Place of the positive in the list of neighbours, from 1; 0 where it is not in it."""
    lists = table.select("row_index", "positive_row_index").join(
        mined.select("row_index", "neighbour_rows"), on="row_index", how="left", maintain_order="left"
    )
    hit = pl.col("neighbour_rows") == pl.col("positive_row_index")
    ranks = np.zeros(table.height, np.uint32)
    for some in lists.with_row_index("place").iter_slices(_SLICE_HANDS):
        exploded = some.explode("neighbour_rows", keep_nulls=True, empty_as_null=True)
        numbered = exploded.with_columns(rank=pl.int_range(1, pl.len() + 1).over("place"))
        found = numbered.filter(hit)
        ranks[found["place"].to_numpy()] = found["rank"].to_numpy()
    return ranks


def _counted_ranks(
    embedding: Embedding, rows: Integers, others: Integers, squares: Floats, workers: int
) -> npt.NDArray[np.uint32]:
    """One more than the hands of other videos that are nearer, or as near and of an earlier row."""
    columns = np.ascontiguousarray(embedding.vectors.T)

    def rank(turn: int) -> int:
        row, limit = rows[turn], squares[turn]
        sums = np.zeros(columns.shape[1], np.float32)
        for column in columns:  # In the order of the search, so that equal distances are equal here too.
            gaps = column - column[row]
            sums += gaps * gaps
        before = sums < limit
        before[: others[turn]] |= sums[: others[turn]] == limit
        return 1 + int((before & (embedding.videos != embedding.videos[row])).sum())

    with ThreadPoolExecutor(workers) as pool:
        return np.fromiter(pool.map(rank, range(len(rows))), np.uint32, len(rows))
