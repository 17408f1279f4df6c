"""The stamp of a file: what tells one state of it from another without reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple


class FileStamp(NamedTuple):
    """What tells one state of a file from another without reading it."""

    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileStamp:
        """Stamp of the file as it is now; raises OSError as `Path.stat` does."""
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)


NO_FILE: Final = FileStamp(-1, -1)
"""Differs from the stamp of every file."""
