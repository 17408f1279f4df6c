"""Cuts the hands of one video into a pack of tar members, from extracted frames or directly from the video."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

from hand100m_assets.annotations import image_path
from hand100m_assets.annotations.lookup import HandRow, HandTable
from hand100m_assets.dataset.building.tar_members import BLOCK_BYTES, member
from hand100m_assets.dataset.reader import decode
from hand100m_assets.dataset.records import CutFrom, CutOrder, Member, VideoCut
from hand100m_assets.dataset.stored_crop import SUFFIXES, StoredCrop, store_crop
from hand100m_assets.errors import EmptyCropError, PermanentError, RetryableError, VideoUnreadableError
from hand100m_assets.files import FileStamp, file_in_place_of, output_errors, write_whole
from hand100m_assets.imaging import ImageBgr, read_image
from hand100m_assets.video.decode import DecodeAgainError, DecodeReport, FrameSetSelection, decode_frames
from hand100m_assets.video.frames import UNLIMITED, ExtractionOptions, Limits, Watch, stamp_of
from hand100m_assets.video.pictures import encode_jpeg

PACK_SUFFIX: Final = ".pack"

VIDEO_FAULTS: Final = (VideoUnreadableError, RetryableError)
"""Errors that mean a fault of the video. Decoding never raises the errors of the output disk."""

CHANGED: Final = "the video file changed while it was read"


class _VideoChangedError(Exception):
    """The video changed while it was read, so nothing of this pass can be trusted."""


@dataclass(frozen=True, kw_only=True)
class CutJob:
    """The work on one video, for a worker process.

    Attributes:
        video_id: The video.
        token: Fingerprint of what the crops are cut from.
        rows: Rows of `hands.parquet`, in order of frame.
        tables_dir: Folder of the tables of the set, with their lookup.
        pack_dir: Folder for `<video_id>.pack` and then `<video_id>.json`.
        order: What all crops of the set have in common.
        cut_from: `frames` or `videos`.
        video_path: The video file, for `videos`.
        extraction: How frames are made from it.
        limits: Limits on the work on it.
        frames_dir: Folder of frame folders, for `frames`.
        prefixes: Prefix of file names -> folder that holds those images.
        file_names: Row -> `file_name`; empty without prefixes.
    """

    video_id: str
    token: str
    rows: tuple[int, ...]
    tables_dir: Path
    pack_dir: Path
    order: CutOrder
    cut_from: CutFrom
    video_path: Path
    frames_dir: Path
    extraction: ExtractionOptions = field(default_factory=ExtractionOptions)
    limits: Limits = UNLIMITED
    prefixes: Mapping[str, Path] = field(default_factory=dict)
    file_names: Mapping[int, str] = field(default_factory=dict)

    @property
    def pack(self) -> Path:
        """File of the members, one after the other."""
        return self.pack_dir / f"{self.video_id}{PACK_SUFFIX}"

    @property
    def record(self) -> Path:
        """File that describes the pack; it exists only if the pack is complete."""
        return self.pack_dir / f"{self.video_id}.json"


def cut_video(job: CutJob) -> VideoCut:
    """Cut the hands of a video into a pack. Any fault of a hand or of the video becomes a reason.

    Raises:
        OutputUnwritableError: The output disk is full, read-only or not permitted.
        AnnotationFileError: The tables have no lookup.
    """
    with HandTable(job.tables_dir) as table:
        hands = [(row, table[row]) for row in job.rows]
    try:
        result = _pack_or_again(job, hands)
    except _VideoChangedError:
        return given_up(job, CHANGED)
    with output_errors(job.record):
        write_whole(job.record, result.model_dump_json().encode())
    return result


def _pack_or_again(job: CutJob, hands: list[tuple[int, HandRow]]) -> VideoCut:
    try:
        return _write_pack(job, hands, why_full=None)
    except DecodeAgainError as doubt:
        return _write_pack(job, hands, why_full=doubt.reason)


def _write_pack(job: CutJob, hands: list[tuple[int, HandRow]], *, why_full: str | None) -> VideoCut:
    work = _Cut(job, hands, why_full)
    with file_in_place_of(job.pack) as file:
        for data in work.members_of_all():
            file.write(data)
    return work.result


def given_up(job: CutJob, reason: str) -> VideoCut:
    """The result for a video that changed, or whose worker died or hung: its hands are missing until the next build."""
    return VideoCut(video_id=job.video_id, token=job.token, missing=dict.fromkeys(job.rows, reason))


class _Cut:
    """One pass over one video."""

    def __init__(self, job: CutJob, hands: list[tuple[int, HandRow]], why_full: str | None) -> None:
        self.job, self.hands, self.why_full = job, hands, why_full
        self.members: list[Member] = []
        self.missing: dict[int, str] = {}
        # Frames may yet be extracted; a video gives the same each time.
        self.for_good = job.cut_from == "videos"
        self._end = 0

    @property
    def result(self) -> VideoCut:
        return VideoCut(
            video_id=self.job.video_id,
            token=self.job.token,
            members=self.members,
            missing=self.missing,
            for_good=self.for_good and bool(self.missing),
        )

    def members_of_all(self) -> Iterator[bytes]:
        """Tar members, frame by frame; at most one frame is in memory."""
        found = self._from_frames() if self.job.cut_from == "frames" else self._from_video()
        for hands, image in found:
            for row, hand in hands:
                yield from self._member(row, hand, image)

    def _member(self, row: int, hand: HandRow, image: ImageBgr | str) -> Iterator[bytes]:
        if isinstance(image, str):
            self.missing[row] = image
            return
        try:
            stored = store_crop(image, hand.box_px, self.job.order.options)
        except EmptyCropError as error:
            self.missing[row] = error.what
            return
        key = f"{hand.row_index:08d}"
        picture = member(key + SUFFIXES[self.job.order.options.codec], stored.data)
        facts = member(f"{key}.json", json.dumps(_facts(hand, stored)).encode())
        size = (stored.width_px, stored.height_px)
        self.members.append(Member(row, self._end + BLOCK_BYTES, len(stored.data), *size, *stored.region))
        self._end += len(picture) + len(facts)
        yield picture + facts

    def _from_frames(self) -> Iterator[tuple[list[tuple[int, HandRow]], ImageBgr | str]]:
        for path, hands in groupby(self.hands, key=self._path):
            yield list(hands), read_image(path)

    def _path(self, hand: tuple[int, HandRow]) -> Path:
        job, frame_index = self.job, hand[1].frame_index or 0
        return image_path(job.file_names.get(hand[0], ""), job.video_id, frame_index, job.frames_dir, job.prefixes)

    def _from_video(self) -> Iterator[tuple[list[tuple[int, HandRow]], ImageBgr | str]]:
        by_frame: dict[int, list[tuple[int, HandRow]]] = {}
        for row, hand in self.hands:
            by_frame.setdefault(hand.frame_index or 0, []).append((row, hand))
        report, reason = DecodeReport(), "frame damaged"
        try:
            for frame_index, image in self._decoded(by_frame, report):
                yield by_frame.pop(frame_index), image
        except VIDEO_FAULTS as error:
            reason, self.for_good = error.what, isinstance(error, PermanentError)
        if token_of_video(self.job.video_path, self.job.extraction) != self.job.token:
            raise _VideoChangedError
        for frame_index, hands in by_frame.items():
            is_beyond = report.frame_count is not None and frame_index >= report.frame_count
            yield hands, "frame beyond the end" if is_beyond else reason

    def _decoded(self, wanted: Collection[int], report: DecodeReport) -> Iterator[tuple[int, ImageBgr]]:
        """The wanted frames, encoded as JPEG and decoded again, as extracted frames are."""
        job = self.job
        watch = Watch(job.limits, job.video_path)

        def look_at_the_clock() -> bool:
            watch.check(report)
            return False

        selection, options = FrameSetSelection(wanted), job.extraction
        frames = decode_frames(job.video_path, selection, report, look_at_the_clock, why_full=self.why_full)
        for picked in frames:
            watch.check(report, picked.time_s)
            image = decode(encode_jpeg(picked, options.jpeg_quality, options.colour_rule))
            assert image is not None
            yield picked.frame_index, image


def token_of_video(path: Path, options: ExtractionOptions) -> str | None:
    """Fingerprint of the frames of a video; None if it cannot be determined."""
    stamp = stamp_of(path)
    return None if stamp is None else token_of(stamp, options)


def token_of(stamp: FileStamp, options: ExtractionOptions) -> str:
    """Fingerprint of a video file and of how its frames are made; it is the same for extracted frames and the video."""
    return f"{stamp.size_bytes}-{stamp.mtime_ns}-{options.jpeg_quality}-{options.colour_rule}"


def _facts(hand: HandRow, stored: StoredCrop) -> dict[str, object]:
    """The JSON beside a picture in the tar file, for readers that read it from beginning to end."""
    return {
        "hand_id": hand.hand_id,
        "row_index": hand.row_index,
        "image_id": hand.image_id,
        "video_id": hand.video_id,
        "frame_index": hand.frame_index,
        "handedness": hand.handedness,
        "box_px": hand.box_px.tolist(),
        "keypoints": [float(str(value)) for value in hand.keypoints.ravel()],
        "positives": hand.positives,
        "distances": hand.distances,
        "region_px": list(stored.region),
    }
