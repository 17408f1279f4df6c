"""The assets for people: coverage, the 10 x 10 grid, the sheets of a set, and the report with all of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import dagster as dg
import polars as pl

from hand100m_assets.annotations import FrameFiles, frames_on_disk
from hand100m_assets.annotations import coverage as compute_coverage
from hand100m_assets.defs.annotation_sets.by_set import CODE_VERSION, Made, Maker, make_of_sets
from hand100m_assets.defs.automation.following import RULES
from hand100m_assets.defs.descriptions.code import code_reference
from hand100m_assets.defs.descriptions.tables import table_metadata
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key, asset_keys, group_name
from hand100m_assets.defs.partitions import annotation_set_partitions
from hand100m_assets.defs.provenance import version_of
from hand100m_assets.defs.resources import Workspace, scan_made_table, write_table
from hand100m_assets.imaging import thumbnail_markdown, write_jpeg
from hand100m_assets.layout import OutputLayout
from hand100m_assets.render import charts
from hand100m_assets.render.grids import GRID_PAIRS, GridPictures, labels_preview_markdown
from hand100m_assets.sources import Source
from hand100m_assets.workspace import CHARTS, SHEETS, SetPictures, SourceWorkspace, console_lines_of, write_report

PREVIEW_MAX_BYTES = 60_000
"""Limit per sheet: one event holds three of them and three charts."""

Say = Callable[[str], None]


def picture_step_name(source: Source) -> str:
    """The step that makes all of these."""
    return f"{source.name}__pictures"


def build_picture_assets(source: Source) -> list[dg.AssetsDefinition]:
    """Coverage, grid, sheets and report of each annotation set; one run makes those of many sets."""

    @dg.multi_asset(
        name=picture_step_name(source),
        specs=[_spec(source, asset) for asset in MAKERS],
        can_subset=True,
    )
    @fails_clearly
    def pictures(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[dg.AssetMaterialization]:
        """Coverage, grid, sheets and report of annotation sets."""
        yield from make_of_sets(context, workspace.source(source), MAKERS)

    return [pictures]


def _spec(source: Source, asset: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(source, asset),
        deps=asset_keys(source, *RULES[asset].inputs),
        description=MAKERS[asset].__doc__,
        group_name=group_name(source, asset),
        kinds=_KINDS[asset],
        partitions_def=annotation_set_partitions(source),
        skippable=True,
        metadata=code_reference(MAKERS[asset]),
        code_version=CODE_VERSION,
    )


def _coverage(place: SourceWorkspace, key: str, _: Say) -> Made:
    """One row per annotated image: whether its frame is on disk, and if not, why."""
    catalog, inventory = (
        scan_made_table(place.output.table_file(name), f"{place.source.name}/{name}").collect()
        for name in ("frame_catalog", "inventory")
    )
    tables = place.annotation_tables(key)
    images = pl.scan_parquet(tables / "images.parquet")
    files = FrameFiles(place.output.frames_dir, place.settings.image_prefixes)
    table = compute_coverage(
        images.select("image_id", "video_id", "frame_index").collect(),
        pl.read_parquet(tables / "hands.parquet", columns=["image_id"]),
        catalog,
        inventory,
        place.extraction_failures(),
        is_selected=place.is_selected(key),
        at_mapped_place=files.are_at_mapped_places(images),
    )
    counts = dict(table.group_by(pl.col("reason").fill_null("on disk")).len().sort("reason").iter_rows())
    title = f"{place.source.title} {key}: annotated images"
    metadata = {
        "images": counts,
        "hands": int(table["hand_count"].sum() or 0),
        "frames": table.filter("exists").height,
        "missing": table.filter(~pl.col("exists")).height,
        "chart": dg.MetadataValue.md(charts.png_markdown(charts.coverage_chart(counts, title=title), title)),
        "labels_over_pixels": dg.MetadataValue.md(_labels_over_pixels(place, key, table)),
    }
    return _made_table(place, "coverage", key, table, metadata, which_frames(table, catalog))


def which_frames(covered: pl.DataFrame, catalog: pl.DataFrame) -> str:
    """A digest of the frames of a set: it changes if a frame is added, removed or made again."""
    frames = catalog.select("video_id", pl.col("frame_index").cast(pl.Int32), "size_bytes", "manifest_mtime_ns")
    found = covered.select("video_id", "frame_index").join(frames, on=["video_id", "frame_index"], how="inner")
    return ",".join(map(str, found.unique().hash_rows(seed=0).sort().to_list()))


def _grid(place: SourceWorkspace, key: str, say: Say) -> Made:
    """The 10 x 10 picture of similar hands, without and with labels; the table says which cells are empty, and why."""
    pictures = SetPictures(place, key)
    for line in console_lines_of(pictures.tables, place.settings.name_pattern):
        say(line)
    choice = pictures.anchors(GRID_PAIRS)
    say(f"{key}: {choice.how}")
    drawn = pictures.grid(choice)
    files = [
        write_jpeg(drawn.plain, place.output.grid_file(key)),
        write_jpeg(drawn.labelled, place.output.grid_file(key, labelled=True)),
    ]
    return _made_table(place, "grid", key, drawn.cells, _grid_metadata(place.output, key, drawn, choice.how), *files)


def _sheets(place: SourceWorkspace, key: str, _: Say) -> Made:
    """Pictures of nearest hands, best and worst pairs, and charts; the table says which cells are empty, and why."""
    pictures = SetPictures(place, key)
    metadata: dict[str, dg.MetadataValue] = {}
    cells, files = [], []
    for name in SHEETS:
        sheet, file = pictures.write_sheet(name)
        preview = thumbnail_markdown(sheet.image_bgr, PREVIEW_MAX_BYTES, title=f"{pictures.title}, {name}")
        metadata |= {name: dg.MetadataValue.md(preview), f"{name}_file": dg.MetadataValue.path(file)}
        cells.append(sheet.cells.select(pl.lit(name).alias("sheet"), pl.all()))
        files.append(file)
    for name in CHARTS:
        png, file = pictures.write_chart(name)
        metadata |= {
            name: dg.MetadataValue.md(charts.png_markdown(png, name)),
            f"{name}_file": dg.MetadataValue.path(file),
        }
        files.append(file)
    table = pl.concat(cells)
    empty = dg.MetadataValue.int(table.height - table["reason"].null_count())
    return _made_table(place, "sheets", key, table, {**metadata, "cells_empty": empty}, *files)


def _report(place: SourceWorkspace, key: str, _: Say) -> Made:
    """One HTML page with counts, rules, rejects, coverage, pairs and pictures, which you can keep, send or print."""
    file, made = write_report(place, key)
    link = place.settings.output_url_of(file) or file.resolve().as_uri()
    metadata = {
        "report": dg.MetadataValue.url(link),
        "file": dg.MetadataValue.path(file),
        "bytes": file.stat().st_size,
        "pictures": made.pictures,
        "cells_empty": made.cells_empty,
    }
    return Made(version_of(file), metadata)


MAKERS: Final[dict[str, Maker]] = {"coverage": _coverage, "grid": _grid, "sheets": _sheets, "report": _report}
_KINDS: Final = {"coverage": {"polars"}, "grid": {"jpeg"}, "sheets": {"jpeg", "png"}, "report": {"html"}}


def _made_table(
    place: SourceWorkspace,
    asset: str,
    key: str,
    table: pl.DataFrame,
    metadata: dict[str, Any],
    *more: Path | str,
) -> Made:
    """Write the table of the asset; the table and all other written files determine the version."""
    file = place.output.table_file(asset, key)
    write_table(table, file)
    about = {
        **table_metadata(asset_key(place.source, asset), table.height, table.schema),
        "path": dg.MetadataValue.path(file),
    }
    return Made(version_of(file, *more), {**about, **metadata})


def _labels_over_pixels(place: SourceWorkspace, key: str, covered: pl.DataFrame) -> str:
    examples, find = frames_on_disk(place.annotation_tables(key), covered), place.image_path()

    def image_path(video_id: str, frame_index: int, _: str | None, /) -> Path:
        return find(video_id, frame_index, examples.file_names[video_id, frame_index])

    return labels_preview_markdown(examples.hands, image_path, joint_order=place.settings.joint_order)


def _grid_metadata(output: OutputLayout, key: str, drawn: GridPictures, how: str) -> dict[str, dg.MetadataValue]:
    return {
        "labelled_preview": dg.MetadataValue.md(thumbnail_markdown(drawn.labelled, title=f"{key}, labelled")),
        "plain_preview": dg.MetadataValue.md(thumbnail_markdown(drawn.plain, title=key)),
        "pairs_shown": dg.MetadataValue.text(how),
        "cells_empty": dg.MetadataValue.int(drawn.missing.height),
        "plain": dg.MetadataValue.path(output.grid_file(key)),
        "labelled": dg.MetadataValue.path(output.grid_file(key, labelled=True)),
    }
