from .camera import ProjectedHand
from .cast import FRAME_STRIDE, SampleScale, VideoPlan, cast_videos
from .crew import film_all

__all__ = [
    "FRAME_STRIDE",
    "ProjectedHand",
    "SampleScale",
    "VideoPlan",
    "cast_videos",
    "film_all",
]
