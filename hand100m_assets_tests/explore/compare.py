"""Our frames of one file beside those of the oracles -> findings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hand100m_assets.errors import Hand100mError
from hand100m_assets.video import sampleindex
from hand100m_assets.video.decode import DecodeReport, PickedFrame, pick_frames
from hand100m_assets.video.selection import FrameSetSelection, Selection, StrideSelection
from hand100m_assets_tests.explore.files import Kind
from hand100m_assets_tests.explore.oracles import Truth, digest_of

WRONG_NUMBER, WRONG_PICTURE, LOST, ZEROS = "wrong number", "wrong picture", "lost in silence", "zeros in silence"
CALLED_DAMAGED, UNREADABLE, ORACLES = "called damaged", "unreadable", "oracles differ"
CHANGED, REPORTED, UNTOUCHED, NO_END = "changed in silence", "reported", "no effect", "no promised end"
OPENCV_SHORT, OPENCV_OTHER = "OpenCV short", "OpenCV other"
CRASHED, TOO_LONG, NOT_MADE = "crashed", "too long", "not made"


@dataclass
class Outcome:
    """What was found out about one file.

    Attributes:
        kind: Its kind.
        number: Which of its kind.
        findings: What happened, each at most once, with words about the first time.
        notes: Ways that were taken, to show that the search covers them.
        cpu_s: Time it took.
    """

    kind: str
    number: int
    findings: dict[str, str] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    cpu_s: float = 0.0

    def found(self, what: str, words: str = "") -> None:
        """Add a finding unless there is one of the sort."""
        self.findings.setdefault(what, words)


def random_selections(rng: random.Random, frame_count: int, count: int = 3) -> list[Selection]:
    """Strides, random indices, some behind the end, and indices far apart."""
    made: list[Selection] = []
    for _ in range(count):
        if rng.random() < 0.4:
            made.append(StrideSelection(rng.randint(1, 40)))
        else:
            made.append(FrameSetSelection(rng.sample(range(frame_count + 10), rng.randint(1, min(8, frame_count + 9)))))
    return made


@contextmanager
def jumps_of_any_size(rng: random.Random) -> Iterator[None]:
    """Let the decoder jump over a few bytes too, mostly."""
    before = sampleindex.MIN_JUMP_BYTES, sampleindex.MIN_FRAMES_PER_WANTED
    sampleindex.MIN_JUMP_BYTES = rng.choice([1, 1, 5000, before[0]])  # type: ignore[misc]
    sampleindex.MIN_FRAMES_PER_WANTED = rng.choice([1, 1, before[1]])  # type: ignore[misc]
    try:
        yield
    finally:
        sampleindex.MIN_JUMP_BYTES, sampleindex.MIN_FRAMES_PER_WANTED = before  # type: ignore[misc]


def check_healthy(outcome: Outcome, kind: Kind, path: Path, truth: Truth, rng: random.Random) -> None:
    """A whole file: every wanted frame, the right one, and not a word about damage."""
    check_oracles(outcome, kind, truth)
    check_full(outcome, kind, path, truth)
    for selection in random_selections(rng, len(truth.digests)):
        with jumps_of_any_size(rng):
            check_selection(outcome, kind, path, truth, selection)


def check_oracles(outcome: Outcome, kind: Kind, truth: Truth) -> None:
    """They must agree on the number of frames, or the file says nothing."""
    if truth.opencv is None:
        return
    ours, theirs = len(truth.digests), len(truth.opencv)
    if theirs > ours if kind.opencv == "first frames" else theirs != ours:
        outcome.found(ORACLES, f"a plain decode gives {ours} frames, OpenCV {theirs}")


def check_full(outcome: Outcome, kind: Kind, path: Path, truth: Truth) -> None:
    """The way that decodes every packet, every frame."""
    check_selection(outcome, kind, path, truth, StrideSelection(1), why_full="to compare with")


def check_selection(
    outcome: Outcome, kind: Kind, path: Path, truth: Truth, selection: Selection, why_full: str | None = None
) -> None:
    """One selection of a whole file."""
    try:
        frames, report = pick_frames(path, selection, why_full=why_full)
    except Hand100mError as error:
        outcome.found(UNREADABLE, str(error))
        return
    if why_full is None:
        outcome.notes.add(report.mode)
        if report.packet_count_skipped:
            outcome.notes.add("jumps")
    where = f"{selection.describe()} {report.mode}"
    if report.is_damaged:
        words = report.errors[0].words if report.errors else f"damaged frames {report.damaged_indices[:3]}"
        outcome.found(CALLED_DAMAGED, f"{where}: {words}")
    check_list(outcome, truth, frames, report, selection, where)
    for frame in frames:
        check_whole_frame(outcome, kind, truth, frame, where)


def check_list(
    outcome: Outcome, truth: Truth, frames: list[PickedFrame], report: DecodeReport, selection: Selection, where: str
) -> None:
    """Which indices came, where nothing was called damaged."""
    got, right = [frame.frame_index for frame in frames], selection.expected(len(truth.digests))
    if report.is_damaged:
        return
    if set(right) - set(got):
        outcome.found(LOST, f"{where}: {len(set(right) - set(got))} of {len(right)} wanted frames did not come")
    if report.frame_count not in (None, len(truth.digests)) or set(got) - set(right):
        outcome.found(WRONG_NUMBER, f"{where}: counts {report.frame_count} frames of {len(truth.digests)}")


def check_whole_frame(outcome: Outcome, kind: Kind, truth: Truth, frame: PickedFrame, where: str) -> None:
    """Samples as the plain decode has them, and the very picture that OpenCV would have saved."""
    index, digest = frame.frame_index, digest_of(frame)
    if digest != truth.digest_at(index):
        other = truth.other_index_of(digest, index)
        if other is None:
            outcome.found(WRONG_PICTURE, f"{where}: frame {index} has other samples than a plain decode's")
        else:
            outcome.found(WRONG_NUMBER, f"{where}: frame {other} is called {index}")
    if truth.opencv is None or kind.opencv == "count only" or index >= len(truth.opencv):
        return
    picture, theirs = frame.image_bgr, truth.opencv[index]
    if picture.shape != theirs.shape:
        outcome.found(WRONG_PICTURE, f"{where}: frame {index} is {picture.shape}, OpenCV's {theirs.shape}")
    elif not np.array_equal(picture, theirs):
        difference = np.abs(picture.astype(int) - theirs).mean()
        outcome.found(WRONG_PICTURE, f"{where}: frame {index} differs from OpenCV's by {difference:.2f} levels")
