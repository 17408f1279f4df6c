"""Builds a training set: crops in shards, one record per sample, and the hands that are left out with their reasons.

Crops are cut video by video into packs, and packs are joined into shards. A finished shard is never written again:
later crops go into a further shard. The index is written last.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.annotations.lookup import build_lookup, stamp_of_tables
from hand100m_assets.dataset.building.cutting import CutJob, token_of, token_of_video
from hand100m_assets.dataset.building.job import BuildReport, TrainingSetJob
from hand100m_assets.dataset.building.plan import CropsHere, HandsByVideo, crops_here, hands_by_video, outstanding
from hand100m_assets.dataset.building.publish import publish
from hand100m_assets.dataset.building.shards import write_shard
from hand100m_assets.dataset.building.workers import cut_many
from hand100m_assets.dataset.records import CutOrder, VideoCut
from hand100m_assets.errors import RetryableError
from hand100m_assets.files import PART_SUFFIX, output_errors, write_whole
from hand100m_assets.layout import HANDS_FILE
from hand100m_assets.video.frames import ExtractionOptions, ManifestError, read_manifest

PACKS_DIR: Final = ".packs"
_WORTH_WORKERS: Final = 100
_ORDER_FILE: Final = "order.json"

Progress = Callable[[int, int], None]
"""Called with (number of hands done, number of hands to do)."""


def build_training_set(job: TrainingSetJob, progress: Progress | None = None) -> BuildReport:
    """Build a training set, or bring one up to date: afterwards it has every crop that can be made now.

    What is finished stays. After a kill, the next build continues with the video in progress. A build with nothing new
    to cut takes seconds. Crops are made again if the tables, the options, the file of a video or the settings for its
    frames changed.

    Args:
        job: The inputs of the set, and the options.
        progress: Called with the number of hands done and the number of hands to do.

    Returns:
        The index of the finished set, and how many crops this build made.

    Raises:
        AnnotationFileError: There are no finished tables; ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted; free space or correct the
            permissions.
        RetryableError: Another process is building the same training set; wait for it, then run again.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.dataset import TrainingSetJob, build_training_set
        >>> job = TrainingSetJob(
        ...     folder=Path("training_set/mine"),
        ...     set_key="mine",
        ...     tables_dir=Path("tables"),
        ...     frames_dir=Path("frames"),
        ...     video_path=lambda video_id: Path("videos", f"{video_id}.mp4"),
        ... )
        >>> build_training_set(job).index.samples
        4
        >>> build_training_set(job).cut  # all crops are there
        0
    """
    return _Build(job).run(progress or (lambda _done, _total: None))


class _Build:
    def __init__(self, job: TrainingSetJob) -> None:
        self.job = job
        self.order = CutOrder(tables_stamp=stamp_of_tables(job.tables_dir), options=job.options)
        self.hands = pl.scan_parquet(job.tables_dir / HANDS_FILE)
        self.packs = job.folder / PACKS_DIR
        self.tokens: dict[str, str | None] = {}

    def run(self, progress: Progress) -> BuildReport:
        build_lookup(self.job.tables_dir)
        with _sole_builder(self.job.folder):
            by_video = hands_by_video(self.hands)
            here = crops_here(self.job.folder, self.order, by_video, self.token_now)
            self._start_packs()
            before = len(here.shards)
            try:
                reasons = self._cut(by_video, here, progress)
            finally:
                self._sweep_parts()  # of workers that were ended over their work
            index = publish(
                self.job.folder,
                self.job.set_key,
                self.order,
                tables_dir=self.job.tables_dir,
                pairable=by_video.pairable,
                here=here,
                reasons=reasons,
            )
            self._sweep_packs()
        cut = int((here.places["shard"] >= before).sum())
        return BuildReport(index, cut)

    def token_now(self, video_id: str) -> str | None:
        """Fingerprint of what crops of this video would be cut from now; None if that cannot be determined."""
        if video_id not in self.tokens:
            self.tokens[video_id] = self._token(video_id)
        return self.tokens[video_id]

    def _token(self, video_id: str) -> str | None:
        if self.job.cut_from == "videos":
            return token_of_video(self.job.video_path(video_id), self.job.extraction)
        try:
            manifest = read_manifest(self.job.frames_dir / video_id / "manifest.json")
        except ManifestError:
            return None
        made_with = ExtractionOptions(jpeg_quality=manifest.jpeg_quality, colour_rule=manifest.colour_rule)
        return token_of(manifest.stamp, made_with)

    def _start_packs(self) -> None:
        """Keep the packs of an interrupted build if they have the same order."""
        text = self.order.model_dump_json().encode()
        with output_errors(self.packs):
            self.packs.mkdir(exist_ok=True)
            mark = self.packs / _ORDER_FILE
            if not mark.exists() or mark.read_bytes() != text:
                for left in self.packs.iterdir():
                    left.unlink()
                write_whole(mark, text)
        self._sweep_parts()  # of a build that was killed

    def _cut(self, by_video: HandsByVideo, here: CropsHere, progress: Progress) -> dict[int, str]:
        """Cut the outstanding crops into shards; return why rows have no crop."""
        wanted = outstanding(by_video, here)
        reasons = dict(here.reasons)
        total, done = sum(map(len, wanted.values())), 0
        waiting: list[tuple[CutJob, VideoCut]] = []
        jobs = []
        for video_id, rows in wanted.items():
            if self.job.cut_from == "videos" and self.token_now(video_id) is None:
                reasons.update(dict.fromkeys(rows, "video missing"))
                done += len(rows)
            else:
                jobs.append((video_id, rows))
        with closing(self._cut_or_reuse(jobs)) as cuts:
            for one, cut in cuts:
                done += len(one.rows)
                progress(done, total)
                reasons.update(cut.missing)
                if cut.members or cut.for_good:
                    waiting.append((one, cut))
                if sum(len(cut.members) for _, cut in waiting) >= self.job.shard_samples:
                    self._close_shard(here, waiting)
        if waiting:
            self._close_shard(here, waiting)
        return reasons

    def _close_shard(self, here: CropsHere, waiting: list[tuple[CutJob, VideoCut]]) -> None:
        taken = [int(record.shard.name.split("-")[1]) for record in here.shards]
        record = write_shard(self.job.folder, max(taken, default=-1) + 1, self.order, waiting)
        here.add(record, self.token_now)
        waiting.clear()

    def _cut_or_reuse(
        self, wanted: Sequence[tuple[str, tuple[int, ...]]]
    ) -> Generator[tuple[CutJob, VideoCut], None, None]:
        names = self.job.file_names()
        jobs = [self._cut_job(video_id, rows, names) for video_id, rows in wanted]
        finished = {job.video_id: cut for job in jobs if (cut := _finished_pack(job)) is not None}
        new = [job for job in jobs if job.video_id not in finished]
        # Starting workers costs a second: no gain for the few hands that a build with nothing new looks for again.
        workers = 0 if sum(len(job.rows) for job in new) < _WORTH_WORKERS else self.job.workers
        with closing(cut_many(new, workers)) as cuts:
            for job in jobs:
                yield (job, finished[job.video_id]) if job.video_id in finished else next(cuts)

    def _cut_job(self, video_id: str, rows: tuple[int, ...], names: Mapping[int, str]) -> CutJob:
        job = self.job
        return CutJob(
            video_id=video_id,
            token=self.token_now(video_id) or "",
            rows=rows,
            tables_dir=job.tables_dir,
            pack_dir=self.packs,
            order=self.order,
            cut_from=job.cut_from,
            video_path=job.video_path(video_id),
            frames_dir=job.frames_dir,
            extraction=job.extraction,
            limits=job.limits,
            prefixes=job.prefixes,
            file_names={row: names[row] for row in rows if row in names},
        )

    def _sweep_parts(self) -> None:
        for part in self.packs.glob(f".*{PART_SUFFIX}"):
            part.unlink(missing_ok=True)

    def _sweep_packs(self) -> None:
        with output_errors(self.packs):
            for path in self.packs.iterdir():
                path.unlink()
            self.packs.rmdir()


def _finished_pack(job: CutJob) -> VideoCut | None:
    """The pack of this video from an interrupted build, if the same would be cut now."""
    try:
        cut = VideoCut.model_validate_json(job.record.read_bytes())
        is_whole = not cut.members or job.pack.stat().st_size > cut.members[-1].offset
    except (OSError, ValueError):
        return None
    rows = {member.row for member in cut.members} | cut.missing.keys()
    return cut if is_whole and cut.token == job.token and rows == set(job.rows) else None


@contextmanager
def _sole_builder(folder: Path) -> Iterator[None]:
    """Lock the folder. The kernel releases the lock in any case when the process ends."""
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise RetryableError(
            "another process is building this training set", where=folder, fix="Wait for it, then run again."
        ) from error
    try:
        yield
    finally:
        os.close(lock)
