"""What the settings make of the work: every choice that changes a JPEG's bytes makes finished folders stale."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hand100m_assets.annotations import IngestSummary
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.errors import SettingsError
from hand100m_assets.layout import SUMMARY_FILE
from hand100m_assets.set_names import DEFAULT_NAME_PATTERN
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH, EGO4D
from hand100m_assets.video.frames import Limits, frame_states
from hand100m_assets.video.frames.job import extract_one
from hand100m_assets.workspace.workspace import SourceWorkspace, console_lines_of
from hand100m_assets_tests import media

PLAIN, TAGGED = "aaaaaaaaaaa", "bbbbbbbbbbb"


@pytest.fixture
def place(tmp_path: Path) -> SourceWorkspace:
    place = SourceWorkspace(Settings(_env_file=None, data_root=tmp_path, output_root=tmp_path / "out"), DOH)
    for video_id, clip in ((PLAIN, "defaults"), (TAGGED, "bt709")):
        media.copy_clip(media.make_clip(clip, tmp_path / "clips"), place.folders.videos_dir, video_id)
    return place


def states(place: SourceWorkspace) -> list[str]:
    return frame_states(place.extraction_jobs([PLAIN, TAGGED]))["state"].to_list()


def jpegs(place: SourceWorkspace) -> dict[str, bytes]:
    """Every frame after the work that is outstanding has been done."""
    for job in place.extraction_jobs([PLAIN, TAGGED]):
        assert extract_one(job).error is None
    assert states(place) == ["done", "done"]
    return {video_id: place.output.frame_file(video_id, 30).read_bytes() for video_id in (PLAIN, TAGGED)}


def test_another_colour_rule_makes_finished_folders_stale_and_tagged_videos_different(place: SourceWorkspace) -> None:
    newer = jpegs(place)
    other = SourceWorkspace(place.settings.model_copy(update={"colour_rule": "opencv4"}), DOH)
    assert states(other) == ["outstanding", "outstanding"]
    older = jpegs(other)
    assert older[PLAIN] == newer[PLAIN]
    assert older[TAGGED] != newer[TAGGED]
    assert states(place) == ["outstanding", "outstanding"], "there is one folder, made by one rule"
    assert jpegs(place) == newer


def test_the_limits_of_the_settings_go_with_every_job(place: SourceWorkspace) -> None:
    settings = place.settings.model_copy(update={"max_video_hours": 2.5, "max_seconds_per_video": 60.0})
    jobs = SourceWorkspace(settings, DOH).extraction_jobs([PLAIN])
    assert [job.limits for job in jobs] == [Limits(max_video_hours=2.5, max_seconds=60.0)]


def ingested(place: SourceWorkspace, key: str, video_id: str, frame_index: int) -> None:
    document = {"images": [{"id": 1, "file_name": f"x/{video_id}/frame_{frame_index:06d}.jpg"}], "annotations": []}
    file = place.output.root / f"{key}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))
    ingest_file(file, place.output.annotation_dir(key))


def test_a_set_that_only_one_source_has_chooses_frames_of_that_source_alone(tmp_path: Path) -> None:
    chosen = {"frame_selection": "annotated", "annotated_sets": ["ego4d/topk-5-50k"]}
    settings = Settings(_env_file=None, data_root=tmp_path, output_root=tmp_path / "out", **chosen)
    ego4d, doh = SourceWorkspace(settings, EGO4D), SourceWorkspace(settings, DOH)
    for place, key, frame_index in ((ego4d, "topk-5-50k", 3), (ego4d, "simhand-50k", 60), (doh, "simhand-50k", 7)):
        ingested(place, key, PLAIN, frame_index)
    assert ego4d.selections([PLAIN])[PLAIN].expected(100) == [3]
    assert doh.selections([PLAIN])[PLAIN].expected(100) == [7], "no entry names a set of this source: all of its sets"
    assert [place.is_selected("simhand-50k") is None for place in (ego4d, doh)] == [True, False]
    both = SourceWorkspace(settings.model_copy(update={"annotated_sets": ["topk-5-50k"]}), DOH)
    with pytest.raises(SettingsError, match=r"no tables yet for annotation sets topk-5-50k.* is named <source>/<set>"):
        both.selections([PLAIN])


def test_a_spoilt_list_or_manifest_keeps_no_download_from_being_noticed(tmp_path: Path) -> None:
    place = SourceWorkspace(Settings(_env_file=None, data_root=tmp_path / "data", output_root=tmp_path / "out"), EGO4D)
    videos = place.folders.videos_dir
    videos.mkdir(parents=True)
    name = "00000000-0000-4000-8000-000000000001"
    (videos / f"{name}.mp4").write_bytes(b"x" * 100)
    (videos / "manifest.csv").write_text("<html>404</html>")
    place.folders.list_file.write_text("not, a list\n")
    assert place.downloads.official_bytes() == {}
    place.downloads.look_at_videos([], None)
    assert place.downloads.look_at_videos([], None).new == [name]
    said: list[str] = []
    assert place.downloads.inventory(None, lambda fault: said.append(str(fault)))["video_id"].to_list() == [name]
    assert len(said) == 1 and "manifest.csv" in said[0]


def test_the_console_says_the_lines_that_users_of_the_original_look_for(tmp_path: Path) -> None:
    summary = IngestSummary(
        source_name="Hand100M_Ego4D_50k_v1-1.json",
        source_size_bytes=1,
        source_mtime_ns=1,
        images_read=49930,
        hands_read=50000,
        images_kept=0,
        hands_kept=0,
        rejects=0,
        complete=True,
    )
    (tmp_path / SUMMARY_FILE).write_text(summary.model_dump_json())
    assert console_lines_of(tmp_path, DEFAULT_NAME_PATTERN) == [
        "Ego4D 50k JSON file loaded successfully.",
        "A total of 49930 images were read.",
        "A total of 50000 data items were read.",
    ]
