"""Every asset check passes on a sound workspace, and fails for the one fault that is planted."""

from __future__ import annotations

import inspect
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import dagster as dg
import numpy as np
import polars as pl
import pytest

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.annotations.rules import RULES
from hand100m_assets.dataset.building import build_training_set
from hand100m_assets.definitions import build_checks
from hand100m_assets.defs.jobs import MADE_OF_EACH_SET
from hand100m_assets.defs.partitions import annotation_set_partitions, register
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.defs.videos import audit_check
from hand100m_assets.defs.videos import frame_checks as frames_check
from hand100m_assets.files import last_look_s
from hand100m_assets.pairs import resolve_pairs
from hand100m_assets.sources import DOH
from hand100m_assets.video.frames.job import extract_one
from hand100m_assets.workspace import seed_of_today
from hand100m_assets_tests.defs.conftest import Clock, TinyWorkspace, hand, image, tiny_workspace

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
ONE, TWO, THREE = "aaaaaaaaaaa", "-bbbbbbbbbb", "ccccccccccc"
SET = "simhand-50k"
CHECKS = {spec.name: checks for checks in build_checks(DOH) for spec in checks.check_specs}


def sound_images() -> list[dict]:
    return [image(ONE, 30, 1), image(TWO, 60, 2), image(ONE, 90, 3), image(TWO, 0, 4)]


def sound_hands() -> list[dict]:
    return [hand(11, 1, 12), hand(12, 2, 11), hand(13, 3, 14), hand(14, 4, 13)]


@pytest.fixture(scope="module")
def sound_tree(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Path:
    """Folders of a workspace without a fault, everything materialized, every check evaluated."""
    folder = tmp_path_factory.mktemp("sound")
    with tiny_workspace(folder, clips) as tiny:
        tiny.add_video(ONE)
        tiny.add_video(TWO)
        tiny.add_list(ONE, TWO)
        tiny.add_annotations(sound_hands(), sound_images())
        tiny.notice()
        assert tiny.ingest().success
        assert tiny.extract(TWO, ONE).success
        assert tiny.execute("100doh_catalog").success
        assert tiny.draw().success
        evaluations = tiny.execute("100doh_checks").get_asset_check_evaluations()
        assert [e.check_name for e in evaluations if not e.passed] == []
        assert {e.check_name for e in evaluations} == CHECKS.keys()
    return folder


@pytest.fixture
def sound(sound_tree: Path, tmp_path: Path, clips: Path) -> Iterator[TinyWorkspace]:
    """A copy to break, file times included."""
    shutil.copytree(sound_tree, tmp_path, dirs_exist_ok=True)
    with tiny_workspace(tmp_path, clips) as tiny:
        tiny.register(ONE, TWO)
        register(tiny.instance, annotation_set_partitions(DOH), [SET])
        yield tiny


class Found(NamedTuple):
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: dict[str, object]


def evaluate(tiny: TinyWorkspace, name: str) -> Found:
    definition = CHECKS[name]
    context = [dg.build_asset_check_context(instance=tiny.instance)]
    body = inspect.unwrap(definition.op.compute_fn.decorated_fn)
    takes_context = "context" in inspect.signature(body).parameters
    found = definition(*context * takes_context, workspace=Workspace.of(tiny.settings))
    result = found if isinstance(found, dg.AssetCheckResult) else next(r for r in found if r.check_name == name)
    metadata = {key: value.value for key, value in result.metadata.items()}
    return Found(result.passed, result.severity, result.description or "", metadata)


def examples(result: Found) -> str:
    return str(result.metadata["examples"])


def take_inventory(tiny: TinyWorkspace) -> None:
    tiny.place.downloads.inventory(tiny.place.downloads.video_list()).write_parquet(
        tiny.place.output.table_file("inventory")
    )


def take_annotations(tiny: TinyWorkspace, hands: list[dict], images: list[dict], **how: str) -> str:
    """Ingest again, resolve again; returns the set's key."""
    tables = tiny.place.output.annotation_dir(how.get("key", SET))
    ingest_file(tiny.add_annotations(hands, images, how.get("file_name", "Hand100M_100DOH_50k_v1-1.json")), tables)
    pairs = resolve_pairs(pl.read_parquet(tables / "hands.parquet"))
    pairs.write_parquet(tiny.place.output.table_file("pairs", SET))
    return tables.name


def test_a_sound_copy_passes_and_says_how_much_was_checked(sound: TinyWorkspace) -> None:
    rules = {rule.name for rule in RULES[1:]}  # evaluated together with the first
    results = {name: evaluate(sound, name) for name in CHECKS.keys() - rules}
    assert [name for name, result in results.items() if not result.passed] == []
    counted = {name: result.metadata["checked"] for name, result in results.items() if "checked" in result.metadata}
    assert counted == {
        "downloads_are_whole": 2,
        "downloads_can_be_taken": 2,
        "listed_videos_are_here": 2,
        "videos_match_the_list": 2,
        "sizes_and_lengths_match_the_list": 2,
        "frames_are_complete": 2,
        "frames_are_extracted": 2,
        "frame_files_match_manifests": 20,
        "annotated_images_exist": 4,
        "positives_are_resolved": 4,
        "distances_are_finite": 4,
        "all_sound_hands_are_mined": 4,
        "neighbours_are_from_other_videos": 8,
        "shipped_positives_are_near": 1,
        "grid_cells_are_filled": 8,
        "sheet_cells_are_filled": 16,
        "grids_have_full_size": 2,
        "training_counts_add_up": 4,
        "training_hands_are_samples": 4,
        "training_keypoints_are_inside": 4,
        "training_pixels_are_those_of_the_frames": 4,
        "training_positives_are_in_range": 4,
        "training_shards_are_whole": 4,
        **{f"every_set_has_{asset}": 1 for asset in MADE_OF_EACH_SET},
        "tables_are_of_the_file_that_is_here": 1,
    }


def test_with_nothing_materialized_every_check_fails_in_words_and_none_crashes(tiny: TinyWorkspace) -> None:
    result = tiny.execute("100doh_checks")
    assert result.success
    evaluations = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert evaluations.keys() == CHECKS.keys()
    assert evaluations.pop("output_has_one_owner").passed, "nobody else fills it"
    for name, evaluation in evaluations.items():
        assert not evaluation.passed, name
        words = evaluation.description or ""
        assert words.startswith(("There are no ", "There is no ", "No annotation set has tables")), words


def test_an_absent_list_is_a_warning(sound: TinyWorkspace) -> None:
    sound.place.folders.list_file.unlink()
    result = evaluate(sound, "list_is_here")
    assert (result.passed, result.severity) == (False, WARN)
    assert str(sound.place.folders.list_file) in result.description and ".env" in result.description


@pytest.mark.parametrize("row", ["../escapes genre link 320x240 30/1\n", "too short\n"])
def test_a_list_that_cannot_be_read_is_an_error(sound: TinyWorkspace, row: str) -> None:
    path = sound.add_list(ONE, TWO)
    path.write_text(path.read_text() + row)
    result = evaluate(sound, "list_is_here")
    assert (result.passed, result.severity) == (False, ERROR)
    assert f"{path}, row 3" in result.description


@pytest.mark.parametrize("clip", ["cut_with_index", "cut_without_index", "text", "audio_only", "zero_bytes"])
def test_a_download_that_is_no_whole_video_is_an_error(sound: TinyWorkspace, clip: str) -> None:
    sound.add_video(ONE, clip)
    take_inventory(sound)
    result = evaluate(sound, "downloads_are_whole")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert ONE in examples(result) and TWO not in examples(result)
    assert "missing_videos.txt" in result.description


def test_a_file_that_is_here_under_another_name_is_named_with_its_reason_and_not_to_be_downloaded(
    sound: TinyWorkspace,
) -> None:
    file = sound.place.video_file(ONE)
    file.rename(file.with_name(f"A title [{ONE}].mp4"))
    take_inventory(sound)
    result = evaluate(sound, "downloads_can_be_taken")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert ONE in result.description and f"rename it to {ONE}.mp4" in result.description
    assert evaluate(sound, "downloads_are_whole").passed and evaluate(sound, "listed_videos_are_here").passed


@pytest.mark.parametrize("left_behind", [None, f"{THREE}.mp4.part"])
def test_a_listed_video_that_is_not_here_is_a_warning(sound: TinyWorkspace, left_behind: str | None) -> None:
    sound.add_list(ONE, TWO, THREE)
    if left_behind:
        (sound.place.folders.videos_dir / left_behind).write_bytes(b"begun")
    take_inventory(sound)
    result = evaluate(sound, "listed_videos_are_here")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, WARN, 1)
    assert THREE in examples(result)
    assert evaluate(sound, "downloads_are_whole").passed


def test_a_video_of_another_size_than_listed_is_an_error(sound: TinyWorkspace) -> None:
    sound.add_list(ONE, TWO, size="640x480")
    take_inventory(sound)
    result = evaluate(sound, "videos_match_the_list")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 2)
    assert "resolution: 320x240, listed 640x480" in examples(result)


def test_a_video_of_another_file_size_than_listed_is_a_warning(sound: TinyWorkspace) -> None:
    video_bytes = sound.place.video_file(ONE).stat().st_size
    sound.add_list(text=f"video_id size length\n{ONE} {video_bytes - 1} 3.3\n{TWO} {video_bytes} 3.3\n")
    take_inventory(sound)
    result = evaluate(sound, "sizes_and_lengths_match_the_list")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, WARN, 1)
    assert f"size in bytes: {video_bytes:,}, listed {video_bytes - 1:,}" in examples(result) and ONE in examples(result)
    assert evaluate(sound, "videos_match_the_list").passed


@pytest.mark.parametrize(("clip", "state"), [("zeroed_blocks", "damaged"), ("text", "failed for good")])
def test_a_video_that_lost_frames_is_an_error(sound: TinyWorkspace, clip: str, state: str) -> None:
    sound.add_video(ONE, clip)
    extract_one(sound.place.extraction_jobs([ONE])[0])
    result = evaluate(sound, "frames_are_complete")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert ONE in examples(result) and state in examples(result)
    assert result.metadata["videos_by_state"] == {state: 1, "done": 1}
    assert evaluate(sound, "frames_are_extracted").passed


def test_a_video_that_was_never_extracted_is_a_warning(sound: TinyWorkspace) -> None:
    sound.add_video(THREE)
    sound.register(THREE)
    result = evaluate(sound, "frames_are_extracted")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, WARN, 1)
    assert THREE in examples(result)
    assert evaluate(sound, "frames_are_complete").passed


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.unlink(), "gone"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "100 bytes where the manifest says"),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), "not a JPEG"),
    ],
    ids=["deleted", "cut", "zeros"],
)
def test_a_frame_file_that_is_not_as_the_manifest_says_is_an_error(
    sound: TinyWorkspace, harm: Callable[[Path], object], words: str
) -> None:
    harm(sound.place.output.frame_file(ONE, 50))
    result = evaluate(sound, "frame_files_match_manifests")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert words in examples(result) and f"{ONE}/frame_000050.jpg" in examples(result)


def test_other_frame_files_are_looked_at_each_day_and_the_seed_tells_which(
    sound: TinyWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames_check, "FILES_SAMPLED", 10)
    sound.place.output.frame_file(ONE, 50).unlink()
    seen = {}
    for day in (*range(20260101, 20260111), 20260101):
        monkeypatch.setattr(frames_check, "seed_of_today", lambda day=day: day)
        result = evaluate(sound, "frame_files_match_manifests")
        told = result.metadata
        assert (told["checked"], told["files"], told["seed"]) == (10, 20, day)
        assert seen.setdefault(day, result.passed) == result.passed
    assert set(seen.values()) == {True, False}


AUDIT = "frames_agree_with_independent_decode"


def test_the_audit_says_what_it_compared_and_how_it_was_drawn(sound: TinyWorkspace) -> None:
    result = evaluate(sound, AUDIT)
    assert (result.passed, result.description) == (True, "20 frames agree; they are of 2 videos.")
    told = result.metadata
    assert (told["frames_compared"], told["frames_identical"], told["at_fault"]) == (20, 20, 0)
    assert (told["videos"], told["skipped"], told["unseen_damage"]) == ([TWO, ONE], {}, {})
    assert told["seed"] == seed_of_today()
    fewer = evaluate(sound.reconfigured(audit_videos=1, audit_frames_per_video=3), AUDIT)
    assert (fewer.passed, fewer.metadata["frames_compared"]) == (True, 3)
    assert fewer.metadata["sample"].startswith("1 of 2 finished videos")


def test_the_sample_of_the_audit_changes_from_day_to_day(sound: TinyWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = sound.reconfigured(audit_videos=1)
    drawn = []
    for day in range(20260101, 20260112):
        monkeypatch.setattr(audit_check, "seed_of_today", lambda day=day: day)
        drawn += evaluate(fewer, AUDIT).metadata["videos"]
    assert set(drawn) == {ONE, TWO}


def test_a_frame_under_a_wrong_number_is_an_error(sound: TinyWorkspace) -> None:
    shutil.copy(sound.place.output.frame_file(ONE, 40), sound.place.output.frame_file(ONE, 50))
    result = evaluate(sound, AUDIT)
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert f"| {ONE} | 50 |" in examples(result)
    assert "1 frame differs" in result.description


def test_damage_that_only_the_audit_sees_is_a_warning(sound: TinyWorkspace) -> None:
    video = sound.place.video_file(ONE)
    data = bytearray(video.read_bytes())
    with av.open(str(video)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][45]
        for offset in range(60, packet.size, 7):
            data[packet.pos + offset] ^= 0x55
    video.write_bytes(data)
    wide = sound.reconfigured(frame_stride=30)
    shutil.rmtree(sound.place.output.frame_dir(ONE))
    assert extract_one(wide.place.extraction_jobs([ONE])[0]).manifest.status == "complete"
    result = evaluate(wide, AUDIT)
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, WARN, 0)
    assert list(result.metadata["unseen_damage"]) == [ONE]


def test_an_audit_that_is_switched_off_or_compares_nothing_does_not_pass(sound: TinyWorkspace) -> None:
    off = evaluate(sound.reconfigured(audit_videos=0), AUDIT)
    assert (off.passed, off.severity, off.metadata["frames_compared"]) == (False, WARN, 0)
    assert "Switched off by HAND100M_AUDIT_VIDEOS=0" in off.description
    for video_id in (ONE, TWO):
        os.utime(sound.place.video_file(video_id), (1, 1))
    changed_files = evaluate(sound, AUDIT)
    assert (changed_files.passed, changed_files.severity) == (False, WARN)
    assert set(changed_files.metadata["skipped"]) == {ONE, TWO}
    for video_id in (ONE, TWO):
        sound.place.video_file(video_id).unlink()
    assert "The files of all finished videos are gone" in evaluate(sound, AUDIT).description


def test_a_deleted_frame_makes_its_video_wait_for_extraction(sound: TinyWorkspace) -> None:
    sound.place.output.frame_file(ONE, 50).unlink()
    assert not evaluate(sound, "frames_are_extracted").passed


@pytest.mark.parametrize("asset", MADE_OF_EACH_SET)
def test_a_registered_set_of_which_something_was_not_made_is_an_error_that_names_it(
    sound: TinyWorkspace, asset: str
) -> None:
    register(sound.instance, annotation_set_partitions(DOH), ["topk-1m"])
    result = evaluate(sound, f"every_set_has_{asset}")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert examples(result).splitlines()[2:] == ["| topk-1m |"]
    assert f"1 set has no {asset}. Materialize {asset} of topk-1m" in result.description


def changed(records: list[dict], index: int, **fields: object) -> list[dict]:
    return [{**record, **fields} if n == index else record for n, record in enumerate(records)]


FAULTS: dict[str, tuple[list[dict], list[dict]]] = {
    "record_rejected": (changed(sound_hands(), 0, left_right="Both"), sound_images()),
    "no_hands": ([], sound_images()),
    "hand_id_duplicate": ([*sound_hands(), hand(11, 3, 12)], sound_images()),
    "image_id_duplicate": (sound_hands(), [*sound_images(), image(TWO, 50, 1)]),
    "unknown_key": (changed(sound_hands(), 0, score=0.5), sound_images()),
    "image_missing": (changed(sound_hands(), 2, image_id=99), sound_images()),
    "positive_missing": (changed(sound_hands(), 1, positive_sample=["404"]), sound_images()),
    "positive_is_itself": (changed(sound_hands(), 1, positive_sample=["12"]), sound_images()),
    "positive_from_same_video": (changed(sound_hands(), 0, positive_sample=["13"]), sound_images()),
    "positives_and_distances_differ_in_number": (changed(sound_hands(), 0, distance=[0.1, 0.2]), sound_images()),
    "distance_negative": (changed(sound_hands(), 0, distance=[-0.1]), sound_images()),
    "keypoint_far_outside_crop": (changed(sound_hands(), 0, keypoint_25d=[7.0] * 63), sound_images()),
    "box_empty": (changed(sound_hands(), 0, boxes="[50, 50, 50, 90]"), sound_images()),
    "box_misses_image": (changed(sound_hands(), 0, boxes="[900, 900, 990, 990]"), sound_images()),
    "box_outside_image": (changed(sound_hands(), 0, boxes="[300, 60, 330, 90]"), sound_images()),
    "frame_off_stride": (sound_hands(), changed(sound_images(), 0, **image(ONE, 33, 1))),
    "frame_beyond_end": (sound_hands(), changed(sound_images(), 0, **image(ONE, 100, 1))),
    "image_size_differs": (sound_hands(), changed(sound_images(), 0, width=640, height=480)),
    "handedness_respelled": (changed(sound_hands(), 0, left_right=" right"), sound_images()),
    "value_left_out": (sound_hands(), changed(sound_images(), 0, width="wide")),
}


@pytest.mark.parametrize("rule", FAULTS)
def test_each_annotation_rule_is_a_check_that_fails_for_its_fault(sound: TinyWorkspace, rule: str) -> None:
    take_annotations(sound, *FAULTS[rule])
    result = evaluate(sound, rule)
    severity = next(each.severity for each in RULES if each.name == rule)
    assert (result.passed, result.severity) == (False, ERROR if severity == "error" else WARN)
    assert result.metadata[f"{SET}: at fault"] >= 1
    assert "| " in result.metadata[f"{SET}: examples"]
    assert "at fault in 1 set" in result.description


@pytest.mark.parametrize("rule", ["frame_beyond_end", "box_misses_image", "box_outside_image"])
def test_a_rule_that_could_judge_nothing_is_a_warning_that_says_why(sound: TinyWorkspace, rule: str) -> None:
    sound.place.output.table_file("inventory").unlink()
    result = evaluate(sound, rule)
    assert (result.passed, result.severity) == (False, WARN)
    assert (result.metadata[f"{SET}: at fault"], result.metadata[f"{SET}: checked"]) == (0, 0)
    assert f"{SET}: 4 of 4 not checked: " in result.description and "no inventory" in result.description


def test_a_rule_that_could_judge_a_part_passes_and_says_how_much(sound: TinyWorkspace) -> None:
    inventory = sound.place.output.table_file("inventory")
    pl.read_parquet(inventory).filter(pl.col("video_id") == ONE).write_parquet(inventory)
    result = evaluate(sound, "frame_beyond_end")
    assert (result.passed, result.metadata[f"{SET}: checked"]) == (True, 2)
    assert f"{SET}: 2 of 4 not checked" in result.description


def test_totals_that_nobody_expects_are_not_said_to_be_right(sound: TinyWorkspace) -> None:
    result = evaluate(sound, "totals_differ")
    assert result.passed
    assert f"{SET}: 2 of 2 not checked: no totals are expected (HAND100M_EXPECTED_TOTALS)" in result.description


def test_a_file_that_breaks_off_is_an_error(sound: TinyWorkspace) -> None:
    path = sound.add_annotations(sound_hands(), sound_images())
    path.write_text(path.read_text()[:-150])
    ingest_file(path, sound.place.output.annotation_dir(SET))
    assert not evaluate(sound, "file_incomplete").passed


def test_a_key_given_twice_is_a_warning(sound: TinyWorkspace) -> None:
    path = sound.add_annotations(sound_hands(), sound_images())
    path.write_text(path.read_text().replace('"left_right"', '"left_right": 0, "left_right"', 1))
    ingest_file(path, sound.place.output.annotation_dir(SET))
    result = evaluate(sound, "key_repeated")
    assert (result.passed, result.severity, result.metadata[f"{SET}: at fault"]) == (False, WARN, 1)


def test_other_totals_than_published_are_an_error(sound: TinyWorkspace) -> None:
    strict = sound.reconfigured(expected_totals={f"100doh/{SET}": (4, 5)})
    result = evaluate(strict, "totals_differ")
    assert (result.passed, result.metadata[f"{SET}: at fault"]) == (False, 1)
    assert "| hands | 5 | 4 |" in result.metadata[f"{SET}: examples"]


def test_zero_bytes_behind_a_whole_file_are_a_warning(sound: TinyWorkspace) -> None:
    path = sound.add_annotations(sound_hands(), sound_images())
    path.write_bytes(path.read_bytes() + bytes(16))
    ingest_file(path, sound.place.output.annotation_dir(SET))
    result = evaluate(sound, "file_odd")
    assert (result.passed, result.severity, result.metadata[f"{SET}: at fault"]) == (False, WARN, 1)
    assert evaluate(sound, "file_incomplete").passed


def test_hands_in_another_order_than_in_the_file_are_an_error(sound: TinyWorkspace) -> None:
    path = sound.place.output.annotation_dir(SET) / "hands.parquet"
    pl.read_parquet(path).sort("row_index", descending=True).write_parquet(path)
    result = evaluate(sound, "rows_out_of_order")
    assert (result.passed, result.severity, result.metadata[f"{SET}: at fault"]) == (False, ERROR, 3)


def test_every_rule_is_shown_to_fail_here() -> None:
    shown = {"file_incomplete", "file_odd", "key_repeated", "rows_out_of_order", "totals_differ"}
    assert FAULTS.keys() | shown == {rule.name for rule in RULES}


def test_one_bad_set_among_good_ones_is_named(sound: TinyWorkspace) -> None:
    take_annotations(sound, *FAULTS["box_empty"], key="topk-1m", file_name="Hand100M_100DOH_topk_1m_v1-1.json")
    result = evaluate(sound, "box_empty")
    assert not result.passed
    assert {name: value for name, value in result.metadata.items() if name.endswith("at fault")} == {
        f"{SET}: at fault": 0,
        "topk-1m: at fault": 1,
    }


@pytest.mark.parametrize(("limit", "severity"), [(0.5, WARN), (0.25, WARN), (0.2, ERROR), (0.0, ERROR)])
def test_missing_images_warn_up_to_the_limit_and_are_an_error_above(
    sound: TinyWorkspace, limit: float, severity: dg.AssetCheckSeverity
) -> None:
    path = sound.place.output.table_file("coverage", SET)
    lacks = pl.col("frame_index") == 60
    pl.read_parquet(path).with_columns(
        exists=~lacks, reason=pl.when(lacks).then(pl.lit("frame damaged")).otherwise("reason")
    ).write_parquet(path)
    result = evaluate(sound.reconfigured(max_missing_share=limit), "annotated_images_exist")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, severity, 1)
    assert "lacks 25.0%" in result.description and "frame damaged" in examples(result) and TWO in examples(result)


def test_a_hand_without_positive_is_an_error(sound: TinyWorkspace) -> None:
    take_annotations(sound, *FAULTS["positive_missing"])
    result = evaluate(sound, "positives_are_resolved")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert f"| {SET} | 1 | 12 |" in examples(result)
    assert evaluate(sound, "distances_are_finite").passed


def test_a_pair_without_distance_is_an_error(sound: TinyWorkspace) -> None:
    take_annotations(sound, changed(sound_hands(), 3, distance=[]), sound_images())
    result = evaluate(sound, "distances_are_finite")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert f"| {SET} | 3 | 14 |" in examples(result)


@pytest.mark.parametrize("slice_hands", [1, 2, 1000])
def test_a_neighbour_from_the_same_video_is_an_error_in_whatever_slices_it_is_looked_for(
    sound: TinyWorkspace, slice_hands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hand100m_assets.defs.annotation_sets.mining_checks.SLICE_HANDS", slice_hands)
    assert evaluate(sound, "neighbours_are_from_other_videos").passed
    path = sound.place.output.table_file("mined_pairs", SET)
    table = pl.read_parquet(path)
    own = pl.when(pl.col("row_index") == 1).then(pl.lit([3, 0], pl.List(pl.UInt32))).otherwise("neighbour_rows")
    table.with_columns(neighbour_rows=own).write_parquet(path)
    result = evaluate(sound, "neighbours_are_from_other_videos")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert f"| {SET} | 1 | 12 | 3 |" in examples(result)


def test_a_hand_that_was_not_mined_or_is_no_more_is_an_error(sound: TinyWorkspace) -> None:
    path = sound.place.output.table_file("mined_pairs", SET)
    pl.read_parquet(path).filter(pl.col("row_index") != 2).write_parquet(path)
    result = evaluate(sound, "all_sound_hands_are_mined")
    assert (result.passed, result.metadata["at_fault"], f"| {SET} | 2 |" in examples(result)) == (False, 1, True)
    take_annotations(sound, sound_hands()[:2], sound_images())
    result = evaluate(sound, "all_sound_hands_are_mined")
    assert (result.passed, f"| {SET} | 3 |" in examples(result)) == (False, True)


def test_positives_that_are_mostly_far_are_a_warning(sound: TinyWorkspace) -> None:
    path = sound.place.output.table_file("agreement", SET)
    pl.read_parquet(path).with_columns(rank_at_least=pl.lit(11, pl.UInt32), reason=None).write_parquet(path)
    result = evaluate(sound, "shipped_positives_are_near")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, WARN, 1)


@pytest.mark.parametrize("asset", ["grid", "sheets"])
@pytest.mark.parametrize(
    ("hands", "empty", "severity"), [(100, 5, WARN), (100, 6, ERROR), (20, 1, WARN), (8, 1, ERROR)]
)
def test_empty_cells_warn_up_to_the_limit_of_those_that_should_be_filled_and_are_an_error_above(
    sound: TinyWorkspace, asset: str, hands: int, empty: int, severity: dg.AssetCheckSeverity
) -> None:
    path = sound.place.output.table_file(asset, SET)
    schema = pl.read_parquet_schema(path)
    cells = [{"cell": n, "video_id": ONE, "reason": "image not on disk" if n < empty else None} for n in range(hands)]
    pl.DataFrame(cells, schema=schema).write_parquet(path)
    result = evaluate(sound, f"{asset.removesuffix('s')}_cells_are_filled")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, severity, empty)
    assert "image not on disk" in examples(result) and f"lacks {empty / hands:.0%}" in result.description


def test_a_set_without_any_pair_has_no_empty_cell(sound: TinyWorkspace) -> None:
    path = sound.place.output.table_file("grid", SET)
    pl.read_parquet(path).clear().write_parquet(path)
    assert evaluate(sound, "grid_cells_are_filled").passed


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.unlink(), "absent"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5000]), "cut short"),
        (lambda path: cv2.imwrite(str(path), np.zeros((64, 32, 3), np.uint8)), "32 x 64"),
    ],
    ids=["deleted", "cut", "small"],
)
@pytest.mark.parametrize("labelled", [False, True])
def test_a_grid_that_is_gone_or_cut_is_an_error(
    sound: TinyWorkspace, labelled: bool, harm: Callable[[Path], object], words: str
) -> None:
    path = sound.place.output.grid_file(SET, labelled=labelled)
    harm(path)
    result = evaluate(sound, "grids_have_full_size")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 1)
    assert words in examples(result) and path.name in examples(result)


def test_a_check_that_cannot_read_its_tables_says_which(sound: TinyWorkspace) -> None:
    summary = sound.place.output.annotation_dir(SET) / "summary.json"
    summary.write_text(json.dumps({"images_read": "many"}))
    with pytest.raises(dg.Failure, match="Ingest the annotation file first") as caught:
        evaluate(sound, "box_empty")
    assert str(summary.parent) in str(caught.value.description)


def test_downloads_that_nobody_has_looked_at_for_longer_than_allowed_are_warned_of(
    sound: TinyWorkspace, shown: Clock
) -> None:
    found = evaluate(sound, "downloads_were_looked_at")
    assert found.passed
    assert found.metadata["hours_since"] < 1
    shown.now_s += 23.5 * 3600
    assert evaluate(sound, "downloads_were_looked_at").passed
    assert not evaluate(sound.reconfigured(max_look_age_hours=12), "downloads_were_looked_at").passed
    shown.now_s += 3600
    found = evaluate(sound, "downloads_were_looked_at")
    assert (found.passed, found.severity, found.metadata["hours_allowed"]) == (False, WARN, 24)
    assert "24.5 hours ago; the limit is 24 h. Switch the sensor 100doh_new_videos on" in found.description


def test_a_look_at_a_folder_that_is_away_is_none(sound: TinyWorkspace, shown: Clock) -> None:
    before_s = last_look_s(sound.place.output.videos_looked_at_file)
    folder = sound.place.folders.videos_dir
    folder.rename(folder.with_name("away"))
    sound.tick("100doh_new_videos")
    assert last_look_s(sound.place.output.videos_looked_at_file) == before_s
    folder.with_name("away").rename(folder)
    sound.tick("100doh_new_videos")
    assert last_look_s(sound.place.output.videos_looked_at_file) > before_s


def test_before_the_first_look_the_check_says_what_to_do(sound: TinyWorkspace) -> None:
    sound.place.output.videos_looked_at_file.unlink()
    found = evaluate(sound, "downloads_were_looked_at")
    assert (found.passed, found.severity) == (False, WARN)
    assert found.description.startswith("There is no successful look at ")
    assert "yet. Switch the sensor 100doh_new_videos on" in found.description


def test_a_damaged_shard_is_an_error_until_it_is_deleted_and_made_anew(sound: TinyWorkspace) -> None:
    folder = sound.place.output.training_set_dir(SET)
    (shard,) = folder.glob("shard-*.tar")
    data = bytearray(shard.read_bytes())
    data[600:640] = bytes(40)
    shard.write_bytes(data)
    result = evaluate(sound, "training_shards_are_whole")
    assert (result.passed, result.severity) == (False, ERROR)
    assert shard.name in str(result.metadata["examples"])
    shard.unlink()
    build_training_set(sound.place.training_set_job(SET))
    assert evaluate(sound, "training_shards_are_whole").passed


def test_a_training_set_of_other_frames_is_an_error(sound: TinyWorkspace) -> None:
    for path in sound.place.output.frames_dir.glob("*/frame_*.jpg"):
        cv2.imwrite(str(path), 255 - cv2.imread(str(path)))
    result = evaluate(sound, "training_pixels_are_those_of_the_frames")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, ERROR, 4)


def test_crops_that_cannot_be_cut_again_are_a_warning(sound: TinyWorkspace) -> None:
    shutil.rmtree(sound.place.output.frames_dir)
    shutil.rmtree(sound.place.folders.videos_dir)
    result = evaluate(sound, "training_pixels_are_those_of_the_frames")
    assert (result.passed, result.severity) == (False, WARN)
    assert "could be compared" in result.description


@pytest.mark.parametrize(("limit", "severity"), [(0.5, WARN), (0.49, ERROR)])
def test_hands_left_out_of_a_training_set_are_judged_by_their_share_and_the_reasons_named(
    sound: TinyWorkspace, limit: float, severity: dg.AssetCheckSeverity
) -> None:
    sound.place.output.frame_file(ONE, 30).unlink()
    shutil.rmtree(sound.place.output.training_set_dir(SET))
    build_training_set(sound.place.training_set_job(SET))
    result = evaluate(sound.reconfigured(max_missing_share=limit), "training_hands_are_samples")
    assert (result.passed, result.severity, result.metadata["at_fault"]) == (False, severity, 2)
    assert f"{SET} lacks 50.0% (image not on disk: 1, positive is left out itself: 1)" in result.description
    assert "| 11 |" in examples(result) and "| 12 |" in examples(result)


def test_a_training_set_without_a_sample_is_an_error_whatever_the_limit(sound: TinyWorkspace) -> None:
    shutil.rmtree(sound.place.output.frames_dir)
    shutil.rmtree(sound.place.output.training_set_dir(SET))
    build_training_set(sound.place.training_set_job(SET))
    assert evaluate(sound, "training_hands_are_samples").severity == ERROR
    result = evaluate(sound.reconfigured(max_missing_share=1), "training_counts_add_up")
    assert (result.passed, result.severity) == (False, ERROR)
    assert "no sample at all" in examples(result)
    assert result.description == (f"1 set has no sample at all. All hands are left out ({SET}: image not on disk: 4).")


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("training_positives_are_in_range", "positive", 77),
        ("training_keypoints_are_inside", "keypoints", 3.5),
        ("training_counts_add_up", "row_index", 0),
    ],
)
def test_a_record_that_is_wrong_is_an_error(sound: TinyWorkspace, name: str, field: str, value: float) -> None:
    (path,) = sound.place.output.training_set_dir(SET).glob("samples-*.npy")
    records = np.load(path)
    records[field][2] = value
    np.save(path, records)
    result = evaluate(sound, name)
    assert (result.passed, result.severity) == (False, ERROR)
