"""Verifies a training set: bytes, pictures, keypoints, pairs, counts, and pixels of crops that are cut again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from hand100m_assets.amounts import counted
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
"""Crop sides by which a keypoint may be outside its crop, as in the rule for annotation tables."""

JPEG_TOLERANCE: Final = 2
"""Grey levels by which two versions of OpenCV's JPEG coder may differ."""

NO_SAMPLE: Final = "there is no sample at all"
"""The fault of a training set without a sample."""
CHANGED: Final = "its bytes are not those that were written (sha256 differs)"
UNREADABLE: Final = "cannot be read"
FRAME_MISSING: Final = "neither frame nor video is here"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a training set.

    Attributes:
        where: File of the training set, or its key.
        hand_id: The hand; None if the fault is not about a single hand.
        what: What is wrong, in words.

    Example:
        >>> from hand100m_assets.dataset.building import Fault
        >>> Fault("shard-00000-1a2b3c4d.tar", None, "cannot be read").what
        'cannot be read'
    """

    where: str
    hand_id: int | None
    what: str


def shard_faults(pairs: HandPairs, threads: int = 1) -> list[Fault]:
    """Find files whose bytes are not those that were written, and samples whose picture does not decode.

    Args:
        pairs: The training set; all of its shards are read.
        threads: Number of threads that read and decode.

    Returns:
        One fault per file or sample; empty if all is well.

    Example:
        >>> from hand100m_assets.dataset import HandPairs
        >>> from hand100m_assets.dataset.building import shard_faults
        >>> shard_faults(HandPairs(".", "simhand-50k"))
        []
    """
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
    """Find samples with keypoints that are not finite or lie more than one side of the crop outside it.

    Args:
        pairs: The training set.

    Returns:
        One fault per sample; empty if all is well.

    Example:
        >>> from hand100m_assets.dataset import HandPairs
        >>> from hand100m_assets.dataset.building import keypoint_faults
        >>> keypoint_faults(HandPairs(".", "simhand-50k"))
        []
    """
    xyz = pairs.records["keypoints"]
    xy = xyz[..., :2]
    unsound = ~np.isfinite(xyz).all(axis=(1, 2)) | (np.abs(xy - 0.5) > 0.5 + MOST_OUTSIDE).any(axis=(1, 2))
    return [_fault(pairs, int(sample), "keypoints far outside the crop") for sample in np.flatnonzero(unsound)]


def pair_faults(pairs: HandPairs) -> list[Fault]:
    """Find samples whose positive is out of range or not the stated hand, and samples without a finite distance.

    Args:
        pairs: The training set.

    Returns:
        One fault per sample and kind; empty if all is well.

    Example:
        >>> from hand100m_assets.dataset import HandPairs
        >>> from hand100m_assets.dataset.building import pair_faults
        >>> pair_faults(HandPairs(".", "simhand-50k"))
        []
    """
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
    """Check that samples and left-out hands add up to the annotation set, and that each left-out hand has a reason.

    A set without a sample is at fault, too (`NO_SAMPLE`), though its counts may add up.

    Args:
        pairs: The training set.
        tables_dir: Finished tables of the annotation set.

    Returns:
        One fault per kind; empty if all is well.

    Raises:
        TrainingSetError: The table of left-out hands is damaged; build the training set again.
        AnnotationFileError: There are no finished tables; ingest the annotation file first.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.dataset import HandPairs
        >>> from hand100m_assets.dataset.building import count_faults
        >>> count_faults(HandPairs(".", "simhand-50k"), Path("tables"))
        []
    """
    index, kept = pairs.index, read_summary(tables_dir).hands_kept
    found = []
    missing = _missing(pairs)
    if index.samples + missing.height != kept:
        here = f"{counted(index.samples, 'sample')} and {missing.height:,} left out"
        found.append(Fault(pairs.set_key, None, f"{here} are not the {counted(kept, 'hand')} of the annotation set"))
    if unexplained := missing["reason"].null_count():
        found.append(
            Fault(pairs.set_key, None, f"{counted(unexplained, 'hand is', 'hands are')} left out without a reason")
        )
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
    """Return the share of the hands of the annotation set that are not samples.

    One missing crop may remove many hands: all whose positive it is.

    Args:
        pairs: The training set.

    Returns:
        A share from 0 to 1; 0 for a set without hands.

    Example:
        >>> from hand100m_assets.dataset import HandPairs
        >>> from hand100m_assets.dataset.building import left_out_share
        >>> left_out_share(HandPairs(".", "simhand-50k"))
        0.0
    """
    return 1 - len(pairs) / pairs.index.hands if pairs.index.hands else 0.0


def left_out_hands(pairs: HandPairs) -> pl.DataFrame:
    """List the hands that are not samples, with their reasons, rare reasons first: one hand may exclude many others.

    Args:
        pairs: The training set.

    Returns:
        One row per hand, with the columns `annotation_set`, `row_index`, `hand_id`, `video_id`, `frame_index`,
        `reason`.

    Raises:
        TrainingSetError: The table of left-out hands is damaged; build the training set again.

    Example:
        >>> from hand100m_assets.dataset import HandPairs
        >>> from hand100m_assets.dataset.building import left_out_hands
        >>> left_out_hands(HandPairs(".", "simhand-50k")).height
        0
    """
    missing = _missing(pairs).sort(pl.len().over("reason"), maintain_order=True)
    return missing.select(pl.lit(pairs.set_key).alias("annotation_set"), pl.all())


@dataclass(frozen=True)
class PixelAudit:
    """The result of comparing some crops with crops that were cut again.

    Attributes:
        compared: Number of crops that were compared.
        faults: One fault per crop that differs.
        skipped: Reason -> number of crops that could not be cut again.

    Example:
        >>> from hand100m_assets.dataset.building import PixelAudit
        >>> PixelAudit(compared=2, faults=[], skipped={"neither frame nor video is here": 1}).compared
        2
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
    """Cut some samples again and compare them with the stored crops.

    Args:
        pairs: The training set.
        count: Number of samples to draw.
        seed: Seed for the sample.
        image_of: Gives the picture that a sample is cut from, (height, width, 3) uint8 BGR, or a text that says why
            there is none; see `images_again`.

    Returns:
        What was compared, what differs and what was skipped.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.dataset import CropOptions, HandPairs, TrainingSetJob
        >>> from hand100m_assets.dataset.building import audit_pixels, images_again
        >>> job = TrainingSetJob(
        ...     folder=Path("training_set/simhand-50k"),
        ...     set_key="simhand-50k",
        ...     tables_dir=Path("tables"),
        ...     frames_dir=Path("frames"),
        ...     video_path=lambda video_id: Path("videos", f"{video_id}.mp4"),
        ... )
        >>> pairs = HandPairs(".", "simhand-50k")
        >>> audit_pixels(pairs, count=2, seed=0, image_of=images_again(job))
        PixelAudit(compared=2, faults=[], skipped={})
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
    """None if they are the same; a text if nothing could be compared."""
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
        return _fault(pairs, sample, f"cut again it differs by up to {counted(gap, 'grey level')}")
    return None


def images_again(job: TrainingSetJob) -> Callable[[Origin], ImageBgr | str]:
    """Make a function that finds the picture which a build would cut a sample from.

    It reads images on disk. If an extracted frame is missing, it is decoded from the video. An image with a mapped
    prefix is read only from the mapped folder: others may have made it, and the extracted frame may be another picture.

    Args:
        job: The inputs and options of the training set.

    Returns:
        A function for `audit_pixels`: the origin of a sample -> its picture, (height, width, 3) uint8 BGR, or a text
        that says why there is none.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.dataset import HandPairs, TrainingSetJob
        >>> from hand100m_assets.dataset.building import images_again
        >>> job = TrainingSetJob(
        ...     folder=Path("training_set/simhand-50k"),
        ...     set_key="simhand-50k",
        ...     tables_dir=Path("tables"),
        ...     frames_dir=Path("frames"),
        ...     video_path=lambda video_id: Path("videos", f"{video_id}.mp4"),
        ... )
        >>> image_of = images_again(job)
        >>> image_of(HandPairs(".", "simhand-50k").origin(0)).shape
        (240, 320, 3)
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
    """Put the faults of one set into a table.

    Args:
        key: Key of the annotation set.
        faults: What the functions of this room found.

    Returns:
        One row per fault, with the columns `annotation_set`, `where`, `hand_id` (null if the fault is not about a
        single hand) and `what`.

    Example:
        >>> from hand100m_assets.dataset.building import Fault, faults_table
        >>> faults_table("simhand-50k", [Fault("index.json", None, "cannot be read")]).columns
        ['annotation_set', 'where', 'hand_id', 'what']
    """
    rows: Iterator[tuple[str, str, int | None, str]] = ((key, f.where, f.hand_id, f.what) for f in faults)
    schema = {"annotation_set": pl.String, "where": pl.String, "hand_id": pl.Int64, "what": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")
