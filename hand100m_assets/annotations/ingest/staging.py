"""A folder of tables that is either complete or absent: it is filled beside its place, and then renamed.

`.<name>.in_progress` is being filled; if its process is killed, the next process empties it. `.<name>.old` is the
former folder, for the moment between two renames; if the process dies in that moment, the next process puts it back.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from hand100m_assets.errors import OutputUnwritableError, RetryableError
from hand100m_assets.files import output_errors
from hand100m_assets.interrupts import half_made


@contextmanager
def folder_in_place_of(target: Path, own_names: Collection[str]) -> Iterator[Path]:
    """An empty folder that replaces the target if nothing is raised, and is removed otherwise.

    Args:
        target: A folder that is absent, empty, or has only earlier output.
        own_names: Names of the files of that output.

    Raises:
        OutputUnwritableError: The target has other files, which would be lost, or the disk is full, read-only or not
            permitted.
        RetryableError: Another process is filling the same folder.
    """
    # A link stays as it is; the folder that it points to is replaced.
    place = Path(os.path.realpath(target))
    beside, old = place.with_name(f".{place.name}.in_progress"), place.with_name(f".{place.name}.old")
    _insist_on_own(place, own_names)
    with output_errors(place):
        lock = _lock(beside)
    try:
        with output_errors(place):
            _restore(place, old)
            _empty(beside)
        with half_made(beside):
            yield beside
        with output_errors(place):
            if place.exists():
                place.rename(old)
            beside.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _insist_on_own(place: Path, own_names: Collection[str]) -> None:
    try:
        foreign = sorted(entry.name for entry in place.iterdir() if entry.name not in own_names)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise OutputUnwritableError(
            "a file stands where the folder of tables is to be", where=place, fix="Name another output folder."
        ) from error
    except OSError as error:
        raise OutputUnwritableError(
            f"cannot be looked into ({error.strerror or error})", where=place, fix="Give permission on this folder."
        ) from error
    if foreign:
        raise OutputUnwritableError(
            f"holds other files ({', '.join(foreign[:3])}{', …' if len(foreign) > 3 else ''}), which would be lost",
            where=place,
            fix="Name a folder that does not exist yet, or an empty one.",
        )


def _lock(beside: Path) -> int:
    """Lock the folder itself: the kernel frees the lock when its process dies, for any reason."""
    beside.mkdir(parents=True, exist_ok=True)
    lock = os.open(beside, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if beside.stat().st_ino == os.fstat(lock).st_ino:
            return lock
    except OSError:
        pass  # Another process holds it, or has just renamed it.
    os.close(lock)
    raise RetryableError("another process is writing this folder", where=beside, fix="Wait for it, then run again.")


def _restore(place: Path, old: Path) -> None:
    if old.exists() and not place.exists():
        old.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _empty(folder: Path) -> None:
    # The folder itself stays, because it has the lock.
    for entry in list(folder.iterdir()):
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
