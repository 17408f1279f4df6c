"""Inner loops compiled by numba. Importing this module imports numba, half a second: do it only when work starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Machine code, made when it is first called."""
    return cast("Function", numba.njit(nogil=True, error_model="numpy")(function))


def kept_on_disk(function: Function) -> Function:
    """Compiled as the others, and kept for the next process where numba finds a folder that it may write.

    numba tries the folder of the function's file, then the user's cache folder; where it can write neither it raises,
    and the few seconds of compiling are spent anew in each process. Only outermost functions need be kept: they contain
    what they call.
    """
    try:
        return cast("Function", numba.njit(nogil=True, error_model="numpy", cache=True)(function))
    except RuntimeError:
        return compiled(function)
