"""Why a video gave no frames, one small file each, so that what failed for good is not tried every night."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from hand100m_assets.errors import Hand100mError, PermanentError
from hand100m_assets.layout import FAILURES_DIR, check_video_id
from hand100m_assets.outputfiles import output_errors, write_whole
from hand100m_assets.video.inbox import FileStamp
from hand100m_assets.video.manifest import DECODING_RULES


class FailureRecord(BaseModel):
    """The last failure of one video.

    Attributes:
        video_id: Which video.
        reason: The error in words, with what to do.
        permanent: Trying again is useless until the file changes.
        size_bytes: Size of the file that failed; None if it was not there.
        mtime_ns: Its modification time.
        decoding_rules: As `Manifest.decoding_rules`: what older ones refused may be read today.
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
        """State of the file that failed."""
        if self.size_bytes is None or self.mtime_ns is None:
            return None
        return FileStamp(self.size_bytes, self.mtime_ns)

    def is_for_good(self, stamp: FileStamp | None) -> bool:
        """Whether another try is useless with the file in this state."""
        return self.permanent and self.stamp == stamp and self.decoding_rules >= DECODING_RULES


def stamp_of(video_path: Path) -> FileStamp | None:
    """State of the file now, None when it cannot be seen."""
    try:
        return FileStamp.of(video_path)
    except OSError:
        return None


def _failure_file(frames_dir: Path, video_id: str) -> Path:
    return frames_dir / FAILURES_DIR / f"{check_video_id(video_id)}.json"


def record_failure(frames_dir: Path, video_id: str, error: Hand100mError, stamp: FileStamp | None) -> FailureRecord:
    """Remember a failure, in place of an earlier one.

    Raises:
        OutputUnwritableError: The record cannot be written either.
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
    """Forget a failure, if there is one."""
    path = _failure_file(frames_dir, video_id)
    with output_errors(path):
        path.unlink(missing_ok=True)


def read_failures(frames_dir: Path) -> dict[str, FailureRecord]:
    """All failures by video id, sorted; a broken record is passed over, as the video will be tried again."""
    records: dict[str, FailureRecord] = {}
    for path in sorted((frames_dir / FAILURES_DIR).glob("*.json")):
        record = _read(path)
        if record is not None:
            records[record.video_id] = record
    return records


def failed_for_good(frames_dir: Path, video_id: str, stamp: FileStamp | None) -> FailureRecord | None:
    """The failure, if it was permanent and the file has not changed since."""
    record = _read(_failure_file(frames_dir, video_id))
    return record if record is not None and record.is_for_good(stamp) else None


def _read(path: Path) -> FailureRecord | None:
    try:
        return FailureRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
