"""Asset checks: errors where training would go wrong, warnings where the user should know.

Unpartitioned, over everything that is on disk; each built from the table or the rule that does the work.
"""

import dagster as dg

from hand100m_assets.defs.annotation_sets.annotation_checks import build_annotation_checks
from hand100m_assets.defs.annotation_sets.mining_checks import build_mining_checks
from hand100m_assets.defs.annotation_sets.pair_checks import build_grid_checks, build_pair_checks
from hand100m_assets.defs.annotation_sets.set_checks import build_set_checks
from hand100m_assets.defs.annotation_sets.training_checks import build_training_checks
from hand100m_assets.defs.videos.audit_check import build_audit_check
from hand100m_assets.defs.videos.frame_checks import build_frame_checks
from hand100m_assets.defs.videos.list_checks import build_video_checks
from hand100m_assets.sources import Source

__all__ = ["build_checks"]


def build_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Every check of one source."""
    return [
        *build_video_checks(source),
        *build_frame_checks(source),
        build_audit_check(source),
        *build_set_checks(source),
        *build_annotation_checks(source),
        *build_pair_checks(source),
        *build_mining_checks(source),
        *build_grid_checks(source),
        *build_training_checks(source),
    ]
