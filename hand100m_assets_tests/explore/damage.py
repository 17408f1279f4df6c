"""Spoilt files beside whole ones: no frame has another's number, and whatever lacks is said."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np

from hand100m_assets.errors import Hand100mError
from hand100m_assets.video.decode import DecodeReport, Selection, StrideSelection, pick_frames
from hand100m_assets.video.pictures import PickedFrame
from hand100m_assets_tests.explore import compare, spoiling
from hand100m_assets_tests.explore.coded import EncoderError
from hand100m_assets_tests.explore.compare import Outcome, jumps_of_any_size, random_selections
from hand100m_assets_tests.explore.damagekinds import WITHOUT_TIMES, DamageKind
from hand100m_assets_tests.explore.oracles import NoFramesError, Truth, digest_of, plain_frames, truth_of
from hand100m_assets_tests.explore.ordinary import plain
from hand100m_assets_tests.unit.video.oracle import opencv_frames

TRIES = 10
OWN_TIMES = frozenset({"h264", "hevc"})
"""Codecs whose decoders give each frame the time of the packet that it was read from."""


@dataclass(frozen=True)
class Spoilt:
    """A spoilt file beside the whole one.

    Attributes:
        kind: What was done to it.
        path: The spoilt file.
        truth: The whole one's frames.
        small: Small grey copies of these, to know them by.
        shown: What a plain decode of the spoilt file gives at each time.
        opencv: What OpenCV's loop gives of the spoilt file.
        has_true_times: Whether a frame's time tells which frame of the whole file it is.
    """

    kind: DamageKind
    path: Path
    truth: Truth
    small: list[np.ndarray]
    shown: dict[int | None, bytes]
    opencv: list[np.ndarray]
    has_true_times: bool

    def is_whole_elsewhere(self, frame: PickedFrame) -> bool:
        """Whether another decoder gives this frame of the spoilt file as the whole file has it."""
        truth, index = self.truth, frame.frame_index
        if index >= len(truth.digests):
            return False
        if self.shown.get(frame.pts) == truth.digests[index]:
            return True
        pictures = truth.opencv or []
        return index < min(len(pictures), len(self.opencv)) and np.array_equal(pictures[index], self.opencv[index])


def spoil(kind: DamageKind, rng: random.Random, folder: Path) -> Spoilt:
    """Make a whole file and spoil it, another one if it has nothing to spoil."""
    for _ in range(TRIES):
        try:
            return _spoil(kind, rng, folder)
        except (spoiling.NothingToSpoilError, NoFramesError, EncoderError):  # noqa: PERF203 - the next one may do
            continue
    raise spoiling.NothingToSpoilError(f"{kind.name}: no file of {TRIES} has a place for it")


def _spoil(kind: DamageKind, rng: random.Random, folder: Path) -> Spoilt:
    path = rng.choice(kind.bases)(rng, folder)
    (folder / "other").mkdir(exist_ok=True)
    other = plain("h264", ".mp4")(random.Random(rng.randrange(8)), folder / "other").read_bytes()
    truth = truth_of(path, has_opencv=True)
    small = [small_grey(frame) for frame in plain_frames(path)]
    data = kind.spoil(rng, spoiling.target(path, other))
    spoilt_path = path.with_stem("spoilt")
    spoilt_path.write_bytes(data)
    shown = {frame.pts: digest_of(frame) for frame in plain_frames(spoilt_path)}
    has_true_times = _has_true_times(path, spoilt_path, truth)
    return Spoilt(kind, spoilt_path, truth, small, shown, opencv_frames(spoilt_path), has_true_times)


def _has_true_times(whole: Path, spoilt: Path, truth: Truth) -> bool:
    """Whether the frames of a spoilt file have the times of the whole one's.

    Some containers count packets instead of keeping times. Their times are right as long as every packet stands in its
    place, if the decoder gives each frame the time of its own packet.
    """
    if spoilt.suffix not in WITHOUT_TIMES:
        return True
    if len(set(truth.pts)) < len(truth.pts) or _codec_of(whole) not in OWN_TIMES:
        return False
    try:
        return spoiling.target(whole, b"").packets == spoiling.target(spoilt, b"").packets
    except (spoiling.NothingToSpoilError, av.error.FFmpegError, IndexError):
        return False


def _codec_of(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.name


def small_grey(frame: object) -> np.ndarray:
    """A picture to be compared roughly."""
    grey = frame.reformat(width=32, height=24, format="gray")  # type: ignore[attr-defined]
    return grey.to_ndarray().astype(np.int16)


def check_damaged(outcome: Outcome, spoilt: Spoilt, rng: random.Random) -> None:
    """Every frame that is given out is the true one of its number, and whatever lacks is said."""
    count = len(spoilt.truth.digests)
    if spoilt.truth.opencv:
        outcome.notes |= _opencv_notes(spoilt.truth.opencv, spoilt.opencv)
    _check_selection(outcome, spoilt, StrideSelection(1), "to compare with")
    for selection in (StrideSelection(1), *random_selections(rng, count, 2)):
        with jumps_of_any_size(rng):
            _check_selection(outcome, spoilt, selection, None)
    if not outcome.findings:
        outcome.found(compare.UNTOUCHED)


def _opencv_notes(whole: list[np.ndarray], spoilt: list[np.ndarray]) -> set[str]:
    """What the original's loop makes of the damage, of which it never says a word."""
    is_other = any(not np.array_equal(a, b) for a, b in zip(whole, spoilt, strict=False))
    notes = {compare.OPENCV_SHORT: len(spoilt) < len(whole), compare.OPENCV_OTHER: is_other}
    return {note for note, is_so in notes.items() if is_so}


def _check_selection(outcome: Outcome, spoilt: Spoilt, selection: Selection, why_full: str | None) -> None:
    try:
        frames, report = pick_frames(spoilt.path, selection, why_full=why_full)
    except Hand100mError as error:
        outcome.found(compare.REPORTED, str(error))
        return
    if why_full is None:
        outcome.notes.add(report.mode)
    where = f"{selection.describe()} {report.mode}"
    if report.is_damaged:
        outcome.found(compare.REPORTED, f"{where}: {report.errors[:1]}")
    else:
        _check_silence(outcome, spoilt, frames, report, selection, where)
    for frame in frames:
        _check_frame(outcome, spoilt, frame, where)


def _check_silence(
    outcome: Outcome,
    spoilt: Spoilt,
    frames: list[PickedFrame],
    report: DecodeReport,
    selection: Selection,
    where: str,
) -> None:
    """Nothing was said, so nothing may lack."""
    count = len(spoilt.truth.digests)
    got = [frame.frame_index for frame in frames]
    if got == selection.expected(count) and report.frame_count in (None, count):
        return
    has_end = report.video is None or report.video.has_promised_end
    is_beginning = report.frame_count is not None and report.frame_count < count
    if spoilt.kind.is_cut and not has_end and is_beginning and got == selection.expected(report.frame_count or 0):
        outcome.found(compare.NO_END, where)
        return
    what = compare.ZEROS if spoilt.kind.is_zeros else compare.LOST
    outcome.found(what, f"{where}: counts {report.frame_count} frames of {count}, {len(got)} came")


def _check_frame(outcome: Outcome, spoilt: Spoilt, frame: PickedFrame, where: str) -> None:
    truth, index, digest = spoilt.truth, frame.frame_index, digest_of(frame)
    if digest == truth.digest_at(index):
        return
    number = _true_number(spoilt, frame, digest)
    if number != index:
        outcome.found(compare.WRONG_NUMBER, f"{where}: frame {number} is called {index}")
    elif spoilt.is_whole_elsewhere(frame):
        outcome.found(
            compare.WRONG_PICTURE, f"{where}: a plain decode or OpenCV gives frame {index} of this file whole"
        )
    elif spoilt.kind.is_zeros:
        outcome.found(compare.ZEROS, f"{where}: frame {index} is spoilt")
    else:
        outcome.found(compare.CHANGED, f"{where}: frame {index} is spoilt")


def _true_number(spoilt: Spoilt, frame: PickedFrame, digest: bytes) -> int:
    """Which frame of the whole file it is: by its time where there are times, else by its looks."""
    truth, index = spoilt.truth, frame.frame_index
    if spoilt.has_true_times and frame.pts in truth.pts:
        return truth.pts.index(frame.pts)
    if digest in truth.digests:
        return truth.digests.index(digest)
    if index >= len(truth.digests):
        return -1
    looks = small_grey(frame._frame)
    distances = [float(np.abs(looks - other).mean()) for other in spoilt.small]
    nearest = int(np.argmin(distances))
    return nearest if distances[nearest] * 4 + 1 < distances[index] else index
