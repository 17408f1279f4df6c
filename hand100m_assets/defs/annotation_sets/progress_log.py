"""Writes the progress of a long step into the log of its run."""

import time
from typing import Final

import dagster as dg

from hand100m_assets.amounts import counted

_LOG_EVERY_S: Final = 30.0
"""Seconds between two lines: each line costs 10 ms of database."""


class ProgressLog:
    """Writes `<partition>: <done> of <total> hands <what>` into the log of a run, at most once per half minute.

    Args:
        context: The run of one annotation set.
        what: What was done with these hands, such as `mined`.
    """

    def __init__(self, context: dg.AssetExecutionContext, what: str) -> None:
        self._context, self._what, self._last_s = context, what, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Take note of how many hands are done."""
        if time.monotonic() - self._last_s >= _LOG_EVERY_S:
            self._last_s = time.monotonic()
            self._context.log.info(f"{self._context.partition_key}: {done:,} of {counted(total, 'hand')} {self._what}")
