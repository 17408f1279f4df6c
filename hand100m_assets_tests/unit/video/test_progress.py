"""One progress line at a readable pace, with true figures."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hand100m_assets.errors import VideoUnreadableError
from hand100m_assets.video.batch import ExtractionOutcome
from hand100m_assets.video.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def good(frames: int) -> ExtractionOutcome:
    return ExtractionOutcome(video_id="v", manifest=SimpleNamespace(frames=[None] * frames))  # type: ignore[arg-type]


def bad() -> ExtractionOutcome:
    return ExtractionOutcome(video_id="v", error=VideoUnreadableError("not a video"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_line_comes_every_few_seconds_and_not_for_every_video(clock: Clock) -> None:
    progress = Progress(total=100, every_s=10, clock=clock)
    said = []
    for _ in range(60):
        clock.now_s += 1
        said.append(progress.add(good(5)))
    assert [second for second, line in enumerate(said, start=1) if line] == [10, 20, 30, 40, 50, 60]


def test_the_line_says_how_many_how_fast_and_how_long_still(clock: Clock) -> None:
    progress = Progress(total=8, every_s=10, clock=clock)
    clock.now_s += 60
    assert progress.add(good(30)) == "1 of 8 videos, 30 frames, 0.5 frames/s, 7 min left"
    clock.now_s += 60
    assert progress.add(bad()) == "2 of 8 videos, 1 failed, 30 frames, 0.2 frames/s, 6 min left"


def test_the_last_video_always_gives_a_line(clock: Clock) -> None:
    progress = Progress(total=2, every_s=10, clock=clock)
    clock.now_s += 1
    assert progress.add(good(4)) is None
    assert progress.add(good(4)) == "2 of 2 videos, 8 frames, 8.0 frames/s, 0 min left"


def test_a_batch_that_takes_no_time_divides_by_nothing(clock: Clock) -> None:
    assert (Progress(total=1, clock=clock).add(good(1)) or "").startswith("1 of 1 videos, 1 frames, ")
