"""The error tree: what went wrong, where, and what the user can do; permanent versus worth retrying."""

from __future__ import annotations

from pathlib import Path


class Hand100mError(Exception):
    """A failure the user can act on.

    Attributes:
        what: One sentence naming the fault.
        where: The file, folder, record or setting at fault, or None.
        fix: One sentence saying what the user can do, or None.
    """

    def __init__(self, what: str, *, where: str | Path | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.fix = fix
        super().__init__(what, self.where, fix)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        end = "" if self.what.endswith((".", "!", "?")) else "."
        advice = f"{end} {self.fix}" if self.fix else ""
        return f"{place}{self.what}{advice}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default exception pickling between worker processes.
        return (_rebuild, (type(self), self.what, self.where, self.fix))


def _rebuild(kind: type[Hand100mError], what: str, where: str | None, fix: str | None) -> Hand100mError:
    return kind(what, where=where, fix=fix)


class PermanentError(Hand100mError):
    """Trying again gives the same failure until somebody changes the input."""


class RetryableError(Hand100mError):
    """A passing reason (disk full, share not mounted): the same work may succeed later."""


class SettingsError(PermanentError):
    """A setting is missing, malformed or contradicts another."""


class UnsafeIdError(PermanentError):
    """A video id would escape the output folder or confuse a partition key."""


class VideoListError(PermanentError):
    """A video list cannot be read as either of the known formats."""


class VideoUnreadableError(PermanentError):
    """A file is not a video, holds no video stream, or was cut before its index."""


class AnnotationFileError(PermanentError):
    """An annotation file is not JSON of the Hand100M shape, or ends in the middle."""


class TrainingSetError(PermanentError):
    """A training set is not there, was made of other tables, or is damaged."""


class FolderUnreadableError(RetryableError):
    """A folder is missing, unmounted or not permitted; never to be taken for an empty one."""


class OutputUnwritableError(RetryableError):
    """The output disk is full, read-only or not permitted."""


class DiskFullError(OutputUnwritableError):
    """The output disk has no room left, or the quota none: whatever comes next would fail, too."""


class EmptyCropError(PermanentError):
    """A hand's box holds no pixel of its image: wrong box, or an image of another size than was annotated."""
