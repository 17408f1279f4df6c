"""How well the positives of an annotation file agree with mining: the rank of each of them among all hands."""

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
"""One row per hand of the pairs table.

`rank` is the exact rank of the positive among the hands of other videos: 1 is the nearest, and equal distances are
ranked by row. It is null if there is a `reason`. It is also null if the positive is farther than the nearest hands that
are known (the mined ones, at least ten) and its rank was not counted; `rank_at_least` is then one more than the number
of those hands. Distances are in the unit of `mined_pairs`."""

_SLICE_HANDS: Final = 20_000
SURE_RANKS: Final = 10
"""Every rank up to this one is known: if mining found fewer neighbours, the missing ones are mined for the
comparison."""

COUNTED_HANDS: Final = 1000
"""Maximum number of positives beyond the known neighbours whose rank is found by counting all nearer hands.

Measured: each takes 30 ms in a set of a million hands."""


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
    """Find the rank that the positive of each hand has among the hands of other videos.

    Args:
        pairs: The table that `resolve_pairs` makes of the set.
        mined: The table that `mine_pairs` writes, made of the same hands with the same options.
        hands: The hands table.
        options: How keypoints become vectors; None for the defaults.
        engine: The engine that found the mined pairs. If it is not `exact`, or if all lists of neighbours are shorter
            than ten, they do not give ranks. The ten nearest hands of every hand are then mined exactly, which takes as
            long as any exact mining of ten.
        counted_hands: Maximum number of ranks that are counted for positives that are not among the known neighbours;
            these hands are spread evenly over the set.
        workers: Number of threads that mine and count.

    Returns:
        One row per row of `pairs`, in the same order: `row_index`, `hand_id`, `positive_row_index`, `rank` and
        `rank_at_least` (UInt32, 1 is the nearest), `positive_distance` and `nearest_distance` (Float32, in the unit
        of the embedding), `reason` (text, why the positive has no rank; null if it has one).

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.pairs import measure_agreement, mine_pairs, resolve_pairs
        >>> hands = pl.read_parquet("tables/hands.parquet")
        >>> report = mine_pairs(hands, Path("mined.parquet"), count=2)
        >>> agreement = measure_agreement(resolve_pairs(hands), pl.read_parquet("mined.parquet"), hands)
        >>> agreement["rank"].to_list()
        [None, 2, None, 2]
        >>> agreement["reason"][0]
        'positive is from the same video'
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
    """Counts of an agreement table.

    Attributes:
        hands: Number of hands in the set.
        comparable: Number of hands whose positive has a rank, whether or not it is known.
        nearest: Number of hands whose positive is the nearest hand.
        within_10: Number of hands whose positive is among the nearest ten hands.
        ranked: Number of hands whose positive has a known rank.
        reasons: Number of hands whose positive has no rank, by reason.
    """

    hands: int
    comparable: int
    nearest: int
    within_10: int
    ranked: int
    reasons: dict[str, int]


def summarise_agreement(agreement: pl.DataFrame) -> AgreementSummary:
    """Count how many positives are the nearest hand, among the nearest ten, or cannot be compared.

    Args:
        agreement: The table that `measure_agreement` makes.

    Returns:
        The counts.

    Example:
        >>> import polars as pl
        >>> from hand100m_assets.pairs import summarise_agreement
        >>> agreement = pl.DataFrame({"rank": [1, 7, None], "reason": [None, None, "no positive"]})
        >>> summary = summarise_agreement(agreement)
        >>> summary.hands, summary.comparable, summary.nearest, summary.within_10, summary.reasons
        (3, 2, 1, 2, {'no positive': 1})
    """
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
    """The row of the vectors of each hand and of its positive; null if there is none."""
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
    """Rank of the positive in the list of neighbours, from 1; 0 if it is not in the list."""
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
    """One more than the number of hands of other videos that are nearer, or as near and in an earlier row."""
    columns = np.ascontiguousarray(embedding.vectors.T)

    def rank(turn: int) -> int:
        row, limit = rows[turn], squares[turn]
        sums = np.zeros(columns.shape[1], np.float32)
        for column in columns:  # In the order of the search, so that equal distances stay equal.
            gaps = column - column[row]
            sums += gaps * gaps
        before = sums < limit
        before[: others[turn]] |= sums[: others[turn]] == limit
        return 1 + int((before & (embedding.videos != embedding.videos[row])).sum())

    with ThreadPoolExecutor(workers) as pool:
        return np.fromiter(pool.map(rank, range(len(rows))), np.uint32, len(rows))
