"""One guard for all who list folders: what is suddenly empty is most likely not mounted, and nothing was deleted."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.files.output_files import write_whole


def refuse_emptied(folder: Path, what: str, known: int, things: str, *, on_purpose: str) -> None:
    """Refuse to take a folder for empty in which things are known to be.

    Args:
        folder: Nothing of them was found in it.
        what: The folder in words.
        known: How many were known.
        things: What they are.
        on_purpose: What to do where they were deleted on purpose.

    Raises:
        FolderUnreadableError: Some are known.
    """
    if known:
        raise FolderUnreadableError(
            f"{what} is empty, though {known:,} {things} of it are known",
            where=folder,
            fix=f"Mount it, or correct the setting. {on_purpose}",
        )


def note_away(mark: Path) -> None:
    """Remember that a folder was away, so that whatever was made meanwhile is renewed when it is back."""
    with suppress(OSError):  # an output that is away, too, has nothing to renew
        if mark.parent.is_dir() and not mark.exists():
            write_whole(mark, f"{time.time():.3f}\n".encode())


def away_since(mark: Path) -> str | None:
    """When the folder went away, if nothing was renewed since."""
    try:
        return mark.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def note_renewed(mark: Path) -> None:
    """What is made of the folder is up to date again."""
    with suppress(OSError):
        mark.unlink(missing_ok=True)
