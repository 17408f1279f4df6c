from .complaints import HARMLESS
from .picking import DecodeAgainError, decode_frames, pick_frames
from .report import DecodeReport, DecoderError
from .selection import (
    FrameSetSelection,
    RemainingSelection,
    Selection,
    StrideSelection,
    UnionSelection,
    parse_frame_list,
    to_ranges,
    widen_description,
)

__all__ = [
    "HARMLESS",
    "DecodeAgainError",
    "DecodeReport",
    "DecoderError",
    "FrameSetSelection",
    "RemainingSelection",
    "Selection",
    "StrideSelection",
    "UnionSelection",
    "decode_frames",
    "parse_frame_list",
    "pick_frames",
    "to_ranges",
    "widen_description",
]
