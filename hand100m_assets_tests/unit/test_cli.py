"""The `hand100m` command: every command, `--json`, the exit status, and every bad input in one clear line."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click.testing
import cv2
import numpy as np
import polars as pl
import pytest

from hand100m_assets.annotations.lookup import HandTable
from hand100m_assets.cli.commands import commands
from hand100m_assets.cli.paths import HomePath
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests.media import copy_clip, make_clip
from hand100m_assets_tests.unit.annotations.records import hand, image, write

ONE, TWO = "aaaaaaaaaaa", "-bbbbbbbbbb"
RULES = ("opencv5", "opencv4")
CLIPS = ("keyint30_no_b", "cut_with_index", "cut_without_index", "audio_only", "zero_bytes", "text")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in CLIPS:
        make_clip(name, folder)
    return folder


@pytest.fixture
def root(tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both sources with two sound videos each and nothing to complain of, as working directory and data root."""
    monkeypatch.chdir(tmp_path)
    for name in (*Settings.model_fields, "env_file"):
        monkeypatch.delenv(f"HAND100M_{name.upper()}", raising=False)
    Path(".env").write_text(f"HAND100M_DATA_ROOT={tmp_path}\nHAND100M_OUTPUT_ROOT={tmp_path / 'out'}\n")
    uuids = [f"{digit * 8}-0000-0000-0000-000000000000" for digit in "12"]
    for folder, ids in (("ego4d/v1/full_scale", uuids), ("100DOH/videos", [ONE, TWO])):
        for video_id in ids:
            copy_clip(clips / "keyint30_no_b.mp4", tmp_path / folder, video_id)
    for name in ("Ego4D", "100DOH"):
        (tmp_path / "annotations" / name).mkdir(parents=True)
    (tmp_path / "100doh_valid_name_list.txt").write_text(f"{ONE} g l 320x240 30/1\n{TWO} g l 320x240 30/1\n")
    header = "Number Name Size Length Width Height OriginalFrameCount SettingFrameCount OriginalFrameRate"
    rows = [f"{n} {v}.mp4 1 3.33 320 240 100 3 30.0 1.0 0.1" for n, v in enumerate(uuids)]
    (tmp_path / "ego4d_name_list.txt").write_text("\n".join([f"{header} SettingFrameRate Time", *rows]) + "\n")
    return tmp_path


def run(*arguments: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(commands, [str(argument) for argument in arguments])


def document(result: click.testing.Result) -> object:
    return json.loads(result.stdout)


def error_line(result: click.testing.Result, status: int = 1) -> str:
    """The one line on stderr; nothing on stdout, no exception but the exit."""
    assert result.exit_code == status, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def test_doctor_finds_nothing_to_mend_on_sound_folders(root: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "2 whole videos, 2 listed" in result.stdout and "B free" in result.stdout
    found = document(run("doctor", "--json"))
    assert {finding["severity"] for finding in found} == {"fine"}
    assert {finding["source"] for finding in found} == {"ego4d", "100doh"}


def test_status_is_a_table_for_people_and_rows_for_machines(root: Path) -> None:
    result = run("status")
    assert result.exit_code == 0
    assert "videos complete" in result.stdout and "frames done" not in result.stdout and "100doh" in result.stdout
    rows = document(run("status", "--json"))
    assert [(row["source"], row["videos_listed"], row["frames_outstanding"]) for row in rows] == [
        ("ego4d", 2, 2),
        ("100doh", 2, 2),
    ]


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_doctor_and_status_say_which_settings_file_they_read(
    command: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(command).stdout.startswith(f"settings: {root}/.env\n")
    Path(".env").rename("other.env")
    monkeypatch.setenv("HAND100M_ENV_FILE", "other.env")
    assert run(command).stdout.startswith(f"settings: {root}/other.env\n")
    monkeypatch.delenv("HAND100M_ENV_FILE")
    assert run(command).stdout.startswith(f"settings: no file at {root}/.env; variables and defaults\n")


def test_doctor_names_folders_by_their_whole_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setenv("HAND100M_DATA_ROOT", ".")
    assert f"{root}/100DOH/videos: 2 whole videos" in run("doctor").stdout


def test_extract_takes_every_thirtieth_frame_or_the_list(root: Path) -> None:
    video = root / "100DOH/videos" / f"{ONE}.mp4"
    result = run("extract", video, "a")
    assert (result.exit_code, result.stdout) == (0, f"4 frames in a/{ONE} (complete)\n")
    manifest = document(run("extract", video, "b", "--frames", "0,7,90-91", "--json"))
    assert [frame["frame_index"] for frame in manifest["frames"]] == [0, 7, 90, 91]
    assert sorted(path.name for path in Path("b", ONE).glob("*.jpg")) == [f"frame_{n:06d}.jpg" for n in (0, 7, 90, 91)]
    assert run("extract", video, "c", "--every", "50").stdout.startswith("2 frames")


def test_extract_takes_the_colour_rule_and_the_limits_of_the_settings(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = make_clip("bt709", root)
    rules = {rule: document(run("extract", tagged, rule, "--colour-rule", rule, "--json")) for rule in RULES}
    assert [rules[rule]["colour_rule"] for rule in RULES] == list(RULES)
    newer, older = (Path(rule, "bt709", "frame_000030.jpg").read_bytes() for rule in RULES)
    assert newer != older
    assert run("extract", tagged, "c", "--colour-rule", "opencv3").exit_code == 2
    monkeypatch.setenv("HAND100M_MAX_VIDEO_HOURS", "0.0001")
    assert "more than the limit of 0.0001 h" in error_line(run("extract", tagged, "c"))


def test_extract_and_grid_take_the_settings_unless_told_otherwise(
    drawable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = drawable / "100DOH/videos" / f"{ONE}.mp4"
    for name, value in {"JPEG_QUALITY": 60, "COLOUR_RULE": "opencv4", "FRAME_STRIDE": 50, "GRID_SEED": 7}.items():
        monkeypatch.setenv(f"HAND100M_{name}", str(value))
    manifest = document(run("extract", video, "a", "--json"))
    assert (manifest["jpeg_quality"], manifest["colour_rule"], len(manifest["frames"])) == (60, "opencv4", 2)
    manifest = document(run("extract", video, "b", "--quality", "80", "--colour-rule", "opencv5", "--json"))
    assert (manifest["jpeg_quality"], manifest["colour_rule"]) == (80, "opencv5")
    seeds = [document(run("grid", "tables", "frames", "grid.jpg", "--json", *more)) for more in ([], ["--seed", "3"])]
    assert ["seed 7" in seeds[0]["pairs_shown"], "seed 3" in seeds[1]["pairs_shown"]] == [True, True]


def test_a_video_id_that_begins_with_a_dash_works(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("extract", root / "100DOH/videos" / f"{TWO}.mp4", "a").exit_code == 0
    out = root / "b"
    monkeypatch.chdir(root / "100DOH/videos")
    assert run("extract", "--every", "50", "--", f"{TWO}.mp4", out).exit_code == 0
    assert len(list((out / TWO).glob("*.jpg"))) == 2


def test_extract_of_a_damaged_video_keeps_what_is_whole_and_exits_with_1(root: Path, clips: Path) -> None:
    result = run("extract", clips / "cut_with_index.mp4", "a")
    assert result.exit_code == 1
    assert "(damaged)" in result.stdout and "near frame" in result.stderr
    assert list(Path("a/cut_with_index").glob("*.jpg"))


@pytest.mark.parametrize(
    "options", [["--every", "2", "--frames", "1"], ["--every", "0"], ["--frames", "9-1"], ["--quality", "101"]], ids=str
)
def test_options_that_make_no_sense_are_a_wrong_use(root: Path, options: list[str]) -> None:
    result = run("extract", root / "100DOH/videos" / f"{ONE}.mp4", "a", *options)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert not Path("a").exists()


def sound_set(folder: Path) -> Path:
    images = [image(1, ONE, 0, width=320, height=240), image(2, TWO, 30, width=320, height=240)]
    hands = [hand(11, 1, 12, boxes="[60, 60, 160, 170]"), hand(12, 2, 11, boxes="[60, 60, 160, 170]")]
    return write(folder / "Hand100M_100DOH_50k_v1-1.json", {"images": images, "annotations": hands})


def test_validate_makes_tables_and_passes_a_sound_file(root: Path) -> None:
    file = sound_set(root)
    result = run("validate", file, "tables")
    assert (result.exit_code, result.stdout) == (0, "2 images and 2 hands kept, 0 rejects, in tables\n")
    tables = sorted(path.name for path in Path("tables").glob("*.parquet"))
    assert tables == ["hands.parquet", "images.parquet", "rejects.parquet"]
    answer = document(run("validate", file, "tables", "--json"))
    assert answer["summary"]["hands_kept"] == 2
    assert {rule["count"] for rule in answer["rules"].values()} == {0}


def test_validate_exits_with_1_and_names_the_broken_rule(root: Path) -> None:
    file = write(root / "my_hands.json", {"images": [image(1, ONE, 0)], "annotations": [hand(11, 1, 404)]})
    result = run("validate", file, "tables")
    assert result.exit_code == 1
    assert "error   positive_missing: 1." in result.stdout
    assert document(run("validate", file, "tables", "--json"))["rules"]["positive_missing"]["count"] == 1


def test_validate_says_what_it_could_not_check(root: Path) -> None:
    file = sound_set(root)
    lines = run("validate", file, "tables").stderr.splitlines()
    assert "  totals_differ: 2 of 2 not checked: no totals are expected (HAND100M_EXPECTED_TOTALS)" in lines
    assert any(line.startswith("  frame_beyond_end: 2 of 2 not checked: its video is not known") for line in lines)
    rules = document(run("validate", file, "tables", "--json"))["rules"]
    told = rules["frame_beyond_end"]
    assert (told["count"], told["checked"], told["unchecked"]) == (0, 0, 2) and "no inventory" in told["why_unchecked"]
    assert (rules["box_empty"]["checked"], rules["box_empty"]["why_unchecked"]) == (None, None)


def test_validate_compares_with_the_totals_and_the_videos_of_the_source_in_the_name(root: Path) -> None:
    place = SourceWorkspace(Settings(_env_file=".env", expected_totals={"100doh/simhand-50k": (2, 3)}), DOH)
    inventory = place.downloads.inventory(place.downloads.video_list())
    place.output.base_dir.mkdir(parents=True)
    inventory.with_columns(frame_count_from_header=pl.lit(30, pl.Int64)).write_parquet(
        place.output.table_file("inventory")
    )
    with Path(".env").open("a") as env:
        env.write('HAND100M_EXPECTED_TOTALS={"100doh/simhand-50k": [2, 3]}\n')
    named = sound_set(root)
    result = run("validate", named, "tables")
    assert result.exit_code == 1 and not result.stderr
    assert "error   totals_differ: 1." in result.stdout and "error   frame_beyond_end: 1." in result.stdout
    unnamed = named.rename(root / "simhand-50k.json")
    assert run("validate", unnamed, "tables").exit_code == 0
    assert run("validate", unnamed, "tables", "--source", "100doh").exit_code == 1


@pytest.fixture
def drawable(root: Path) -> Path:
    """Tables and frames of a small set."""
    assert run("validate", sound_set(root), "tables").exit_code == 0
    for video_id in (ONE, TWO):
        assert run("extract", root / "100DOH/videos" / f"{video_id}.mp4", "frames").exit_code == 0
    return root


def test_grid_draws_the_picture_and_says_the_three_lines(drawable: Path) -> None:
    result = run("grid", "tables", "frames", "grid.jpg", "--labelled")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:3] == [
        "100DOH 50k JSON file loaded successfully.",
        "A total of 2 images were read.",
        "A total of 2 data items were read.",
    ]
    assert cv2.imread("grid.jpg").shape == (2240, 2240, 3)
    answer = document(run("grid", "tables", "frames", "grid.jpg", "--json"))
    assert (answer["grid"], answer["missing"]) == ("grid.jpg", [])


def test_grid_with_an_empty_cell_says_which_and_exits_with_1(drawable: Path) -> None:
    Path("frames", TWO, "frame_000030.jpg").unlink()
    result = run("grid", "tables", "frames", "grid.jpg", "--json")
    assert result.exit_code == 1
    assert {cell["video_id"] for cell in document(result)["missing"]} == {TWO}
    assert Path("grid.jpg").exists()


def test_grid_of_a_folder_without_tables_is_one_clear_line(drawable: Path) -> None:
    assert error_line(run("grid", "frames", "frames", "grid.jpg")).startswith("frames: no finished tables")


@pytest.mark.parametrize("way", ["frames", "videos"])
def test_training_set_cuts_crops_and_says_what_it_left_out(root: Path, way: str) -> None:
    assert run("validate", sound_set(root), "out/100doh/annotations/simhand-50k").exit_code == 0
    if way == "frames":
        for video_id in (ONE, TWO):
            assert run("extract", f"100DOH/videos/{video_id}.mp4", "out/100doh/frames", "--every", "30").exit_code == 0
    arguments = ("training-set", "simhand-50k", "--source", "100doh", "--from", way)
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "training_set/simhand-50k: 2 samples" in result.stdout
    (again,) = document(run(*arguments, "--json"))
    assert (again["samples"], again["hands"], again["cut_now"], again["left_out"]) == (2, 2, 0, {})


def test_training_set_without_a_sample_exits_with_1_and_the_reasons(root: Path) -> None:
    assert run("validate", sound_set(root), "out/100doh/annotations/simhand-50k").exit_code == 0
    result = run("training-set", "simhand-50k", "--source", "100doh")
    assert result.exit_code == 1 and "left out: 2 (image not on disk)" in result.stderr


def test_training_set_of_a_set_without_tables_is_one_clear_line(root: Path) -> None:
    assert "no finished tables" in error_line(run("training-set", "simhand-50k", "--source", "100doh"), 2)


def test_mine_writes_the_table_and_an_annotation_file_that_is_read_back(root: Path) -> None:
    assert run("validate", sound_set(root), "tables").exit_code == 0
    result = run("mine", "tables", "new/mined.parquet", "--annotations", "new/mined.json", "--count", "3")
    assert result.exit_code == 0, result.output
    assert "2 neighbours of 2 hands, recall 1.0000" in result.stdout
    mined = pl.read_parquet("new/mined.parquet")
    assert mined["neighbour_hand_ids"].list.first().to_list() == mined["hand_id"].reverse().to_list()
    assert run("validate", "new/mined.json", "again").exit_code == 0
    answer = document(run("mine", "tables", "mined.parquet", "--json"))
    assert (answer["hands"], answer["rejected"], answer["annotations"]) == (2, [], None)


def test_mine_refuses_a_rank_beyond_what_is_mined_and_a_folder_without_tables(root: Path) -> None:
    assert run("validate", sound_set(root), "tables").exit_code == 0
    result = run("mine", "tables", "x.parquet", "--annotations", "x.json", "--rank", "5", "--count", "3")
    assert result.exit_code == 2 and "--rank 5 needs --count 5" in result.stderr
    Path("empty").mkdir()
    assert error_line(run("mine", "empty", "x.parquet")).startswith("empty: no finished tables")


def test_temporal_pairs_follow_a_hand_through_its_video(root: Path) -> None:
    images = [image(1, ONE, 0, width=320, height=240), image(2, ONE, 30, width=320, height=240)]
    boxes = "[60, 60, 160, 170]"
    hands = [hand(11, 1, 404, boxes=boxes), hand(13, 2, 404, boxes=boxes)]
    write(Path("set.json"), {"images": images, "annotations": hands})
    run("validate", "set.json", "tables")
    result = run("temporal", "tables", "new/pairs.parquet", "--annotations", "new/pairs.json")
    assert result.exit_code == 0, result.output
    assert "neighbours in time of 2 of 2 hands" in result.stdout and "2 images, 2 hands" in result.stdout
    records = json.loads(Path("new/pairs.json").read_text())["annotations"]
    assert [(r["hand_id"], r["positive_sample"]) for r in records] == [("11", ["13"]), ("13", ["11"])]
    answer = document(run("temporal", "tables", "pairs.parquet", "--max-gap", "29", "--json"))
    reason = "no neighbouring frame has a hand of its side"
    assert (answer["hands"], answer["paired"], answer["reasons"]) == (2, 0, {reason: 2})


@pytest.fixture
def ingested(root: Path) -> Path:
    """A finished set below the output root, with images of known size."""
    assert run("validate", sound_set(root), "out/100doh/annotations/simhand-50k").exit_code == 0
    return root


def draw(*places: tuple[str, int], size: tuple[int, int] = (320, 240), folder: str = "out/100doh/frames") -> None:
    for video_id, frame_index in places:
        path = Path(folder) / video_id / f"frame_{frame_index:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.zeros((size[1], size[0], 3), np.uint8))


def test_report_writes_a_page_a_set_and_says_how_many_cells_are_empty(ingested: Path) -> None:
    result = run("report", "simhand-50k", "--source", "100doh")
    path = ingested / "out/100doh/report/simhand-50k.html"
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{path}: 8 pictures, ") and result.stdout.endswith(" cells are empty\n")
    answer = document(run("report", "simhand-50k", "--source", "100doh", "--out", "pages", "--json"))
    assert [(one["report"], one["pictures"]) for one in answer] == [("pages/simhand-50k.html", 8)]
    assert Path("pages/simhand-50k.html").read_bytes() == path.read_bytes()


def test_report_of_a_set_without_tables_is_one_clear_line(root: Path) -> None:
    assert "no finished tables" in error_line(run("report", "simhand-50k", "--source", "100doh"), 2)


def test_export_writes_the_original_schema_below_the_output_root(ingested: Path) -> None:
    draw((ONE, 0), (TWO, 30))
    result = run("export", "simhand-50k", "--source", "100doh")
    path = ingested / "out/100doh/export/Hand100M_100DOH_50k_v1-1.json"
    assert (result.exit_code, result.stdout) == (0, f"{path}: 2 images, 2 hands\n")
    content = json.loads(path.read_text())
    assert content["images"][0]["file_name"] == f"100doh/frames/{ONE}/frame_000000.jpg"
    assert [record["hand_id"] for record in content["annotations"]] == ["11", "12"]


def test_export_writes_coco_and_says_what_it_left_out(ingested: Path) -> None:
    hands = [hand(11, 1, 12), hand(12, 2, 11), hand(13, 404, 11)]
    file = write(ingested / "my_hands.json", {"images": [image(1, ONE, 0), image(2, TWO, 30)], "annotations": hands})
    assert run("validate", file, "out/100doh/annotations/my-hands").exit_code == 1
    asked = ["export", "my-hands", "simhand-50k", "--source", "100doh", "--out", "x", "--frames-prefix", "f"]
    result = run(*asked, "--format", "coco")
    assert result.exit_code == 0, result.output
    assert "my_hands_coco.json: 0 images, 0 hands" in result.stdout
    assert "left out: 2 (image size unknown)" in result.stderr and "left out: 1 (no image)" in result.stderr
    content = json.loads(Path("x/Hand100M_100DOH_50k_v1-1_coco.json").read_text())
    assert [each["file_name"] for each in content["images"]] == [
        f"f/{ONE}/frame_000000.jpg",
        f"f/{TWO}/frame_000030.jpg",
    ]
    answer = document(run(*asked, "--images", "all", "--json"))
    assert [(one["hands"], one["left_out"]) for one in answer] == [(2, {"no image": 1}), (2, {})]
    assert document(run(*asked, "--all-hands", "--json"))[0]["hands"] == 3


def test_export_leaves_out_what_the_original_loaders_cannot_open_and_says_how_many(ingested: Path) -> None:
    asked = ["export", "simhand-50k", "--source", "100doh"]
    result = run(*asked)
    assert result.exit_code == 0 and result.stdout.endswith(": 0 images, 0 hands\n")
    assert "left out: 2 (image not on disk)" in result.stderr
    draw((ONE, 0))
    assert document(run(*asked, "--json"))[0]["left_out"] == {"image not on disk": 1, "positive is left out itself": 1}
    draw((TWO, 30))
    assert document(run(*asked, "--json"))[0]["hands"] == 2


def test_coco_files_hold_what_is_on_disk_where_the_setting_or_the_option_says_so(ingested: Path) -> None:
    asked = ["export", "simhand-50k", "--source", "100doh", "--format", "coco", "--json"]
    draw((ONE, 0))
    assert [document(run(*asked, *more))[0]["hands"] for more in ([], ["--images", "on_disk"])] == [2, 1]
    with Path(".env").open("a") as file:
        file.write("HAND100M_COCO_IMAGES=on_disk\n")
    assert [document(run(*asked, *more))[0]["hands"] for more in ([], ["--images", "all"])] == [1, 2]


@pytest.mark.parametrize("command", ["mine", "temporal"])
def test_pairs_of_tables_in_an_output_folder_are_exported_where_their_images_are(ingested: Path, command: str) -> None:
    tables = "out/100doh/annotations/simhand-50k"
    if command == "temporal":
        hands = [hand(11, 1, 13), hand(13, 2, 11)]
        write(Path("set.json"), {"images": [image(1, ONE, 0), image(2, ONE, 30)], "annotations": hands})
        run("validate", "set.json", tables)
    asked = [command, tables, "pairs.parquet", "--annotations", "pairs.json"]
    answer = document(run(*asked, "--json"))["annotations"]
    assert (answer["hands"], answer["left_out"]) == (0, {"image not on disk": 2})
    assert document(run(*asked, "--images", "all", "--json"))["annotations"]["hands"] == 2
    places = [(ONE, 30), (ONE, 0), (TWO, 30)]
    draw(*places, folder="elsewhere")
    assert document(run(*asked, "--frames", "elsewhere", "--json"))["annotations"]["hands"] == 2
    draw(*places)
    assert document(run(*asked, "--json"))["annotations"]["hands"] == 2


def test_where_nobody_can_say_where_images_are_the_mined_file_says_that_none_was_looked_for(root: Path) -> None:
    assert run("validate", sound_set(root), "tables").exit_code == 0
    asked = ["mine", "tables", "x.parquet", "--annotations", "x.json"]
    assert "images were not looked up" in run(*asked).stderr
    assert run(*asked, "--images", "on_disk").exit_code == 2
    assert run(*asked, "--images", "all", "--frames", ".").exit_code == 2
    assert run("mine", "tables", "x.parquet", "--frames", ".").exit_code == 2


def test_export_takes_sizes_from_the_inventory(ingested: Path) -> None:
    file = write(ingested / "my_hands.json", {"images": [image(1, ONE, 0)], "annotations": [hand(11, 1)]})
    run("validate", file, "out/100doh/annotations/my-hands")
    place = SourceWorkspace(Settings(_env_file=".env"), DOH)
    place.downloads.inventory(place.downloads.video_list()).write_parquet(place.output.table_file("inventory"))
    answer = document(run("export", "my-hands", "--source", "100doh", "--format", "coco", "--json"))
    assert (answer[0]["images"], answer[0]["hands"]) == (1, 1)


def test_export_of_a_set_without_tables_is_one_clear_line(ingested: Path) -> None:
    line = error_line(run("export", "topk-1m", "--source", "100doh"), 2)
    assert "topk-1m: no finished tables" in line and "Ingest the annotation file first" in line


@pytest.mark.parametrize(
    "options",
    [[], ["simhand-50k"], ["--source", "100doh"], ["x", "--source", "coco"],
     ["x", "--source", "ego4d", "--format", "y"],
     ["x", "--source", "ego4d", "--format", "coco", "--all-hands"],
     ["x", "--source", "ego4d", "--images", "on_disk", "--all-hands"]],
    ids=str,
)  # fmt: skip
def test_export_used_wrongly_exits_with_2(root: Path, options: list[str]) -> None:
    assert run("export", *options).exit_code == 2


def test_validate_leaves_a_lookup(drawable: Path) -> None:
    with HandTable(Path("tables")) as table:
        assert table[table.row_of(12)].video_id == TWO


def test_doctor_names_annotation_files_that_would_be_the_same_set(root: Path) -> None:
    for suffix in ("json", "json.zst"):
        (root / f"annotations/Ego4D/Hand100M_Ego4D_50k_v1-1.{suffix}").write_text("{}")
    result = run("doctor")
    assert result.exit_code == 1
    assert "gives the same set key 'simhand-50k' as Hand100M_Ego4D_50k_v1-1.json.zst" in result.stdout


def test_sample_hands_over_folder_and_seed_and_keeps_progress_off_the_document(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    class Report:
        def to_dict(self) -> dict[str, int]:
            return {"seed": asked["seed"]}

    def make(folder: Path, *, seed: int, progress: Callable[[str], None]) -> Report:
        asked.update(folder=folder, seed=seed)
        progress("drawing")
        return Report()

    monkeypatch.setattr("hand100m_assets.sample.workspace.make_sample", make)
    result = run("sample", "demo", "--seed", "3", "--json")
    assert (result.exit_code, document(result), asked["folder"]) == (0, {"seed": 3}, Path("demo"))
    assert result.stderr == "drawing\n"


def test_the_command_starts_without_loading_dagster_or_what_makes_samples() -> None:
    code = "import sys, hand100m_assets.cli.commands; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"dagster", "hand100m_assets.sample"} & set(done.stdout.split())


@pytest.fixture
def audited(root: Path) -> Path:
    """Finished frames of both videos of one source."""
    for video_id in (ONE, TWO):
        video = root / "100DOH/videos" / f"{video_id}.mp4"
        assert run("extract", "--every", "10", video, "out/100doh/frames").exit_code == 0
    return root / "out/100doh/frames"


def test_audit_of_sound_frames_exits_with_0(audited: Path) -> None:
    result = run("audit", "--seed", "3")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"1 of 2  {TWO}: 10 frames compared, 10 identical"
    assert lines[2] == "seed 3"
    answer = run("audit", "--sample", "1", "--frames-per-video", "4", "--seed", "3", "--json")
    (video,) = document(answer)["videos"]
    assert (video["source"], video["verdict"], video["frames_compared"]) == ("100doh", "agrees", 4)
    assert answer.stderr.startswith("1 of 1")
    named = document(run("audit", "--json", "--source", "100doh", "--", TWO))
    assert [video["video_id"] for video in named["videos"]] == [TWO]
    assert named["seed"] > 20_260_000


def test_audit_names_a_frame_that_differs_and_exits_with_1(audited: Path) -> None:
    (audited / ONE / "frame_000020.jpg").write_bytes((audited / ONE / "frame_000070.jpg").read_bytes())
    result = run("audit", ONE)
    assert result.exit_code == 1
    assert "1 differ; frame 20: the JPEG shows another picture" in result.stdout
    (difference,) = document(run("audit", ONE, "--json"))["videos"][0]["differences"]
    assert difference["frame_index"] == 20
    assert run("audit", "--", TWO).exit_code == 0


def test_audit_that_can_compare_nothing_says_why_and_exits_with_1(audited: Path, root: Path) -> None:
    os.utime(root / "100DOH/videos" / f"{ONE}.mp4", (1, 1))
    result = run("audit", ONE)
    assert result.exit_code == 1
    assert f"{ONE}: skipped: its video changed after the frames were made" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [["nope"], ["../x"], [ONE, "--sample", "2"], ["--sample", "0"], ["--source", "youtube"], ["--seed", "x"]],
    ids=str,
)
def test_audit_used_wrongly_exits_with_2(audited: Path, arguments: list[str]) -> None:
    result = run("audit", *arguments)
    assert result.exit_code == 2
    assert "rror: " in result.stderr.splitlines()[-1]


def test_audit_before_anything_is_extracted_is_a_wrong_use(root: Path) -> None:
    assert "no video's frames are finished yet" in error_line(run("audit"), status=2)


# What goes wrong with the folders.


def test_a_missing_root_names_the_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAND100M_DATA_ROOT", "/nowhere")
    folders = ["/nowhere/ego4d/v1/full_scale", "/nowhere/100DOH/videos"]
    result = run("status")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == folders
    assert all("cannot be read (No such file or directory). Mount or create it" in line for line in lines)
    found = document(run("doctor", "--json"))
    assert [f["what"].split(":")[0] for f in found if f["severity"] == "error"] == folders
    assert run("doctor").exit_code == 1


def test_one_source_that_cannot_be_read_does_not_hide_the_other(root: Path) -> None:
    (root / "100DOH").rename(root / "elsewhere")
    result = run("status", "--json")
    assert result.exit_code == 1
    first, second = document(result)
    assert (first["source"], first["videos_complete"]) == ("ego4d", 2)
    assert second["source"] == "100doh" and "cannot be read" in second["error"]
    assert "ego4d" in run("status").stdout


def test_an_empty_root_says_what_to_do(root: Path) -> None:
    for video in (root / "100DOH/videos").iterdir():
        video.unlink()
    result = run("doctor")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("error")]
    assert f"{root}/100DOH/videos: no whole video. Download some, or correct the path." in line


def test_an_unreadable_folder_is_not_an_empty_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything, so permissions alone prove nothing
    result = run("status")
    assert (result.exit_code, result.stderr.count("cannot be read (Permission denied)")) == (1, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id;size\naaaaaaaaaaa;12\n", "row 1: neither a header with a video name nor a row of the 100DOH list"),
        (f"{ONE} g l 320x240 30/1\n../x g l 320x240 30/1\n", "row 2, column video_id: video id '../x' may hold only"),
        (f"{ONE} g l 320by240 30/1\n", "row 1"),
        ("", "the list is empty"),
    ],
    ids=["columns", "escape", "value", "empty"],
)
def test_a_malformed_list_names_file_row_and_remedy(root: Path, text: str, words: str) -> None:
    path = root / "100doh_valid_name_list.txt"
    path.write_text(text)
    result = run("status")
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 1
    assert line.startswith(f"error: {path}") and words in line
    assert "Traceback" not in result.output and "ego4d" in result.stdout
    assert run("doctor").exit_code == 1


def test_a_list_may_name_ids_that_begin_with_a_dash(root: Path) -> None:
    rows = document(run("status", "--json"))
    assert (rows[1]["videos_complete"], rows[1]["videos_missing"]) == (2, 0)


# What goes wrong with a video.


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        ("zero_bytes", "zero bytes: the download failed. Download it again."),
        ("text", "not a video"),
        ("audio_only", "only sound or data. Put the video in its place, or remove it."),
        ("cut_without_index", "index (moov) is missing: the download was cut. Download it again."),
    ],
)
def test_a_file_that_is_no_video_is_named_with_what_to_do(root: Path, clips: Path, clip: str, words: str) -> None:
    path = clips / f"{clip}.mp4"
    line = error_line(run("extract", path, "a"))
    assert line.startswith(f"{path}: ") and words in line
    assert not list(Path("a").glob("[!.]*"))


def test_a_video_that_is_not_there_is_named(root: Path) -> None:
    assert error_line(run("extract", "nope.mp4", "a")).startswith("nope.mp4: the video cannot be read now")


def test_a_file_name_that_is_no_safe_id_is_refused(root: Path, clips: Path) -> None:
    path = copy_clip(clips / "keyint30_no_b.mp4", root, "my video")
    assert "may hold only letters, digits" in error_line(run("extract", path, "a"))
    assert not Path("a").exists()


# What goes wrong with an annotation file.


@pytest.mark.parametrize("text", ["[]", '{"a": 1}', '"text"', "", "<html>403 Forbidden</html>"], ids=str)
def test_json_of_another_shape_is_one_clear_line_and_makes_nothing(root: Path, text: str) -> None:
    (root / "file.json").write_text(text)
    line = error_line(run("validate", "file.json", "tables"))
    assert line.startswith("file.json") and ". " in line
    assert not Path("tables").exists()


def test_json_cut_in_the_middle_keeps_what_was_whole_and_exits_with_1(root: Path) -> None:
    file = sound_set(root)
    file.write_text(file.read_text()[:-80])
    result = run("validate", file, "tables")
    assert result.exit_code == 1
    assert "Traceback" not in result.output and "error   file_incomplete: 1." in result.stdout
    assert "2 images and 1 hand kept" in result.stdout


def test_an_annotation_file_that_is_not_there_is_named(root: Path) -> None:
    assert error_line(run("validate", "nope.json", "tables")).startswith("nope.json: cannot be read")


# What goes wrong with the output.


def refusing(number: int) -> Callable[..., None]:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    return refuse


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "The disk is full: free some space"), (errno.EROFS, "mounted read-only")]
)
@pytest.mark.parametrize("command", ["extract", "validate", "grid"])
def test_an_output_disk_that_refuses_is_one_clear_line_and_leaves_nothing(
    drawable: Path, command: str, number: int, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {
        "extract": ["extract", drawable / "100DOH/videos" / f"{ONE}.mp4", "new"],
        "validate": ["validate", drawable / "Hand100M_100DOH_50k_v1-1.json", "new/tables"],
        "grid": ["grid", "tables", "frames", "new/grid.jpg"],
    }
    for name in ("write_bytes", "write_text"):
        monkeypatch.setattr(Path, name, refusing(number))
    assert advice in error_line(run(*arguments[command]))
    monkeypatch.undo()
    assert not [path for path in (drawable / "new").rglob("*") if path.is_file()]


def test_a_file_in_place_of_the_output_folder_is_one_clear_line(drawable: Path) -> None:
    Path("taken").write_text("here already")
    line = error_line(run("extract", drawable / "100DOH/videos" / f"{ONE}.mp4", "taken/frames"))
    assert "taken" in line and "choose another output folder" in line
    assert Path("taken").read_text() == "here already"


# What goes wrong with the settings and the arguments.


def test_a_malformed_setting_is_a_wrong_use(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAND100M_FRAME_STRIDE", "thirty")
    assert "HAND100M_FRAME_STRIDE" in error_line(run("status"), status=2)


def test_settings_that_name_no_file_are_a_wrong_use(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAND100M_ENV_FILE", "nope.env")
    assert error_line(run("doctor"), status=2).startswith("nope.env: no such settings file")


@pytest.mark.parametrize("arguments", [["frob"], ["extract"], ["grid", "nope", "nope", "x.jpg"]], ids=str)
def test_a_wrong_use_exits_with_2(root: Path, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_every_command_explains_itself(root: Path) -> None:
    overview = run("--help").stdout
    for command in commands.list_commands(click.Context(commands)):
        assert command in overview
        assert run(command, "-h").exit_code == 0


def all_commands() -> Iterator[click.Command]:
    context = click.Context(commands)
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        assert command is not None
        yield command


def test_every_path_on_the_command_line_may_begin_with_the_home_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(root))
    result = run("extract", "--frames", "0", f"~/100DOH/videos/{ONE}.mp4", "~/made")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (root / "made" / ONE / "frame_000000.jpg").exists() and not Path("~").exists()
    paths = [p for command in all_commands() for p in command.params if isinstance(p.type, click.Path)]
    assert all(isinstance(p.type, HomePath) for p in paths) and len(paths) > 10
