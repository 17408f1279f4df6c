"""A folder of tables that is whole or not there: filled beside its place, then put into it by renaming.

`.<name>.in_progress` fills up; a killed process leaves it behind, and the next one empties it. `.<name>.old` is what
stood there before, for the moment between two renames; the next one puts it back if that moment was the last.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from hand100m_assets.errors import OutputUnwritableError, RetryableError
from hand100m_assets.interrupts import half_made
from hand100m_assets.outputfiles import output_errors


@contextmanager
def folder_in_place_of(target: Path, own_names: Collection[str]) -> Iterator[Path]:
    """An empty folder that takes the target's place if nothing is raised, and is removed otherwise.

    Args:
        target: Absent, empty, or a folder that holds nothing but earlier output.
        own_names: Names of that output.

    Raises:
        OutputUnwritableError: The target holds other files, which would be lost, or the disk refuses.
        RetryableError: Another process is filling the same folder.
    """
    # A link keeps pointing where it points; the folder behind it is replaced.
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
    """Lock the folder itself: the kernel frees the lock however its holder dies."""
    beside.mkdir(parents=True, exist_ok=True)
    lock = os.open(beside, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if beside.stat().st_ino == os.fstat(lock).st_ino:
            return lock
    except OSError:
        pass  # held by another, or published by it this moment
    os.close(lock)
    raise RetryableError("another process is writing this folder", where=beside, fix="Wait for it, then run again.")


def _restore(place: Path, old: Path) -> None:
    if old.exists() and not place.exists():
        old.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _empty(folder: Path) -> None:
    # The folder itself stays: it carries the lock.
    for entry in list(folder.iterdir()):
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
