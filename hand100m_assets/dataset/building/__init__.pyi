from .build import build_training_set
from .job import BuildReport, TrainingSetJob
from .verify import (
    NO_SAMPLE,
    Fault,
    PixelAudit,
    audit_pixels,
    count_faults,
    faults_table,
    images_again,
    keypoint_faults,
    left_out_hands,
    left_out_share,
    pair_faults,
    shard_faults,
)

__all__ = [
    "NO_SAMPLE",
    "BuildReport",
    "Fault",
    "PixelAudit",
    "TrainingSetJob",
    "audit_pixels",
    "build_training_set",
    "count_faults",
    "faults_table",
    "images_again",
    "keypoint_faults",
    "left_out_hands",
    "left_out_share",
    "pair_faults",
    "shard_faults",
]
