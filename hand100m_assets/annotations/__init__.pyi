from .discovery import AnnotationListing, find_annotation_file, list_annotation_files
from .examples import frames_on_disk
from .export.coco import export_coco
from .export.original import Exported, export_json
from .frame_files import FrameFiles
from .image_coverage import coverage
from .ingest.ingest import ingest_file
from .lookup.build import build_lookup
from .lookup.hand_table import HandRow, HandTable
from .named_frames import frames_named
from .pairable import pairable_hands
from .paths import image_path
from .tables import IngestSummary, read_summary

__all__ = [
    "AnnotationListing",
    "Exported",
    "FrameFiles",
    "HandRow",
    "HandTable",
    "IngestSummary",
    "build_lookup",
    "coverage",
    "export_coco",
    "export_json",
    "find_annotation_file",
    "frames_named",
    "frames_on_disk",
    "image_path",
    "ingest_file",
    "list_annotation_files",
    "pairable_hands",
    "read_summary",
]
