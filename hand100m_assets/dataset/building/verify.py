"""Is a training set what it claims to be: bytes, pictures, labels, pairs, counts, and pixels cut again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.annotations import image_path, read_summary
from hand100m_assets.dataset.building.job import TrainingSetJob
from hand100m_assets.dataset.hand_pairs import HandPairs, Origin
from hand100m_assets.dataset.reader import decode
from hand100m_assets.dataset.records import INDEX_FILE, MISSING_FILE, ShardEntry, is_intact, sha256_of
from hand100m_assets.dataset.stored_crop import store_crop
from hand100m_assets.errors import EmptyCropError, Hand100mError, TrainingSetError
from hand100m_assets.imaging import ImageBgr, read_image
from hand100m_assets.video.decode import FrameSetSelection, pick_frames
from hand100m_assets.video.pictures import encode_jpeg

MOST_OUTSIDE: Final = 1.0
"""Crop sides by which a keypoint may lie outside, as in the rule of the annotation tables."""

JPEG_TOLERANCE: Final = 2
"""Grey levels by which two versions of OpenCV's JPEG coder may differ."""

NO_SAMPLE: Final = "there is no sample at all"
"""What is said of a training set without a sample."""
CHANGED: Final = "its bytes are not those that were written (sha256 differs)"
UNREADABLE: Final = "cannot be read"
FRAME_MISSING: Final = "neither frame nor video is here"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; `hand_id` is None where it is not about a single hand."""

    where: str
    hand_id: int | None
    what: str


def shard_faults(pairs: HandPairs, threads: int = 1) -> list[Fault]:
    """Files whose bytes are not those that were written, and samples whose picture does not decode."""
    index, shards = pairs.index, pairs.index.shards
    files = {index.samples_file: index.samples_sha256, **index.files}
    by_shard = pairs.records["shard"]
    with ThreadPoolExecutor(max(threads, 1)) as pool:  # hashing and decoding let other threads run
        found = pool.map(lambda n: _faults_of(pairs, shards[n], np.flatnonzero(by_shard == n)), range(len(shards)))
        others = (fault for name, sha256 in files.items() for fault in _changed(pairs.folder, name, sha256))
        own = [] if is_intact(index) else [Fault(INDEX_FILE, None, CHANGED)]
        return [*own, *others, *(fault for each in found for fault in each)]


def _faults_of(pairs: HandPairs, shard: ShardEntry, samples: npt.NDArray[np.int64]) -> list[Fault]:
    found = _changed(pairs.folder, shard.name, shard.sha256)
    if any(fault.what.startswith(UNREADABLE) for fault in found):
        return found
    for sample in samples:
        try:
            pairs.stored_picture(sample)
        except TrainingSetError as error:  # noqa: PERF203 - each one is to be named
            found.append(Fault(shard.name, int(pairs.records["hand_id"][sample]), error.what))
    return found


def _changed(folder: Path, name: str, sha256: str) -> list[Fault]:
    try:
        is_same = sha256_of(folder / name) == sha256
    except OSError as error:
        return [Fault(name, None, f"{UNREADABLE} ({error.strerror or error})")]
    return [] if is_same else [Fault(name, None, CHANGED)]


def keypoint_faults(pairs: HandPairs) -> list[Fault]:
    """Samples with keypoints that are no numbers, or lie far outside their crop."""
    xyz = pairs.records["keypoints"]
    xy = xyz[..., :2]
    unsound = ~np.isfinite(xyz).all(axis=(1, 2)) | (np.abs(xy - 0.5) > 0.5 + MOST_OUTSIDE).any(axis=(1, 2))
    return [_fault(pairs, int(sample), "keypoints far outside the crop") for sample in np.flatnonzero(unsound)]


def pair_faults(pairs: HandPairs) -> list[Fault]:
    """Samples whose positive index is out of range or leads to another hand, and those without a finite distance."""
    records = pairs.records
    positive = records["positive"].astype(np.int64)
    in_range = positive < len(pairs)
    leads = np.zeros(len(pairs), dtype=bool)
    leads[in_range] = records["hand_id"][positive[in_range]] == records["positive_hand_id"][in_range]
    wrong = {
        "positive index out of range": ~in_range,
        "positive index leads to another hand": in_range & ~leads,
        "no distance to its positive": ~np.isfinite(records["distance"]),
    }
    return [_fault(pairs, int(sample), what) for what, where in wrong.items() for sample in np.flatnonzero(where)]


def count_faults(pairs: HandPairs, tables_dir: Path) -> list[Fault]:
    """Samples and left-out hands that do not add up to the annotation set, each of the latter with a reason.

    A set without a sample is at fault, too, by `NO_SAMPLE`, though its counts may add up.

    Raises:
        TrainingSetError: The table of left-out hands is damaged; build the training set again.
    """
    index, kept = pairs.index, read_summary(tables_dir).hands_kept
    found = []
    missing = _missing(pairs)
    if index.samples + missing.height != kept:
        what = f"{index.samples} samples and {missing.height} left out are not the {kept} hands of the annotation set"
        found.append(Fault(pairs.set_key, None, what))
    if unexplained := missing["reason"].null_count():
        found.append(Fault(pairs.set_key, None, f"{unexplained} hands are left out without a reason"))
    if len(np.unique(pairs.records["row_index"])) != len(pairs):
        found.append(Fault(pairs.set_key, None, "a hand is there twice"))
    if not index.samples:
        found.append(Fault(pairs.set_key, None, NO_SAMPLE))
    return found


def _missing(pairs: HandPairs) -> pl.DataFrame:
    path = pairs.folder / MISSING_FILE
    for fault in _changed(pairs.folder, MISSING_FILE, pairs.index.files.get(MISSING_FILE) or sha256_of(path)):
        raise TrainingSetError(fault.what, where=path, fix="Materialize training_set again.")
    return pl.read_parquet(path)


def left_out_share(pairs: HandPairs) -> float:
    """Part of the annotation set's hands that are no samples: one lost crop may cost all hands that lead to it."""
    return 1 - len(pairs) / pairs.index.hands if pairs.index.hands else 0.0


def left_out_hands(pairs: HandPairs) -> pl.DataFrame:
    """The hands that are no samples, each with its reason; rare reasons first, as one may be behind many others."""
    missing = _missing(pairs).sort(pl.len().over("reason"), maintain_order=True)
    return missing.select(pl.lit(pairs.set_key).alias("annotation_set"), pl.all())


@dataclass(frozen=True)
class PixelAudit:
    """What comparing some crops with ones cut again showed.

    Attributes:
        compared: How many were.
        faults: Those that differ.
        skipped: Reason -> count of those that could not be cut again.
    """

    compared: int
    faults: list[Fault]
    skipped: dict[str, int]


def audit_pixels(
    pairs: HandPairs,
    *,
    count: int,
    seed: int,
    image_of: Callable[[Origin], ImageBgr | str],
) -> PixelAudit:
    """Cut some samples again and compare them with what is stored.

    Args:
        pairs: The training set.
        count: How many are drawn.
        seed: Of the drawing.
        image_of: The picture that a sample is cut from, or why it cannot be had.
    """
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:count]
    faults, skipped = [], dict[str, int]()
    for sample in drawn:
        outcome = _compared(pairs, int(sample), image_of)
        if outcome is None:
            continue
        if isinstance(outcome, Fault):
            faults.append(outcome)
        else:
            skipped[outcome] = skipped.get(outcome, 0) + 1
    return PixelAudit(len(drawn) - sum(skipped.values()), faults, skipped)


def _compared(pairs: HandPairs, sample: int, image_of: Callable[[Origin], ImageBgr | str]) -> Fault | str | None:
    """None where they are the same; a text where nothing could be compared."""
    origin = pairs.origin(sample)
    image = image_of(origin)
    if isinstance(image, str):
        return image
    options = pairs.index.order.options
    try:
        again = decode(store_crop(image, origin.box_px, options).data)
        stored = pairs.stored_picture(sample).image[..., ::-1]
    except (EmptyCropError, TrainingSetError) as error:
        return _fault(pairs, sample, error.what)
    assert again is not None
    if again.shape != stored.shape:
        return _fault(pairs, sample, f"cut again it is {again.shape[1::-1]} px, not {stored.shape[1::-1]}")
    gap = int(np.abs(again.astype(np.int16) - stored).max())
    if gap > (JPEG_TOLERANCE if options.codec == "jpeg" else 0):
        return _fault(pairs, sample, f"cut again it differs by up to {gap} grey levels")
    return None


def images_again(job: TrainingSetJob) -> Callable[[Origin], ImageBgr | str]:
    """What a build would cut from: images on disk; a frame of ours that is not there is decoded from the video.

    An image under a mapped prefix may be made by others and is looked for there alone: ours may be another picture.
    """
    names = job.file_names(by="row_index")

    def image_of(origin: Origin) -> ImageBgr | str:
        place = origin.video_id, origin.frame_index, job.frames_dir
        path = image_path(names.get(origin.row_index, ""), *place, job.prefixes)
        image = read_image(path)
        if isinstance(image, str) and path == image_path("", *place):
            return _decoded_again(job, origin)
        return image

    return image_of


def _decoded_again(job: TrainingSetJob, origin: Origin) -> ImageBgr | str:
    path, options = job.video_path(origin.video_id), job.extraction
    if not path.exists():
        return FRAME_MISSING
    try:
        picked, _ = pick_frames(path, FrameSetSelection([origin.frame_index]))
    except Hand100mError as error:
        return error.what
    decoded = decode(encode_jpeg(picked[0], options.jpeg_quality, options.colour_rule)) if picked else None
    return "frame cannot be decoded" if decoded is None else decoded


def _fault(pairs: HandPairs, sample: int, what: str) -> Fault:
    record: Any = pairs.records[sample]
    return Fault(pairs.index.shards[record["shard"]].name, int(record["hand_id"]), what)


def faults_table(key: str, faults: Sequence[Fault]) -> pl.DataFrame:
    """Faults of one set as rows."""
    rows: Iterator[tuple[str, str, int | None, str]] = ((key, f.where, f.hand_id, f.what) for f in faults)
    schema = {"annotation_set": pl.String, "where": pl.String, "hand_id": pl.Int64, "what": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")
