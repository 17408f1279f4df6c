"""The asset that makes training sets from tables and frames, or from tables and videos."""

from typing import Any

import dagster as dg

from hand100m_assets.amounts import counted
from hand100m_assets.dataset import INDEX_FILE
from hand100m_assets.dataset.building import BuildReport, build_training_set
from hand100m_assets.defs.annotation_sets.progress_log import ProgressLog
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key, asset_keys, group_name
from hand100m_assets.defs.partitions import annotation_set_partitions
from hand100m_assets.defs.provenance import version_of
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.sources import Source


def build_training_assets(source: Source) -> list[dg.AssetsDefinition]:
    """The training set of each annotation set."""

    @dg.asset(
        key=asset_key(source, "training_set"),
        group_name=group_name(source, "training_set"),
        kinds={"jpeg"},
        partitions_def=annotation_set_partitions(source),
        deps=asset_keys(source, "annotations", "frame_catalog"),
        code_version="1",
    )
    @fails_clearly
    def training_set(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """Crops of one set, with keypoints, pair index and distances; a training job opens it with `HandPairs`."""
        key = context.partition_key
        job = workspace.source(source).training_set_job(key)
        report = build_training_set(job, ProgressLog(context, "looked for"))
        samples, crops = counted(report.index.samples, "sample"), counted(report.cut, "crop")
        context.log.info(f"{key}: {samples}, {crops} cut now")
        return dg.MaterializeResult(
            metadata={**_metadata(report), "folder": dg.MetadataValue.path(job.folder)},
            data_version=version_of(job.folder / INDEX_FILE),  # it holds the digests of all else
        )

    return [training_set]


def _metadata(report: BuildReport) -> dict[str, Any]:
    index = report.index
    return {
        "dagster/row_count": index.samples,
        "crops_cut_now": report.cut,
        "shards": len(index.shards),
        "hands": index.samples,
        "missing": sum(index.left_out.values()),
        "bytes": index.size_bytes,
        "hands_left_out": dg.MetadataValue.json(index.left_out),
        "crops": dg.MetadataValue.json(index.order.options.model_dump()),
    }
