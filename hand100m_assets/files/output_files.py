"""Writes files under another name and then renames them, so that they are complete or absent. Errors are clear."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from hand100m_assets.errors import DiskFullError, OutputUnwritableError
from hand100m_assets.interrupts import half_made

_ADVICE: Final = {
    errno.ENOSPC: "The disk is full: free some space, then run again; what is finished stays.",
    errno.EDQUOT: "Your quota is used up: free some space, then run again; what is finished stays.",
    errno.EROFS: "The disk is mounted read-only: mount it writable or choose another output folder.",
    errno.EACCES: "Give write permission on this folder or choose another output folder.",
    errno.EPERM: "Give write permission on this folder or choose another output folder.",
    errno.ENOTDIR: "A file stands where a folder is needed: move it or choose another output folder.",
}

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

PART_SUFFIX: Final = ".part"
"""Ending of a file that is being written, until it is renamed."""


@contextmanager
def output_errors(where: Path) -> Iterator[None]:
    """Turn any OSError of the block into an error that says what to do.

    Args:
        where: The file that is written; it is named in the error if the OSError names none.

    Yields:
        Nothing; use it in a `with` statement.

    Raises:
        DiskFullError: The disk is full, or the quota is used up. Free some space, then run again.
        OutputUnwritableError: The disk is read-only or failing, or you may not write to it. See the message.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import output_errors
        >>> with output_errors(Path("set.json/table.parquet")):
        ...     Path("set.json/table.parquet").write_bytes(b"...")
        Traceback (most recent call last):
            ...
        hand100m_assets.errors.OutputUnwritableError: ...
    """
    try:
        yield
    except OSError as error:
        kind = DiskFullError if error.errno in _FULL else OutputUnwritableError
        raise kind(
            f"cannot be written ({error.strerror or error})",
            where=error.filename or where,
            fix=_ADVICE.get(error.errno or 0, "Check the output disk, then run again; what is finished stays."),
        ) from error


@contextmanager
def file_in_place_of(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing. It replaces an earlier file only when it is complete.

    It is written under another name in the same folder, and renamed at the end of the block. If the block raises, the
    earlier file stays unchanged.

    Args:
        path: The final name. Its folder is created when absent.

    Yields:
        The open binary file.

    Raises:
        DiskFullError: The disk is full, or the quota is used up. Free some space, then run again.
        OutputUnwritableError: The disk is read-only or failing, or you may not write to it. See the message.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import file_in_place_of
        >>> with file_in_place_of(Path("notes.txt")) as file:
        ...     _ = file.write(b"whole")
        >>> Path("notes.txt").read_text()
        'whole'
    """
    part = path.with_name(f".{path.name}.{os.getpid()}{PART_SUFFIX}")
    with output_errors(path), half_made(part):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                yield file
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file. It appears under its name, and replaces an earlier file, only when it is complete.

    Args:
        path: The final name. Its folder must exist.
        data: All bytes of the file.

    Raises:
        OSError: The disk refuses. Inside of `output_errors` this becomes an error that says what to do.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import write_whole
        >>> write_whole(Path("notes.txt"), b"whole")
        >>> Path("notes.txt").read_text()
        'whole'
    """
    part = path.with_name(f".{path.name}.{os.getpid()}{PART_SUFFIX}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
