from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from hand100m_assets.errors import OutputUnwritableError, RetryableError, UnsafeIdError, VideoUnreadableError
from hand100m_assets.layout import FAILURES_DIR, IN_PROGRESS_DIR, MANIFEST_FILE, frame_file_name
from hand100m_assets.video import decode as decode_module
from hand100m_assets.video import extract as extract_module
from hand100m_assets.video.bitstream import UnsafeStreamError
from hand100m_assets.video.extract import (
    ExtractionOptions,
    ExtractionStoppedError,
    ManifestError,
    extract_video,
    is_done,
    read_manifest,
)
from hand100m_assets.video.failures import failed_for_good, read_failures, record_failure, stamp_of
from hand100m_assets.video.job import ExtractionJob, extract_one
from hand100m_assets.video.selection import FrameSetSelection, StrideSelection
from hand100m_assets.video.selective import SelectiveDecode
from hand100m_assets.video.workfolder import WorkFolder
from hand100m_assets_tests import media
from hand100m_assets_tests.explore import mp4edit
from hand100m_assets_tests.explore.oracles import plain_frames
from hand100m_assets_tests.unit.video.oracle import OPENCV_DECODES, folder_bytes, opencv_frames, opencv_jpeg

EVERY_30TH = StrideSelection(30)
OPTIONS = ExtractionOptions()


def extract(path: Path, out: Path, selection=EVERY_30TH, options=OPTIONS, **kwargs):
    return extract_video(path, out, path.stem, selection, options, **kwargs)


def job_of(path: Path, out: Path) -> ExtractionJob:
    return ExtractionJob(video_path=path, frames_dir=out, video_id=path.stem, selection=EVERY_30TH, options=OPTIONS)


def jpeg_names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != MANIFEST_FILE)


def leftovers(out: Path) -> list[str]:
    return [str(p) for p in (out / IN_PROGRESS_DIR).rglob("*")]


@contextmanager
def interrupted_at(monkeypatch: pytest.MonkeyPatch, nth_jpeg: int) -> Iterator[None]:
    """The process dies, as far as it can without dying, when it is about to encode its n-th picture."""
    whole, count = extract_module.encode_jpeg, 0

    def encode(*args):
        nonlocal count
        count += 1
        if count == nth_jpeg:
            raise KeyboardInterrupt
        return whole(*args)

    with monkeypatch.context() as patch:
        patch.setattr(extract_module, "encode_jpeg", encode)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.mark.parametrize("name", OPENCV_DECODES)
def test_every_jpeg_is_byte_for_byte_the_one_of_the_original_loop(clip, name: str, tmp_path: Path) -> None:
    manifest = extract(clip(name), tmp_path)
    frames = opencv_frames(clip(name))
    folder = tmp_path / clip(name).stem
    assert jpeg_names(folder) == [frame_file_name(i) for i in range(0, len(frames), 30)]
    for record in manifest.frames:
        data = (folder / frame_file_name(record.frame_index)).read_bytes()
        assert data == opencv_jpeg(frames[record.frame_index], tmp_path)
        assert record.size_bytes == len(data)
    assert manifest.status == "complete"
    assert manifest.frames_expected == len(manifest.frames)
    assert manifest == read_manifest(folder / MANIFEST_FILE)
    assert leftovers(tmp_path) == []


def test_real_footage_gives_the_files_of_the_original_loop(real_clip: Path, tmp_path: Path) -> None:
    manifest = extract(real_clip, tmp_path, FrameSetSelection([0, 1, 30, 99]))
    frames = opencv_frames(real_clip)
    assert [f.frame_index for f in manifest.frames] == [0, 1, 30, 99]
    for index in (0, 1, 30, 99):
        path = tmp_path / real_clip.stem / frame_file_name(index)
        assert path.read_bytes() == opencv_jpeg(frames[index], tmp_path)


def test_the_manifest_says_what_was_done_with_what(clip, tmp_path: Path) -> None:
    video = clip("edit_list")
    extract(video, tmp_path)
    manifest = json.loads((tmp_path / "edit_list" / MANIFEST_FILE).read_text())
    assert manifest["video_file"] == "edit_list.mp4"
    assert (manifest["size_bytes"], manifest["mtime_ns"]) == (video.stat().st_size, video.stat().st_mtime_ns)
    assert manifest["selection"] == {"kind": "stride", "stride": 30}
    assert manifest["frame_count"] == manifest["frame_count_expected"] == 85
    assert set(manifest["libraries"]) == {"av", "opencv-python-headless"}
    assert manifest["video"]["frame_count_from_header"] == 100
    assert [f["frame_index"] for f in manifest["frames"]] == [0, 30, 60]
    assert manifest["frames"][1]["time_s"] == pytest.approx(1.0, abs=0.1)


def test_quality_is_a_choice(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path, options=ExtractionOptions(jpeg_quality=50))
    frame = opencv_frames(clip("defaults"))[30]
    _, expected = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 50])
    assert (tmp_path / "defaults" / frame_file_name(30)).read_bytes() == expected.tobytes()


def test_finished_work_is_recognised_in_milliseconds_and_not_touched(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path, StrideSelection(1))
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "defaults").iterdir()}
    started_s = time.process_time()
    assert is_done(tmp_path, clip("defaults"), StrideSelection(1), OPTIONS) is not None
    assert time.process_time() - started_s < 0.05
    extract(clip("defaults"), tmp_path, StrideSelection(1))
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "defaults").iterdir()} == before


def test_a_narrower_selection_is_done_too(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path, StrideSelection(15))
    for narrower in (EVERY_30TH, FrameSetSelection([15, 45]), FrameSetSelection([])):
        assert is_done(tmp_path, clip("defaults"), narrower, OPTIONS) is not None
    for wider in (StrideSelection(5), FrameSetSelection([15, 46])):
        assert is_done(tmp_path, clip("defaults"), wider, OPTIONS) is None


SPOILS = ["jpeg", "emptied", "foreign", "manifest", "cut manifest", "fingerprint", "options", "other id"]


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_folder_at_odds_with_its_manifest_is_not_done_and_is_mended(clip, tmp_path: Path, spoil: str) -> None:
    video = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    out, options = tmp_path / "out", OPTIONS
    extract(video, out)
    folder = out / "vid"
    if spoil == "jpeg":
        (folder / frame_file_name(30)).unlink()
    elif spoil == "emptied":
        os.truncate(folder / frame_file_name(30), 0)
    elif spoil == "foreign":
        (folder / frame_file_name(31)).write_bytes(b"\xff\xd8\xff\xd9")
    elif spoil == "manifest":
        (folder / MANIFEST_FILE).unlink()
    elif spoil == "cut manifest":
        (folder / MANIFEST_FILE).write_text((folder / MANIFEST_FILE).read_text()[:-40])
    elif spoil == "fingerprint":
        os.utime(video, (1, 1))
    elif spoil == "options":
        options = ExtractionOptions(jpeg_quality=80)
    else:
        shutil.copytree(folder, out / "other")
        shutil.rmtree(folder)
        (out / "other").rename(folder)
        manifest = json.loads((folder / MANIFEST_FILE).read_text())
        (folder / MANIFEST_FILE).write_text(json.dumps({**manifest, "video_id": "other"}))
    assert is_done(out, video, EVERY_30TH, options) is None
    extract(video, out, options=options)
    assert is_done(out, video, EVERY_30TH, options) is not None
    fresh = tmp_path / "fresh"
    extract(video, fresh, options=options)
    assert folder_bytes(folder) == folder_bytes(fresh / "vid")
    assert leftovers(out) == []


def as_by_an_older_version(folder: Path) -> None:
    """Without what says by which rules the frames were made, and one of them wrong."""
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    del manifest["decoding_rules"]
    first, second = (folder / frame_file_name(f["frame_index"]) for f in manifest["frames"][:2])
    first.write_bytes(second.read_bytes())
    manifest["frames"][0]["size_bytes"] = first.stat().st_size
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


@pytest.mark.parametrize("now", [EVERY_30TH, StrideSelection(10)], ids=["less is asked", "the same is asked"])
def test_what_an_older_version_made_is_made_again_once_with_all_that_was_asked_of_it(clip, tmp_path: Path, now) -> None:
    video, folder = clip("defaults"), tmp_path / "defaults"
    extract(video, tmp_path, StrideSelection(10))
    as_by_an_older_version(folder)
    assert is_done(tmp_path, video, now, OPTIONS) is None
    extract(video, tmp_path, now)
    extract(video, tmp_path / "fresh", StrideSelection(10))
    names = jpeg_names(folder)
    assert names == jpeg_names(tmp_path / "fresh" / "defaults")
    assert all((folder / name).read_bytes() == (tmp_path / "fresh" / "defaults" / name).read_bytes() for name in names)
    before = folder_bytes(folder)
    assert is_done(tmp_path, video, now, OPTIONS) is not None
    extract(video, tmp_path, now)
    assert folder_bytes(folder) == before
    assert leftovers(tmp_path) == []


def test_what_an_older_version_made_of_a_deleted_video_stays(clip, tmp_path: Path) -> None:
    video = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    extract(video, tmp_path / "out")
    as_by_an_older_version(tmp_path / "out" / "vid")
    video.unlink()
    assert is_done(tmp_path / "out", video, EVERY_30TH, OPTIONS) is not None


def test_a_deleted_video_leaves_its_frames_done(clip, tmp_path: Path) -> None:
    video = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    extract(video, tmp_path / "out")
    video.unlink()
    assert is_done(tmp_path / "out", video, EVERY_30TH, OPTIONS) is not None


def test_a_replaced_video_replaces_every_frame(clip, tmp_path: Path) -> None:
    video = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    extract(video, tmp_path / "out", StrideSelection(10))
    media.copy_clip(clip("vfr"), tmp_path / "videos", "vid")
    extract(video, tmp_path / "out")
    extract(video, tmp_path / "fresh")
    assert folder_bytes(tmp_path / "out" / "vid") == folder_bytes(tmp_path / "fresh" / "vid")


def test_widening_adds_the_missing_frames_and_touches_no_other(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path, EVERY_30TH)
    folder = tmp_path / "defaults"
    before = {name: (folder / name).stat().st_ino for name in jpeg_names(folder)}
    manifest = extract(clip("defaults"), tmp_path, StrideSelection(10))
    extract(clip("defaults"), tmp_path / "fresh", StrideSelection(10))
    assert folder_bytes(folder) == folder_bytes(tmp_path / "fresh" / "defaults")
    assert {name: (folder / name).stat().st_ino for name in before} == before
    assert manifest.selection == {"kind": "stride", "stride": 10}


def test_widening_by_another_kind_of_selection_keeps_both(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path, FrameSetSelection([7, 30]))
    manifest = extract(clip("defaults"), tmp_path, EVERY_30TH)
    assert [f.frame_index for f in manifest.frames] == [0, 7, 30, 60, 90]
    assert manifest.selection["kind"] == "union"
    assert manifest.frame_count == media.FRAME_COUNT
    again = extract(clip("defaults"), tmp_path, FrameSetSelection([8]))
    assert [f.frame_index for f in again.frames] == [0, 7, 8, 30, 60, 90]
    assert again.frame_count == media.FRAME_COUNT, "an early stop forgets nothing that was known"


def test_a_lost_frame_of_an_earlier_selection_comes_back(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path, FrameSetSelection([7, 8]))
    (tmp_path / "defaults" / frame_file_name(7)).unlink()
    manifest = extract(clip("defaults"), tmp_path, EVERY_30TH)
    assert [f.frame_index for f in manifest.frames] == [0, 7, 8, 30, 60, 90]
    assert jpeg_names(tmp_path / "defaults") == [frame_file_name(i) for i in (0, 7, 8, 30, 60, 90)]


def test_frames_past_the_end_are_named(clip, tmp_path: Path) -> None:
    manifest = extract(clip("defaults"), tmp_path, FrameSetSelection([99, 100, 250]))
    assert manifest.past_end == [100, 250]
    assert [f.frame_index for f in manifest.frames] == [99]
    assert is_done(tmp_path, clip("defaults"), FrameSetSelection([99, 100, 250]), OPTIONS) == manifest


def test_an_interrupted_run_is_taken_up_where_it_stopped(clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with interrupted_at(monkeypatch, 7):
        extract(clip("defaults"), tmp_path, StrideSelection(10))
    assert not (tmp_path / "defaults").exists()
    kept = {p.name: p.stat().st_ino for p in (tmp_path / IN_PROGRESS_DIR / "defaults").iterdir()}
    assert len(kept) == 6
    extract(clip("defaults"), tmp_path, StrideSelection(10))
    extract(clip("defaults"), tmp_path / "fresh", StrideSelection(10))
    assert folder_bytes(tmp_path / "defaults") == folder_bytes(tmp_path / "fresh" / "defaults")
    assert {name: (tmp_path / "defaults" / name).stat().st_ino for name in kept} == kept
    assert leftovers(tmp_path) == []


def test_a_run_that_takes_up_the_work_decodes_only_what_is_left(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupted_at(monkeypatch, 4):
        extract(clip("keyint30_no_b"), tmp_path)
    manifest = extract(clip("keyint30_no_b"), tmp_path)
    assert manifest.frame_count_decoded == 2, "the first packet of all, and the frame that was not there"
    extract(clip("keyint30_no_b"), tmp_path / "fresh")
    assert folder_bytes(tmp_path / "keyint30_no_b") == folder_bytes(tmp_path / "fresh" / "keyint30_no_b")


def test_a_line_that_a_power_failure_cut_costs_one_frame(clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with interrupted_at(monkeypatch, 4):
        extract(clip("keyint30_no_b"), tmp_path)
    journal = tmp_path / IN_PROGRESS_DIR / "keyint30_no_b.frames.jsonl"
    journal.write_bytes(journal.read_bytes()[:-5] + b"\xff\0")
    manifest = extract(clip("keyint30_no_b"), tmp_path)
    assert [frame.frame_index for frame in manifest.frames] == [0, 30, 60, 90]
    assert manifest.frame_count_decoded == 3


@pytest.mark.parametrize("change", ["options", "file", "selection", "cut jpeg"])
def test_leftovers_of_other_work_are_swept(clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    video = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    out, selection, options = tmp_path / "out", StrideSelection(10), OPTIONS
    with interrupted_at(monkeypatch, 7):
        extract(video, out, selection)
    if change == "options":
        options = ExtractionOptions(jpeg_quality=60)
    elif change == "file":
        media.copy_clip(clip("open_gop"), tmp_path / "videos", "vid")
    elif change == "selection":
        selection = StrideSelection(25)
    else:
        jpeg = out / IN_PROGRESS_DIR / "vid" / frame_file_name(20)
        jpeg.write_bytes(jpeg.read_bytes()[:-100])
    extract(video, out, selection, options)
    extract(video, tmp_path / "fresh", selection, options)
    assert folder_bytes(out / "vid") == folder_bytes(tmp_path / "fresh" / "vid")


def test_stopping_on_request_publishes_nothing_and_keeps_what_is_made(clip, tmp_path: Path) -> None:
    calls = iter(range(1000))
    with pytest.raises(ExtractionStoppedError):
        extract(clip("defaults"), tmp_path, StrideSelection(10), should_stop=lambda: next(calls) > 90)
    assert not (tmp_path / "defaults").exists()
    assert len(list((tmp_path / IN_PROGRESS_DIR / "defaults").iterdir())) >= 4


@pytest.mark.parametrize("name", media.DAMAGED)
def test_a_damaged_video_publishes_what_is_whole_and_says_so(clip, name: str, tmp_path: Path) -> None:
    manifest = extract(clip(name), tmp_path, StrideSelection(1))
    assert manifest.status == "damaged"
    assert manifest.missing_frames
    assert manifest.frames_expected == media.FRAME_COUNT
    assert all(manifest.is_damaged_at(i) for i in manifest.missing_frames)
    assert jpeg_names(tmp_path / name) == [frame_file_name(f.frame_index) for f in manifest.frames]
    assert is_done(tmp_path, clip(name), StrideSelection(1), OPTIONS) == manifest, "trying again would give no more"


@pytest.mark.parametrize("name", media.UNREADABLE)
def test_what_is_no_video_publishes_nothing(clip, name: str, tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadableError):
        extract(clip(name), tmp_path)
    assert not (tmp_path / name).exists()


def test_a_video_without_one_whole_wanted_frame_is_an_error(clip, tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadableError, match="none of its 2 wanted frames can be decoded whole"):
        extract(clip("zeroed_blocks"), tmp_path, FrameSetSelection([53, 54]))
    assert not (tmp_path / "zeroed_blocks").exists()
    assert leftovers(tmp_path) == []


def test_a_whole_video_that_an_edit_list_hides_is_not_to_be_downloaded_again(clip, tmp_path: Path) -> None:
    data = clip("defaults").read_bytes()
    hidden = tmp_path / "hidden.mp4"
    hidden.write_bytes(mp4edit.with_edits(data, [(1000, -1)]))
    assert plain_frames(hidden) == []
    with pytest.raises(VideoUnreadableError, match="it is whole, and shows no picture") as raised:
        extract(hidden, tmp_path / "out")
    assert "ownload" not in str(raised.value)


def test_the_manifest_says_which_way_the_frames_were_decoded(clip, tmp_path: Path) -> None:
    manifest = extract(clip("keyint30_no_b"), tmp_path)
    assert (manifest.decode_mode, manifest.why_full) == ("selective", None)
    assert manifest.frame_count_decoded == 4
    assert manifest.frame_count == media.FRAME_COUNT
    manifest = extract(clip("interlaced"), tmp_path)
    assert (manifest.decode_mode, manifest.why_full) == ("full", "interlaced H.264")


class Doubtful(SelectiveDecode):
    """Finds out at the very end that it cannot vouch for anything; what it gave out is spoilt, to be recognised."""

    def run(self, should_stop):
        for frame in super().run(should_stop):
            yield replace(frame, frame_index=frame.frame_index + 1)
        raise UnsafeStreamError("made up")


def test_a_doubt_throws_away_what_was_written_and_begins_again(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "SelectiveDecode", Doubtful)
        manifest = extract(clip("defaults"), tmp_path)
    assert (manifest.decode_mode, manifest.why_full) == ("full", "made up")
    assert manifest.status == "complete"
    extract(clip("defaults"), tmp_path / "fresh")
    for name in jpeg_names(tmp_path / "fresh" / "defaults"):
        assert (tmp_path / "defaults" / name).read_bytes() == (tmp_path / "fresh" / "defaults" / name).read_bytes()
    assert jpeg_names(tmp_path / "defaults") == [frame_file_name(i) for i in (0, 30, 60, 90)]
    assert leftovers(tmp_path) == []


def test_a_doubt_is_remembered_by_the_run_that_takes_up_the_work(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "SelectiveDecode", Doubtful)
        with interrupted_at(patch, 4 + 3):
            extract(clip("defaults"), tmp_path)
    kept = {p.name: p.stat().st_ino for p in (tmp_path / IN_PROGRESS_DIR / "defaults").iterdir()}
    assert sorted(kept) == [frame_file_name(0), frame_file_name(30)], "the four of the first pass are gone"
    manifest = extract(clip("defaults"), tmp_path)
    assert (manifest.decode_mode, manifest.why_full) == ("full", "made up")
    assert {name: (tmp_path / "defaults" / name).stat().st_ino for name in kept} == kept


def test_frames_made_on_trust_are_made_again_when_the_trust_is_lost(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(clip("defaults"), tmp_path, FrameSetSelection([3, 30]))
    (tmp_path / "defaults" / frame_file_name(3)).write_bytes(
        bytes((tmp_path / "defaults" / frame_file_name(3)).stat().st_size)
    )
    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "SelectiveDecode", Doubtful)
        manifest = extract(clip("defaults"), tmp_path)
    assert [f.frame_index for f in manifest.frames] == [0, 3, 30, 60, 90]
    expected = opencv_jpeg(opencv_frames(clip("defaults"))[3], tmp_path)
    assert (tmp_path / "defaults" / frame_file_name(3)).read_bytes() == expected


def test_widening_decodes_only_what_is_missing(clip, tmp_path: Path) -> None:
    extract(clip("keyint15"), tmp_path, StrideSelection(30))
    manifest = extract(clip("keyint15"), tmp_path, StrideSelection(15))
    assert [f.frame_index for f in manifest.frames] == list(range(0, 100, 15))
    assert manifest.frame_count_decoded == 4, "the first packet, and those for 15, 45 and 75"


def test_widening_a_damaged_video_forgets_no_damage(clip, tmp_path: Path) -> None:
    extract(clip("flipped_bits"), tmp_path, StrideSelection(1))
    manifest = extract(clip("flipped_bits"), tmp_path, FrameSetSelection([100, 200]))
    assert manifest.status == "damaged"
    before = read_manifest(tmp_path / "flipped_bits" / MANIFEST_FILE)
    (tmp_path / "flipped_bits" / frame_file_name(0)).unlink()
    manifest = extract(clip("flipped_bits"), tmp_path, StrideSelection(30))
    assert manifest.decode_mode == "full"
    assert manifest.damaged_ranges == before.damaged_ranges


def test_the_colour_rule_is_a_choice(clip, tmp_path: Path) -> None:
    tagged, plain = extract(clip("bt709"), tmp_path / "5"), extract(clip("defaults"), tmp_path / "5")
    assert tagged.colour_rule == plain.colour_rule == "opencv5"
    older = ExtractionOptions(colour_rule="opencv4")
    assert extract(clip("bt709"), tmp_path / "4", options=older).colour_rule == "opencv4"
    extract(clip("defaults"), tmp_path / "4", options=older)
    for name, is_alike in (("bt709", False), ("defaults", True)):
        old, new = (tmp_path / rule / name / frame_file_name(30) for rule in "45")
        assert (old.read_bytes() == new.read_bytes()) is is_alike
    assert is_done(tmp_path / "5", clip("bt709"), EVERY_30TH, older) is None


def test_an_id_that_leads_out_of_the_folder_is_refused(clip, tmp_path: Path) -> None:
    with pytest.raises(UnsafeIdError):
        extract_video(clip("defaults"), tmp_path, "../x", EVERY_30TH, OPTIONS)


def test_a_file_that_changes_meanwhile_is_worth_another_try(clip, tmp_path: Path) -> None:
    video = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    with pytest.raises(RetryableError, match="changed while it was read"):
        extract(video, tmp_path / "out", should_stop=lambda: os.utime(video, (1, 1)) is not None)
    assert not (tmp_path / "out" / "vid").exists()


@pytest.mark.parametrize("left_bytes", [0, 600, 6000])
def test_a_file_that_is_cut_while_it_is_read_is_asked_for_again(clip, tmp_path: Path, left_bytes: int) -> None:
    video = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")

    def cut_short() -> bool:
        os.truncate(video, left_bytes)
        return False

    job = job_of(video, tmp_path / "out")
    error = extract_one(job, cut_short).error
    assert isinstance(error, RetryableError)
    assert "changed while it was read" in str(error)
    assert failed_for_good(tmp_path / "out", "vid", stamp_of(video)) is None


def test_what_failed_for_good_was_the_file_as_it_was_before(clip, tmp_path: Path, monkeypatch) -> None:
    video = media.copy_clip(clip("cut_without_index"), tmp_path / "videos", "vid")
    before = stamp_of(video)

    def grow_afterwards(*_: object) -> None:
        with video.open("ab") as file:
            file.write(b"more of it")

    monkeypatch.setattr(WorkFolder, "discard", grow_afterwards)
    monkeypatch.setattr("hand100m_assets.video.extract.stamp_of", lambda _: before)  # it looks right before that
    job = job_of(video, tmp_path / "out")
    assert isinstance(extract_one(job).error, VideoUnreadableError)
    assert failed_for_good(tmp_path / "out", "vid", before) is not None
    assert failed_for_good(tmp_path / "out", "vid", stamp_of(video)) is None


def test_two_processes_cannot_work_on_one_video(clip, tmp_path: Path) -> None:
    folder = tmp_path / IN_PROGRESS_DIR / "defaults"
    folder.mkdir(parents=True)
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with pytest.raises(RetryableError, match="another process"):
            extract(clip("defaults"), tmp_path)
    finally:
        os.close(lock)
    extract(clip("defaults"), tmp_path)


def test_an_output_folder_that_is_a_file_is_one_clear_error(clip, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputUnwritableError) as caught:
        extract(clip("defaults"), tmp_path / "out")
    assert "choose another output folder" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which is always full")
def test_a_full_disk_is_one_clear_error_and_leaves_nothing_half_written(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, count = Path.write_bytes, 0

    def write(path: Path, data: bytes) -> int:
        nonlocal count
        count += 1
        return whole(path, data) if count < 4 else Path("/dev/full").open("wb", buffering=0).write(data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        with pytest.raises(OutputUnwritableError, match="disk is full"):
            extract(clip("defaults"), tmp_path, StrideSelection(10))
    assert not (tmp_path / "defaults").exists()
    assert len(extract(clip("defaults"), tmp_path, StrideSelection(10)).frames) == 10


def test_a_manifest_at_fault_says_where(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        read_manifest(tmp_path / MANIFEST_FILE)
    (tmp_path / MANIFEST_FILE).write_text('{"version": 2}')
    with pytest.raises(ManifestError, match="not a manifest: version"):
        read_manifest(tmp_path / MANIFEST_FILE)


def test_a_failure_is_remembered_until_the_file_changes_or_succeeds(clip, tmp_path: Path) -> None:
    video = media.copy_clip(clip("text"), tmp_path / "videos", "vid")
    out = tmp_path / "out"
    error = VideoUnreadableError("a text file", where=video)
    record_failure(out, "vid", error, stamp_of(video))
    assert read_failures(out)["vid"].reason == str(error)
    assert failed_for_good(out, "vid", stamp_of(video)) is not None
    media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    assert failed_for_good(out, "vid", stamp_of(video)) is None
    extract(video, out)
    assert read_failures(out) == {}


def test_a_passing_failure_is_not_for_good_and_broken_records_do_not_matter(tmp_path: Path) -> None:
    record_failure(tmp_path, "vid", OutputUnwritableError("disk full"), None)
    assert failed_for_good(tmp_path, "vid", None) is None
    (tmp_path / FAILURES_DIR / "other.json").write_text("{")
    assert list(read_failures(tmp_path)) == ["vid"]
