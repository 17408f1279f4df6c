"""How long a video may be and how long the work on it may take: what protects a batch against hostile files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hand100m_assets.errors import RetryableError, VideoUnreadableError

if TYPE_CHECKING:
    from hand100m_assets.video.decode import DecodeReport

MAX_RATE_FPS: Final = 120
"""Average rate up to which the allowed hours are also an allowed number of frames."""

_SHORTEN: Final = "Cut it into parts, leave it out, or raise HAND100M_MAX_VIDEO_HOURS."


class TimeLimitError(RetryableError):
    """The work on one video took longer than it may; the frames made so far stay for the next run."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one video may cost. None sets no limit.

    Attributes:
        max_video_hours: Longest video, by its header and by what really comes out of it.
        max_seconds: Wall time of the work on one video.
    """

    max_video_hours: float | None = None
    max_seconds: float | None = None

    @property
    def max_frames(self) -> int | None:
        """Most frames that a video of the allowed length can have."""
        return None if self.max_video_hours is None else int(self.max_video_hours * 3600 * MAX_RATE_FPS)

    def too_slow(self, path: Path) -> TimeLimitError:
        """The error for a video that took too long."""
        return TimeLimitError(
            f"the work on it took longer than the {self.max_seconds:g} s that are allowed and was ended",
            where=path,
            fix="Raise HAND100M_MAX_SECONDS_PER_VIDEO; the next run goes on with the frames that are there.",
        )


UNLIMITED: Final = Limits()
"""No limit at all."""


class Watch:
    """Holds the work on one video to its limits, from now on."""

    def __init__(self, limits: Limits, path: Path) -> None:
        self._limits, self._path = limits, path
        self._ends_s = None if limits.max_seconds is None else time.monotonic() + limits.max_seconds

    def check(self, report: DecodeReport, time_s: float | None = None) -> None:
        """Look at the clock, at the header's figures, and at what has come out of the video so far.

        Args:
            report: Of the pass that is under way.
            time_s: When the last frame is shown. Recorders may count from anywhere, so this is no length.

        Raises:
            TimeLimitError: The work has taken too long.
            VideoUnreadableError: The video is longer than is allowed.
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
            excess = f"{frames:,} frames"
        else:
            return
        what = f"{claim} {excess}, more than the {hours:g} hours that are allowed"
        raise VideoUnreadableError(what, where=self._path, fix=_SHORTEN)
