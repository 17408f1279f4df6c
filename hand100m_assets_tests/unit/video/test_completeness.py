"""How far each video's frames are, told from manifests and failure records, without decoding."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from hand100m_assets.errors import OutputUnwritableError
from hand100m_assets.layout import FAILURES_DIR, MANIFEST_FILE
from hand100m_assets.video import manifest as manifest_module
from hand100m_assets.video.batch import ExtractionJob, extract_one
from hand100m_assets.video.completeness import FRAME_STATES, MADE_BY_OLDER_RULES, frame_states
from hand100m_assets.video.failures import record_failure, stamp_of
from hand100m_assets.video.manifest import ExtractionOptions, Manifest
from hand100m_assets.video.selection import FrameSetSelection, Selection, StrideSelection
from hand100m_assets_tests.media import copy_clip
from hand100m_assets_tests.unit.video.conftest import ClipMaker


def job(tmp_path: Path, video_id: str, selection: Selection | None = None, quality: int = 95) -> ExtractionJob:
    return ExtractionJob(
        video_path=tmp_path / "videos" / f"{video_id}.mp4",
        frames_dir=tmp_path / "frames",
        video_id=video_id,
        selection=selection or StrideSelection(10),
        options=ExtractionOptions(jpeg_quality=quality),
    )


def state(*jobs: ExtractionJob) -> list[str]:
    return [str(value) for value in frame_states(jobs)["state"]]


@pytest.fixture
def extracted(clip: ClipMaker, tmp_path: Path) -> Path:
    """`good` is extracted, `damaged` too, `web` is no video."""
    for video_id, name in {"good": "keyint30_no_b", "damaged": "cut_with_index", "web": "text"}.items():
        copy_clip(clip(name), tmp_path / "videos", video_id)
        extract_one(job(tmp_path, video_id))
    return tmp_path


def test_every_state_is_told_apart_with_counts_and_reasons(extracted: Path) -> None:
    table = frame_states([job(extracted, video_id) for video_id in ("good", "damaged", "web", "absent")])
    assert table.schema == FRAME_STATES
    rows = {row["video_id"]: row for row in table.iter_rows(named=True)}
    assert rows["good"] == {
        "video_id": "good",
        "state": "done",
        "frames_expected": 10,
        "frames_found": 10,
        "reason": None,
    }
    assert rows["damaged"]["state"] == "damaged"
    assert 0 < rows["damaged"]["frames_found"] < rows["damaged"]["frames_expected"] == 10
    assert rows["damaged"]["reason"]
    assert (rows["web"]["state"], rows["web"]["frames_found"]) == ("failed for good", 0)
    assert "web.mp4" in rows["web"]["reason"]
    assert (rows["absent"]["state"], rows["absent"]["reason"]) == ("outstanding", "not extracted yet")


def test_no_job_gives_an_empty_table_of_the_same_columns() -> None:
    assert frame_states([]).schema == FRAME_STATES


def test_what_is_done_for_one_selection_waits_for_a_wider_one(extracted: Path) -> None:
    assert state(job(extracted, "good", StrideSelection(20))) == ["done"]
    assert state(job(extracted, "good", StrideSelection(5))) == ["outstanding"]
    assert state(job(extracted, "good", FrameSetSelection([10, 90]))) == ["done"]
    assert state(job(extracted, "good", FrameSetSelection([11]))) == ["outstanding"]


def test_another_quality_or_another_file_makes_it_wait(extracted: Path, clip: ClipMaker) -> None:
    assert state(job(extracted, "good", quality=80)) == ["outstanding"]
    copy_clip(clip("defaults"), extracted / "videos", "good")
    assert state(job(extracted, "good")) == ["outstanding"]


def test_a_video_deleted_after_its_frames_were_made_is_still_done(extracted: Path) -> None:
    (extracted / "videos" / "good.mp4").unlink()
    assert state(job(extracted, "good")) == ["done"]


def test_a_failure_is_for_good_only_until_the_file_changes(extracted: Path, clip: ClipMaker) -> None:
    copy_clip(clip("audio_only"), extracted / "videos", "web")
    assert state(job(extracted, "web")) == ["failed"]


def without_rules(file: Path) -> None:
    made = json.loads(file.read_text())
    del made["decoding_rules"]
    file.write_text(json.dumps(made))


def test_what_an_older_version_made_waits_and_says_why(extracted: Path) -> None:
    file, jobs = extracted / "states.parquet", [job(extracted, "good"), job(extracted, "web")]
    assert frame_states(jobs, file)["state"].to_list() == ["done", "failed for good"]
    without_rules(extracted / "frames" / "good" / MANIFEST_FILE)
    without_rules(extracted / "frames" / FAILURES_DIR / "web.json")
    table = frame_states(jobs, file)
    assert table["state"].to_list() == ["outstanding", "failed"]
    assert table["reason"][0] == MADE_BY_OLDER_RULES
    assert state(job(extracted, "good", quality=80)) == ["outstanding"]
    for one in jobs:
        extract_one(one)
    assert frame_states(jobs, file)["state"].to_list() == ["done", "failed for good"]


def test_a_passing_failure_is_never_for_good(extracted: Path, clip: ClipMaker) -> None:
    path = copy_clip(clip("defaults"), extracted / "videos", "full")
    record_failure(extracted / "frames", "full", OutputUnwritableError("disk full"), stamp_of(path))
    assert state(job(extracted, "full")) == ["failed"]


def test_a_frame_that_is_gone_makes_the_video_wait(extracted: Path) -> None:
    (extracted / "frames" / "good" / "frame_000050.jpg").unlink()
    assert state(job(extracted, "good")) == ["outstanding"]


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Video ids whose manifests are read from now on."""
    read: list[str] = []
    original = manifest_module.finished_manifest

    def noted(frames_dir: Path, video_id: str) -> Manifest | None:
        read.append(video_id)
        return original(frames_dir, video_id)

    monkeypatch.setattr(manifest_module, "finished_manifest", noted)
    return read


def test_a_manifest_is_read_again_only_when_something_changed(
    extracted: Path, clip: ClipMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, jobs = extracted / "states.parquet", [job(extracted, name) for name in ("good", "damaged", "web", "absent")]
    first = frame_states(jobs, file)
    read = reads(monkeypatch)
    assert frame_states(jobs, file).equals(first)
    assert read == ["web", "absent"]  # neither has a manifest: nothing to remember
    assert frame_states([job(extracted, "good", quality=80)], file)["state"].to_list() == ["outstanding"]
    assert frame_states([job(extracted, "good", StrideSelection(5))], file)["state"].to_list() == ["outstanding"]
    assert frame_states(jobs[:1], file)["state"].to_list() == ["done"]
    (extracted / "frames" / "good" / "frame_000010.jpg").unlink()
    assert frame_states(jobs, file)["state"].to_list()[:2] == ["outstanding", "damaged"]
    extract_one(jobs[0])
    assert frame_states(jobs, file).equals(first)
    copy_clip(clip("vfr"), extracted / "videos", "good")
    assert frame_states(jobs, file)["state"].to_list()[0] == "outstanding"


@pytest.mark.parametrize("content", [b"", b"not a table"])
def test_a_spoilt_memory_is_as_good_as_none(extracted: Path, content: bytes) -> None:
    file, jobs = extracted / "states.parquet", [job(extracted, "good")]
    file.write_bytes(content)
    assert frame_states(jobs, file)["state"].to_list() == ["done"]
    assert pl.read_parquet(file)["video_id"].to_list() == ["good"]


def test_where_nothing_can_be_remembered_only_time_is_lost(extracted: Path) -> None:
    jobs = [job(extracted, "good")]
    assert frame_states(jobs, extracted / "nowhere" / "states.parquet")["state"].to_list() == ["done"]
    assert not (extracted / "nowhere").exists()
