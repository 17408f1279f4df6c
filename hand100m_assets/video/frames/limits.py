"""Limits on a video's length and on the time of the work on it: they protect a batch against hostile files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hand100m_assets.amounts import counted
from hand100m_assets.errors import VideoUnreadableError
from hand100m_assets.parallel import TimeLimitError

if TYPE_CHECKING:
    from hand100m_assets.video.decode import DecodeReport

MAX_RATE_FPS: Final = 120
"""The limit in hours also limits the number of frames, as if a video had at most this average frame rate."""

GRACE_S: Final = 30.0
"""Seconds by which a worker may exceed its limit. Normally it ends its video itself, unless a library call hangs."""

_SHORTEN: Final = "Cut it into parts, leave it out, or raise HAND100M_MAX_VIDEO_HOURS."


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long one video, and the work on it, may be. None sets no limit.

    Attributes:
        max_video_hours: Longest video in hours; both the length in the header and the decoded length count.
        max_seconds: Longest wall time of the work on one video, in seconds.

    Example:
        >>> from hand100m_assets.video.frames import Limits
        >>> limits = Limits(max_video_hours=2, max_seconds=1800)
        >>> limits.max_frames
        864000
    """

    max_video_hours: float | None = None
    max_seconds: float | None = None

    @property
    def max_frames(self) -> int | None:
        """Number of frames of the longest allowed video, at 120 frames per second; None for no limit."""
        return None if self.max_video_hours is None else int(self.max_video_hours * 3600 * MAX_RATE_FPS)

    @property
    def patience_s(self) -> float | None:
        """After how many seconds of work a video is ended from outside, with its worker process; None for no limit."""
        return None if self.max_seconds is None else self.max_seconds + GRACE_S

    def too_slow(self, path: Path) -> TimeLimitError:
        """Make the error for a video that took too long."""
        return TimeLimitError(
            f"the work on it took longer than the {self.max_seconds:g} s that are allowed and was ended",
            where=path,
            fix="Raise HAND100M_MAX_SECONDS_PER_VIDEO; the next run goes on with the frames that are there.",
        )


UNLIMITED: Final = Limits()
"""No limits: every length and every duration is allowed."""


class Watch:
    """Checks the work on one video against its limits. The time is counted from the moment it is made.

    Args:
        limits: What is allowed.
        path: The video file, which the errors name.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.decode import DecodeReport
        >>> from hand100m_assets.video.frames import Limits, Watch
        >>> watch = Watch(Limits(max_video_hours=1), Path("video.mp4"))
        >>> watch.check(DecodeReport(), time_s=3599)
        >>> watch.check(DecodeReport(), time_s=7200)
        Traceback (most recent call last):
            ...
        hand100m_assets.errors.VideoUnreadableError: ...
    """

    def __init__(self, limits: Limits, path: Path) -> None:
        self._limits, self._path = limits, path
        self._ends_s = None if limits.max_seconds is None else time.monotonic() + limits.max_seconds

    def check(self, report: DecodeReport, time_s: float | None = None) -> None:
        """Check the clock, the length in the header, and the length of what has been decoded so far.

        Args:
            report: Report of the decoding pass that is running.
            time_s: Presentation time of the last frame, in seconds; None if not known. The header's start time is
                subtracted, as some recorders do not count from 0.

        Raises:
            TimeLimitError: The work has taken too long. The next run continues.
            VideoUnreadableError: The video is longer than allowed. Cut it, leave it out, or raise the limit.
        """
        if self._ends_s is not None and time.monotonic() > self._ends_s:
            raise self._limits.too_slow(self._path)
        if report.video is not None:
            header = report.video
            self._check_length("its header claims", header.frame_count_from_header, header.duration_from_header_s)
            time_s = None if time_s is None else time_s - (header.start_time_s or 0.0)
        self._check_length("it holds at least", report.packet_count + report.packet_count_skipped, time_s)

    def _check_length(self, claim: str, frames: int | None, duration_s: float | None) -> None:
        hours, max_frames = self._limits.max_video_hours, self._limits.max_frames
        if hours is None or max_frames is None:
            return
        if duration_s is not None and duration_s > hours * 3600:
            excess = f"{duration_s / 3600:,.1f} hours"
        elif frames is not None and frames > max_frames:
            excess = counted(frames, "frame")
        else:
            return
        what = f"{claim} {excess}, more than the limit of {hours:g} h"
        raise VideoUnreadableError(what, where=self._path, fix=_SHORTEN)
