"""Jobs: what is asked for together. Checks of `frames` run in the catalog job, after its batches."""

from typing import Final

import dagster as dg

from hand100m_assets.defs.internals import PRIORITY_TAG, UnresolvedAssetJobDefinition
from hand100m_assets.defs.keys import asset_keys
from hand100m_assets.sources import Source

LEAVES_ROOM_TAG: Final = "hand100m/leaves_room"
"""Of runs that extract nothing: `dagster.yaml` lets them take all places but one, which is left to frames."""

ALONE_TAG: Final = "hand100m/alone"
"""Of runs that write one file: `dagster.yaml` lets one of each value run at a time."""


def frames_job_name(source: Source) -> str:
    """Extracts frames of a range of video partitions."""
    return f"{source.name}_frames"


def annotations_job_name(source: Source) -> str:
    """Ingests one annotation set, resolves its pairs and mines it."""
    return f"{source.name}_annotations"


def catalog_job_name(source: Source) -> str:
    """Refreshes list, inventory, missing-videos report and frame catalog, with their checks."""
    return f"{source.name}_catalog"


def pictures_job_name(source: Source) -> str:
    """Refreshes coverage, pictures, report, export and training set of one annotation set."""
    return f"{source.name}_pictures"


def checks_job_name(source: Source) -> str:
    """Runs every check of the source against what is on disk."""
    return f"{source.name}_checks"


MADE_OF_EACH_SET = (
    "annotations",
    "coverage",
    "pairs",
    "mined_pairs",
    "agreement",
    "grid",
    "sheets",
    "training_set",
)
"""Assets by annotation set whose checks look at all sets that are on disk."""

CHECKED = ("video_list", "videos", "frames", *MADE_OF_EACH_SET)
"""Assets that have checks."""


def _assets(source: Source, *names: str) -> dg.AssetSelection:
    """Assets alone, without the checks that would come along."""
    return dg.AssetSelection.assets(*asset_keys(source, *names)).without_checks()


def _checks(source: Source, *names: str) -> dg.AssetSelection:
    return dg.AssetSelection.checks_for_assets(*asset_keys(source, *names))


def build_jobs(source: Source) -> list[UnresolvedAssetJobDefinition]:
    """The five jobs of one source."""
    catalog = _assets(source, "video_list", "inventory", "missing_videos", "frame_catalog")
    return [
        dg.define_asset_job(
            frames_job_name(source),
            _assets(source, "frames"),
            tags={PRIORITY_TAG: "2"},
            description="Extract frames of a range of videos.",
        ),
        dg.define_asset_job(
            annotations_job_name(source),
            _assets(source, "annotations", "pairs", "mined_pairs", "agreement"),
            tags={PRIORITY_TAG: "1", LEAVES_ROOM_TAG: "yes"},
            description="Ingest one annotation set, resolve its pairs and mine it.",
        ),
        dg.define_asset_job(
            catalog_job_name(source),
            catalog | _checks(source, "video_list", "videos", "frames"),
            tags={PRIORITY_TAG: "1", LEAVES_ROOM_TAG: "yes", ALONE_TAG: catalog_job_name(source)},
            description="Refresh the inventory, the missing-videos report and the frame catalog, and check them.",
        ),
        dg.define_asset_job(
            pictures_job_name(source),
            _assets(source, "coverage", "grid", "sheets", "report", "export", "training_set"),
            tags={LEAVES_ROOM_TAG: "yes"},
            description="Refresh coverage, pictures, report, export and training set of one annotation set.",
        ),
        dg.define_asset_job(
            checks_job_name(source),
            _checks(source, *CHECKED),
            tags={LEAVES_ROOM_TAG: "yes"},
            description="Run every check against what is on disk.",
        ),
    ]
