"""Videos that nobody is to ask for again, as they were deleted or left out on purpose: one id a line, in the output."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.files import output_errors, write_whole
from hand100m_assets.layout import SAFE_ID, check_video_id


def read_forgotten(path: Path) -> set[str]:
    """Ids in the file; none where there is no file.

    Raises:
        FolderUnreadableError: It is there, and cannot be read.
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
    """Put the list in place of the one before.

    Raises:
        UnsafeIdError: An id cannot be one of a video.
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    text = "".join(f"{check_video_id(video_id)}\n" for video_id in sorted(video_ids))
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
