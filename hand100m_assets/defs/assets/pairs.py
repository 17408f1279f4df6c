"""Hands to similar hands, and the 10 x 10 grid that shows them."""

import dagster as dg
import polars as pl

from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.partitions import annotation_set_partitions
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.layout import OutputLayout, Source
from hand100m_assets.pairs.resolve import resolve_pairs
from hand100m_assets.render.anchors import choose_anchor_rows, is_published
from hand100m_assets.render.charts import distance_chart, png_markdown
from hand100m_assets.render.grid import GridPictures, draw_grids, thumbnail_markdown, write_jpeg
from hand100m_assets.workspace import console_lines_of, read_set_name


def build_pair_assets(source: Source) -> list[dg.AssetsDefinition]:
    """Each hand with its positive, and the grid of pairs, plain and labelled."""
    group, prefix, sets = source.name, [source.name], annotation_set_partitions(source)

    @dg.asset(
        key_prefix=prefix,
        group_name=group,
        kinds={"polars"},
        partitions_def=sets,
        deps=[[source.name, "annotations"]],
        automation_condition=dg.AutomationCondition.eager(),
    )
    @fails_clearly
    def pairs(context: dg.AssetExecutionContext, workspace: Workspace) -> pl.DataFrame:
        """Every hand with its positive, both distances, and the reason where there is no positive."""
        tables = workspace.source(source).annotation_tables(context.partition_key)
        table = resolve_pairs(pl.scan_parquet(tables / "hands.parquet"))
        reasons = dict(table.group_by(pl.col("reason").fill_null("resolved")).len().sort("reason").iter_rows())
        chart = png_markdown(distance_chart(table), "Distances between a hand and its positive")
        context.add_output_metadata({"hands": reasons, "chart": dg.MetadataValue.md(chart)})
        return table

    @dg.asset(
        key_prefix=prefix,
        group_name=group,
        kinds={"jpeg"},
        partitions_def=sets,
        deps=[[source.name, "frame_catalog"], [source.name, "annotations"]],
        automation_condition=dg.AutomationCondition.eager(),
    )
    @fails_clearly
    def grid(context: dg.AssetExecutionContext, workspace: Workspace, pairs: pl.DataFrame) -> pl.DataFrame:
        """The 10 x 10 picture of similar hands, plain and labelled; the table lists cells left empty."""
        place, key = workspace.source(source), context.partition_key
        tables = place.annotation_tables(key)
        name = read_set_name(tables, place.settings.name_pattern)
        for line in console_lines_of(tables, place.settings.name_pattern):
            context.log.info(line)
        choice = choose_anchor_rows(pairs, published=is_published(name), seed=place.settings.grid_seed)
        context.log.info(f"{key}: {choice.how}")
        drawn = draw_grids(
            pairs,
            pl.scan_parquet(tables / "hands.parquet"),
            choice.rows,
            place.image_path(),
            images=pl.scan_parquet(tables / "images.parquet"),
            joint_order=place.settings.joint_order,
        )
        write_jpeg(drawn.plain, place.output.grid_file(key))
        write_jpeg(drawn.labelled, place.output.grid_file(key, labelled=True))
        context.add_output_metadata(_grid_metadata(place.output, key, drawn, choice.how))
        return drawn.missing

    return [pairs, grid]


def _grid_metadata(output: OutputLayout, key: str, drawn: GridPictures, how: str) -> dict[str, dg.MetadataValue]:
    return {
        "labelled_preview": dg.MetadataValue.md(thumbnail_markdown(drawn.labelled, title=f"{key}, labelled")),
        "plain_preview": dg.MetadataValue.md(thumbnail_markdown(drawn.plain, title=key)),
        "pairs_shown": dg.MetadataValue.text(how),
        "cells_empty": dg.MetadataValue.int(drawn.missing.height),
        "plain": dg.MetadataValue.path(output.grid_file(key)),
        "labelled": dg.MetadataValue.path(output.grid_file(key, labelled=True)),
    }
