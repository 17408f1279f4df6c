from .charts.charts import distance_chart, keypoint_chart
from .charts.pose_maps import pose_map
from .grids.anchors import choose_anchor_rows
from .grids.grid import GridPictures, draw_grids
from .grids.ladder import draw_ladder
from .grids.skeleton import draw_skeleton

__all__ = [
    "GridPictures",
    "choose_anchor_rows",
    "distance_chart",
    "draw_grids",
    "draw_ladder",
    "draw_skeleton",
    "keypoint_chart",
    "pose_map",
]
