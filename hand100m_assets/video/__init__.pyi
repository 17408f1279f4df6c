from .container.probe import VideoInfo, probe_video
from .decode.picking import pick_frames
from .decode.report import DecodeReport
from .decode.selection import FrameSetSelection, StrideSelection
from .downloads.listing import list_videos
from .frames.batch import extract_many
from .frames.catalog import frame_catalog
from .frames.extract import extract_video
from .frames.job import ExtractionJob
from .frames.manifest import ExtractionOptions, Manifest, read_manifest
from .pictures.picture import PickedFrame

__all__ = [
    "DecodeReport",
    "ExtractionJob",
    "ExtractionOptions",
    "FrameSetSelection",
    "Manifest",
    "PickedFrame",
    "StrideSelection",
    "VideoInfo",
    "extract_many",
    "extract_video",
    "frame_catalog",
    "list_videos",
    "pick_frames",
    "probe_video",
    "read_manifest",
]
