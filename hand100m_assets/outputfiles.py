"""Files that are whole or not there: write beside, then rename; and one clear error when the disk refuses."""

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


@contextmanager
def output_errors(where: Path) -> Iterator[None]:
    """Turn any OSError inside into one that says what to do.

    Raises:
        DiskFullError: The disk is full, or the quota used up.
        OutputUnwritableError: The disk is read-only, not permitted, or failing.
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
    """A file to write that takes the name at once, in place of what was there, if nothing is raised.

    Raises:
        OutputUnwritableError: The disk is full, read-only, not permitted, or failing.
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
    """Put all the bytes under the name at once, in place of what was there. Raises OSError as writing does."""
    part = path.with_name(f".{path.name}.{os.getpid()}{PART_SUFFIX}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
