"""Jobs: what one run makes together. The catalog job runs the checks of `frames`, after the batches."""

from typing import Final

import dagster as dg

from hand100m_assets.defs.internals import PRIORITY_TAG, UnresolvedAssetJobDefinition
from hand100m_assets.defs.keys import asset_keys
from hand100m_assets.sources import Source

LEAVES_ROOM_TAG: Final = "hand100m/leaves_room"
"""Tag of runs that extract no frames. `dagster.yaml` keeps one place free from them, for frames."""

ALONE_TAG: Final = "hand100m/alone"
"""Tag of runs that write the same file. `dagster.yaml` lets only one run per value run at a time."""


def frames_job_name(source: Source) -> str:
    """The job that extracts the frames of a range of video partitions."""
    return f"{source.name}_frames"


def annotations_job_name(source: Source) -> str:
    """The job that ingests one annotation set, resolves its pairs and mines it."""
    return f"{source.name}_annotations"


def catalog_job_name(source: Source) -> str:
    """The job that renews the lists of videos, the inventory and the frame catalog, with their checks."""
    return f"{source.name}_catalog"


def pictures_job_name(source: Source) -> str:
    """The job that renews coverage, pictures, report, export and training set of annotation sets."""
    return f"{source.name}_pictures"


def checks_job_name(source: Source) -> str:
    """The job that runs every check of the source."""
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
"""Assets per annotation set. Their checks look at all sets on disk."""

CHECKED = ("video_list", "videos", "frames", *MADE_OF_EACH_SET)
"""Assets that have checks."""


def _assets(source: Source, *names: str) -> dg.AssetSelection:
    """Assets without their checks."""
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
            description="Extracts the frames of a range of videos.",
        ),
        dg.define_asset_job(
            annotations_job_name(source),
            _assets(source, "annotations", "pairs", "mined_pairs", "agreement"),
            tags={PRIORITY_TAG: "1", LEAVES_ROOM_TAG: "yes"},
            description="Reads one annotation file into tables, finds the positive of each hand, and mines the nearest "
            "hands.",
        ),
        dg.define_asset_job(
            catalog_job_name(source),
            catalog | _checks(source, "video_list", "videos", "frames"),
            tags={PRIORITY_TAG: "1", LEAVES_ROOM_TAG: "yes", ALONE_TAG: catalog_job_name(source)},
            description="Renews the video list, the inventory, the missing videos and the frame catalog, and checks "
            "them.",
        ),
        dg.define_asset_job(
            pictures_job_name(source),
            _assets(source, "coverage", "grid", "sheets", "report", "export", "training_set"),
            tags={LEAVES_ROOM_TAG: "yes"},
            description="Renews coverage, grid, sheets, report, export and training set of annotation sets.",
        ),
        dg.define_asset_job(
            checks_job_name(source),
            _checks(source, *CHECKED),
            tags={LEAVES_ROOM_TAG: "yes"},
            description="Runs every check of this source on the files that are on disk.",
        ),
    ]
