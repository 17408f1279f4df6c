"""Annotation files to trusted tables, and which annotated images exist as frames."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from hand100m_assets.annotations.coverage import coverage as compute_coverage
from hand100m_assets.annotations.discovery import find_annotation_file
from hand100m_assets.annotations.examples import frames_on_disk
from hand100m_assets.annotations.export import Exported
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.annotations.lookup_build import build_lookup
from hand100m_assets.annotations.paths import are_at_mapped_places
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.jobs import asset_keys
from hand100m_assets.defs.partitions import annotation_set_partitions
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.layout import Source
from hand100m_assets.outputfiles import output_errors
from hand100m_assets.render.charts import coverage_chart, keypoint_chart, png_markdown
from hand100m_assets.render.preview import labels_preview_markdown
from hand100m_assets.workspace import SourceWorkspace

_NIGHTLY = "0 5 * * *"
# The library's own annotation of `cron_tick_passed` is too narrow for `since_last_handled`.
_NIGHT_BEGAN: dg.AutomationCondition = dg.AutomationCondition.cron_tick_passed(_NIGHTLY).since_last_handled()  # type: ignore[misc, type-arg]


def build_annotation_assets(source: Source) -> list[dg.AssetsDefinition]:
    """Validated tables of each annotation set, their coverage by frames, and the same for other tools."""
    group, prefix, sets = source.name, [source.name], annotation_set_partitions(source)

    @dg.asset(key_prefix=prefix, group_name=group, kinds={"json", "polars"}, partitions_def=sets)
    @fails_clearly
    def annotations(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """`images`, `hands` and `rejects` of one set, every record validated."""
        place, key = workspace.source(source), context.partition_key
        file = find_annotation_file(place.folders.annotations_dir, key, place.settings.name_pattern)
        summary = ingest_file(file.path, place.output.annotation_dir(key))
        lookup = build_lookup(place.output.annotation_dir(key))
        context.log.info(f"{key}: {summary.hands_kept} hands kept, {summary.rejects} records rejected")
        poses = keypoint_chart(
            pl.scan_parquet(place.annotation_tables(key) / "hands.parquet"),
            title=f"{source.title} {key}: what the poses look like",
            joint_order=place.settings.joint_order,
        )
        chart = dg.MetadataValue.md(png_markdown(poses, "poses"))
        more: dict[str, Any] = {"poses": chart, "hands_not_found_by_id": lookup.duplicate_hand_ids}
        return dg.MaterializeResult(metadata={**_summary_metadata(summary.model_dump(mode="json")), **more})

    @dg.asset(
        key_prefix=prefix,
        group_name=group,
        kinds={"polars"},
        partitions_def=sets,
        deps=[annotations],
        automation_condition=dg.AutomationCondition.eager(),
    )
    @fails_clearly
    def coverage(
        context: dg.AssetExecutionContext,
        workspace: Workspace,
        frame_catalog: pl.DataFrame,
        inventory: pl.DataFrame,
    ) -> pl.DataFrame:
        """One row an annotated image: is its frame on disk, and if not, why."""
        place, key = workspace.source(source), context.partition_key
        tables = place.annotation_tables(key)
        images = pl.scan_parquet(tables / "images.parquet")
        table = compute_coverage(
            images.select("image_id", "video_id", "frame_index").collect(),
            pl.read_parquet(tables / "hands.parquet", columns=["image_id"]),
            frame_catalog,
            inventory,
            place.extraction_failures(),
            is_selected=place.is_selected(key),
            at_mapped_place=are_at_mapped_places(images, place.settings.image_prefixes),
        )
        counts = dict(table.group_by(pl.col("reason").fill_null("on disk")).len().sort("reason").iter_rows())
        title = f"{source.title} {key}: annotated images"
        context.add_output_metadata(
            {
                "images": counts,
                "chart": dg.MetadataValue.md(png_markdown(coverage_chart(counts, title=title), title)),
                "labels_over_pixels": dg.MetadataValue.md(_labels_over_pixels(place, key, table)),
            }
        )
        return table

    @dg.asset(
        key_prefix=prefix,
        group_name=group,
        kinds={"json"},
        partitions_def=sets,
        deps=[annotations, *asset_keys(source, "frame_catalog", "mined_pairs")],
        automation_condition=_tables_at_once_frames_at_night(source),
    )
    @fails_clearly
    def export(
        context: dg.AssetExecutionContext, workspace: Workspace, inventory: pl.DataFrame
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """The same set, shipped and mined, for the original loaders and COCO tools: what can be loaded now."""
        place, key = workspace.source(source), context.partition_key
        made: dict[str, Exported] = {}
        for export_format in place.settings.export_formats:
            made[export_format] = place.export(key, export_format, inventory=inventory)
        metadata: dict[str, Any] = {}
        made |= _mined(place, key)
        for name, one in made.items():
            context.log.info(f"{key}: {one.hands} hands in {one.path}; left out: {dict(one.left_out)}")
            metadata |= {name: dg.MetadataValue.path(one.path), f"{name}: hands": one.hands}
            metadata[f"{name}: left out"] = dg.MetadataValue.json(one.left_out)
        return dg.MaterializeResult(metadata=metadata)

    return [annotations, coverage, export]


def _tables_at_once_frames_at_night(source: Source) -> dg.AutomationCondition:  # type: ignore[type-arg]
    """As `eager()`, but new frames wait for the night, and a new inventory asks for nothing: files have gigabytes.

    A set that could not be mined is exported all the same.
    """
    eager, updated = dg.AutomationCondition.eager(), dg.AutomationCondition.any_deps_updated()
    lasting = dg.AutomationCondition.any_deps_missing().ignore(
        dg.AssetSelection.assets(*asset_keys(source, "mined_pairs"))
    )
    without_mining = eager.replace("any_deps_missing", lasting.with_label("any_deps_missing"))

    def ignoring(*names: str) -> dg.AutomationCondition:  # type: ignore[type-arg]
        others = updated.ignore(dg.AssetSelection.assets(*asset_keys(source, *names)))
        return without_mining.replace("any_deps_updated", others.with_label("any_deps_updated"))

    return ignoring("frame_catalog", "inventory") | (ignoring("inventory") & _NIGHT_BEGAN)


def _mined(place: SourceWorkspace, key: str) -> dict[str, Exported]:
    """Write the set with its nearest hands as positives, or leave none of other pairs where none is wanted."""
    mined, file = place.output.table_file("mined_pairs", key), place.output.mined_annotations_file(key)
    if place.settings.mine_annotations and mined.exists():
        return {"mined": place.export_mined(key)}
    with output_errors(file):
        file.unlink(missing_ok=True)
    return {}


def _labels_over_pixels(place: SourceWorkspace, key: str, covered: pl.DataFrame) -> str:
    examples, find = frames_on_disk(place.annotation_tables(key), covered), place.image_path()

    def image_path(video_id: str, frame_index: int, _: str | None, /) -> Path:
        return find(video_id, frame_index, examples.file_names[video_id, frame_index])

    return labels_preview_markdown(examples.hands, image_path, joint_order=place.settings.joint_order)


def _summary_metadata(summary: dict[str, object]) -> dict[str, dg.MetadataValue]:
    return {
        name: dg.MetadataValue.json(value) if isinstance(value, dict | list) else _plain(value)
        for name, value in summary.items()
    }


def _plain(value: object) -> dg.MetadataValue:
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.text(str(value))
