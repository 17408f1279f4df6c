from .charts.charts import keypoint_chart
from .charts.pose_maps import pose_map
from .grids.grid import draw_grids
from .grids.ladder import draw_ladder
from .grids.skeleton import draw_skeleton

__all__ = [
    "draw_grids",
    "draw_ladder",
    "draw_skeleton",
    "keypoint_chart",
    "pose_map",
]
