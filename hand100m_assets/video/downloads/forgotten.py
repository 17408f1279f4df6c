"""The list of videos that were deleted or left out on purpose: they are not asked for again. One id per line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.files import output_errors, write_whole
from hand100m_assets.layout import SAFE_ID, check_video_id


def read_forgotten(path: Path) -> set[str]:
    """Read the list of videos that are not to be asked for again.

    Args:
        path: Text file with one video id per line. Lines that are no id are left out.

    Returns:
        The ids; an empty set where there is no file.

    Raises:
        FolderUnreadableError: The file is there but cannot be read. Mount its folder or give read permission.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.downloads import read_forgotten
        >>> read_forgotten(Path("absent.txt"))
        set()
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise FolderUnreadableError(
            f"the list of forgotten videos cannot be read ({error.strerror or error})",
            where=path,
            fix="Mount its folder or give read permission.",
        ) from error
    return {line.strip() for line in text.splitlines() if SAFE_ID.fullmatch(line.strip())}


def write_forgotten(video_ids: Iterable[str], path: Path) -> None:
    """Store the list of videos that are not to be asked for again, in place of the one before.

    Args:
        video_ids: All ids of the list, in any order.
        path: The text file. Its folder is created when absent.

    Raises:
        UnsafeIdError: An id cannot be one of a video: only letters, digits, `_` and `-` are allowed. Correct it.
        OutputUnwritableError: The output disk is full, read-only, or you may not write to it. The message says what to
            do.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.downloads import read_forgotten, write_forgotten
        >>> write_forgotten(["video_b", "video_a"], Path("forgotten_videos.txt"))
        >>> sorted(read_forgotten(Path("forgotten_videos.txt")))
        ['video_a', 'video_b']
    """
    text = "".join(f"{check_video_id(video_id)}\n" for video_id in sorted(video_ids))
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
