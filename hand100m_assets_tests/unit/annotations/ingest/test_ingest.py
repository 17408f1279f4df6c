"""One file to trusted tables: nothing lost in silence, nothing half-written."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from hand100m_assets.annotations.contract import HandRecord, ImageRecord, named_frame
from hand100m_assets.annotations.ingest import ingest
from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.ingest.staging import folder_in_place_of
from hand100m_assets.annotations.rejects import Reject, shortened
from hand100m_assets.annotations.tables import (
    HANDS_SCHEMA,
    IMAGES_SCHEMA,
    REJECTS_SCHEMA,
    SET_FILES,
    read_summary,
    rejects_frame,
)
from hand100m_assets.errors import AnnotationFileError, OutputUnwritableError, RetryableError
from hand100m_assets_tests.unit.annotations.records import documents, hand, image, sound_set, write

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)


def tables(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    images, hands, rejects = (pl.read_parquet(folder / f"{name}.parquet") for name in ("images", "hands", "rejects"))
    return images, hands, rejects


def accepted(model: Any, raw: Any) -> Any:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


@given(document=documents, chunk=st.sampled_from([1, 50, 400, 1 << 20]))
@same_folder
def test_every_record_is_a_row_or_a_reject_and_rows_are_the_records(
    tmp_path: Path, document: dict[str, Any], chunk: int
) -> None:
    summary = ingest_file(write(tmp_path / "set.json", document), tmp_path / "out", chunk_bytes=chunk)
    images, hands, rejects = tables(tmp_path / "out")
    assert (images.schema, hands.schema, rejects.schema) == (IMAGES_SCHEMA, HANDS_SCHEMA, REJECTS_SCHEMA)
    good_images = {n: r for n, raw in enumerate(document["images"]) if (r := accepted(ImageRecord, raw))}
    good_hands = {n: r for n, raw in enumerate(document["annotations"]) if (r := accepted(HandRecord, raw))}
    frames: dict[str, tuple[str, int]] = {}
    for record in good_images.values():
        frames.setdefault(record.image_id, named_frame(record.file_name))
    assert images["record"].to_list() == list(good_images)
    assert hands["row_index"].to_list() == list(good_hands)
    for row, record in zip(hands.iter_rows(named=True), good_hands.values(), strict=True):
        assert (row["video_id"], row["frame_index"]) == frames.get(record.image_id, (None, None))
        assert (row["hand_id"], row["image_id"], row["handedness"]) == (
            record.hand_id,
            record.image_id,
            record.handedness,
        )
        assert (row["box_px"], row["positives"]) == (record.box_px, record.positives)
        assert [n for joint in row["keypoints"] for n in joint] == pytest.approx(record.keypoints, rel=1e-6, abs=1e-30)
        assert row["distances"] == record.distances
    errors = rejects.filter(pl.col("severity") == "error")
    refused = {(section, record) for section, record, *_ in errors.iter_rows() if section != "file"}
    assert refused == {
        *(("images", n) for n in range(len(document["images"])) if n not in good_images),
        *(("annotations", n) for n in range(len(document["annotations"])) if n not in good_hands),
    }
    assert summary == read_summary(tmp_path / "out")
    assert (summary.images_read, summary.hands_read) == (len(document["images"]), len(document["annotations"]))
    assert (summary.images_kept, summary.hands_kept) == (images.height, hands.height)
    assert summary.rejects == len(refused)
    assert summary.complete


@given(cut=st.floats(0, 1), packed=st.booleans())
@same_folder
def test_a_file_cut_anywhere_is_an_error_or_an_incomplete_set(tmp_path: Path, cut: float, packed: bool) -> None:
    text = json.dumps(sound_set(40)).encode()
    whole = gzip.compress(text) if packed else text
    path = tmp_path / "set.json"
    path.write_bytes(whole[: int(cut * (len(whole) - 1))])
    try:
        summary = ingest_file(path, tmp_path / "out", chunk_bytes=700)
    except AnnotationFileError:
        return
    assert not summary.complete
    assert summary.problem is not None
    assert "at byte " in summary.problem
    _, _, rejects = tables(tmp_path / "out")
    (row,) = rejects.filter(pl.col("section") == "file").rows(named=True)
    assert (row["record"], row["severity"], row["reason"]) == (-1, "error", summary.problem)


def test_a_reject_names_record_field_rule_reason_and_value(tmp_path: Path) -> None:
    document = sound_set(3)
    document["annotations"][1] |= {"left_right": "Both", "keypoint_25d": [5000.0] * 63}
    document["images"][2]["file_name"] = "x.jpg"
    document["images"].append("no object")
    ingest_file(write(tmp_path / "set.json", document), tmp_path / "out")
    rows = {(r["section"], r["record"], r["field"]): r for r in tables(tmp_path / "out")[2].iter_rows(named=True)}
    assert set(rows) == {
        ("images", 2, "file_name"),
        ("images", 3, ""),
        ("annotations", 1, "keypoint_25d.0"),
        ("annotations", 1, "left_right"),
    }
    assert rows["annotations", 1, "left_right"]["value"] == "Both"
    assert rows["images", 3, ""]["reason"] == "must be an object, not a string"
    assert "62 more" in rows["annotations", 1, "keypoint_25d.0"]["reason"]
    assert rows["images", 2, "file_name"]["reason"] == "does not end in <video id>/frame_NNNNNN.jpg"
    assert {row["rule"].split(":")[0] for row in rows.values()} == {"contract"}


def test_values_of_rejects_stay_short_however_long_or_deep_they_are(tmp_path: Path) -> None:
    deep = (
        '{"images": ['
        + "[" * 30_000
        + "]" * 30_000
        + ', {"id": 1, "file_name": "'
        + "x" * 50_000
        + '"}], "annotations": []}'
    )
    path = tmp_path / "set.json"
    path.write_text(deep)
    summary = ingest_file(path, tmp_path / "out")
    assert summary.rejects == 2
    assert tables(tmp_path / "out")[2]["value"].str.len_chars().max() <= 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keypoint_25d": ["0.5"] + [0.5] * 62}, "number, not a string"),
        ({"keypoint_25d": [0.5] * 62 + [None]}, "number, not null"),
        ({"boxes": [1, 2, True, 4]}, "number, not true or false"),
        ({"distance": 0.5}, "list, not a number"),
        ({"positive_sample": {"0": 1}}, "list, not an object"),
    ],
)
def test_a_value_of_the_wrong_type_says_what_it_is(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    document = {"images": [image(0)], "annotations": [hand(1, **changes)]}
    ingest_file(write(tmp_path / "set.json", document), tmp_path / "out")
    assert words in tables(tmp_path / "out")[2]["reason"].item()


NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hand_id": NAN}, "hand_id"),
        ({"image_id": NAN}, "image_id"),
        ({"boxes": NAN}, "boxes"),
        ({"boxes": [1, 2, NAN, 4]}, "boxes.2"),
        ({"boxes": "[1, 2, 3, NaN]"}, "boxes.3"),
        ({"keypoint_25d": NAN}, "keypoint_25d"),
        ({"keypoint_25d": [0.5] * 62 + [NAN]}, "keypoint_25d.62"),
        ({"keypoint_25d": [[0.5] * 3] * 20 + [[0.5, -float("inf"), 0]]}, "keypoint_25d.61"),
        ({"left_right": NAN}, "left_right"),
        ({"positive_sample": NAN}, "positive_sample"),
        ({"positive_sample": ["7", NAN]}, "positive_sample.1"),
        ({"distance": [0.5, float("inf")]}, "distance.1"),
    ],
)
def test_a_nan_is_rejected_under_the_name_of_its_field_with_its_byte(
    tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    path = write(
        tmp_path / "set.json", {"images": [image(0)], "annotations": [hand(1), hand(2, note="NaN", **changes)]}
    )
    ingest_file(path, tmp_path / "out")
    (row,) = tables(tmp_path / "out")[2].rows(named=True)
    assert (row["section"], row["record"], row["field"], row["severity"]) == ("annotations", 1, field, "error")
    if row["rule"] == "json:nan":  # not so inside of a box that is a string
        place = int(row["reason"].partition("at byte ")[2].split()[0].replace(",", ""))
        assert path.read_text()[place:].startswith(row["value"])


@given(st.text(st.characters(), max_size=400) | st.lists(st.text(st.characters(), max_size=9)))
@example("\ud83d")
@example("\ud83d" * 201)
def test_any_value_can_be_shown_in_a_table_of_rejects(value: Any) -> None:
    faults = [Reject("images", 0, 0, "", "", "", shortened(value))]
    assert len(rejects_frame(faults)["value"][0]) <= 200


def test_identical_input_gives_identical_bytes_whatever_the_batches(tmp_path: Path) -> None:
    document = sound_set(50)
    document["annotations"][3]["boxes"] = "?"
    path = write(tmp_path / "set.json", document)
    contents = []
    for chunk in (1, 3_000, 1 << 20, 1 << 20):
        ingest_file(path, tmp_path / "out", chunk_bytes=chunk)
        contents.append({name: (tmp_path / "out" / name).read_bytes() for name in SET_FILES})
    assert contents[2] == contents[3]
    assert contents[0] == contents[1] == contents[2]


def test_either_array_may_come_first(tmp_path: Path) -> None:
    document = sound_set(9)
    ingest_file(write(tmp_path / "a.json", document), tmp_path / "a")
    ingest_file(write(tmp_path / "b.json", dict(reversed(document.items()))), tmp_path / "b")
    for one, other in zip(tables(tmp_path / "a"), tables(tmp_path / "b"), strict=True):
        assert_frame_equal(one, other)


def test_of_equal_image_ids_the_first_is_taken_and_no_hand_is_doubled(tmp_path: Path) -> None:
    document = {"images": [image(1, "first"), image(1, "second")], "annotations": [hand(5, 1), hand(6, 1)]}
    ingest_file(write(tmp_path / "set.json", document), tmp_path / "out")
    assert tables(tmp_path / "out")[1]["video_id"].to_list() == ["first", "first"]


def test_a_refused_file_leaves_the_earlier_set_as_it_was(tmp_path: Path) -> None:
    ingest_file(write(tmp_path / "set.json", sound_set()), tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in SET_FILES}
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(AnnotationFileError):
        ingest_file(tmp_path / "bad.json", tmp_path / "out")
    assert {entry.name: entry.read_bytes() for entry in (tmp_path / "out").iterdir()} == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bad.json", "out", "set.json"]


def test_a_folder_with_other_peoples_files_is_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.tex").write_text("years of work")
    with pytest.raises(OutputUnwritableError, match=r"chapter1\.tex"):
        ingest_file(write(tmp_path / "set.json", sound_set()), out)
    assert (out / "chapter1.tex").read_text() == "years of work"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["set.json", "thesis"]


def test_a_file_where_the_folder_should_be_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(OutputUnwritableError):
        ingest_file(write(tmp_path / "set.json", sound_set()), out)
    with pytest.raises(OutputUnwritableError):
        ingest_file(write(tmp_path / "set.json", sound_set()), out / "below")
    assert out.read_text() == "mine"


def test_a_link_to_the_output_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    ingest_file(write(tmp_path / "set.json", sound_set()), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert read_summary(tmp_path / "real").hands_kept == 6


def test_a_file_that_grows_while_it_is_read_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "set.json", sound_set())
    finish = ingest._Ingest.read

    def read_while_it_grows(self: Any) -> None:
        finish(self)
        with path.open("a") as file:
            file.write(" ")

    monkeypatch.setattr(ingest._Ingest, "read", read_while_it_grows)
    with pytest.raises(RetryableError, match="changed"):
        ingest_file(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_finished_set_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(AnnotationFileError, match="no finished tables"):
        read_summary(tmp_path)


def run_ingest(path: Path, out: Path, before: str = "") -> subprocess.Popen[str]:
    code = (
        f"import sys; from pathlib import Path\n{before}\n"
        "from hand100m_assets.annotations.ingest.ingest import ingest_file\n"
        "print('ready', flush=True)\n"
        "ingest_file(Path(sys.argv[1]), Path(sys.argv[2]), chunk_bytes=20_000)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_ingest_leaves_the_old_set_or_the_new_one_and_the_next_run_tidies_up(tmp_path: Path) -> None:
    path, out = write(tmp_path / "set.json", sound_set(1500)), tmp_path / "out"
    old = ingest_file(write(tmp_path / "old.json", sound_set(4)), out)
    for wait_s in (0.0, 0.1, 0.3):
        process = run_ingest(path, out)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if out.exists():
            assert read_summary(out).hands_kept in (old.hands_kept, 1500)
    assert ingest_file(path, out).hands_kept == 1500
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["old.json", "out", "set.json"]


def test_a_set_lost_between_two_renames_comes_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ingest_file(write(tmp_path / "set.json", sound_set(4)), out)
    out.rename(tmp_path / ".out.old")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(AnnotationFileError):
        ingest_file(tmp_path / "bad.json", out)
    assert read_summary(out).hands_kept == 4


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    with folder_in_place_of(tmp_path / "out", SET_FILES), pytest.raises(RetryableError, match="another process"):
        ingest_file(write(tmp_path / "set.json", sound_set()), tmp_path / "out")


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    # A limit on the size of files makes writing fail as a full disk does, at whatever file is the first too big.
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    )
    process = run_ingest(write(tmp_path / "set.json", sound_set(1500)), tmp_path / "out", limit)
    _, errors = process.communicate(timeout=60)
    assert "OutputUnwritableError" in errors.splitlines()[-1]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["set.json"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputUnwritableError):
        ingest_file(write(tmp_path / "set.json", sound_set()), tmp_path / "locked" / "out")
