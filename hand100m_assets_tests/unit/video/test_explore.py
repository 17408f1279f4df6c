"""A small, steady slice of the search for wrongly decoded files: some of every kind; and the search can fail."""

from __future__ import annotations

import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets_tests.explore import __main__ as command
from hand100m_assets_tests.explore import compare, damage, pool, table
from hand100m_assets_tests.explore.catalogue import DAMAGE_KINDS, STREAM_KINDS, Task, run_task, tasks
from hand100m_assets_tests.explore.oracles import truth_of

SEED = 0
FILES_PER_KIND = 2
FALSE_ALARMS = {*table.NEVER, compare.CALLED_DAMAGED}


def alarms(task: Task) -> dict[str, str]:
    found = run_task(task).findings
    worst = FALSE_ALARMS if task.kind in STREAM_KINDS else {*table.NEVER} - {compare.UNREADABLE}
    return {what: words for what, words in found.items() if what in worst}


@pytest.mark.parametrize("kind", STREAM_KINDS)
def test_random_streams_of_each_kind_are_decoded_as_by_a_plain_decode_and_by_opencv(kind: str) -> None:
    assert {number: alarms(Task(SEED, kind, number)) for number in range(FILES_PER_KIND)} == {0: {}, 1: {}}


@pytest.mark.parametrize("kind", DAMAGE_KINDS)
def test_nothing_is_lost_or_misnumbered_in_silence_by_each_kind_of_damage(kind: str) -> None:
    assert {number: alarms(Task(SEED, kind, number)) for number in range(FILES_PER_KIND)} == {0: {}, 1: {}}


def test_there_are_kinds_enough_for_the_goal() -> None:
    assert len(tasks(SEED, [*STREAM_KINDS], 5000)) == 5000
    assert len(tasks(SEED, [*DAMAGE_KINDS], 2000)) == 2000
    with pytest.raises(ValueError, match="200 files at most"):
        tasks(SEED, ["h264 mp4"], 201)


@pytest.mark.parametrize(
    "kind", ["h264 mkv", "hevc fragmented", "vp9 webm", "av1 mp4", "mjpeg avi", "mpeg2 ts", "cover"]
)
def test_the_same_seed_makes_the_same_file(tmp_path: Path, kind: str) -> None:
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        run_task(Task(3, kind, 5), folder)
        made.append(next(folder.glob("*.*")).read_bytes())
    assert made[0] == made[1]


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are Linux's")
def test_an_encoder_takes_no_priority_over_everything_else() -> None:
    before = os.sched_getscheduler(0)
    assert run_task(Task(SEED, "av1 mp4", 0)).findings == {}
    assert os.sched_getscheduler(0) == before


@pytest.mark.parametrize(("kind", "number"), [("h264 edit list: both", 9), ("h264 cut at a key frame mp4", 19)])
def test_where_a_cut_leaves_nothing_another_file_is_made(kind: str, number: int) -> None:
    assert run_task(Task(505, kind, number)).findings == {}


def wrong(change):
    """Our decoder with a fault."""

    def decode(path, selection, why_full=None):
        frames, report = pick_frames(path, selection, why_full=why_full)
        return change(frames, report)

    return decode


def one_less(frames, report):
    return frames[:-1], report


def one_off(frames, report):
    return [replace(frame, frame_index=frame.frame_index + 1) for frame in frames], report


def in_silence(frames, report):
    return frames, replace(report, error_count=0, damaged_indices=[], frame_count=len(frames))


def alarmed(frames, report):
    return frames, replace(report, error_count=1)


@pytest.mark.parametrize(
    ("fault", "finding"),
    [(one_less, compare.LOST), (one_off, compare.WRONG_NUMBER), (alarmed, compare.CALLED_DAMAGED)],
)
def test_a_decoder_with_a_fault_is_found_out_on_healthy_streams(monkeypatch, fault, finding: str) -> None:
    monkeypatch.setattr(compare, "pick_frames", wrong(fault))
    outcome = run_task(Task(SEED, "h264 mp4", 0))
    assert finding in outcome.findings
    assert table.missed([outcome] * 2)


def test_a_decoder_that_turns_pictures_is_found_out_by_opencv(monkeypatch, tmp_path: Path) -> None:
    kind = STREAM_KINDS["h264 mp4"]
    path = kind.make(random.Random(1), tmp_path)
    truth = truth_of(path, has_opencv=True)
    assert truth.opencv is not None
    turned = replace(truth, opencv=[picture[::-1] for picture in truth.opencv])
    outcome = compare.Outcome(kind.name, 0)
    compare.check_full(outcome, kind, path, turned)
    assert list(outcome.findings) == [compare.WRONG_PICTURE]


def test_a_decoder_that_says_nothing_of_holes_is_found_out(monkeypatch) -> None:
    monkeypatch.setattr(damage, "pick_frames", wrong(in_silence))
    found = [run_task(Task(SEED, "blocks of zeros, hevc", number)) for number in range(4)]
    assert any(compare.ZEROS in outcome.findings for outcome in found)
    assert table.missed(found)


def test_a_spoilt_picture_that_looks_like_another_one_has_its_own_number() -> None:
    outcome = run_task(Task(1002, "flipped bits, avi", 20))
    assert list(outcome.findings) == [compare.CHANGED]


def test_a_decoder_that_misnumbers_spoilt_pictures_is_found_out_where_there_are_no_times(monkeypatch) -> None:
    monkeypatch.setattr(damage, "pick_frames", wrong(one_off))
    outcome = run_task(Task(1002, "flipped bits, avi", 20))
    assert compare.WRONG_NUMBER in outcome.findings


def test_a_process_that_ends_or_hangs_is_counted_and_replaced(monkeypatch) -> None:
    todo = [Task(SEED, "no such kind", 0), *(Task(SEED, "h264 mp4", number) for number in range(2))]
    found = list(pool.run_all(todo, processes=1, limit_s=60))
    assert [list(outcome.findings) for outcome in found] == [[compare.CRASHED], [], []]
    slow = list(pool.run_all(todo[1:2], processes=1, limit_s=0))
    assert [list(outcome.findings) for outcome in slow] == [[compare.TOO_LONG]]


def test_the_command_prints_a_table_its_seed_and_how_to_look_again(monkeypatch, capsys) -> None:
    assert command.main(["--streams", "2", "--damaged", "0", "--seed", "7", "--kind", "h264 mov"]) == 0
    printed = capsys.readouterr().out
    assert "seed 7" in printed
    assert "h264 mov" in printed
    assert command.main(["--seed", "7", "--kind", "h264 mov", "--number", "1"]) == 0
    monkeypatch.setattr(compare, "pick_frames", wrong(one_less))
    assert command.main(["--seed", "7", "--kind", "h264 mov", "--number", "1"]) == 1
    assert "lost in silence" in capsys.readouterr().out
