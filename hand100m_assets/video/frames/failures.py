"""Why a video gave no frames, in one small file per video, so that permanent failures are not tried every night."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from hand100m_assets.errors import Hand100mError, PermanentError
from hand100m_assets.files import FileStamp, output_errors, write_whole
from hand100m_assets.layout import FAILURES_DIR, check_video_id
from hand100m_assets.video.frames.manifest import DECODING_RULES


class FailureRecord(BaseModel):
    """The last failure of one video.

    Attributes:
        video_id: Id of the video.
        reason: The error in words, with what to do.
        permanent: Whether another attempt is useless until the file changes.
        size_bytes: Size of the file that failed; None if it was not there.
        mtime_ns: Modification time of that file, in nanoseconds since 1970; None if it was not there.
        decoding_rules: As `Manifest.decoding_rules`: a file that older rules refused may be read today.
    """

    model_config = ConfigDict(frozen=True)

    video_id: str
    reason: str
    permanent: bool
    size_bytes: int | None
    mtime_ns: int | None
    decoding_rules: int = 0

    @property
    def stamp(self) -> FileStamp | None:
        """Size and time of the file that failed; None if it was not there."""
        if self.size_bytes is None or self.mtime_ns is None:
            return None
        return FileStamp(self.size_bytes, self.mtime_ns)

    def is_for_good(self, stamp: FileStamp | None) -> bool:
        """Whether another try is useless with the file in this state."""
        return self.permanent and self.stamp == stamp and self.decoding_rules >= DECODING_RULES


def stamp_of(video_path: Path) -> FileStamp | None:
    """Return size and modification time of a file, without an error when it is not there.

    Args:
        video_path: The file.

    Returns:
        The stamp of the file now; None if it is absent or cannot be reached.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.frames import stamp_of
        >>> stamp_of(Path("video.mp4")).size_bytes == Path("video.mp4").stat().st_size
        True
        >>> stamp_of(Path("absent.mp4")) is None
        True
    """
    try:
        return FileStamp.of(video_path)
    except OSError:
        return None


def _failure_file(frames_dir: Path, video_id: str) -> Path:
    return frames_dir / FAILURES_DIR / f"{check_video_id(video_id)}.json"


def record_failure(frames_dir: Path, video_id: str, error: Hand100mError, stamp: FileStamp | None) -> FailureRecord:
    """Record a failure, in place of an earlier one.

    Raises:
        OutputUnwritableError: The record cannot be written.
    """
    record = FailureRecord(
        video_id=video_id,
        reason=str(error),
        permanent=isinstance(error, PermanentError),
        size_bytes=stamp.size_bytes if stamp else None,
        mtime_ns=stamp.mtime_ns if stamp else None,
        decoding_rules=DECODING_RULES,
    )
    path = _failure_file(frames_dir, video_id)
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, record.model_dump_json(indent=1).encode())
    return record


def clear_failure(frames_dir: Path, video_id: str) -> None:
    """Remove the record of a failure, if there is one."""
    path = _failure_file(frames_dir, video_id)
    with output_errors(path):
        path.unlink(missing_ok=True)


def read_failures(frames_dir: Path) -> dict[str, FailureRecord]:
    """Read the failure records of a frames folder.

    A broken record is left out, so that its video is tried again.

    Args:
        frames_dir: The folder that holds one frame folder per video.

    Returns:
        Video id -> record, sorted by id; empty if nothing has failed. A record has `video_id`, `reason` (what went
        wrong and what to do), `permanent` (no further attempt until the file changes), and `size_bytes` and `mtime_ns`
        of the file that failed (None if it was not there).

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import ExtractionJob, extract_many, read_failures
        >>> _ = Path("broken.mp4").write_bytes(b"")
        >>> job = ExtractionJob(
        ...     video_path=Path("broken.mp4"),
        ...     frames_dir=Path("failing"),
        ...     video_id="broken",
        ...     selection=StrideSelection(30),
        ...     options=ExtractionOptions(),
        ... )
        >>> outcomes = list(extract_many([job], workers=0))
        >>> read_failures(Path("failing"))["broken"].reason
        'broken.mp4: zero bytes: the download failed. Download it again.'
    """
    records: dict[str, FailureRecord] = {}
    for path in sorted((frames_dir / FAILURES_DIR).glob("*.json")):
        record = _read(path)
        if record is not None:
            records[record.video_id] = record
    return records


def failed_for_good(frames_dir: Path, video_id: str, stamp: FileStamp | None) -> FailureRecord | None:
    """Return the failure record if the failure was permanent and the file has not changed since."""
    record = _read(_failure_file(frames_dir, video_id))
    return record if record is not None and record.is_for_good(stamp) else None


def _read(path: Path) -> FailureRecord | None:
    try:
        return FailureRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
