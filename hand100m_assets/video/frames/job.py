"""One video's extraction as a message: what a worker is told, does, and answers."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hand100m_assets.errors import DiskFullError, Hand100mError, OutputUnwritableError, RetryableError
from hand100m_assets.files import FileStamp
from hand100m_assets.video.decode import Selection
from hand100m_assets.video.frames.extract import ExtractionStoppedError, extract_video
from hand100m_assets.video.frames.failures import record_failure, stamp_of
from hand100m_assets.video.frames.limits import UNLIMITED, Limits
from hand100m_assets.video.frames.manifest import ExtractionOptions, Manifest, is_done


@dataclass(frozen=True, kw_only=True)
class ExtractionJob:
    """One video to extract; the arguments of `extract_video`."""

    video_path: Path
    frames_dir: Path
    video_id: str
    selection: Selection
    options: ExtractionOptions
    limits: Limits = UNLIMITED


@dataclass(frozen=True, kw_only=True)
class ExtractionOutcome:
    """What became of one video.

    Attributes:
        video_id: Which video.
        manifest: Of the finished folder, None when it failed.
        error: Why it failed, None when it did not.
        reused: The folder was finished before and agreed; nothing was decoded.
        seconds: Wall time of this video's work.
        details: Traceback of a fault of ours, None otherwise.
    """

    video_id: str
    manifest: Manifest | None = None
    error: Hand100mError | None = None
    reused: bool = False
    seconds: float = 0.0
    details: str | None = None


def extract_one(job: ExtractionJob, should_stop: Callable[[], bool] | None = None) -> ExtractionOutcome:
    """Do one job in this process; a failure is an outcome, and is recorded beside the frames."""
    started_s = time.monotonic()
    error: Hand100mError
    details: str | None = None
    stamp = stamp_of(job.video_path)
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
    except (ExtractionStoppedError, DiskFullError) as stopped:  # no fault of the video's: nothing to remember
        return ExtractionOutcome(video_id=job.video_id, error=stopped, seconds=time.monotonic() - started_s)
    except Hand100mError as known:
        error = known
    except Exception as unknown:  # noqa: BLE001 - one video's surprise must not stop the others
        details = traceback.format_exc()
        error = RetryableError(
            f"unexpected {type(unknown).__name__}: {unknown}", where=job.video_path, fix="Please report this."
        )
    else:
        return ExtractionOutcome(
            video_id=job.video_id, manifest=manifest, reused=done is not None, seconds=time.monotonic() - started_s
        )
    remember(job, error, stamp)
    return ExtractionOutcome(video_id=job.video_id, error=error, seconds=time.monotonic() - started_s, details=details)


def remember(job: ExtractionJob, error: Hand100mError, stamp: FileStamp | None = None) -> None:
    """Note beside the frames why there are none; a permanent fault is not tried again until the file changes.

    Args:
        job: The video.
        error: What went wrong.
        stamp: State of the file before it was read, as it may have grown since; None for its state now.
    """
    # A full disk is what most likely failed just now: then the record cannot be written either.
    with suppress(OutputUnwritableError):
        record_failure(job.frames_dir, job.video_id, error, stamp or stamp_of(job.video_path))
