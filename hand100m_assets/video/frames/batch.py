"""Extracts many videos with several workers, the largest file first. A fault in one never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from pathlib import Path

from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.parallel import DaskPool, Outcome, Task, TimeLimitError, work_through
from hand100m_assets.video.frames.failures import stamp_of
from hand100m_assets.video.frames.job import ExtractionJob, ExtractionOutcome, extract_one, remember


def extract_many(
    jobs: Sequence[ExtractionJob],
    workers: int | DaskPool,
    should_stop: Callable[[], bool] | None = None,
    *,
    watch: Callable[[Collection[ExtractionJob]], None] | None = None,
) -> Generator[ExtractionOutcome, None, None]:
    """Extract many videos, the largest file first, and yield each outcome when its video is finished.

    A failed video gives an outcome with an error and does not stop the others. If you close the iterator, if an
    exception is raised or if you press Ctrl-C, the workers stop at once. The next run continues the unfinished videos
    from the JPEGs that are already there.

    Args:
        jobs: At most one job per video.
        workers: Number of worker processes on this machine; 0 extracts in this process, for notebooks and debuggers.
            Or a `DaskPool`; it is ended with the work.
        should_stop: Called about twice per second. When it returns True, no further outcome follows.
        watch: Called as often with the jobs that are being worked on, for a progress display.

    Yields:
        One outcome per job, in the order in which the videos finish.

    Raises:
        DiskFullError: The output disk is full. Free some space and run again; the outcomes before it stay valid.
        OutputUnwritableError: A cluster's run cannot write beside the frames. Give write permission or choose another
            output folder.
        RetryableError: The cluster is lost or has no workers. Start it, then run again.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import ExtractionJob, extract_many
        >>> jobs = [
        ...     ExtractionJob(
        ...         video_path=Path("video.mp4"),
        ...         frames_dir=Path("extracted"),
        ...         video_id="video",
        ...         selection=StrideSelection(30),
        ...         options=ExtractionOptions(),
        ...     )
        ... ]
        >>> for outcome in extract_many(jobs, workers=0):
        ...     print(outcome.video_id, outcome.error or outcome.manifest.status)
        video complete
    """
    ordered = sorted(jobs, key=lambda job: -_size_bytes(job.video_path))
    task = Task(
        work=extract_one,
        name=lambda job: job.video_path,
        limit_s=lambda job: job.limits.patience_s,
        folder=ordered[0].frames_dir / IN_PROGRESS_DIR if ordered else None,
    )
    if ordered:
        with closing(work_through(ordered, task, workers, should_stop, watch=watch)) as outcomes:
            for outcome in outcomes:
                yield _told(outcome)


def _told(outcome: Outcome[ExtractionJob, ExtractionOutcome]) -> ExtractionOutcome:
    """The worker's own outcome; or why there is none, which is recorded beside the frames as its own failures are."""
    job, error = outcome.item, outcome.error
    if error is None:
        return outcome.result()
    if isinstance(error, TimeLimitError):
        error = job.limits.too_slow(job.video_path)
    remember(job, error)
    return ExtractionOutcome(video_id=job.video_id, error=error, seconds=outcome.seconds, details=outcome.details)


def _size_bytes(path: Path) -> int:
    stamp = stamp_of(path)
    return stamp.size_bytes if stamp else 0
