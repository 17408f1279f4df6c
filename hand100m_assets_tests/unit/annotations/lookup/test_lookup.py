"""A hand is found by row and by id, and is the one that a plain filter of the table finds."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.lookup.build import build_lookup
from hand100m_assets.annotations.lookup.format import HEADER_BYTES, RECORD
from hand100m_assets.annotations.lookup.hand_table import HandRow, HandTable
from hand100m_assets.errors import AnnotationFileError, OutputUnwritableError, RetryableError
from hand100m_assets.layout import LOOKUP_FILE
from hand100m_assets_tests.unit.annotations.records import documents, hand, image, sound_hands, sound_set, write

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def tables(tmp_path: Path, document: Any = None) -> Path:
    file = write(tmp_path / "in.json", sound_set() if document is None else document)
    ingest_file(file, tmp_path / "tables")
    build_lookup(tmp_path / "tables")
    return tmp_path / "tables"


def assert_is(row: HandRow, truth: dict[str, Any]) -> None:
    """The row as the table has it, bit for bit."""
    for name in ("row_index", "hand_id", "image_id", "video_id", "frame_index", "handedness"):
        assert getattr(row, name) == truth[name]
    assert row.box_px.dtype == np.float64 and row.box_px.tolist() == truth["box_px"]
    assert row.keypoints.dtype == np.float32 and row.keypoints.shape == (21, 3)
    assert row.keypoints.tolist() == np.array(truth["keypoints"], np.float32).reshape(21, 3).tolist()
    assert (list(row.positives), list(row.distances)) == (truth["positives"], truth["distances"])


@given(
    document=documents | st.fixed_dictionaries({"images": st.just([image(0)]), "annotations": st.lists(sound_hands())})
)
@same_folder
def test_every_row_and_every_id_is_what_a_filter_of_the_table_finds(tmp_path: Path, document: Any) -> None:
    folder = tables(tmp_path, document)
    truth = pl.read_parquet(folder / "hands.parquet")
    with HandTable(folder) as table:
        assert len(table) == truth.height
        for row, expected in enumerate(truth.iter_rows(named=True)):
            assert_is(table[row], expected)
        for hand_id in {*truth["hand_id"], 0, 17, 41, -1, 2**63 - 1, 2**70}:
            found = truth.filter(pl.col("hand_id") == pl.lit(hand_id)) if abs(hand_id) < 2**63 else truth.clear()
            if found.is_empty():
                with pytest.raises(KeyError, match=str(hand_id)):
                    table.row_of(hand_id)
            else:
                assert_is(table[table.row_of(hand_id)], found.row(0, named=True))
        assert table.duplicate_hand_ids == truth.height - truth["hand_id"].n_unique()


@given(asked=st.lists(st.integers(95, 110), max_size=30))
@same_folder
def test_many_ids_at_once_are_found_as_each_alone(tmp_path: Path, asked: list[int]) -> None:
    if not (tmp_path / "tables").exists():
        tables(tmp_path)
    with HandTable(tmp_path / "tables") as table:
        assert table.rows_of(asked).tolist() == [n - 100 if 100 <= n < 106 else -1 for n in asked]


def test_the_first_of_equal_ids_is_found_and_the_others_are_counted(tmp_path: Path) -> None:
    hands = [hand(5, 0), hand(7, 1), hand(5, 1), hand(7, 0), hand(5, 2)]
    table = HandTable(tables(tmp_path, {"images": [image(n) for n in range(3)], "annotations": hands}))
    assert (table.row_of(5), table.row_of(7), table.duplicate_hand_ids) == (0, 1, 3)
    assert table[4].hand_id == 5
    assert table.rows_of([[5, 7], [6, 5]]).tolist() == [[0, 1], [-1, 0]]


def test_a_hand_without_image_has_no_video(tmp_path: Path) -> None:
    row = HandTable(tables(tmp_path, {"images": [], "annotations": [hand(1, "é")]}))[0]
    assert (row.image_id, row.video_id, row.frame_index) == ("é", None, None)


def test_rows_are_counted_as_in_any_sequence(tmp_path: Path) -> None:
    table = HandTable(tables(tmp_path))
    assert [row.hand_id for row in table] == [row.hand_id for row in table[:]] == list(range(100, 106))
    assert (table[-1].hand_id, table[np.int64(2)].hand_id) == (105, 102)
    for beyond in (6, -7):
        with pytest.raises(IndexError, match="of 6"):
            table[beyond]


def test_a_set_without_hands_is_an_empty_table(tmp_path: Path) -> None:
    table = HandTable(tables(tmp_path, {"images": [image(1)], "annotations": []}))
    assert (len(table), list(table), table.rows_of([1]).tolist()) == (0, [], [-1])
    with pytest.raises(KeyError):
        table.row_of(1)


def test_batches_make_no_difference_and_the_same_tables_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tables(tmp_path, sound_set(50))
    whole = (folder / LOOKUP_FILE).read_bytes()
    expected = [repr(row) for row in HandTable(folder)]
    shutil.copytree(folder, tmp_path / "copy")
    HandTable(tmp_path / "copy").close()  # made of these tables, though the files are younger
    (tmp_path / "copy" / LOOKUP_FILE).unlink()
    build_lookup(tmp_path / "copy")
    assert (tmp_path / "copy" / LOOKUP_FILE).read_bytes() == whole
    monkeypatch.setattr("hand100m_assets.annotations.lookup.build._BATCH_ROWS", 7)
    (folder / LOOKUP_FILE).unlink()
    build_lookup(folder)
    assert [repr(row) for row in HandTable(folder)] == expected


def test_building_again_does_nothing_unless_the_tables_are_others(tmp_path: Path) -> None:
    folder = tables(tmp_path)
    made = (folder / LOOKUP_FILE).stat().st_mtime_ns
    again = build_lookup(folder)
    assert (again.reused, again.rows, again.duplicate_hand_ids) == (True, 6, 0)
    assert again.size_bytes == (folder / LOOKUP_FILE).stat().st_size
    assert (folder / LOOKUP_FILE).stat().st_mtime_ns == made
    changed = pl.read_parquet(folder / "hands.parquet").head(4)
    changed.write_parquet(folder / "hands.parquet")
    with pytest.raises(AnnotationFileError, match="made of other tables"):
        HandTable(folder)
    assert build_lookup(folder).reused is False
    assert len(HandTable(folder)) == 4


def test_an_ingested_set_replaces_the_old_one_with_its_lookup(tmp_path: Path) -> None:
    folder = tables(tmp_path)
    with HandTable(folder) as old:
        ingest_file(write(tmp_path / "in.json", sound_set(9)), folder)
        assert not (folder / LOOKUP_FILE).exists()
        assert old[0].hand_id == 100  # whoever has it open keeps what he opened
    with pytest.raises(AnnotationFileError, match=r"no whole lookup.*build_lookup"):
        HandTable(folder)


@pytest.mark.parametrize("harm", ["cut", "other version", "not ours", "empty", "grown"])
def test_a_lookup_that_is_not_whole_is_refused_and_built_anew(tmp_path: Path, harm: str) -> None:
    folder = tables(tmp_path)
    data = whole = (folder / LOOKUP_FILE).read_bytes()
    data = {
        "cut": data[:-1],
        "other version": data.replace(b'"version":2', b'"version":3'),
        "not ours": b"x" * len(data),
        "empty": b"",
        "grown": data + b"x",
    }[harm]
    (folder / LOOKUP_FILE).write_bytes(data)
    with pytest.raises(AnnotationFileError, match="no whole lookup"):
        HandTable(folder)
    build_lookup(folder)
    assert (folder / LOOKUP_FILE).read_bytes() == whole


def test_without_finished_tables_the_message_says_so(tmp_path: Path) -> None:
    for opened in (HandTable, build_lookup):
        with pytest.raises(AnnotationFileError, match=r"no finished tables.*Ingest the annotation file first"):
            opened(tmp_path)


def test_what_a_row_holds_is_the_callers_own_and_outlives_the_table(tmp_path: Path) -> None:
    with HandTable(tables(tmp_path)) as table:
        row = table[0]
        row.keypoints[0, 0] = 99
        row.box_px[0] = 99
        assert table[0].keypoints[0, 0] != 99 and table[0].box_px[0] != 99
    table.close()
    assert row.keypoints[0, 0] == 99
    with pytest.raises(ValueError, match="closed"):
        table[0]


def test_pickled_it_is_opened_anew(tmp_path: Path) -> None:
    again = pickle.loads(pickle.dumps(HandTable(tables(tmp_path))))
    assert again[again.row_of(103)].hand_id == 103


def test_pickled_it_is_not_taken_for_another_set_that_lies_there_by_then(tmp_path: Path) -> None:
    folder = tables(tmp_path)
    data = pickle.dumps(HandTable(folder))
    ingest_file(write(tmp_path / "in.json", sound_set(9)), folder)
    build_lookup(folder)
    with pytest.raises(AnnotationFileError, match=r"ingested anew since the table was opened.*Open it anew"):
        pickle.loads(data)


@pytest.mark.parametrize("wrong", ["x", "103", 1.0, np.float64(2), None, [1], (0, 1), np.array([1, 2]), b"1"])
def test_what_is_no_row_and_no_hand_id_is_refused_in_words(tmp_path: Path, wrong: Any) -> None:
    table = HandTable(tables(tmp_path))
    with pytest.raises(TypeError, match=r"a row is an integer or a slice, not .*row_of\(hand_id\)"):
        table[wrong]
    with pytest.raises(TypeError, match="a hand id is an integer, not"):
        table.row_of(wrong)


def test_rows_are_those_of_a_sequence(tmp_path: Path) -> None:
    table = HandTable(tables(tmp_path))
    ids = [100 + n for n in range(6)]
    for row in (0, 5, -1, -6, np.int8(-2), np.uint64(3), True):
        assert table[row].hand_id == ids[int(row)]
    for part in (slice(1, 3), slice(None, None, -1), slice(-2, 99), slice(5, 1)):
        assert [hand.hand_id for hand in table[part]] == ids[part]
    for wrong in (6, -7, 2**70, np.uint64(2**63)):
        with pytest.raises(IndexError, match="of 6"):
            table[wrong]
    for unknown in (-1, 2**63, 2**70, np.uint64(2**63 + 103), 99):
        with pytest.raises(KeyError):
            table.row_of(unknown)
    assert table.rows_of([[103, -5], [99, 100]]).tolist() == [[3, -1], [-1, 0]]
    assert table.rows_of(np.array([2**63 + 5, 101], dtype=np.uint64)).tolist() == [-1, 1]
    assert table.rows_of([]).tolist() == []
    for wrong_ids in ([101.7], ["101"], [2**70], [None]):
        with pytest.raises(TypeError, match="hand ids are integers"):
            table.rows_of(wrong_ids)


def test_a_closed_table_says_so_whatever_it_is_asked(tmp_path: Path) -> None:
    table = HandTable(tables(tmp_path))
    table.close()
    asked = [
        lambda: table[0],
        lambda: table[1:3],
        lambda: list(table),
        lambda: table.row_of(100),
        lambda: table.rows_of([1]),
    ]
    for ask in asked:
        with pytest.raises(ValueError, match="the table is closed: open it anew"):
            ask()
    assert len(table) == 6 and pickle.loads(pickle.dumps(table))[0].hand_id == 100


def _ask(table: HandTable, hand_id: int, answers: Any) -> None:
    answers.put(table[table.row_of(hand_id)].keypoints.sum())


def test_forked_workers_read_from_the_one_that_was_opened_before(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with HandTable(tables(tmp_path)) as table:
        answers = context.Queue()
        workers = [context.Process(target=_ask, args=(table, 102, answers)) for _ in range(3)]
        for worker in workers:
            worker.start()
        found = [answers.get(timeout=30) for _ in workers]
        for worker in workers:
            worker.join()
        assert found == [table[2].keypoints.sum()] * 3


def test_records_and_ids_begin_where_no_page_is_read_twice() -> None:
    assert HEADER_BYTES % 4096 == 0 and RECORD.itemsize % 8 == 0
    assert RECORD.fields is not None and RECORD.fields["box_px"][1] % 8 == 0


def test_two_builders_at_once_are_told_apart_and_a_killed_one_leaves_no_trace(tmp_path: Path) -> None:
    folder = tables(tmp_path)
    (folder / LOOKUP_FILE).unlink()
    part = tmp_path / f".tables.{LOOKUP_FILE}.part"
    part.write_bytes(b"what a killed process left" * 1000)
    with part.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RetryableError, match="another process"):
            build_lookup(folder)
    assert build_lookup(folder).reused is False
    assert len(HandTable(folder)) == 6
    assert not part.exists()


def test_a_full_disk_is_one_clear_error_and_leaves_the_old_lookup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tables(tmp_path)
    before = (folder / LOOKUP_FILE).read_bytes()
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps({**summary, "source_name": "other.json"}))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("hand100m_assets.annotations.lookup.build._records", refuse)
    with pytest.raises(OutputUnwritableError, match="disk is full"):
        build_lookup(folder)
    assert (folder / LOOKUP_FILE).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.json", "tables"]
