"""The asset that finds the positive of each hand."""

import dagster as dg
import polars as pl

from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key, group_name
from hand100m_assets.defs.partitions import annotation_set_partitions
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.pairs import resolve_pairs
from hand100m_assets.render import charts
from hand100m_assets.sources import Source


def build_pair_assets(source: Source) -> list[dg.AssetsDefinition]:
    """The pairs of each annotation set."""

    @dg.asset(
        key=asset_key(source, "pairs"),
        group_name=group_name(source, "pairs"),
        kinds={"polars"},
        partitions_def=annotation_set_partitions(source),
        deps=[asset_key(source, "annotations")],
        code_version="1",
    )
    @fails_clearly
    def pairs(context: dg.AssetExecutionContext, workspace: Workspace) -> pl.DataFrame:
        """Every hand with its positive and both distances, or with the reason why it has no positive."""
        tables = workspace.source(source).annotation_tables(context.partition_key)
        table = resolve_pairs(pl.scan_parquet(tables / "hands.parquet"))
        reasons = dict(table.group_by(pl.col("reason").fill_null("resolved")).len().sort("reason").iter_rows())
        chart = charts.png_markdown(charts.distance_chart(table), "Distances between a hand and its positive")
        resolved = table["reason"].null_count()
        metadata = {"hands": table.height, "resolved": resolved, "unresolved": table.height - resolved}
        context.add_output_metadata({**metadata, "hands_by_reason": reasons, "chart": dg.MetadataValue.md(chart)})
        return table

    return [pairs]
