from .avi_chunks import AviChunks
from .flv_tags import FlvTags, is_tag_of_key_frame
from .matroska_blocks import MatroskaBlocks
from .probe import (
    MAX_PIXELS,
    VideoInfo,
    describe_video,
    open_video,
    outline_of,
    packets_promised,
    probe_video,
    stamp_video,
)
from .promised_end import duration_shortfall
from .transport_packets import Pace, Start, TransportPackets

__all__ = [
    "MAX_PIXELS",
    "AviChunks",
    "FlvTags",
    "MatroskaBlocks",
    "Pace",
    "Start",
    "TransportPackets",
    "VideoInfo",
    "describe_video",
    "duration_shortfall",
    "is_tag_of_key_frame",
    "open_video",
    "outline_of",
    "packets_promised",
    "probe_video",
    "stamp_video",
]
