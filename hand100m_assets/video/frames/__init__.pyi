from .batch import extract_many
from .catalog import catalogued_videos, frame_catalog, frame_files_at_fault
from .completeness import MADE_BY_OLDER_RULES, frame_states, remembered_videos
from .dask_pool import DaskPool
from .extract import extract_video
from .failures import read_failures, stamp_of
from .job import ExtractionJob, ExtractionOutcome
from .limits import UNLIMITED, Limits, Watch
from .manifest import MANIFEST_VERSION, ExtractionOptions, Manifest, ManifestError, library_versions, read_manifest
from .progress import Progress
from .work_folder import sweep_deleted

__all__ = [
    "MADE_BY_OLDER_RULES",
    "MANIFEST_VERSION",
    "UNLIMITED",
    "DaskPool",
    "ExtractionJob",
    "ExtractionOptions",
    "ExtractionOutcome",
    "Limits",
    "Manifest",
    "ManifestError",
    "Progress",
    "Watch",
    "catalogued_videos",
    "extract_many",
    "extract_video",
    "frame_catalog",
    "frame_files_at_fault",
    "frame_states",
    "library_versions",
    "read_failures",
    "read_manifest",
    "remembered_videos",
    "stamp_of",
    "sweep_deleted",
]
