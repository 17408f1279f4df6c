"""What people look at: the 10 x 10 grid, the other pictures of a set, and the page that holds all of it."""

import dagster as dg
import polars as pl

from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.jobs import asset_keys
from hand100m_assets.defs.partitions import annotation_set_partitions
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.layout import OutputLayout, Source
from hand100m_assets.pictures import CHARTS, SHEETS, SetPictures
from hand100m_assets.render.charts import png_markdown
from hand100m_assets.render.grid import GRID_PAIRS, GridPictures
from hand100m_assets.render.jpeg import thumbnail_markdown, write_jpeg
from hand100m_assets.reports import write_report
from hand100m_assets.workspace import console_lines_of

NIGHTLY = "0 3 * * *"
PREVIEW_MAX_BYTES = 60_000
"""Of each sheet: one event holds three of them beside three charts."""

# The library's own annotation of `cron_tick_passed` is too narrow for `since_last_handled`.
_NIGHT_BEGAN: dg.AutomationCondition = dg.AutomationCondition.cron_tick_passed(NIGHTLY).since_last_handled()  # type: ignore[misc, type-arg]
AT_ONCE_THEN_NIGHTLY = dg.AutomationCondition.eager() & (dg.AutomationCondition.missing() | _NIGHT_BEGAN)
"""What is there is renewed at most once a night: while videos come in, frames change every few minutes, and these cost
seconds to a minute a set."""


def build_picture_assets(source: Source) -> list[dg.AssetsDefinition]:
    """Grid, sheets and report of each annotation set."""
    group, prefix, sets = source.name, [source.name], annotation_set_partitions(source)
    seen = asset_keys(source, "annotations", "coverage", "frame_catalog", "mined_pairs", "pairs")
    told = asset_keys(source, "agreement", "annotations", "coverage", "grid", "pairs", "sheets")

    @dg.asset(
        key_prefix=prefix,
        group_name=group,
        kinds={"jpeg"},
        partitions_def=sets,
        deps=seen,
        automation_condition=dg.AutomationCondition.eager(),
    )
    @fails_clearly
    def grid(context: dg.AssetExecutionContext, workspace: Workspace) -> pl.DataFrame:
        """The 10 x 10 picture of similar hands, plain and labelled; the table says which cells are empty, and why."""
        place, key = workspace.source(source), context.partition_key
        pictures = SetPictures(place, key)
        for line in console_lines_of(pictures.tables, place.settings.name_pattern):
            context.log.info(line)
        choice = pictures.anchors(GRID_PAIRS)
        context.log.info(f"{key}: {choice.how}")
        drawn = pictures.grid(choice)
        write_jpeg(drawn.plain, place.output.grid_file(key))
        write_jpeg(drawn.labelled, place.output.grid_file(key, labelled=True))
        context.add_output_metadata(_grid_metadata(place.output, key, drawn, choice.how))
        return drawn.cells

    @dg.asset(
        key_prefix=prefix,
        group_name=group,
        kinds={"jpeg", "png"},
        partitions_def=sets,
        deps=seen,
        automation_condition=AT_ONCE_THEN_NIGHTLY,
    )
    @fails_clearly
    def sheets(context: dg.AssetExecutionContext, workspace: Workspace) -> pl.DataFrame:
        """Ladder of nearest hands, best and worst pairs, charts; the table says which cells are empty, and why."""
        pictures = SetPictures(workspace.source(source), context.partition_key)
        metadata: dict[str, dg.MetadataValue] = {}
        cells = []
        for name in SHEETS:
            sheet, file = pictures.write_sheet(name)
            preview = thumbnail_markdown(sheet.image_bgr, PREVIEW_MAX_BYTES, title=f"{pictures.title}, {name}")
            metadata |= {name: dg.MetadataValue.md(preview), f"{name}_file": dg.MetadataValue.path(file)}
            cells.append(sheet.cells.select(pl.lit(name).alias("sheet"), pl.all()))
        for name in CHARTS:
            png, file = pictures.write_chart(name)
            metadata |= {
                name: dg.MetadataValue.md(png_markdown(png, name)),
                f"{name}_file": dg.MetadataValue.path(file),
            }
        table = pl.concat(cells)
        empty = dg.MetadataValue.int(table.height - table["reason"].null_count())
        context.add_output_metadata({**metadata, "cells_empty": empty})
        return table

    @dg.asset(
        key_prefix=prefix,
        group_name=group,
        kinds={"html"},
        partitions_def=sets,
        deps=told,
        automation_condition=AT_ONCE_THEN_NIGHTLY,
    )
    @fails_clearly
    def report(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """One page of counts, rules, rejects, coverage, pairs and pictures, to keep, send or print."""
        place, key = workspace.source(source), context.partition_key
        file, made = write_report(place, key)
        link = place.settings.output_url_of(file) or file.resolve().as_uri()
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.url(link),
                "file": dg.MetadataValue.path(file),
                "bytes": file.stat().st_size,
                "pictures": made.pictures,
                "cells_empty": made.cells_empty,
            }
        )

    return [grid, sheets, report]


def _grid_metadata(output: OutputLayout, key: str, drawn: GridPictures, how: str) -> dict[str, dg.MetadataValue]:
    return {
        "labelled_preview": dg.MetadataValue.md(thumbnail_markdown(drawn.labelled, title=f"{key}, labelled")),
        "plain_preview": dg.MetadataValue.md(thumbnail_markdown(drawn.plain, title=key)),
        "pairs_shown": dg.MetadataValue.text(how),
        "cells_empty": dg.MetadataValue.int(drawn.missing.height),
        "plain": dg.MetadataValue.path(output.grid_file(key)),
        "labelled": dg.MetadataValue.path(output.grid_file(key, labelled=True)),
    }
