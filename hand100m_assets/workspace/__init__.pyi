from .audits import audit_of, finished_videos, in_words, sample_of, seed_of_today, videos_to_audit
from .downloads import forget_videos
from .ownership import claim_output, other_owner
from .pictures import CHARTS, SHEETS, SetPictures
from .reports import write_report
from .status import findings, survey
from .workspace import Outstanding, SourceWorkspace, console_lines_of, image_finder, outstanding_videos, read_set_name

__all__ = [
    "CHARTS",
    "SHEETS",
    "Outstanding",
    "SetPictures",
    "SourceWorkspace",
    "audit_of",
    "claim_output",
    "console_lines_of",
    "findings",
    "finished_videos",
    "forget_videos",
    "image_finder",
    "in_words",
    "other_owner",
    "outstanding_videos",
    "read_set_name",
    "sample_of",
    "seed_of_today",
    "survey",
    "videos_to_audit",
    "write_report",
]
