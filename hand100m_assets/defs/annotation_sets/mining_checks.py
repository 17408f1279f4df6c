"""Checks of mined pairs and of their agreement with the shipped positives."""

from pathlib import Path
from typing import Final

import dagster as dg
import polars as pl

from hand100m_assets.defs.check_results import (
    ERROR,
    WARN,
    gathered,
    nothing_yet,
    offenders,
    partition_files,
    partitions_on_disk,
)
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.pairs import SURE_RANKS, reasons_against
from hand100m_assets.sources import Source
from hand100m_assets.workspace import SourceWorkspace

SLICE_HANDS: Final = 20_000
MOST_UNLIKE_SHARE = 0.5
"""A set is suspicious if a larger share of its positives is not among the ten nearest hands."""


def build_mining_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Check the neighbours, that no hand is missing, and that shipped positives are near."""

    @dg.asset_check(
        asset=asset_key(source, "mined_pairs"),
        description="Tests that all mined neighbours are hands of other videos. Hands in neighbouring frames of one "
        "video are similar, but training learns nothing from them.",
    )
    @fails_clearly
    def neighbours_are_from_other_videos(workspace: Workspace) -> dg.AssetCheckResult:
        files = partition_files(workspace.source(source), "mined_pairs")
        if not files:
            return nothing_yet("mined pairs")
        wrong = {key: _wrong_neighbours(file) for key, file in files.items()}
        found = gathered(wrong, pl.lit(True), ["row_index", "hand_id", "neighbour_row", "video_id"])
        checked = sum(map(_neighbours_in, files.values()))
        fix = "Mine these sets again."
        return offenders(
            found,
            severity=ERROR,
            what=("neighbour breaks the rule", "neighbours break the rule"),
            fix=fix,
            checked=checked,
        )

    @dg.asset_check(
        asset=asset_key(source, "mined_pairs"),
        description="Tests that mined_pairs has a row for every hand that can be compared, and no other rows. "
        "Otherwise hands would be missing from mining.",
    )
    @fails_clearly
    def all_sound_hands_are_mined(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        files = partition_files(place, "mined_pairs")
        if not files:
            return nothing_yet("mined pairs")
        sound = {key: _sound_rows(place, key) for key in files}
        found = pl.concat(
            [
                sound[key]
                .join(pl.read_parquet(file, columns=["row_index"]), on="row_index", how="full", coalesce=False)
                .filter(pl.col("row_index").is_null() | pl.col("row_index_right").is_null())
                .select(pl.lit(key).alias("annotation_set"), pl.coalesce("row_index", "row_index_right"))
                for key, file in files.items()
            ]
        )
        checked = sum(rows.height for rows in sound.values())
        fix = "The annotations or the settings have changed since. Mine these sets again."
        return offenders(
            found,
            severity=ERROR,
            what=("hand is missing or too many", "hands are missing or too many"),
            fix=fix,
            checked=checked,
        )

    @dg.asset_check(
        asset=asset_key(source, "agreement"),
        description="Tests that at least half of the shipped positives from other videos are among the ten nearest "
        "mined hands. Otherwise the annotations are wrong, or the set was made with another distance.",
    )
    @fails_clearly
    def shipped_positives_are_near(workspace: Workspace) -> dg.AssetCheckResult:
        tables = partitions_on_disk(workspace.source(source), "agreement")
        if not tables:
            return nothing_yet("agreement tables")
        shares = pl.DataFrame([_far_share(key, table) for key, table in tables.items()])
        found = shares.filter(pl.col("far_share") > MOST_UNLIKE_SHARE)
        fix = "Look at the ranks in `agreement`. In Top-K sets with a large K, positives are far on purpose."
        return offenders(
            found,
            severity=WARN,
            what=("set has mostly far positives", "sets have mostly far positives"),
            fix=fix,
            checked=len(tables),
        )

    return [neighbours_are_from_other_videos, all_sound_hands_are_mined, shipped_positives_are_near]


def _wrong_neighbours(file: Path) -> pl.DataFrame:
    """Neighbours that are unknown or of the hand's own video.

    Those of a million hands are a hundred million: they are looked at some hands at a time.
    """
    table = pl.read_parquet(file, columns=["row_index", "hand_id", "video_id", "neighbour_rows"])
    videos = table.select(neighbour_row="row_index", neighbour_video="video_id")
    wrong = pl.col("neighbour_video").is_null() | (pl.col("neighbour_video") == pl.col("video_id"))
    found = [
        some.filter(pl.col("neighbour_rows").list.len() > 0)
        .explode("neighbour_rows")
        .rename({"neighbour_rows": "neighbour_row"})
        .join(videos, on="neighbour_row", how="left", maintain_order="left")
        .filter(wrong)
        for some in (table[start : start + SLICE_HANDS] for start in range(0, max(table.height, 1), SLICE_HANDS))
    ]
    return pl.concat(found)


def _neighbours_in(file: Path) -> int:
    return int(pl.scan_parquet(file).select(pl.col("neighbour_rows").list.len().cast(pl.Int64).sum()).collect().item())


def _sound_rows(place: SourceWorkspace, key: str) -> pl.DataFrame:
    hands = pl.read_parquet(
        place.annotation_tables(key) / "hands.parquet", columns=["row_index", "video_id", "keypoints", "handedness"]
    )
    return hands.filter(reasons_against(hands, place.settings.embedding).is_null()).select("row_index")


def _far_share(key: str, table: pl.DataFrame) -> dict[str, object]:
    comparable = table.filter(pl.col("reason").is_null())
    far = (comparable["rank_at_least"] > SURE_RANKS).sum() if comparable.height else 0
    return {"annotation_set": key, "far_share": far / max(comparable.height, 1), "comparable": comparable.height}
