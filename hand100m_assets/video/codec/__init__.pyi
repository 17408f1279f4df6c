from .bitstream import (
    HOLE,
    Bitstream,
    Data,
    H264Bitstream,
    HevcBitstream,
    PacketNature,
    UnsafeStreamError,
    h264_kind,
    hevc_kind,
)
from .holes import HoleWatch, TailWatch
from .key_frames import Av1Bitstream, Vp9Bitstream
from .mjpeg_segments import picture_is_the_same_without_notes
from .picture_order import picture_order_of
from .presentation import Placed, PresentationOrder
from .splices import SpliceWatch

__all__ = [
    "HOLE",
    "Av1Bitstream",
    "Bitstream",
    "Data",
    "H264Bitstream",
    "HevcBitstream",
    "HoleWatch",
    "PacketNature",
    "Placed",
    "PresentationOrder",
    "SpliceWatch",
    "TailWatch",
    "UnsafeStreamError",
    "Vp9Bitstream",
    "h264_kind",
    "hevc_kind",
    "picture_is_the_same_without_notes",
    "picture_order_of",
]
