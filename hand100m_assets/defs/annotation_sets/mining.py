"""The assets that mine the nearest hands of other videos, and that compare the shipped positives with them."""

from typing import Any

import dagster as dg
import polars as pl

from hand100m_assets.defs.annotation_sets.progress_log import ProgressLog
from hand100m_assets.defs.descriptions.tables import table_metadata
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_inputs, asset_key, group_name
from hand100m_assets.defs.partitions import annotation_set_partitions
from hand100m_assets.defs.provenance import version_of
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.pairs import (
    COUNTED_HANDS,
    MINED_SCHEMA,
    SURE_RANKS,
    MiningReport,
    measure_agreement,
    mine_pairs,
    summarise_agreement,
)
from hand100m_assets.render import charts
from hand100m_assets.sources import Source

_REJECTED_SHOWN = 20


def build_mining_assets(source: Source) -> list[dg.AssetsDefinition]:
    """The mined pairs of each annotation set, and their agreement with the positives that came with the set."""
    sets = annotation_set_partitions(source)

    @dg.asset(
        key=asset_key(source, "mined_pairs"),
        group_name=group_name(source, "mined_pairs"),
        kinds={"polars"},
        partitions_def=sets,
        deps=[asset_key(source, "annotations")],
        code_version="1",
    )
    @fails_clearly
    def mined_pairs(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """The nearest hands of other videos, for every hand."""
        place, key = workspace.source(source), context.partition_key
        settings, file = place.settings, place.output.table_file("mined_pairs", key)
        report = mine_pairs(
            pl.scan_parquet(place.annotation_tables(key) / "hands.parquet"),
            file,
            count=settings.mine_neighbours,
            options=settings.embedding,
            engine=settings.mine_engine,
            workers=max(1, settings.worker_count),
            progress=ProgressLog(context, "mined"),
        )
        metadata: dict[str, Any] = {
            "engine": settings.mine_engine,
            "embedding": settings.embedding.in_words(),
            "neighbours_asked": settings.mine_neighbours,
        }
        metadata |= {
            **_metadata(context.asset_key, report),
            "bytes": file.stat().st_size,
            "table": dg.MetadataValue.path(file),
        }
        return dg.MaterializeResult(metadata=metadata, data_version=version_of(file))

    @dg.asset(
        key=asset_key(source, "agreement"),
        group_name=group_name(source, "agreement"),
        kinds={"polars"},
        partitions_def=sets,
        ins=asset_inputs(source, "pairs", "mined_pairs"),
        deps=[asset_key(source, "annotations")],
        code_version="1",
    )
    @fails_clearly
    def agreement(
        context: dg.AssetExecutionContext, workspace: Workspace, pairs: pl.DataFrame, mined_pairs: pl.DataFrame
    ) -> pl.DataFrame:
        """The rank that the shipped positive of each hand has among the hands of other videos."""
        place, key = workspace.source(source), context.partition_key
        hands = pl.scan_parquet(place.annotation_tables(key) / "hands.parquet")
        settings = place.settings
        table = measure_agreement(
            pairs,
            mined_pairs,
            hands,
            settings.embedding,
            engine=settings.mine_engine,
            workers=max(1, settings.worker_count),
        )
        title = f"{source.title} {key}: where the shipped positives stand"
        chart = dg.MetadataValue.md(charts.png_markdown(charts.agreement_chart(table, title=title), title))
        known = max(SURE_RANKS, settings.mine_neighbours if settings.mine_engine == "exact" else 0)
        limit = f"all up to {known}, and at most {COUNTED_HANDS} beyond, of hands spread evenly"
        counts = vars(summarise_agreement(table))
        context.add_output_metadata({**counts, "chart": chart, "ranks_counted": limit})
        return table

    return [mined_pairs, agreement]


def _metadata(key: dg.AssetKey, report: MiningReport) -> dict[str, dg.MetadataValue]:
    return {
        **table_metadata(key, report.hands, MINED_SCHEMA),
        "hands": dg.MetadataValue.int(report.hands),
        "neighbours": dg.MetadataValue.int(report.neighbours),
        "hands_without_neighbour": dg.MetadataValue.int(report.without_neighbour),
        "hands_rejected": dg.MetadataValue.int(report.rejected.height),
        "first_rejected": dg.MetadataValue.json(report.rejected.head(_REJECTED_SHOWN).to_dicts()),
        "explained_variance": dg.MetadataValue.float(report.explained_variance),
        "recall": dg.MetadataValue.float(report.recall),
    }
