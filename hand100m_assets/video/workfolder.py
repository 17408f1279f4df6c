"""The folder in which a video's frames come together, and how it becomes the finished one.

`.in_progress/<id>/` fills up with whole JPEGs; `.in_progress/<id>.json`, written before the first of them, says of
which file they are, made with which options and by which way of decoding. Publishing renames the folder, or moves
what is new into a folder that is being widened; the manifest always comes last. A killed process leaves the former
behind, which the next one takes up if it is still of the same making, and sweeps away if not.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hand100m_assets.errors import RetryableError
from hand100m_assets.layout import IN_PROGRESS_DIR, MANIFEST_FILE, check_video_id, frame_file_name
from hand100m_assets.outputfiles import output_errors, write_whole
from hand100m_assets.video.manifest import Manifest


class WorkFolder:
    """In-progress folder of one video, held by this process alone.

    Attributes:
        video_id: Of the video.
        why_full: Why the JPEGs here come from a full decode; None while they come from a selective one.
    """

    def __init__(self, frames_dir: Path, video_id: str) -> None:
        self.video_id = check_video_id(video_id)
        self.why_full: str | None = None
        self._order: dict[str, Any] = {}
        self.finished = frames_dir / video_id
        self.folder = frames_dir / IN_PROGRESS_DIR / video_id
        self._order_file = self.folder.with_name(f"{video_id}.json")
        self._outgoing = self.folder.with_name(f"{video_id}.old")

    @contextmanager
    def held(self, order: dict[str, Any]) -> Iterator[None]:
        """Hold the folder for the work described; leftovers of the same order are kept, others swept.

        Raises:
            RetryableError: Another process works on this video.
            OutputUnwritableError: The output disk refuses.
        """
        lock = self._lock()
        try:
            with output_errors(self.folder):
                self._prepare(order)
            yield
        finally:
            os.close(lock)

    def _lock(self) -> int:
        """Lock the folder itself: the kernel frees the lock however its holder dies."""
        with output_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.folder.stat().st_ino == os.fstat(lock).st_ino:
                return lock
        except OSError:
            pass  # held by another, or published by it this moment
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
        """Remove every JPEG; those that follow come from a full decode, in this run and in the next if this dies.

        Raises:
            OutputUnwritableError: The output disk refuses.
        """
        with output_errors(self.folder):
            self._start(why_full)

    def _start(self, why_full: str | None) -> None:
        self._empty()
        self.why_full = why_full
        text = json.dumps({**self._order, "why_full": why_full}, sort_keys=True)
        write_whole(self._order_file, text.encode())

    def _empty(self) -> None:
        # The folder itself stays: it carries the lock.
        for entry in list(self.folder.iterdir()):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def add_jpeg(self, frame_index: int, jpeg: bytes) -> int:
        """Write one JPEG; returns its size.

        Raises:
            OutputUnwritableError: The output disk refuses.
        """
        path = self.folder / frame_file_name(frame_index)
        with output_errors(path):
            write_whole(path, jpeg)
        return len(jpeg)

    def leftover_size_bytes(self, frame_index: int) -> int | None:
        """Size of this frame's JPEG if an interrupted run left it here, whole."""
        try:
            with (self.folder / frame_file_name(frame_index)).open("rb") as file:
                head = file.read(2)
                file.seek(-2, os.SEEK_END)
                # Renaming is not enough after a power failure: the name may have come through without its bytes.
                tail = file.read(2)
                return file.tell() if (head, tail) == (b"\xff\xd8", b"\xff\xd9") else None
        except OSError:
            return None

    def publish(self, manifest: Manifest, *, widens: bool) -> None:
        """Make the finished folder hold exactly what the manifest lists.

        Args:
            manifest: Of the finished folder.
            widens: The finished folder stays and is added to; else this folder takes its place.

        Raises:
            OutputUnwritableError: The output disk refuses.
        """
        listed = {frame_file_name(frame.frame_index) for frame in manifest.frames}
        text = manifest.model_dump_json().encode()
        with output_errors(self.finished):
            if widens:
                self._add_to_finished(listed, text)
            else:
                self._take_the_place(listed, text)
            self._order_file.unlink(missing_ok=True)

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
            # Between these two renames there is no finished folder: never a wrong one.
            self.finished.replace(self._outgoing)
        self.folder.replace(self.finished)
        shutil.rmtree(self._outgoing, ignore_errors=True)

    def discard(self) -> None:
        """Remove what was begun, when nothing of it can be published."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._order_file.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a killed run left of work that is finished by now, unless another process is at it."""
        if any(path.exists() for path in (self.folder, self._order_file, self._outgoing)):
            with suppress(RetryableError), self.held({}):
                self.discard()


def _sweep(folder: Path, keep: set[str]) -> None:
    for entry in list(folder.iterdir()):
        if entry.name not in keep:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
