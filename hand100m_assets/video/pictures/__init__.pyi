from .appearance import PictureLook
from .converter import ColourRule, PictureConverter, PictureSize
from .picture import PickedFrame, encode_jpeg, frame_time_s

__all__ = [
    "ColourRule",
    "PickedFrame",
    "PictureConverter",
    "PictureLook",
    "PictureSize",
    "encode_jpeg",
    "frame_time_s",
]
