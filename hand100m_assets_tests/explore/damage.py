"""Kinds of damage: what is spoilt, how, and what may then be silent."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand100m_assets.errors import Hand100mError
from hand100m_assets.video.decode import DecodeReport, PickedFrame, pick_frames
from hand100m_assets.video.selection import Selection, StrideSelection
from hand100m_assets_tests.explore import compare, spoiling
from hand100m_assets_tests.explore.coded import EncoderError
from hand100m_assets_tests.explore.compare import Outcome, jumps_of_any_size, random_selections
from hand100m_assets_tests.explore.files import Maker
from hand100m_assets_tests.explore.oracles import Truth, digest_of, plain_frames, truth_of
from hand100m_assets_tests.explore.ordinary import fragmented, plain

BASES: dict[str, list[Maker]] = {
    "h264": [*(plain("h264", s) for s in (".mp4", ".mov", ".mkv", ".flv", ".ts")), fragmented("h264")],
    "hevc": [*(plain("hevc", s) for s in (".mp4", ".mkv", ".ts")), fragmented("hevc")],
    "vp9": [*(plain("vp9", s) for s in (".mp4", ".webm")), fragmented("vp9")],
    "av1": [*(plain("av1", s) for s in (".mp4", ".mkv")), fragmented("av1")],
    "avi": [plain("h264", ".avi"), plain("mjpeg", ".avi"), plain("mpeg4", ".avi")],
    "ts": [plain("h264", ".ts"), plain("hevc", ".ts"), plain("mpeg2", ".ts")],
    "fragments": [fragmented(codec) for codec in ("h264", "hevc", "vp9", "av1")],
}
TRIES = 10
WITHOUT_TIMES = frozenset({".avi", ".mpg"})
"""Containers that say nothing of when a frame is shown, so that a frame is known by its picture alone."""


@dataclass(frozen=True)
class DamageKind:
    """One kind of damage to one family of files.

    Attributes:
        name: As the table shows it.
        spoil: Makes the spoilt bytes.
        bases: Which files are spoilt.
        is_zeros: Nothing of it may be silent.
        is_cut: The end is gone, which cannot be seen where nothing in a file says where it ends.
    """

    name: str
    spoil: spoiling.Spoiler
    bases: list[Maker]
    is_zeros: bool = False
    is_cut: bool = False


_EVERYWHERE = ("h264", "hevc", "vp9", "av1", "avi")
KINDS = [
    *(DamageKind(f"truncated, {b}", spoiling.cut, BASES[b], is_cut=True) for b in _EVERYWHERE),
    *(
        DamageKind(f"blocks of zeros, {b}", spoiling.zeros(512, 1024, 4096), BASES[b], is_zeros=True)
        for b in _EVERYWHERE
    ),
    *(DamageKind(f"64 zeros, {b}", spoiling.zeros(64), BASES[b], is_zeros=True) for b in _EVERYWHERE),
    *(
        DamageKind(f"zeros in the first two packets, {b}", spoiling.zeros_in_first_packets, BASES[b], is_zeros=True)
        for b in ("h264", "hevc", "vp9", "av1")
    ),
    *(DamageKind(f"blocks of 0xFF, {b}", spoiling.ones, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"random bytes, {b}", spoiling.noise, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"foreign blocks, {b}", spoiling.foreign, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"repeated blocks, {b}", spoiling.repeated, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"shuffled blocks, {b}", spoiling.shuffled, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"flipped bits, {b}", spoiling.flips, BASES[b]) for b in _EVERYWHERE),
    *(DamageKind(f"lost packets, {b}", spoiling.lost_packets, BASES[b], is_cut=b == "ts") for b in ("ts", "avi")),
    DamageKind("broken index, avi", spoiling.broken_index, BASES["avi"]),
    DamageKind("lost fragments", spoiling.lost_fragment, BASES["fragments"], is_cut=True),
]


@dataclass(frozen=True)
class Spoilt:
    """A spoilt file, the whole one's frames, and small grey copies of these to know them by."""

    kind: DamageKind
    path: Path
    truth: Truth
    small: list[np.ndarray]


def spoil(kind: DamageKind, rng: random.Random, folder: Path) -> Spoilt:
    """Make a whole file and spoil it, another one if it has nothing to spoil."""
    for _ in range(TRIES):
        try:
            return _spoil(kind, rng, folder)
        except (spoiling.NothingToSpoilError, EncoderError):  # noqa: PERF203 - the next one may do
            continue
    raise spoiling.NothingToSpoilError(f"{kind.name}: no file of {TRIES} has a place for it")


def _spoil(kind: DamageKind, rng: random.Random, folder: Path) -> Spoilt:
    path = rng.choice(kind.bases)(rng, folder)
    (folder / "other").mkdir(exist_ok=True)
    other = plain("h264", ".mp4")(random.Random(rng.randrange(8)), folder / "other").read_bytes()
    truth = truth_of(path, has_opencv=False)
    small = [small_grey(frame) for frame in plain_frames(path)]
    data = kind.spoil(rng, spoiling.target(path, other))
    spoilt_path = path.with_stem("spoilt")
    spoilt_path.write_bytes(data)
    return Spoilt(kind, spoilt_path, truth, small)


def small_grey(frame: object) -> np.ndarray:
    """A picture to be compared roughly."""
    grey = frame.reformat(width=32, height=24, format="gray")  # type: ignore[attr-defined]
    return grey.to_ndarray().astype(np.int16)


def check_damaged(outcome: Outcome, spoilt: Spoilt, rng: random.Random) -> None:
    """Every frame that is given out is the true one of its number, and whatever lacks is said."""
    count = len(spoilt.truth.digests)
    shown = {frame.pts: digest_of(frame) for frame in plain_frames(spoilt.path)}
    _check_selection(outcome, spoilt, StrideSelection(1), shown, "to compare with")
    for selection in (StrideSelection(1), *random_selections(rng, count, 2)):
        with jumps_of_any_size(rng):
            _check_selection(outcome, spoilt, selection, shown, None)
    if not outcome.findings:
        outcome.found(compare.UNTOUCHED)


def _check_selection(
    outcome: Outcome, spoilt: Spoilt, selection: Selection, shown: dict[int | None, bytes], why_full: str | None
) -> None:
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
        _check_frame(outcome, spoilt, frame, shown, where)


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


def _check_frame(
    outcome: Outcome, spoilt: Spoilt, frame: PickedFrame, shown: dict[int | None, bytes], where: str
) -> None:
    truth, index, digest = spoilt.truth, frame.frame_index, digest_of(frame)
    if digest == truth.digest_at(index):
        return
    number = _true_number(spoilt, frame, digest)
    if number != index:
        outcome.found(compare.WRONG_NUMBER, f"{where}: frame {number} is called {index}")
    elif shown.get(frame.pts) == truth.digest_at(index):
        outcome.found(compare.WRONG_PICTURE, f"{where}: a plain decode of the spoilt file gives frame {index} whole")
    elif spoilt.kind.is_zeros:
        outcome.found(compare.ZEROS, f"{where}: frame {index} is spoilt")
    else:
        outcome.found(compare.CHANGED, f"{where}: frame {index} is spoilt")


def _true_number(spoilt: Spoilt, frame: PickedFrame, digest: bytes) -> int:
    """Which frame of the whole file it is: by its time where there are times, else by its looks."""
    truth, index = spoilt.truth, frame.frame_index
    if spoilt.path.suffix not in WITHOUT_TIMES and frame.pts in truth.pts:
        return truth.pts.index(frame.pts)
    if digest in truth.digests:
        return truth.digests.index(digest)
    if index >= len(truth.digests):
        return -1
    looks = small_grey(frame._frame)
    distances = [float(np.abs(looks - other).mean()) for other in spoilt.small]
    nearest = int(np.argmin(distances))
    return nearest if distances[nearest] * 4 + 1 < distances[index] else index
