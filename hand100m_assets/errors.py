"""The errors of this project. Each says what went wrong, where, and what the user can do; some are worth a retry."""

from __future__ import annotations

from pathlib import Path


class Hand100mError(Exception):
    """A failure about which the user can do something.

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
    """A new try fails in the same way until somebody changes the input."""


class RetryableError(Hand100mError):
    """The reason may pass (disk full, share not mounted): the same work may succeed later."""


class SettingsError(PermanentError):
    """A setting is missing, malformed or contradicts another."""


class UnsafeIdError(PermanentError):
    """A video id would lead out of the output folder, or is not safe as a partition key."""


class VideoListError(PermanentError):
    """A video list cannot be read as either of the known formats."""


class VideoUnreadableError(PermanentError):
    """A file is not a video, has no video stream, or was cut before its index."""


class AnnotationFileError(PermanentError):
    """An annotation file does not have the JSON structure of Hand100M, or ends in the middle."""


class TrainingSetError(PermanentError):
    """A training set is missing, was made from other tables, or is damaged."""


class FolderUnreadableError(RetryableError):
    """A folder is missing, not mounted or not permitted. It is never treated as empty."""


class OutputUnwritableError(RetryableError):
    """The output disk is full, read-only or not permitted."""


class DiskFullError(OutputUnwritableError):
    """The output disk or the quota is full, so all further work would also fail."""


class EmptyCropError(PermanentError):
    """The box of a hand contains no pixel of its image: the box is wrong, or the image has not the annotated size."""
