"""How far a batch is: one line at a readable pace, never one a frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hand100m_assets.video.batch import ExtractionOutcome


@dataclass
class Progress:
    """Counts outcomes and says, every few seconds and at the end, how far the batch is.

    Attributes:
        total: Videos in the batch.
        every_s: Shortest time between two lines.
        clock: Monotonic seconds; replaceable in tests.
    """

    total: int
    every_s: float = 10.0
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    failed: int = 0
    frames: int = 0
    _started_s: float = field(init=False)
    _last_line_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._started_s = self._last_line_s = self.clock()

    def add(self, outcome: ExtractionOutcome) -> str | None:
        """Count one outcome; return a progress line when one is due, else None."""
        self.done += 1
        self.failed += outcome.error is not None
        self.frames += len(outcome.manifest.frames) if outcome.manifest is not None else 0
        now_s = self.clock()
        if self.done < self.total and now_s - self._last_line_s < self.every_s:
            return None
        self._last_line_s = now_s
        return self._line(max(now_s - self._started_s, 1e-9))

    def _line(self, elapsed_s: float) -> str:
        left_s = elapsed_s / self.done * (self.total - self.done)
        failed = f", {self.failed} failed" if self.failed else ""
        return (
            f"{self.done} of {self.total} videos{failed}, {self.frames} frames, "
            f"{self.frames / elapsed_s:.1f} frames/s, {left_s / 60:.0f} min left"
        )
