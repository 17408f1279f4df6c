"""The folder in which a video's frames are collected, and how it becomes the finished frame folder.

`.in_progress/<id>/` collects whole JPEGs. `.in_progress/<id>.json` is written before the first of them and records
the video file, the options and the way of decoding. `.in_progress/<id>.frames.jsonl` gets one line per JPEG.
Publishing renames the folder, or moves the new JPEGs into the finished folder that is extended; the manifest always
comes last. A process that is killed leaves these files behind. The next process continues from them if they were made
in the same way, and removes them if not.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hand100m_assets.errors import RetryableError
from hand100m_assets.files import output_errors, write_whole
from hand100m_assets.layout import IN_PROGRESS_DIR, MANIFEST_FILE, SAFE_ID, check_video_id, frame_file_name
from hand100m_assets.video.frames.manifest import FrameRecord, Manifest


def journal_file(frames_dir: Path, video_id: str) -> Path:
    """The file that gets one line per JPEG of a video that is being extracted."""
    return frames_dir / IN_PROGRESS_DIR / f"{check_video_id(video_id)}.frames.jsonl"


class WorkFolder:
    """The in-progress folder of one video, locked by this process.

    Attributes:
        video_id: Id of the video.
        why_full: Why the JPEGs here come from a full decode; None while they come from a selective one.
    """

    def __init__(self, frames_dir: Path, video_id: str) -> None:
        self.video_id = check_video_id(video_id)
        self.why_full: str | None = None
        self._order: dict[str, Any] = {}
        self.finished = frames_dir / video_id
        self.folder = frames_dir / IN_PROGRESS_DIR / video_id
        self._order_file = self.folder.with_name(f"{video_id}.json")
        self._journal_file = journal_file(frames_dir, video_id)
        self._outgoing = self.folder.with_name(f"{video_id}.old")

    @contextmanager
    def held(self, order: dict[str, Any]) -> Iterator[None]:
        """Lock the folder for the described work. Files of an earlier run of the same order are kept, others removed.

        Raises:
            RetryableError: Another process works on this video.
            OutputUnwritableError: The output disk is full, read-only, or you may not write to it.
        """
        lock = self._lock()
        try:
            with output_errors(self.folder):
                self._prepare(order)
            yield
        finally:
            os.close(lock)

    def _lock(self) -> int:
        """Lock the folder itself: the kernel releases the lock however its process ends."""
        with output_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.folder.stat().st_ino == os.fstat(lock).st_ino:
                return lock
        except OSError:
            pass  # another process holds it, or has just published it
        os.close(lock)
        raise RetryableError(
            "another process is extracting this video", where=self.folder, fix="Wait for it, then run again."
        )

    def _prepare(self, order: dict[str, Any]) -> None:
        shutil.rmtree(self._outgoing, ignore_errors=True)
        self._order = order
        left = self._read_order()
        why_full = left.pop("why_full", None)
        if left == order:
            self.why_full = why_full
        else:
            self._start(None)

    def _read_order(self) -> dict[str, Any]:
        try:
            left = json.loads(self._order_file.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return left if isinstance(left, dict) else {}

    def start_again(self, why_full: str) -> None:
        """Remove every JPEG. Those that follow come from a full decode, in this run and, if it is killed, in the next.

        Raises:
            OutputUnwritableError: The output disk is full, read-only, or you may not write to it.
        """
        with output_errors(self.folder):
            self._start(why_full)

    def _start(self, why_full: str | None) -> None:
        self._empty()
        self._journal_file.unlink(missing_ok=True)
        self.why_full = why_full
        text = json.dumps({**self._order, "why_full": why_full}, sort_keys=True)
        write_whole(self._order_file, text.encode())

    def _empty(self) -> None:
        # The folder itself stays: it carries the lock.
        for entry in list(self.folder.iterdir()):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def add_jpeg(self, frame_index: int, pts: int | None, time_s: float | None, jpeg: bytes) -> FrameRecord:
        """Write one JPEG and record it in the journal, so that another run need not make it again.

        Raises:
            OutputUnwritableError: The output disk is full, read-only, or you may not write to it.
        """
        record = FrameRecord(frame_index=frame_index, pts=pts, time_s=time_s, size_bytes=len(jpeg))
        path = self.folder / frame_file_name(frame_index)
        with output_errors(path):
            write_whole(path, jpeg)
            with self._journal_file.open("a", encoding="ascii") as journal:
                journal.write(record.model_dump_json() + "\n")
        return record

    def made(self) -> dict[int, FrameRecord]:
        """Whole frames that an interrupted run of the same order left here, by frame index."""
        try:
            lines = self._journal_file.read_bytes().splitlines()
        except FileNotFoundError:
            return {}
        records: dict[int, FrameRecord] = {}
        for line in lines:
            with suppress(ValidationError):  # the last one may have been cut
                record = FrameRecord.model_validate_json(line)
                if self._is_whole(record):
                    records[record.frame_index] = record
        return records

    def _is_whole(self, record: FrameRecord) -> bool:
        try:
            with (self.folder / frame_file_name(record.frame_index)).open("rb") as file:
                head = file.read(2)
                file.seek(-2, os.SEEK_END)
                # After a power failure a file may have its final name without its bytes.
                tail = file.read(2)
                return (head, tail, file.tell()) == (b"\xff\xd8", b"\xff\xd9", record.size_bytes)
        except OSError:
            return False

    def publish(self, manifest: Manifest, *, widens: bool) -> None:
        """Make the finished folder hold exactly the frames that the manifest lists.

        Args:
            manifest: Manifest of the finished folder.
            widens: Whether the finished folder stays and gets the new frames; otherwise this folder replaces it.

        Raises:
            OutputUnwritableError: The output disk is full, read-only, or you may not write to it.
        """
        listed = {frame_file_name(frame.frame_index) for frame in manifest.frames}
        text = manifest.model_dump_json().encode()
        with output_errors(self.finished):
            if widens:
                self._add_to_finished(listed, text)
            else:
                self._take_the_place(listed, text)
            self._forget_order()

    def _add_to_finished(self, listed: set[str], manifest_text: bytes) -> None:
        _sweep(self.folder, keep=listed)
        for entry in sorted(self.folder.iterdir()):
            entry.replace(self.finished / entry.name)
        write_whole(self.finished / MANIFEST_FILE, manifest_text)
        _sweep(self.finished, keep=listed | {MANIFEST_FILE})
        self.folder.rmdir()

    def _take_the_place(self, listed: set[str], manifest_text: bytes) -> None:
        _sweep(self.folder, keep=listed)
        write_whole(self.folder / MANIFEST_FILE, manifest_text)
        if self.finished.exists():
            # Between these two renames there is no finished folder, but never a wrong one.
            self.finished.replace(self._outgoing)
        self.folder.replace(self.finished)
        shutil.rmtree(self._outgoing, ignore_errors=True)

    def discard(self) -> None:
        """Remove what was begun, when nothing of it can be published."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._forget_order()

    def _forget_order(self) -> None:
        self._journal_file.unlink(missing_ok=True)
        self._order_file.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a killed run left of work that has been finished since, unless another process works on it."""
        left = (self.folder, self._order_file, self._journal_file, self._outgoing)
        if any(path.exists() for path in left):
            with suppress(RetryableError), self.held({}):
                self.discard()


def sweep_deleted(frames_dir: Path, here: Collection[str]) -> list[str]:
    """Remove the unfinished work of videos whose files were deleted, unless a process works on them.

    Args:
        frames_dir: The folder that holds one frame folder per video.
        here: Ids of the videos whose files are there; their unfinished work stays.

    Returns:
        Ids of the videos whose unfinished work was removed, sorted.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.frames import sweep_deleted
        >>> Path("interrupted/.in_progress/deleted_video").mkdir(parents=True)
        >>> sweep_deleted(Path("interrupted"), here={"video"})
        ['deleted_video']
    """
    try:
        begun = {entry.name.partition(".")[0] for entry in (frames_dir / IN_PROGRESS_DIR).iterdir()} - {""}
    except (FileNotFoundError, NotADirectoryError):
        return []
    deleted = sorted(video_id for video_id in begun.difference(here) if SAFE_ID.fullmatch(video_id))
    for video_id in deleted:
        WorkFolder(frames_dir, video_id).sweep()
    return deleted


def _sweep(folder: Path, keep: set[str]) -> None:
    for entry in list(folder.iterdir()):
        if entry.name not in keep:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
