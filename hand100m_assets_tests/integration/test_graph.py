"""The whole graph on the sample: what `make demo` leaves behind."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import dagster as dg
import numpy as np
import polars as pl
import pytest

from hand100m_assets.annotations.lookup import HandTable
from hand100m_assets.dataset import HandPairs
from hand100m_assets.render.grids import draw_grids
from hand100m_assets.sample.scenes.frame_strip import read_frame_number
from hand100m_assets.set_names import annotation_set_name
from hand100m_assets.sources import DOH, EGO4D, Source
from hand100m_assets.video.frames import extract_many, read_manifest
from hand100m_assets.workspace import SetPictures, SourceWorkspace
from hand100m_assets_tests import original_reader as original
from hand100m_assets_tests.conftest import SampleWorkspace

pytestmark = pytest.mark.integration

SOURCES = pytest.mark.parametrize("source", [EGO4D, DOH], ids=lambda source: source.name)
PSNR_MIN_DB = 35.0
PICTURES = ("crops", "frames")


def full_decode(path: Path) -> Iterator[np.ndarray]:
    """OpenCV's own loop: the oracle."""
    capture = cv2.VideoCapture(str(path))
    try:
        while True:
            ok, image = capture.read()
            if not ok:
                return
            yield image
    finally:
        capture.release()


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(cv2.PSNR(a, b))


def assert_frames_are_exact(video: Path, folder: Path, expected: list[int]) -> None:
    names = sorted(path.name for path in folder.glob("*.jpg"))
    assert names == [f"frame_{index:06d}.jpg" for index in expected]
    wanted = set(expected)
    for index, truth in enumerate(full_decode(video)):
        if index in wanted:
            image = cv2.imread(str(folder / f"frame_{index:06d}.jpg"))
            assert read_frame_number(image) == index
            assert psnr_db(image, truth) >= PSNR_MIN_DB
            wanted.discard(index)
    assert not wanted


def tables(place: SourceWorkspace, key: str) -> Path:
    return place.output.annotation_dir(key)


@SOURCES
def test_every_healthy_video_has_exactly_every_thirtieth_frame(finished: SampleWorkspace, source: Source) -> None:
    place = SourceWorkspace(finished.settings, source)
    healthy = finished.report.sources[source.name].healthy
    assert len(healthy) >= 6
    for video_id, video in healthy.items():
        expected = list(range(0, video.frame_count, 30))
        assert_frames_are_exact(place.video_file(video_id), place.output.frame_dir(video_id), expected)
        assert read_manifest(place.output.manifest_file(video_id)).status == "complete"


@SOURCES
def test_the_annotated_selection_gives_exactly_the_named_frames(
    finished: SampleWorkspace, source: Source, tmp_path: Path
) -> None:
    settings = finished.settings.model_copy(update={"frame_selection": "annotated"})
    place = SourceWorkspace(settings, source)
    healthy = finished.report.sources[source.name].healthy
    named = frames_named_in(place.folders.annotations_dir)
    jobs = [job.__class__(**{**vars(job), "frames_dir": tmp_path}) for job in place.extraction_jobs(sorted(healthy))]
    outcomes = {outcome.video_id: outcome for outcome in extract_many(jobs, workers=2)}
    total = 0
    for video_id, video in healthy.items():
        assert outcomes[video_id].error is None
        expected = sorted(index for index in named[video_id] if index < video.frame_count)
        total += len(expected)
        assert_frames_are_exact(place.video_file(video_id), tmp_path / video_id, expected)
    assert total > 50


def frames_named_in(annotations_dir: Path) -> dict[str, set[int]]:
    """Read from the files themselves, by nothing of ours."""
    named: dict[str, set[int]] = {}
    for file in annotations_dir.glob("*.json"):
        for image in json.loads(file.read_text())["images"]:
            if found := re.search(r"/([^/]+)/frame_(\d{6})\.jpg$", image["file_name"]):
                named.setdefault(found[1], set()).add(int(found[2]))
    return named


@SOURCES
def test_the_missing_report_names_exactly_the_planted_faults(finished: SampleWorkspace, source: Source) -> None:
    place = SourceWorkspace(finished.settings, source)
    truth = finished.report.sources[source.name]
    planted = {*truth.missing, *truth.truncated, *truth.downloading}
    assert planted
    lines = place.output.missing_videos_file.read_text().split("\n")
    assert lines == [f"{video_id}.mp4" for video_id in sorted(planted)] + [""]
    table = pl.read_parquet(place.output.table_file("missing_videos"))
    kinds = dict(table.select("video_id", "reason_kind").iter_rows())
    assert {kinds[v] for v in truth.missing} == {"absent"}
    assert {kinds[v] for v in truth.truncated} == {"unreadable"}
    assert {kinds[v] for v in truth.downloading} == {"incomplete"}


@SOURCES
def test_every_annotation_set_has_tables_coverage_pairs_and_both_grids(
    finished: SampleWorkspace, source: Source
) -> None:
    place = SourceWorkspace(finished.settings, source)
    files = sorted(place.folders.annotations_dir.glob("*.json"))
    assert files
    for file in files:
        key = annotation_set_name(file.name).key
        truth = json.loads(file.read_text())
        summary = json.loads((tables(place, key) / "summary.json").read_text())
        assert (summary["images_read"], summary["hands_read"]) == (len(truth["images"]), len(truth["annotations"]))
        assert pl.read_parquet(place.output.table_file("coverage", key)).height == summary["images_kept"]
        assert pl.read_parquet(place.output.table_file("pairs", key)).height == summary["hands_kept"]
        for labelled in (False, True):
            assert cv2.imread(str(place.output.grid_file(key, labelled=labelled))).shape == (2240, 2240, 3)
        for name in ("ladder.jpg", "best.jpg", "worst.jpg", "hands_per_video.png", "distances.png", "pose_map.png"):
            assert cv2.imread(str(place.output.sheet_file(key, name))) is not None
        assert place.output.report_file(key).read_text().count("data:image/") == 8


def test_the_pose_map_of_a_set_that_both_sources_have_shows_both(finished: SampleWorkspace) -> None:
    """The same as one that is drawn now, when both are there."""
    places = [SourceWorkspace(finished.settings, source) for source in (EGO4D, DOH)]
    shared = set.intersection(*({folder.name for folder in place.annotation_dirs()} for place in places))
    assert shared
    for place in places:
        for key in shared:
            drawn = place.output.sheet_file(key, "pose_map.png").read_bytes()
            assert drawn == SetPictures(place, key).chart("pose_map")


@SOURCES
def test_what_coverage_calls_missing_is_missing_and_nothing_else(finished: SampleWorkspace, source: Source) -> None:
    place = SourceWorkspace(finished.settings, source)
    healthy = finished.report.sources[source.name].healthy
    for folder in place.annotation_dirs():
        for row in pl.read_parquet(place.output.table_file("coverage", folder.name)).iter_rows(named=True):
            on_disk = place.output.frame_file(row["video_id"], row["frame_index"]).exists()
            assert row["exists"] == on_disk == (row["reason"] is None)
            if row["video_id"] not in healthy:
                assert row["reason"].startswith("video ")


@SOURCES
def test_the_original_grid_script_runs_unchanged_on_the_exports(finished: SampleWorkspace, source: Source) -> None:
    """With the output root as its data root, as the default prefix has it, it draws the picture that we draw."""
    place = SourceWorkspace(finished.settings, source)
    for folder in place.annotation_dirs():
        name = json.loads((folder / "summary.json").read_text())["source_name"]
        export = place.output.export_dir / name
        hands = original.OriginalSet(export)
        root = place.settings.output_root
        drawable = [
            row
            for row in range(len(hands.samples))
            if all((root / each.file_name).exists() and each.box[2] > each.box[0] for each in hands.pair(row))
        ]
        rows = np.random.default_rng(0).permutation(drawable)[:50].tolist()
        assert len(rows) == 50
        with HandTable(folder) as table:
            anchors = [table[table.row_of(hands.samples[row].hand_id)].row_index for row in rows]
        pairs = pl.read_parquet(place.output.table_file("pairs", folder.name))
        ours = draw_grids(pairs, pl.read_parquet(folder / "hands.parquet"), anchors, place.image_path())
        assert ours.missing.is_empty()
        assert np.array_equal(original.grid(root, export, rows), ours.plain)


@SOURCES
def test_every_set_is_there_as_coco_with_images_of_the_size_on_disk(finished: SampleWorkspace, source: Source) -> None:
    place = SourceWorkspace(finished.settings, source)
    sizes_seen = 0
    for folder in place.annotation_dirs():
        name = json.loads((folder / "summary.json").read_text())["source_name"].removesuffix(".json")
        content = original.read_coco(place.output.export_dir / f"{name}_coco.json")
        for image in content["images"]:
            path = place.settings.output_root / image["file_name"]
            if path.exists():
                sizes_seen += 1
                assert cv2.imread(str(path)).shape[:2] == (image["height"], image["width"])
        assert len(content["annotations"]) > 50
    assert sizes_seen > 50


def test_the_run_log_says_the_three_lines_with_true_numbers(finished: SampleWorkspace) -> None:
    place = SourceWorkspace(finished.settings, EGO4D)
    truth = json.loads((place.folders.annotations_dir / "Hand100M_Ego4D_50k_v1-1.json").read_text())
    with dg.DagsterInstance.from_config(finished.env["DAGSTER_HOME"]) as instance:
        runs = instance.get_runs(dg.RunsFilter(job_name="ego4d_pictures", tags={"dagster/partition": "simhand-50k"}))
        messages = [entry.user_message for run in runs for entry in instance.all_logs(run.run_id)]
    assert "Ego4D 50k JSON file loaded successfully." in messages
    assert f"A total of {len(truth['images'])} images were read." in messages
    assert f"A total of {len(truth['annotations'])} data items were read." in messages


def test_the_checks_fail_for_the_planted_faults_and_turn_a_ci_red(finished: SampleWorkspace) -> None:
    done = finished.run(sys.executable, "-m", "hand100m_assets.headless.check_data")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    for name in ("ego4d/videos: downloads_are_whole", "100doh/frames: frames_are_complete", "record_rejected"):
        assert any(line.startswith("ERROR") and name in line for line in done.stdout.splitlines()), done.stdout
    assert any(line.startswith("WARN") and "listed_videos_are_here" in line for line in done.stdout.splitlines())


def test_catching_up_again_does_nothing_anew(finished: SampleWorkspace) -> None:
    frames = sorted(finished.settings.output_root.rglob("frame_*.jpg"))
    before = {path: path.stat().st_mtime_ns for path in frames}
    assert finished.catch_up().returncode == 0
    assert {path: path.stat().st_mtime_ns for path in frames} == before


@SOURCES
def test_the_original_loader_on_the_export_and_our_training_set_give_the_same_samples(
    finished: SampleWorkspace, source: Source
) -> None:
    place = SourceWorkspace(finished.settings, source)
    keys = place.training_sets()
    assert keys == sorted(folder.name for folder in place.annotation_dirs())
    for key in keys:
        summary = json.loads((tables(place, key) / "summary.json").read_text())
        loader = original.OriginalLoader(place.settings.output_root, place.output.export_dir / summary["source_name"])
        index_of = {int(hand["hand_id"]): index for index, hand in enumerate(loader.hands)}
        crops, frames = (HandPairs(place.output.base_dir, key, pictures=how, tensors=False) for how in PICTURES)
        assert len(crops) > 40
        for number in range(len(crops)):
            truth = loader[index_of[crops.origin(number).hand_id]]
            positive = int(loader.hands[truth.pop("positive_sample_idx")]["hand_id"])
            exact, near = frames[number], crops[number]
            for sample in (exact, near):
                assert crops.origin(sample.pop("positive_sample_idx")).hand_id == positive
            assert np.abs(near.pop("image").astype(int) - truth["image"]).max() <= 12
            assert all(np.array_equal(near[name], truth[name]) for name in near)
            assert exact.keys() == truth.keys() and all(np.array_equal(exact[name], truth[name]) for name in truth)


def test_catching_up_ends_with_the_training_sets_and_their_pace(finished: SampleWorkspace) -> None:
    lines = (finished.folder / "catch_up.log").read_text().splitlines()
    told = [
        line
        for line in lines
        if re.search(r"training_set/[\w-]+: \d+ samples, [\d.]+ MB, [\d,]+ samples per second", line)
    ]
    assert len(told) == sum(len(SourceWorkspace(finished.settings, s).training_sets()) for s in (EGO4D, DOH))
