"""The stamp of a file: tells whether the file has changed, without reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple


class FileStamp(NamedTuple):
    """Size and modification time of a file: two different states of a file differ in at least one of them.

    Attributes:
        size_bytes: Size of the file.
        mtime_ns: Modification time, in nanoseconds since 1970.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import FileStamp
        >>> before = FileStamp.of(Path("set.json"))
        >>> FileStamp.of(Path("set.json")) == before
        True
    """

    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileStamp:
        """Return the stamp of a file as it is now.

        Args:
            path: The file.

        Raises:
            OSError: The file is absent or cannot be reached, as with `Path.stat`.
        """
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)


NO_FILE: Final = FileStamp(-1, -1)
"""The stamp of a file that does not exist; it differs from every file's stamp."""
