"""Turns the various errors of Polars for a disk that refuses a table into one clear error."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.files.output_files import output_errors

_OS_ERROR: Final = re.compile(r"\(os error (?P<errno>\d+)\)")


@contextmanager
def table_output_errors(where: Path) -> Iterator[None]:
    """Turn any error of writing a table with polars into one that says what to do.

    Args:
        where: The file that is written; the error names it.

    Yields:
        Nothing; use it in a `with` statement.

    Raises:
        DiskFullError: The disk is full, or the quota is used up. Free some space, then run again.
        OutputUnwritableError: The disk is read-only or failing, or you may not write to it. See the message.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.files import table_output_errors
        >>> with table_output_errors(Path("set.json/table.parquet")):
        ...     pl.DataFrame({"hand_id": [1, 2]}).write_parquet("set.json/table.parquet")
        Traceback (most recent call last):
            ...
        hand100m_assets.errors.OutputUnwritableError: ...
    """
    with output_errors(where):
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            number = _OS_ERROR.search(str(error))
            if number is None:
                raise
            code = int(number["errno"])
            raise OSError(code, os.strerror(code), str(where)) from error
