"""A full disk ends the work at once, with one error; with room again it goes on and leaves nothing half made."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from hand100m_assets.errors import DiskFullError, OutputUnwritableError
from hand100m_assets.files import output_errors, table_output_errors
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets.video.frames.batch import extract_many
from hand100m_assets.video.frames.failures import read_failures
from hand100m_assets.video.frames.job import ExtractionJob, ExtractionOutcome, extract_one
from hand100m_assets.video.frames.manifest import ExtractionOptions, read_manifest
from hand100m_assets.video.frames.work_folder import WorkFolder, sweep_deleted
from hand100m_assets_tests.media import copy_clip, make_clip
from hand100m_assets_tests.smalldisk import grow, small_disk

VIDEOS = [f"video{number:02}" for number in range(12)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "out", 1500) as folder:
        yield folder


def jobs(tmp_path: Path, frames_dir: Path) -> list[ExtractionJob]:
    clip = make_clip("keyint30_no_b", tmp_path)
    return [
        ExtractionJob(
            video_path=copy_clip(clip, tmp_path / "videos", video_id),
            frames_dir=frames_dir,
            video_id=video_id,
            selection=StrideSelection(5),
            options=ExtractionOptions(),
        )
        for video_id in VIDEOS
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_batch_stops_at_the_first_video_without_room_and_goes_on_later(
    workers: int, disk: Path, tmp_path: Path
) -> None:
    frames_dir = disk / "frames"
    wanted = jobs(tmp_path, frames_dir)
    outcomes: list[ExtractionOutcome] = []
    with pytest.raises(DiskFullError, match="The disk is full"):
        outcomes.extend(extract_many(wanted, workers))
    assert all(outcome.error is None for outcome in outcomes) and len(outcomes) < len(VIDEOS)
    assert not read_failures(frames_dir), "no fault of the videos'"
    for folder in frames_dir.glob("[!.]*"):
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.jpg")}
        manifest = read_manifest(folder / "manifest.json")
        assert sizes == {f"frame_{f.frame_index:06d}.jpg": f.size_bytes for f in manifest.frames}
    grow(disk, 60_000)
    assert [outcome.error for outcome in extract_many(wanted, workers)] == [None] * len(VIDEOS)
    assert not list((frames_dir / IN_PROGRESS_DIR).glob("video*"))


def test_a_table_without_room_is_the_same_error(disk: Path) -> None:
    noise = pl.DataFrame({"noise": [os.urandom(1000) for _ in range(5000)]})
    with pytest.raises(DiskFullError), table_output_errors(disk):
        noise.write_parquet(disk / "noise.parquet")


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, DiskFullError), (errno.EDQUOT, DiskFullError), (errno.EACCES, OutputUnwritableError)],
)
def test_no_room_and_no_quota_are_told_from_what_may_concern_one_file(number: int, kind: type, tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritableError) as raised, output_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert type(raised.value) is kind


def test_half_done_work_of_deleted_videos_is_removed_and_that_of_others_stays(tmp_path: Path) -> None:
    first, second, third = jobs(tmp_path, tmp_path / "frames")[:3]
    for job in (first, second, third):
        extract_one(job, should_stop=_after(4))
    begun = tmp_path / "frames" / IN_PROGRESS_DIR
    assert {path.name for path in begun.iterdir() if path.is_dir()} == {j.video_id for j in (first, second, third)}
    with WorkFolder(tmp_path / "frames", third.video_id).held({}):  # another process is at it
        assert sweep_deleted(tmp_path / "frames", {first.video_id}) == [second.video_id, third.video_id]
        assert (begun / third.video_id).exists()
    assert {path.name.partition(".")[0] for path in begun.iterdir()} == {first.video_id, third.video_id}
    assert sweep_deleted(tmp_path / "nowhere", set()) == []


class _after:  # noqa: N801 - reads as a word
    def __init__(self, looks: int) -> None:
        self.left = looks

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0
