"""One progress line at a readable pace, with true figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from hand100m_assets.errors import VideoUnreadableError
from hand100m_assets.video.decode.selection import FrameSetSelection, Selection, StrideSelection
from hand100m_assets.video.frames.job import ExtractionJob, ExtractionOutcome
from hand100m_assets.video.frames.manifest import ExtractionOptions, FrameRecord
from hand100m_assets.video.frames.progress import Progress
from hand100m_assets.video.frames.work_folder import journal_file


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
    assert progress.add(good(30)) == "1 of 8 videos, 30 frames, 0.5 frames per second, 7 min left"
    clock.now_s += 60
    assert progress.add(bad()) == "2 of 8 videos, 1 failed, 30 frames, 0.2 frames per second, 6 min left"


def test_the_last_video_always_gives_a_line(clock: Clock) -> None:
    progress = Progress(total=2, every_s=10, clock=clock)
    clock.now_s += 1
    assert progress.add(good(4)) is None
    assert progress.add(good(4)) == "2 of 2 videos, 8 frames, 8.0 frames per second, 0 min left"


def test_a_batch_that_takes_no_time_divides_by_nothing(clock: Clock) -> None:
    assert (Progress(total=1, clock=clock).add(good(1)) or "").startswith("1 of 1 video, 1 frame, ")


def job(out: Path, video_id: str, selection: Selection, path: Path = Path("gone.mp4")) -> ExtractionJob:
    return ExtractionJob(
        video_path=path, frames_dir=out, video_id=video_id, selection=selection, options=ExtractionOptions()
    )


def journal(job: ExtractionJob, indices: range) -> None:
    """What a worker has noted by now, and a line that it is just writing."""
    lines = [FrameRecord(frame_index=i, pts=i, time_s=i / 30, size_bytes=9).model_dump_json() for i in indices]
    path = journal_file(job.frames_dir, job.video_id)
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*lines, '{"frame_ind']))


EVERY_TENTH = FrameSetSelection(range(0, 991, 10))


def test_a_long_video_gives_lines_before_it_ends(clock: Clock, tmp_path: Path) -> None:
    progress = Progress(total=2, every_s=30, clock=clock)
    long = job(tmp_path, "long", EVERY_TENTH)
    assert progress.look([long]) is None
    clock.now_s += 29
    journal(long, range(0, 400, 10))
    assert progress.look([long]) is None
    clock.now_s += 31
    assert progress.look([long]) == "0 of 2 videos, 40 frames, 0.7 frames per second, 4 min left"
    assert progress.look([long]) is None
    clock.now_s += 60
    journal(long, range(0, 800, 10))
    assert progress.look([long]) == "0 of 2 videos, 80 frames, 0.7 frames per second, 3 min left"
    assert progress.add(replace(good(100), video_id="long")) is None
    clock.now_s += 30
    assert progress.look([]) == "1 of 2 videos, 100 frames, 0.7 frames per second, 2 min left"


def test_before_the_first_frame_no_time_is_promised(clock: Clock, tmp_path: Path) -> None:
    progress = Progress(total=1, every_s=30, clock=clock)
    clock.now_s += 30
    line = progress.look([job(tmp_path, "long", EVERY_TENTH)])
    assert line == "0 of 1 video, 0 frames, 0.0 frames per second, time left not known yet"


def test_what_an_interrupted_run_had_made_is_counted_but_makes_this_one_no_faster(clock: Clock, tmp_path: Path) -> None:
    progress = Progress(total=2, every_s=60, clock=clock)
    begun = job(tmp_path, "begun", EVERY_TENTH)
    journal(begun, range(0, 500, 10))
    assert progress.add(replace(good(70), video_id="finished", reused=True)) is None
    progress.look([begun])
    clock.now_s += 60
    journal(begun, range(0, 750, 10))
    assert progress.look([begun]) == "1 of 2 videos, 145 frames, 0.4 frames per second, 1 min left"
    clock.now_s += 60
    assert (
        progress.add(replace(good(100), video_id="begun"))
        == "2 of 2 videos, 170 frames, 0.4 frames per second, 0 min left"
    )


def test_frames_that_are_thrown_away_are_not_counted(clock: Clock, tmp_path: Path) -> None:
    progress = Progress(total=1, every_s=60, clock=clock)
    begun = job(tmp_path, "begun", EVERY_TENTH)
    journal(begun, range(0, 500, 10))
    progress.look([begun])
    clock.now_s += 60
    journal(begun, range(0, 60, 10))
    assert progress.look([begun]) == "0 of 1 video, 6 frames, 0.0 frames per second, time left not known yet"


def test_a_header_says_how_long_a_video_is_and_file_sizes_what_others_cost(clip, clock: Clock, tmp_path: Path) -> None:
    long = job(tmp_path, "long", StrideSelection(1), clip("defaults"))
    progress = replace(Progress.of([long]), clock=clock, total=2, work={"long": 9e6, "short": 1e6})
    clock.now_s += 60
    progress.look([long])
    journal(long, range(50))
    clock.now_s += 60
    assert progress.look([long]) == "0 of 2 videos, 50 frames, 0.4 frames per second, 2 min left"
    assert Progress.of([long]).work == {"long": clip("defaults").stat().st_size}
