from .bitstream import (
    HOLE,
    SLICE_HEAD_BYTES,
    Bitstream,
    Data,
    H264Bitstream,
    HevcBitstream,
    PacketNature,
    UnsafeStreamError,
    h264_kind,
    hevc_kind,
    plain_units,
)
from .byte_stream_order import ByteStreamOrder
from .holes import HoleWatch, TailWatch, length_bytes_of
from .key_frames import Av1Bitstream, Vp9Bitstream
from .mjpeg_segments import picture_is_the_same_without_notes
from .mpeg4_frames import Mpeg4Frames
from .order_gaps import OrderGaps
from .parameter_sets import ParameterSetError, bits_of
from .picture_order import picture_order_of
from .presentation import Placed, PresentationOrder
from .splices import SpliceWatch

__all__ = [
    "HOLE",
    "SLICE_HEAD_BYTES",
    "Av1Bitstream",
    "Bitstream",
    "ByteStreamOrder",
    "Data",
    "H264Bitstream",
    "HevcBitstream",
    "HoleWatch",
    "Mpeg4Frames",
    "OrderGaps",
    "PacketNature",
    "ParameterSetError",
    "Placed",
    "PresentationOrder",
    "SpliceWatch",
    "TailWatch",
    "UnsafeStreamError",
    "Vp9Bitstream",
    "bits_of",
    "h264_kind",
    "hevc_kind",
    "length_bytes_of",
    "picture_is_the_same_without_notes",
    "picture_order_of",
    "plain_units",
]
