from .file_names import video_id_in
from .forgotten import read_forgotten, write_forgotten
from .inventory import (
    Probe,
    build_inventory,
    files_in,
    missing_videos,
    remembered_probes,
    video_sizes,
    write_missing_list,
)
from .known_files import Look, read_known_files, short_files, take_look, write_known_files
from .listing import Listing, find_changes, list_videos, partial_video_id
from .official_metadata import read_official_metadata
from .video_list import EMPTY_VIDEO_LIST, read_video_list

__all__ = [
    "EMPTY_VIDEO_LIST",
    "Listing",
    "Look",
    "Probe",
    "build_inventory",
    "files_in",
    "find_changes",
    "list_videos",
    "missing_videos",
    "partial_video_id",
    "read_forgotten",
    "read_known_files",
    "read_official_metadata",
    "read_video_list",
    "remembered_probes",
    "short_files",
    "take_look",
    "video_id_in",
    "video_sizes",
    "write_forgotten",
    "write_known_files",
    "write_missing_list",
]
