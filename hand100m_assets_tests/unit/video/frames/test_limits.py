"""Hostile files: too long, too slow, or with tables that claim what no file of their size can hold."""

from __future__ import annotations

import os
import resource
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.errors import PermanentError, RetryableError, VideoUnreadableError
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.video.container.mp4 import box_walker, tables
from hand100m_assets.video.container.mp4.tables import refuse_impossible_tables
from hand100m_assets.video.container.probe import open_video, probe_video
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets.video.frames import limits
from hand100m_assets.video.frames.batch import extract_many
from hand100m_assets.video.frames.extract import extract_video
from hand100m_assets.video.frames.failures import read_failures
from hand100m_assets.video.frames.job import ExtractionJob
from hand100m_assets.video.frames.limits import Limits, TimeLimitError
from hand100m_assets.video.frames.manifest import ExtractionOptions
from hand100m_assets_tests import media

OPTIONS = ExtractionOptions()


def extract(path: Path, out: Path, allowed: Limits, stride: int = 10):
    return extract_video(path, out, path.stem, StrideSelection(stride), OPTIONS, limits=allowed)


# Tables that cannot be true.


def patched(clip: Path, folder: Path, **at: tuple[int, bytes]) -> Path:
    """The clip with other bytes at an offset behind the name of a box."""
    data = bytearray(clip.read_bytes())
    for kind, (offset, value) in at.items():
        start = data.index(kind.encode()) + 4 + offset
        data[start : start + len(value)] = value
    path = folder / "hostile.mp4"
    path.write_bytes(data)
    return path


def with_samples(clip: Path, folder: Path, count: int) -> Path:
    """With a table that gives one size for all samples, and this many of them."""
    number = struct.pack(">I", count)
    return patched(clip, folder, stsz=(4, struct.pack(">I", 1) + number), stsc=(12, number), stts=(8, number))


def with_durations(clip: Path, folder: Path, count: int) -> Path:
    """With a table that gives the same duration to this many samples: that is what a header's frame count is."""
    return patched(clip, folder, stts=(8, struct.pack(">I", count)))


def with_fragment(clip: Path, folder: Path, count: int) -> Path:
    """With a first run that claims so many samples, and gives nothing of each."""
    return patched(clip, folder, trun=(0, struct.pack(">II", 1, count)))


HOSTILE = {
    "sizes": (with_samples, "keyint30_no_b"),
    "durations": (with_durations, "keyint30_no_b"),
    "fragment": (with_fragment, "fragmented"),
}


@pytest.mark.parametrize("count", [10_000_000, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_small_file_that_claims_thousands_of_millions_of_frames_is_refused_before_it_is_opened(
    clip, tmp_path: Path, kind: str, count: int
) -> None:
    make, name = HOSTILE[kind]
    path = make(clip(name), tmp_path, count)
    before_kib, started_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    for attempt in (lambda: open_video(path), lambda: probe_video(path), lambda: extract(path, tmp_path, Limits())):
        with pytest.raises(VideoUnreadableError, match=r"its index claims [0-9,]+ samples in [0-9,.]+ kB"):
            attempt()
    assert time.monotonic() - started_s < 0.5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 20_000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its memory in /proc")
def test_without_that_refusal_the_memory_would_be_gone(clip, tmp_path: Path) -> None:
    """Otherwise the guard above guards against nothing."""
    path = with_samples(clip("keyint30_no_b"), tmp_path, 3_000_000)
    code = (
        "import av, pathlib, resource, sys; page = resource.getpagesize();"
        "used = lambda: int(pathlib.Path('/proc/self/statm').read_text().split()[1]) * page;"
        "before = used(); opened = av.open(sys.argv[1]); print(used() - before)"
    )
    told = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(told.stdout) > 100_000_000, "a file of 60 KB costs more than 100 MB"


@pytest.mark.parametrize(
    "name", [*media.HEALTHY, *media.DAMAGED, "h264.mov", "h264.mkv", "h264.ts", "vp9.webm", "text"]
)
def test_no_true_file_is_refused_for_its_tables(clip, name: str) -> None:
    refuse_impossible_tables(clip(name))


def test_plain_sound_samples_are_not_counted_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pcm.mov"
    media._run(
        media.ffmpeg.output(
            media._pattern("64x48", 30),
            media.ffmpeg.input("sine=sample_rate=48000", f="lavfi", t=1),
            str(path),
            acodec="pcm_s16le",
            vcodec="libx264",
        )
    )
    monkeypatch.setattr(tables, "MAX_TABLE_SAMPLES", 1_000)
    refuse_impossible_tables(path)
    monkeypatch.setattr(tables, "MAX_TABLE_SAMPLES", 20)
    with pytest.raises(VideoUnreadableError, match="30 samples"):
        refuse_impossible_tables(path)


@given(data=st.data())
@settings(max_examples=150, deadline=1000)
def test_whatever_the_bytes_the_tables_are_read_or_refused_and_quickly(clip, tmp_path_factory, data) -> None:
    whole = bytearray(clip("fragmented" if data.draw(st.booleans()) else "with_audio").read_bytes())
    boxes = [
        i for kind in (b"moov", b"trak", b"stsz", b"stts", b"trun", b"hdlr", b"moof") if (i := whole.find(kind)) > 0
    ]
    for _ in range(data.draw(st.integers(1, 4))):
        start = max(0, data.draw(st.sampled_from(boxes)) - 4)
        for offset, value in enumerate(data.draw(st.binary(min_size=1, max_size=24))):
            whole[min(start + offset, len(whole) - 1)] = value
    path = tmp_path_factory.mktemp("fuzz") / "video.mp4"
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    try:
        refuse_impossible_tables(path)
    except VideoUnreadableError as error:
        assert "samples" in str(error)


def test_boxes_without_end_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "boxes.mp4"
    table = box(b"moov", box(b"trak", box(b"stsz", struct.pack(">III", 0, 1, 2_000_000_000))))
    path.write_bytes(box(b"free", b"") * 2_000 + table)
    with pytest.raises(VideoUnreadableError, match="claims 2,000,000,000 samples"):
        refuse_impossible_tables(path)
    monkeypatch.setattr(box_walker, "MAX_BOXES", 1_000)
    refuse_impossible_tables(path)


def test_boxes_within_boxes_without_end_are_given_up(tmp_path: Path) -> None:
    path = tmp_path / "boxes.mp4"
    inner = b""
    for _ in range(20_000):
        inner = box(b"trak", inner)
    path.write_bytes(box(b"moov", inner))
    refuse_impossible_tables(path)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


# Too long.


def test_a_video_whose_header_claims_more_hours_is_refused_for_good(clip, tmp_path: Path) -> None:
    with pytest.raises(
        VideoUnreadableError, match=r"its header claims 0.0 hours, more than the limit of 0.0005 h"
    ) as caught:
        extract(clip("defaults"), tmp_path, Limits(max_video_hours=0.0005))
    assert isinstance(caught.value, PermanentError)
    assert "HAND100M_MAX_VIDEO_HOURS" in str(caught.value)
    assert not (tmp_path / "defaults").exists()
    assert extract(clip("defaults"), tmp_path, Limits(max_video_hours=0.001)).frames


def test_a_header_that_claims_more_frames_is_refused(clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RATE_FPS", 1)
    with pytest.raises(VideoUnreadableError, match=r"its header claims 100 frames, more than the limit of 0.01 h"):
        extract(clip("defaults"), tmp_path, Limits(max_video_hours=0.01))


def test_a_header_that_lies_is_found_out_by_what_comes(clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RATE_FPS", 1)
    allowed = Limits(max_video_hours=0.01)
    for name in ("fragmented", "h264.ts"):  # their headers count no frames
        with pytest.raises(VideoUnreadableError, match="it holds at least 37 frames"):
            extract(clip(name), tmp_path, allowed)
    assert not (tmp_path / "fragmented").exists()


def test_a_frame_that_is_shown_after_the_allowed_time_is_refused(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "late.mkv", frames=60, g=10, vf="setpts=PTS+gte(N\\,30)*3600/TB")
    assert probe_video(path).duration_from_header_s > 3600
    with pytest.raises(VideoUnreadableError, match="hours"):
        extract(path, tmp_path / "out", Limits(max_video_hours=0.5))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts", ".flv"])
def test_a_short_video_whose_times_begin_late_is_not_too_long(tmp_path: Path, suffix: str) -> None:
    """Recorders that never stop count from when they were switched on, or from 1970."""
    plain = media.encode(tmp_path / "plain.mp4", frames=60, size="96x64", g=10)
    path = media.copy_with(tmp_path / f"late{suffix}", plain, output_ts_offset=90_000)
    assert len(extract(path, tmp_path / "out", Limits(max_video_hours=0.01)).frames) == 6


# Too slow.


@dataclass(frozen=True)
class Slow(StrideSelection):
    """Takes its time over each frame; with `hangs`, all the time there is over one of them."""

    seconds: float = 0.0
    hangs: bool = False

    def wants(self, frame_index: int) -> bool:
        time.sleep(60 if self.hangs and frame_index == 50 else self.seconds)
        return super().wants(frame_index)


@dataclass(frozen=True)
class DiesThenHangs(Slow):
    """Kills its process, as the system does when memory runs out, unless there is a marker."""

    marker: Path = Path()

    def wants(self, frame_index: int) -> bool:
        if not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().wants(frame_index)


def job(path: Path, out: Path, selection: StrideSelection, allowed: Limits) -> ExtractionJob:
    return ExtractionJob(
        video_path=path, frames_dir=out, video_id=path.stem, selection=selection, options=OPTIONS, limits=allowed
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_a_video_that_takes_too_long_ends_and_its_jpegs_wait_for_the_next_run(
    clip, tmp_path: Path, workers: int
) -> None:
    jobs = [
        job(clip("keyint30_no_b"), tmp_path, Slow(10, 0.02), Limits(max_seconds=0.8)),
        job(clip("vfr"), tmp_path, StrideSelection(10), Limits(max_seconds=30)),
    ]
    outcomes = {outcome.video_id: outcome for outcome in extract_many(jobs, workers)}
    error = outcomes["keyint30_no_b"].error
    assert isinstance(error, TimeLimitError) and isinstance(error, RetryableError)
    assert "longer than the 0.8 s" in str(error) and "HAND100M_MAX_SECONDS_PER_VIDEO" in str(error)
    assert outcomes["vfr"].manifest.status == "complete"
    assert read_failures(tmp_path)["keyint30_no_b"].permanent is False
    kept = {p.name: p.stat().st_ino for p in (tmp_path / IN_PROGRESS_DIR / "keyint30_no_b").iterdir()}
    assert 0 < len(kept) < 10
    extract_video(clip("keyint30_no_b"), tmp_path, "keyint30_no_b", StrideSelection(10), OPTIONS)
    assert {name: (tmp_path / "keyint30_no_b" / name).stat().st_ino for name in kept} == kept
    assert read_failures(tmp_path) == {}


def test_a_worker_that_hangs_in_one_call_is_ended_and_the_others_go_on_where_they_were(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GRACE_S", 0.2)
    allowed = Limits(max_seconds=1.5)
    jobs = [
        job(clip("keyint30_no_b"), tmp_path, Slow(10, 0.0, hangs=True), allowed),
        # Never late itself, and still at work when the other is ended: it must be taken up again.
        job(clip("keyint15"), tmp_path, Slow(5, 0.01), Limits(max_seconds=30)),
        job(clip("vfr"), tmp_path, StrideSelection(10), Limits(max_seconds=30)),
    ]
    started_s = time.monotonic()
    outcomes = [(o.video_id, type(o.error)) for o in extract_many(jobs, workers=2)]
    assert sorted(outcomes, key=lambda o: o[0]) == [
        ("keyint15", type(None)),
        ("keyint30_no_b", TimeLimitError),
        ("vfr", type(None)),
    ]
    assert time.monotonic() - started_s < 30
    assert read_failures(tmp_path).keys() == {"keyint30_no_b"}
    assert len(list((tmp_path / IN_PROGRESS_DIR / "keyint30_no_b").glob("*.jpg"))) <= 5


def test_a_video_that_hangs_when_alone_after_a_crash_is_ended_too(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GRACE_S", 0.3)
    deadly = DiesThenHangs(10, 0.0, hangs=True, marker=tmp_path / "died")
    hanging = job(clip("keyint30_no_b"), tmp_path, deadly, Limits(max_seconds=10))
    (outcome,) = extract_many([hanging], workers=1)
    assert deadly.marker.exists()
    assert isinstance(outcome.error, TimeLimitError)


def test_without_limits_nothing_is_timed_or_counted(clip, tmp_path: Path) -> None:
    assert extract(clip("defaults"), tmp_path, Limits()).status == "complete"
