"""What is done with each item of a batch, and what came of one; the same for processes of this machine and for Dask."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from hand100m_assets.errors import Hand100mError, RetryableError

POLL_S: Final = 0.5
"""How long a pool waits for an item that has ended, in seconds."""

Item = TypeVar("Item")
Value = TypeVar("Value")


class WorkerDiedError(RetryableError):
    """The worker process died over an item, and again when it was tried once more.

    Example:
        >>> from hand100m_assets.errors import RetryableError
        >>> from hand100m_assets.parallel import WorkerDiedError
        >>> issubclass(WorkerDiedError, RetryableError)
        True
    """


class TimeLimitError(RetryableError):
    """The work on one item took longer than allowed and was ended.

    Example:
        >>> import time
        >>> from hand100m_assets.parallel import Task, TimeLimitError, work_through
        >>> def sleep(seconds, should_stop):
        ...     time.sleep(seconds)
        >>> [outcome] = work_through([0.01], Task(work=sleep, limit_s=lambda _: 60.0), workers=0)
        >>> isinstance(outcome.error, TimeLimitError)
        False
    """


@dataclass(frozen=True, kw_only=True)
class Task(Generic[Item, Value]):
    """What is done with each item of a batch. Only `work` goes to the workers; the rest stays in this process.

    Attributes:
        work: The function that does one item. Worker processes import it by its name, so it stands at the top of a
            module, as do its arguments' classes. Its second argument is a function that it may call now and then: when
            that returns True, nobody wants the result any more.
        name: What an item is called in errors: a path, or the words for it.
        limit_s: After how many seconds of work an item is ended, with its worker process; None never. Not enforced for
            work in this process.
        folder: A folder that all workers of a cluster see. The run leaves its sign of life there. Only a cluster needs
            it.

    Example:
        >>> from hand100m_assets.parallel import Task, work_through
        >>> def double(number, should_stop):
        ...     return 2 * number
        >>> [outcome.value for outcome in work_through([1, 2], Task(work=double), workers=0)]
        [2, 4]
    """

    work: Callable[[Item, Callable[[], bool]], Value]
    name: Callable[[Item], str | Path] = str
    limit_s: Callable[[Item], float | None] = lambda _: None
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[Item, Value]):
    """What came of one item.

    Attributes:
        item: The item.
        value: What the function returned; None when it failed.
        error: Why it failed, with what to do; None when it did not.
        details: Traceback of an error that the function did not expect; None otherwise.
        seconds: Wall time of the work on this item.

    Example:
        >>> from hand100m_assets.parallel import Task, work_through
        >>> def invert(number, should_stop):
        ...     return 1 / number
        >>> good, bad = work_through([2, 0], Task(work=invert), workers=0)
        >>> good.value, good.error
        (0.5, None)
        >>> print(bad.error)
        0: unexpected ZeroDivisionError: division by zero. Please report this.
    """

    item: Item
    value: Value | None = None
    error: Hand100mError | None = None
    details: str | None = None
    seconds: float = 0.0

    def result(self) -> Value:
        """Return the value.

        Raises:
            Hand100mError: The error of the outcome, when it has one.
        """
        if self.error is not None:
            raise self.error from (None if self.details is None else RuntimeError(self.details))
        return self.value  # type: ignore[return-value] # may be None if that is what the function returned


@dataclass(frozen=True, kw_only=True)
class Order:
    """One item as a worker is given it.

    Attributes:
        number: Position of the item in its batch.
        work: The function that does it.
        item: The item.
        where: What the item is called in errors.
        limit_s: After how many seconds of work it is ended; None never.
    """

    number: int
    work: Callable[[Any, Callable[[], bool]], Any]
    item: Any
    where: str
    limit_s: float | None = None

    def attempt(self, should_stop: Callable[[], bool]) -> Outcome[Any, Any]:
        """Do it in this process; whatever goes wrong becomes an outcome. The caller puts the item into it."""
        started_s = time.monotonic()
        try:
            value = self.work(self.item, should_stop)
        except Exception as error:  # noqa: BLE001 - one item's surprise must not stop the others
            return failed(error, self.where, time.monotonic() - started_s)
        return Outcome(item=None, value=value, seconds=time.monotonic() - started_s)

    def too_slow(self) -> RetryableError:
        """Make the error of an item that was ended over its limit."""
        what = f"the work on it took longer than the {self.limit_s:g} s that are allowed and was ended"
        return TimeLimitError(what, where=self.where, fix="Raise the limit.")


def failed(error: Exception, where: str | None = None, seconds: float = 0.0) -> Outcome[Any, Any]:
    """Put what was raised into an outcome, in our words."""
    if isinstance(error, Hand100mError):
        return Outcome(item=None, error=error, seconds=seconds)
    told = RetryableError(f"unexpected {type(error).__name__}: {error}", where=where, fix="Please report this.")
    return Outcome(item=None, error=told, details="".join(traceback.format_exception(error)), seconds=seconds)
