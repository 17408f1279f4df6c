from .container.probe import VideoInfo, probe_video
from .decode.picking import pick_frames
from .decode.selection import FrameSetSelection, StrideSelection
from .downloads.listing import list_videos
from .frames.catalog import frame_catalog
from .frames.extract import extract_video
from .frames.manifest import ExtractionOptions, read_manifest

__all__ = [
    "ExtractionOptions",
    "FrameSetSelection",
    "StrideSelection",
    "VideoInfo",
    "extract_video",
    "frame_catalog",
    "list_videos",
    "pick_frames",
    "probe_video",
    "read_manifest",
]
