"""Joins packs of single videos into shards: tar files that are read sequentially."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from hand100m_assets.dataset.building.cutting import CutJob
from hand100m_assets.dataset.building.tar_members import END
from hand100m_assets.dataset.records import CutOrder, Member, ShardEntry, ShardRecord, VideoCut, sealed
from hand100m_assets.files import PART_SUFFIX, output_errors, write_whole
from hand100m_assets.interrupts import half_made


def write_shard(folder: Path, number: int, order: CutOrder, cuts: Sequence[tuple[CutJob, VideoCut]]) -> ShardRecord:
    """Join packs into one tar file, write its record beside it, and remove the packs.

    Raises:
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    part = folder / f".shard-{number:05d}{PART_SUFFIX}"
    with output_errors(folder), half_made(part):
        try:
            with part.open("wb") as file:
                digest, size_bytes, videos = _join(file, cuts)
            name = f"shard-{number:05d}-{digest[:8]}.tar"
            record = ShardRecord(
                order=order, shard=ShardEntry(name=name, sha256=digest, size_bytes=size_bytes), videos=videos
            )
            # A record without its shard counts for nothing; a shard without its record would lie there for nothing.
            write_whole((folder / name).with_suffix(".json"), sealed(record))
            part.replace(folder / name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        for job, _ in cuts:
            job.record.unlink(missing_ok=True)
            job.pack.unlink(missing_ok=True)
    return record


def _join(file: BinaryIO, cuts: Sequence[tuple[CutJob, VideoCut]]) -> tuple[str, int, list[VideoCut]]:
    tee = _Digesting(file)
    videos = []
    for job, cut in cuts:
        start = tee.size_bytes
        if cut.members:
            with job.pack.open("rb") as pack:
                shutil.copyfileobj(pack, tee, 1 << 20)
        members = [Member(m.row, m.offset + start, *m[2:]) for m in cut.members]
        videos.append(cut.model_copy(update={"members": members}))
    tee.write(END)
    return tee.digest.hexdigest(), tee.size_bytes, videos


class _Digesting:
    """A file for writing that computes the digest of everything written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest, self.size_bytes = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size_bytes += len(data)
        return self._file.write(data)
