"""One clear error when the disk refuses a table: polars reports it in words of its own."""

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
    """As `output_errors`, for tables written by polars.

    Raises:
        OutputUnwritableError: The disk is full, read-only, not permitted, or failing.
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
