"""Turns errors of this project into Dagster failures whose message begins with one clear line."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg

from hand100m_assets.errors import Hand100mError, RetryableError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turn an error of this project into a failure that says what, where and what to do; other errors pass unchanged.

    Raises:
        Failure: A retry policy repeats it only if a second try may help.
    """
    try:
        yield
    except Hand100mError as error:
        parts = {"what": error.what, "where": error.where, "fix": error.fix}
        raise dg.Failure(
            description=str(error),
            metadata={name: text for name, text in parts.items() if text},
            allow_retries=isinstance(error, RetryableError),
        ) from error


def fails_clearly(body: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate the body of an asset or a check, generators included, so that it runs in `clear_failures`."""

    @wraps(body)
    def plain(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with clear_failures():
            return body(*args, **kwargs)

    @wraps(body)
    def stream(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Iterator[Any]:
        with clear_failures():
            yield from cast("Iterator[Any]", body(*args, **kwargs))

    return cast("Callable[Arguments, Result]", stream) if inspect.isgeneratorfunction(body) else plain
