"""Progress lines of a batch: one line every few seconds, also while long videos take hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hand100m_assets.amounts import counted
from hand100m_assets.video.frames.failures import stamp_of
from hand100m_assets.video.frames.under_way import VideoUnderway

if TYPE_CHECKING:
    from hand100m_assets.video.frames.job import ExtractionJob, ExtractionOutcome


@dataclass
class Progress:
    """Counts the outcomes of a batch and returns a progress line every few seconds and at the end.

    Frames and videos that an earlier run had finished or begun are counted, but they do not enter the frames per second
    or the estimate of the time left.

    Attributes:
        total: Number of videos in the batch.
        every_s: Shortest time between two lines, in seconds.
        clock: Returns monotonic seconds; can be replaced in tests.
        work: Video id -> amount of work in any unit; 1 for a video that is not listed.
        done: Number of videos that are finished, failed ones included.
        failed: Number of videos that failed.
        frames: Number of JPEGs of the finished videos.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import ExtractionJob, Progress, extract_many
        >>> job = ExtractionJob(
        ...     video_path=Path("video.mp4"),
        ...     frames_dir=Path("extracted"),
        ...     video_id="video",
        ...     selection=StrideSelection(30),
        ...     options=ExtractionOptions(),
        ... )
        >>> progress = Progress.of([job])
        >>> for outcome in extract_many([job], workers=0):
        ...     print(progress.add(outcome))
        1 of 1 video, 3 frames, ... frames per second, 0 min left
    """

    total: int
    every_s: float = 10.0
    clock: Callable[[], float] = time.monotonic
    work: Mapping[str, float] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    frames: int = 0
    _frames_found: int = 0
    _work_done: float = 0.0
    _work_found: float = 0.0
    _underway: dict[str, VideoUnderway] = field(default_factory=dict)
    _started_s: float = field(init=False)
    _last_line_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._started_s = self._last_line_s = self.clock()

    @classmethod
    def of(cls, jobs: Sequence[ExtractionJob], every_s: float = 30.0) -> Progress:
        """Make one for these jobs. The size of its file is taken as the amount of work of a video."""
        stamps = {job.video_id: stamp_of(job.video_path) for job in jobs}
        return cls(len(jobs), every_s, work={v: float(s.size_bytes) if s else 0.0 for v, s in stamps.items()})

    def look(self, running: Iterable[ExtractionJob]) -> str | None:
        """Look at the videos that are being worked on; call it often.

        Args:
            running: The jobs that are being worked on.

        Returns:
            A progress line when one is due; None otherwise.
        """
        for job in running:
            if job.video_id not in self._underway:
                self._underway[job.video_id] = VideoUnderway(job)
        if not self._is_due():
            return None
        for video in self._underway.values():
            video.look()
        return self._line()

    def add(self, outcome: ExtractionOutcome) -> str | None:
        """Count one outcome.

        Args:
            outcome: Of a video that has just finished.

        Returns:
            A progress line when one is due or when it was the last video; None otherwise.
        """
        video = self._underway.pop(outcome.video_id, None)
        frames = len(outcome.manifest.frames) if outcome.manifest is not None else 0
        self.done += 1
        self.failed += outcome.error is not None
        self.frames += frames
        self._work_done += self._work_of(outcome.video_id)
        if outcome.reused:
            self._frames_found += frames
            self._work_found += self._work_of(outcome.video_id)
        elif video is not None:
            self._frames_found += min(frames, video.frames_found)
            self._work_found += self._work_of(outcome.video_id) * video.share_found
        return self._line() if self.done == self.total or self._is_due() else None

    def _is_due(self) -> bool:
        return self.clock() - self._last_line_s >= self.every_s

    def _work_of(self, video_id: str) -> float:
        return self.work.get(video_id, 1.0)

    def _line(self) -> str:
        self._last_line_s = self.clock()
        elapsed_s = max(self._last_line_s - self._started_s, 1e-9)
        videos = self._underway.values()
        frames = self.frames + sum(video.frames for video in videos)
        made = frames - self._frames_found - sum(video.frames_found for video in videos)
        failed = f", {self.failed} failed" if self.failed else ""
        return (
            f"{self.done:,} of {counted(self.total, 'video')}{failed}, {counted(frames, 'frame')}, "
            f"{made / elapsed_s:.1f} frames per second, {self._time_left(elapsed_s)}"
        )

    def _time_left(self, elapsed_s: float) -> str:
        work_done, work_found = self._work_done, self._work_found
        for video_id, video in self._underway.items():
            work_done += self._work_of(video_id) * video.share
            work_found += self._work_of(video_id) * video.share_found
        work_left = (sum(self.work.values()) or self.total) - work_done
        if self.done == self.total:
            return "0 min left"
        if work_done <= work_found:
            return "time left not known yet"
        return f"{elapsed_s / (work_done - work_found) * max(0.0, work_left) / 60:.0f} min left"
