from .audit import audit_video, sampled
from .report import VideoAudit

__all__ = [
    "VideoAudit",
    "audit_video",
    "sampled",
]
