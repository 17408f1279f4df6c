from .anchors import AnchorChoice, choose_anchor_rows, is_published
from .crops import ImagePath, short_id
from .extremes import End, choose_extreme_pairs, draw_extreme_pairs
from .grid import GRID_PAIRS, GRID_SIZE_PX, GridPictures, draw_grids
from .ladder import LADDER_ROWS, RANKS, draw_ladder, ordinal
from .preview import frames_preview, frames_preview_markdown, labels_preview_markdown
from .sheet import Sheet

__all__ = [
    "GRID_PAIRS",
    "GRID_SIZE_PX",
    "LADDER_ROWS",
    "RANKS",
    "AnchorChoice",
    "End",
    "GridPictures",
    "ImagePath",
    "Sheet",
    "choose_anchor_rows",
    "choose_extreme_pairs",
    "draw_extreme_pairs",
    "draw_grids",
    "draw_ladder",
    "frames_preview",
    "frames_preview_markdown",
    "is_published",
    "labels_preview_markdown",
    "ordinal",
    "short_id",
]
