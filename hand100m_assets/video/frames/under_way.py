"""How far the extraction of one video is, read from its journal file; the worker may run on any machine."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import av

from hand100m_assets.errors import Hand100mError
from hand100m_assets.video.container import open_video
from hand100m_assets.video.frames.work_folder import journal_file

if TYPE_CHECKING:
    from hand100m_assets.video.frames.job import ExtractionJob


class VideoUnderway:
    """One video from the moment it is submitted to its outcome.

    Attributes:
        frames: Number of JPEGs that are there.
        share: Part of the video that has been worked through, 0 to 1; estimated from its header.
        frames_found: Number of JPEGs that an interrupted run had left.
        share_found: Part of the video that the interrupted run had worked through.
    """

    def __init__(self, job: ExtractionJob) -> None:
        self.frames, self.share = 0, 0.0
        self.frames_found, self.share_found = 0, 0.0
        self._job = job
        self._frame_count: int | None = None
        self.look()
        self.frames_found, self.share_found = self.frames, self.share

    def look(self) -> None:
        """Read the journal. When the video is finished the journal is removed, and the last values stay."""
        with suppress(OSError, ValueError, LookupError):
            lines = journal_file(self._job.frames_dir, self._job.video_id).read_bytes().split(b"\n")[:-1]
            last = int(json.loads(lines[-1])["frame_index"])
            self.frames, self.share = len(lines), self._share_up_to(last)
        # The JPEGs that were found may be removed: made from another file, or in a way that is no longer trusted.
        self.frames_found, self.share_found = min(self.frames_found, self.frames), min(self.share_found, self.share)

    def _share_up_to(self, frame_index: int) -> float:
        if self._frame_count is None:
            self._frame_count = _frames_to_go_through(self._job)
        return min(1.0, (frame_index + 1) / self._frame_count) if self._frame_count else 0.0


def _frames_to_go_through(job: ExtractionJob) -> int:
    """Number of frames up to the last wanted one, or about as many as the header promises; 0 when nothing is known."""
    if job.selection.last_wanted is not None:
        return job.selection.last_wanted + 1
    with suppress(Hand100mError):
        container, stream = open_video(job.video_path)
        with container:
            return round((container.duration or 0) / av.time_base * float(stream.average_rate or 0))
    return 0
