"""The assets that turn annotation files into validated tables, and that export them for other tools."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.annotations import IngestSummary, find_annotation_file
from hand100m_assets.annotations.export import Exported
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.annotations.lookup import build_lookup
from hand100m_assets.defs.descriptions.tables import table_metadata
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_inputs, asset_key, asset_keys, group_name
from hand100m_assets.defs.partitions import annotation_set_partitions
from hand100m_assets.defs.provenance import version_of
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.files import output_errors
from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE, REJECTS_FILE
from hand100m_assets.render import charts
from hand100m_assets.sources import Source
from hand100m_assets.workspace import SourceWorkspace


def build_annotation_assets(source: Source) -> list[dg.AssetsDefinition]:
    """The validated tables of each annotation set, and its export."""
    sets = annotation_set_partitions(source)

    @dg.asset(
        key=asset_key(source, "annotations"),
        group_name=group_name(source, "annotations"),
        kinds={"json", "polars"},
        partitions_def=sets,
        code_version="1",
    )
    @fails_clearly
    def annotations(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """Validated tables of one annotation set: `images`, `hands`, and `rejects` with the invalid records."""
        place, key = workspace.source(source), context.partition_key
        file = find_annotation_file(place.folders.annotations_dir, key, place.settings.name_pattern)
        summary = ingest_file(file.path, place.output.annotation_dir(key))
        lookup = build_lookup(place.output.annotation_dir(key))
        hands, records = counted(summary.hands_kept, "hand"), counted(summary.rejects, "record")
        context.log.info(f"{key}: {hands} kept, {records} rejected")
        poses = charts.keypoint_chart(
            pl.scan_parquet(place.annotation_tables(key) / "hands.parquet"),
            title=f"{source.title} {key}: what the poses look like",
            joint_order=place.settings.joint_order,
        )
        chart = dg.MetadataValue.md(charts.png_markdown(poses, "poses"))
        more: dict[str, Any] = {
            "hands": summary.hands_kept,
            "bytes": summary.source_size_bytes,
            "poses": chart,
            "hands_not_found_by_id": lookup.duplicate_hand_ids,
        }
        about = table_metadata(context.asset_key, summary.hands_kept, _schema(place.output.annotation_dir(key)))
        return dg.MaterializeResult(
            metadata={**about, **_summary_metadata(summary.model_dump(mode="json")), **more},
            data_version=_version(place.output.annotation_dir(key), summary),
        )

    @dg.asset(
        key=asset_key(source, "export"),
        group_name=group_name(source, "export"),
        kinds={"json"},
        partitions_def=sets,
        ins=asset_inputs(source, "inventory"),
        deps=asset_keys(source, "annotations", "frame_catalog", "mined_pairs"),
        code_version="1",
    )
    @fails_clearly
    def export(
        context: dg.AssetExecutionContext, workspace: Workspace, inventory: pl.DataFrame
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """Annotation files of one set for the original loaders and COCO tools, with shipped and mined positives."""
        place, key = workspace.source(source), context.partition_key
        made: dict[str, Exported] = {}
        for export_format in place.settings.export_formats:
            made[export_format] = place.export(key, export_format, inventory=inventory)
        metadata: dict[str, Any] = {}
        made |= _mined(place, key)
        for name, one in made.items():
            context.log.info(f"{key}: {counted(one.hands, 'hand')} in {one.path}{_left_out(one.left_out)}")
            metadata |= {name: dg.MetadataValue.path(one.path), f"{name}: hands": one.hands}
            metadata[f"{name}: left out"] = dg.MetadataValue.json(one.left_out)
        files = [one.path for one in made.values()]
        metadata["bytes"] = sum(file.stat().st_size for file in files)
        return dg.MaterializeResult(metadata=metadata, data_version=version_of(*files))

    return [annotations, export]


def _mined(place: SourceWorkspace, key: str) -> dict[str, Exported]:
    """Write the set with the mined pairs, or remove an older such file if none is wanted."""
    mined, file = place.output.table_file("mined_pairs", key), place.output.mined_annotations_file(key)
    if place.settings.mine_annotations and mined.exists():
        return {"mined": place.export_mined(key)}
    with output_errors(file):
        file.unlink(missing_ok=True)
    return {}


def _schema(tables: Path) -> dict[str, pl.DataType]:
    """Columns of the three tables, with the name of the table before each column."""
    files = {"hands": HANDS_FILE, "images": IMAGES_FILE, "rejects": REJECTS_FILE}
    schemas = {name: pl.read_parquet_schema(tables / file) for name, file in files.items()}
    return {f"{name}.{column}": kind for name, schema in schemas.items() for column, kind in schema.items()}


def _version(tables: Path, summary: IngestSummary) -> dg.DataVersion:
    """Version of the content: the same file with a newer date has the same version."""
    said = summary.model_dump_json(exclude={"source_mtime_ns"})
    return version_of(said, *(tables / name for name in (IMAGES_FILE, HANDS_FILE, REJECTS_FILE)))


def _summary_metadata(summary: dict[str, object]) -> dict[str, dg.MetadataValue]:
    return {
        name: dg.MetadataValue.json(value) if isinstance(value, dict | list) else _plain(value)
        for name, value in summary.items()
    }


def _plain(value: object) -> dg.MetadataValue:
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.text(str(value))


def _left_out(reasons: Mapping[str, int]) -> str:
    """How many hands are left out, and why; nothing where none is."""
    return "".join(f"; left out: {count:,} ({reason})" for reason, count in reasons.items())
