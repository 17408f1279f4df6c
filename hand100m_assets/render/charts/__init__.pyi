from .agreement import agreement_chart
from .charts import (
    coverage_chart,
    distance_chart,
    inventory_chart,
    keypoint_chart,
    png_markdown,
    progress_chart,
)
from .pose_maps import pose_map
from .states import GOOD_STATES, WAITING_STATES
from .video_chart import hands_per_video_chart

__all__ = [
    "GOOD_STATES",
    "WAITING_STATES",
    "agreement_chart",
    "coverage_chart",
    "distance_chart",
    "hands_per_video_chart",
    "inventory_chart",
    "keypoint_chart",
    "png_markdown",
    "pose_map",
    "progress_chart",
]
