"""One video's extraction as a message to a worker process, and the worker's answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hand100m_assets.errors import DiskFullError, Hand100mError, OutputUnwritableError
from hand100m_assets.files import FileStamp
from hand100m_assets.video.decode import Selection
from hand100m_assets.video.frames.extract import ExtractionStoppedError, extract_video
from hand100m_assets.video.frames.failures import record_failure, stamp_of
from hand100m_assets.video.frames.limits import UNLIMITED, Limits
from hand100m_assets.video.frames.manifest import ExtractionOptions, Manifest, is_done


@dataclass(frozen=True, kw_only=True)
class ExtractionJob:
    """One video to extract: the arguments of `extract_video` in a value that can be sent to a worker process.

    Attributes:
        video_path: The video file.
        frames_dir: The folder that holds one frame folder per video.
        video_id: Name of the frame folder: letters, digits, `_` and `-`.
        selection: Which frame indices are wanted.
        options: JPEG quality and colour rule.
        limits: How long the video and the work on it may be.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import ExtractionJob
        >>> job = ExtractionJob(
        ...     video_path=Path("video.mp4"),
        ...     frames_dir=Path("extracted"),
        ...     video_id="video",
        ...     selection=StrideSelection(30),
        ...     options=ExtractionOptions(),
        ... )
        >>> job.selection
        StrideSelection(stride=30)
    """

    video_path: Path
    frames_dir: Path
    video_id: str
    selection: Selection
    options: ExtractionOptions
    limits: Limits = UNLIMITED


@dataclass(frozen=True, kw_only=True)
class ExtractionOutcome:
    """The result of one video's extraction.

    Attributes:
        video_id: Id of the video.
        manifest: Manifest of the finished folder; None if the extraction failed.
        error: Why it failed; None if it did not.
        reused: Whether the folder was finished before, so that nothing was decoded.
        seconds: Wall time of the work on this video.
        details: Traceback of an error in this package; None otherwise.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import ExtractionJob, extract_many
        >>> job = ExtractionJob(
        ...     video_path=Path("absent.mp4"),
        ...     frames_dir=Path("extracted"),
        ...     video_id="absent",
        ...     selection=StrideSelection(30),
        ...     options=ExtractionOptions(),
        ... )
        >>> [outcome] = extract_many([job], workers=0)
        >>> outcome.manifest is None, outcome.error.fix
        (True, 'Mount its folder, give read permission, or download it.')
    """

    video_id: str
    manifest: Manifest | None = None
    error: Hand100mError | None = None
    reused: bool = False
    seconds: float = 0.0
    details: str | None = None


def extract_one(job: ExtractionJob, should_stop: Callable[[], bool] | None = None) -> ExtractionOutcome:
    """Do one job in this process. A failure that may be the video's becomes an outcome and is recorded.

    Raises:
        DiskFullError: The output disk is full, which is no fault of the video's.
    """
    started_s = time.monotonic()
    stamp = stamp_of(job.video_path)
    manifest, error, done = None, None, None
    try:
        done = is_done(job.frames_dir, job.video_path, job.selection, job.options, video_id=job.video_id)
        manifest = extract_video(
            job.video_path,
            job.frames_dir,
            job.video_id,
            job.selection,
            job.options,
            should_stop=should_stop,
            limits=job.limits,
        )
    except DiskFullError:
        raise
    except Hand100mError as known:
        error = known
        if not isinstance(error, ExtractionStoppedError):
            remember(job, error, stamp)
    seconds = time.monotonic() - started_s
    return ExtractionOutcome(
        video_id=job.video_id, manifest=manifest, error=error, reused=done is not None, seconds=seconds
    )


def remember(job: ExtractionJob, error: Hand100mError, stamp: FileStamp | None = None) -> None:
    """Record beside the frames why there are none. A permanent failure is not tried again until the file changes.

    Args:
        job: The job that failed.
        error: What went wrong.
        stamp: Size and time of the file before it was read, as it may have grown since; None for those of now.
    """
    # If the disk is full, which is a likely reason of the failure, the record cannot be written either.
    with suppress(OutputUnwritableError):
        record_failure(job.frames_dir, job.video_id, error, stamp or stamp_of(job.video_path))
