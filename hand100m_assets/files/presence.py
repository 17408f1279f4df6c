"""Handles folders that are suddenly empty: most likely they are not mounted, and nothing was deleted."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from hand100m_assets.amounts import counted
from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.files.output_files import write_whole


def refuse_emptied(folder: Path, what: str, known: int, thing: str, *, on_purpose: str) -> None:
    """Raise an error if a folder seems empty although files in it are known.

    Call this function if the listing of a folder is empty.

    Args:
        folder: The folder in which nothing was found.
        what: A description of the folder, for the error.
        known: How many files of it are known.
        thing: A noun for one of these files, for the error.
        on_purpose: A sentence that says what to do if they were deleted on purpose.

    Raises:
        FolderUnreadableError: `known` is not 0. Mount the folder or correct the setting.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import refuse_emptied
        >>> folder, advice = Path("downloads"), "If you deleted them, forget them."
        >>> refuse_emptied(folder, "the video folder", 0, "video", on_purpose=advice)
        >>> refuse_emptied(folder, "the video folder", 1200, "video", on_purpose=advice)
        Traceback (most recent call last):
            ...
        hand100m_assets.errors.FolderUnreadableError: ...
    """
    if known:
        of_it = (f"{thing} of it is", f"{thing}s of it are")
        raise FolderUnreadableError(
            f"{what} is empty, though {counted(known, *of_it)} known",
            where=folder,
            fix=f"Mount it, or correct the setting. {on_purpose}",
        )


def note_away(mark: Path) -> None:
    """Record that a folder is not mounted, so that what is made meanwhile is made again when it is mounted.

    If it is recorded already, the earlier time stays. If the output folder cannot be written, nothing is recorded.

    Args:
        mark: The file to write, in the output folder.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import away_since, note_away
        >>> note_away(Path(".videos_away"))
        >>> away_since(Path(".videos_away")) is None
        False
    """
    with suppress(OSError):  # if the output is away, too, nothing is made that had to be renewed
        if mark.parent.is_dir() and not mark.exists():
            write_whole(mark, f"{time.time():.3f}\n".encode())


def away_since(mark: Path) -> str | None:
    """Return since when a folder is not mounted, or was not mounted and nothing has been renewed since.

    Args:
        mark: The file that `note_away` writes.

    Returns:
        Seconds since 1970 as text; None if nothing is recorded.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import away_since
        >>> away_since(Path("never_away")) is None
        True
    """
    try:
        return mark.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def note_renewed(mark: Path) -> None:
    """Record that everything made from a folder is up to date again, by removing the file of `note_away`.

    Args:
        mark: The file that `note_away` writes.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import away_since, note_away, note_renewed
        >>> note_away(Path(".videos_away"))
        >>> note_renewed(Path(".videos_away"))
        >>> away_since(Path(".videos_away")) is None
        True
    """
    with suppress(OSError):
        mark.unlink(missing_ok=True)


def note_look(mark: Path) -> None:
    """Record that a look at a folder has succeeded now.

    Args:
        mark: File that holds the time. Its folder is created if it does not exist. If it cannot be written, nothing
            happens.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import last_look_s, note_look
        >>> note_look(Path("output/.looked_at"))
        >>> last_look_s(Path("output/.looked_at")) is None
        False
    """
    with suppress(OSError):  # the check that reads it fails then, as the time grows old
        mark.parent.mkdir(parents=True, exist_ok=True)
        write_whole(mark, f"{time.time():.3f}\n".encode())


def last_look_s(mark: Path) -> float | None:
    """Return when a look at a folder last succeeded.

    Args:
        mark: The file that `note_look` writes.

    Returns:
        Seconds since 1970; None if no look has succeeded.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import last_look_s
        >>> last_look_s(Path("never_looked_at")) is None
        True
    """
    try:
        return float(mark.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
