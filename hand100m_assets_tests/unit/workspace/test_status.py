"""How far a source is, and what stands in the way."""

from __future__ import annotations

import json
import os
from collections import namedtuple
from pathlib import Path

import pytest

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.layout import MANIFEST_FILE
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH, EGO4D
from hand100m_assets.video.frames.job import extract_one
from hand100m_assets.workspace.status import JPEG_BYTES_PER_PIXEL, findings, survey
from hand100m_assets.workspace.workspace import SourceWorkspace
from hand100m_assets_tests.media import copy_clip, make_clip

GOOD, WAITING, CUT, BROKEN, ABSENT, BEGUN = (letter * 11 for letter in "abcdef")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("keyint30_no_b", "cut_without_index", "zeroed_blocks"):
        make_clip(name, folder)
    return folder


@pytest.fixture
def place(tmp_path: Path, clips: Path) -> SourceWorkspace:
    """One video extracted, one waiting, one damaged, one cut, one absent, one still downloading; one set ingested."""
    settings = Settings(_env_file=None, data_root=tmp_path / "data", output_root=tmp_path / "out", frame_stride=10)
    place = SourceWorkspace(settings, DOH)
    videos, annotations = place.folders.videos_dir, place.folders.annotations_dir
    for video_id, clip in {GOOD: "keyint30_no_b", WAITING: "keyint30_no_b", BROKEN: "zeroed_blocks"}.items():
        copy_clip(clips / f"{clip}.mp4", videos, video_id)
    copy_clip(clips / "cut_without_index.mp4", videos, CUT)
    (videos / f"{BEGUN}.mp4.part").write_bytes(b"begun")
    listed = (GOOD, WAITING, CUT, BROKEN, ABSENT, BEGUN)
    rows = [f"{v} genre link {'640x480' if v == WAITING else '320x240'} 30/1" for v in listed]
    place.folders.list_file.write_text("\n".join(rows))
    for job in place.extraction_jobs([GOOD, BROKEN, CUT]):
        extract_one(job)
    annotations.mkdir(parents=True)
    document = {"images": [{"id": 1, "file_name": f"x/{GOOD}/frame_000030.jpg"}], "annotations": []}
    for scale in ("50k", "100k"):
        (annotations / f"Hand100M_100DOH_{scale}_v1-1.json").write_text(json.dumps(document))
    ingest_file(annotations / "Hand100M_100DOH_50k_v1-1.json", place.output.annotation_dir("simhand-50k"))
    return place


def test_everything_is_counted_once(place: SourceWorkspace) -> None:
    row = survey(place).to_row()
    expected_frames = 30  # ten of each of the three videos whose headers can be read
    assert row.pop("frames_expected_bytes") == int(expected_frames * 320 * 240 * JPEG_BYTES_PER_PIXEL)
    waiting_frames = 10  # done and damaged videos have theirs, and the cut one will give none
    assert row.pop("frames_outstanding_bytes") == int(waiting_frames * 320 * 240 * JPEG_BYTES_PER_PIXEL)
    assert row == {
        "source": "100doh",
        "videos_listed": 6,
        "videos_complete": 3,
        "videos_missing": 1,
        "videos_in_progress": 1,
        "videos_unreadable": 1,
        "videos_refused": 0,
        "videos_forgotten": 0,
        "videos_drifted": 1,
        "frames_done": 1,
        "frames_damaged": 1,
        "frames_failed": 1,
        "frames_outstanding": 1,
        "frames_outdated": 0,
        "annotation_files": 2,
        "annotation_sets_ingested": 1,
        "annotation_sets_outdated": 0,
    }


def test_frames_that_an_older_version_made_are_counted_and_warned_of(place: SourceWorkspace) -> None:
    manifest = place.output.frames_dir / GOOD / MANIFEST_FILE
    made = json.loads(manifest.read_text())
    del made["decoding_rules"]
    manifest.write_text(json.dumps(made))
    now = survey(place)
    assert (now.frames_done, now.frames_outstanding, now.frames_outdated) == (0, 2, 1)
    assert [line for line in said(place)["warning"] if "made by an older version" in line]


def test_a_set_whose_tables_are_of_an_older_file_is_counted_and_warned_of(place: SourceWorkspace) -> None:
    file = place.folders.annotations_dir / "Hand100M_100DOH_50k_v1-1.json"
    file.write_text(file.read_text() + " ")
    assert survey(place).annotation_sets_outdated == 1
    (line,) = [line for line in said(place)["warning"] if "simhand-50k" in line]
    assert line.startswith("simhand-50k: its tables are not of the annotation file that is here. Materialize")


def test_the_annotated_selection_needs_less_space(place: SourceWorkspace) -> None:
    chosen = SourceWorkspace(place.settings.model_copy(update={"frame_selection": "annotated"}), DOH)
    assert survey(chosen).frames_expected_bytes == int(320 * 240 * JPEG_BYTES_PER_PIXEL)


def test_without_a_list_nobody_is_missing_and_the_count_is_not_zero(place: SourceWorkspace) -> None:
    place.folders.list_file.unlink()
    now = survey(place)
    assert (now.videos_listed, now.videos_missing, now.videos_in_progress) == (None, 0, 1)


def test_an_unmounted_folder_is_an_error_not_an_empty_source(place: SourceWorkspace) -> None:
    place.folders.videos_dir.rename(place.folders.videos_dir.with_name("elsewhere"))
    with pytest.raises(FolderUnreadableError):
        survey(place)


def said(place: SourceWorkspace) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {"error": [], "warning": [], "fine": []}
    for finding in findings(place):
        assert finding.fix or finding.severity == "fine"
        lines[finding.severity].append(f"{finding.what}. {finding.fix}")
    return lines


def test_findings_name_what_must_be_mended_and_how(place: SourceWorkspace) -> None:
    lines = said(place)
    assert [line.split(".")[0] for line in lines["error"]] == [
        "1 file is no whole video",
        "1 video differs from the list",
    ]
    assert [line.split(".")[0] for line in lines["warning"]] == ["2 listed videos are not here yet"]
    assert any(f"{place.folders.videos_dir}: 3 whole videos, 6 listed" in line for line in lines["fine"])
    assert any("free, about 268.8 kB needed" in line for line in lines["fine"])


def test_a_missing_video_folder_is_an_error_and_a_missing_annotation_folder_a_warning(tmp_path: Path) -> None:
    lines = said(SourceWorkspace(Settings(_env_file=None, data_root=tmp_path / "nowhere"), DOH))
    assert len(lines["error"]) == len(lines["warning"]) == 1
    assert "nowhere/100DOH/videos: " in lines["error"][0]
    assert "nowhere/annotations/100DOH: " in lines["warning"][0]


def test_an_empty_root_is_an_error_and_an_absent_list_a_warning(tmp_path: Path) -> None:
    place = SourceWorkspace(Settings(_env_file=None, data_root=tmp_path, output_root=tmp_path), DOH)
    place.folders.videos_dir.mkdir(parents=True)
    place.folders.annotations_dir.mkdir(parents=True)
    lines = said(place)
    assert "no whole video" in lines["error"][0]
    assert "no such list" in lines["warning"][0]


def test_too_small_a_disk_is_an_error(place: SourceWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    free_disk(monkeypatch, 1000)
    assert any(" free, about" in line and "annotated" in line for line in said(place)["error"])


def free_disk(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**12, 10**12, free_bytes))


def test_frames_that_are_there_need_no_space_again(place: SourceWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = survey(place).frames_outstanding_bytes
    free_disk(monkeypatch, needed - 1)
    assert any(" free, about" in line for line in said(place)["error"])
    free_disk(monkeypatch, needed)
    assert any(" free, about" in line for line in said(place)["fine"])
    extract_one(place.extraction_jobs([WAITING])[0])
    free_disk(monkeypatch, 0)
    assert any(" free, about" in line for line in said(place)["fine"])


@pytest.mark.parametrize(("own_disk", "severity"), [(False, "error"), (True, "fine")])
def test_sources_that_share_a_disk_must_fit_on_it_together(
    place: SourceWorkspace, monkeypatch: pytest.MonkeyPatch, own_disk: bool, severity: str
) -> None:
    other = SourceWorkspace(place.settings, EGO4D)
    copy_clip(place.video_file(WAITING), other.folders.videos_dir, "1" * 8 + "-0000-0000-0000-000000000000")
    needed = [survey(each).frames_outstanding_bytes for each in (place, other)]
    assert needed[0] == needed[1] > 0
    free_disk(monkeypatch, sum(needed) - 1)
    if own_disk:
        stat, mounted = Path.stat, place.output.base_dir

        def on_another_disk(path: Path, **how: bool) -> os.stat_result:
            found = stat(path, **how)
            return os.stat_result((*found[:2], -1, *found[3:])) if path == mounted else found

        monkeypatch.setattr(Path, "stat", on_another_disk)
    about_disk = [finding for finding in findings(place, other) if " free, about" in finding.what]
    assert [(finding.source, finding.severity) for finding in about_disk] == [("100doh", severity), ("ego4d", severity)]
    assert ("with those of ego4d" in about_disk[0].what) is not own_disk


def test_an_output_folder_that_may_not_be_written_is_an_error(
    place: SourceWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # root may write anywhere
    assert any("not writable" in line and "HAND100M_OUTPUT_ROOT" in line for line in said(place)["error"])
