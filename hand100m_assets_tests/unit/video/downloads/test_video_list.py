from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.errors import FolderUnreadableError, Hand100mError, UnsafeIdError, VideoListError
from hand100m_assets.sources import DOH, EGO4D, Source
from hand100m_assets.video.downloads.video_list import VIDEO_LIST_SCHEMA, read_video_list
from hand100m_assets_tests.conftest import REPO

HEADER = (
    "Number Name Size Length Width Height OriginalFrameCount SettingFrameCount OriginalFrameRate SettingFrameRate Time"
)
ROW = "0 8082fcc6-e09a-4440-aa24-06c58490bbfe.mp4 96188270 378.22 1440 1080 11346 378 30.0 1.0 0.22"
DOH_ROW = "-abcdefghij food link 1280x720 30000/1001 more"


def read(tmp_path: Path, text: str, source: Source = EGO4D) -> pl.DataFrame:
    path = tmp_path / "list.txt"
    path.write_text(text)
    return read_video_list(path, source)


def test_the_ego4d_list_is_read_by_its_header(tmp_path: Path) -> None:
    table = read(tmp_path, f"{HEADER}\n{ROW}\n")
    assert table.schema == VIDEO_LIST_SCHEMA
    assert table.row(0) == ("8082fcc6-e09a-4440-aa24-06c58490bbfe", 96188270, 378.22, 1440, 1080, 11346, 30, 1)


@pytest.mark.parametrize("text", [f"{ROW}\n", f"\ufeff{HEADER}\r\n\r\n{ROW}\r\n", f"{HEADER}\n  {ROW}  "])
def test_missing_header_byte_order_mark_and_line_ends_make_no_difference(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).equals(read(tmp_path, f"{HEADER}\n{ROW}\n"))


def test_the_100doh_list_is_read_by_position(tmp_path: Path) -> None:
    table = read(tmp_path, f"{DOH_ROW}\n_BCDEFGHIJK diy link 640x360 25/1\n", DOH)
    assert table.row(0) == ("-abcdefghij", None, None, 1280, 720, None, 30000, 1001)
    assert table["video_id"].to_list() == ["-abcdefghij", "_BCDEFGHIJK"]


def test_the_100doh_list_is_read_by_header_when_it_has_one(tmp_path: Path) -> None:
    header = "video_id genre frame_rate duration resolution"
    text = f"{header}\nabcdefghijk diy 25/1 12.5 640x360\nlmnopqrstuv diy 0/0 N/A nan\n"
    table = read(tmp_path, text, DOH)
    assert table.row(0) == ("abcdefghijk", None, 12.5, 640, 360, None, 25, 1)
    assert table.row(1)[1:] == (None,) * 7


@pytest.mark.parametrize(
    ("text", "source", "words"),
    [
        ("", EGO4D, "empty"),
        (f"{HEADER}\n", EGO4D, "no row"),
        ("name something\na b\n", EGO4D, "no column besides"),
        ("one two three\n", EGO4D, "does not look like the Ego4D list"),
        ("abcdefghijk food link big 30/1\n", DOH, "does not look like the 100DOH list"),
        (f"{HEADER}\n{ROW} extra\n", EGO4D, "row 2"),
        (f"{HEADER}\n{ROW}\n{ROW}\n", EGO4D, "listed twice, first in row 2"),
        (f"{HEADER}\n{ROW.replace('1440', 'wide')}\n", EGO4D, "row 2, column width"),
        (f"{HEADER}\n{ROW.replace('11346', '11346.5')}\n", EGO4D, "column frame_count"),
        (f"{HEADER}\n{ROW.replace('30.0', '-3')}\n", EGO4D, "column frame_rate"),
        (f"{HEADER}\n{ROW.replace('96188270', '-1')}\n", EGO4D, "column size"),
        (f"{HEADER}\n{ROW.replace('378.22', 'inf')}\n", EGO4D, "column length"),
        (f"{HEADER}\n{ROW.replace('378.22', '٣٧٨')}\n", EGO4D, "column length"),
        (f"{HEADER}\n{ROW.replace('1440', '１４４０')}\n", EGO4D, "column width"),
        (f"{HEADER}\n{ROW.replace('11346', '11_346')}\n", EGO4D, "column frame_count"),
        (f"{DOH_ROW.replace('1280x720', '١٢٨٠x٧٢٠')}\n", DOH, "does not look like"),
        (f"{DOH_ROW}\nabcdefghijk food link 640 30/1\n", DOH, "row 2, column resolution"),
        (f"{DOH_ROW}\nabcdefghijk food link\n", DOH, "row 2"),
    ],
)
def test_a_list_at_fault_is_refused_naming_file_row_and_column(
    tmp_path: Path, text: str, source: Source, words: str
) -> None:
    with pytest.raises(VideoListError) as caught:
        read(tmp_path, text, source)
    assert words in str(caught.value)
    assert str(tmp_path / "list.txt") in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("video_id", ["../x", "a/b", "..", "a.b", "a%2e"])
def test_an_id_that_would_leave_the_output_folder_is_refused_with_its_row(tmp_path: Path, video_id: str) -> None:
    with pytest.raises(UnsafeIdError, match=r"row 2, column video_id"):
        read(tmp_path, f"{DOH_ROW}\n{video_id} food link 640x360 30/1\n", DOH)


def test_an_absent_list_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FolderUnreadableError, match=r"none\.txt"):
        read_video_list(tmp_path / "none.txt", EGO4D)


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(VideoListError, match="not a text file"):
        read_video_list(tmp_path / "list.txt", EGO4D)


@given(st.text(max_size=200), st.sampled_from([EGO4D, DOH]))
def test_any_text_is_read_or_refused_by_one_of_our_errors(
    tmp_path_factory: pytest.TempPathFactory, text: str, source: Source
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        assert read_video_list(path, source).height > 0
    except Hand100mError as error:
        assert error.fix


def reference_list() -> Path | None:
    """The real list: in the folder that HAND100M_REFERENCE_DIR names, or in a `reference` folder near the clone."""
    name = "ego4d_name_list.txt"
    if "HAND100M_REFERENCE_DIR" in os.environ:
        places = [Path(os.environ["HAND100M_REFERENCE_DIR"]) / name]
    else:
        root = REPO
        places = [root / "reference" / name, *sorted(root.parent.glob(f"*/reference/{name}"))]
    return next((place for place in places if place.is_file()), None)


def test_the_real_ego4d_list_gives_its_known_totals() -> None:
    path = reference_list()
    if path is None:
        pytest.skip("the real Ego4D list is not here; name its folder in HAND100M_REFERENCE_DIR")
    table = read_video_list(path, EGO4D)
    frames = table["frame_count_listed"]
    assert table.height == table["video_id"].n_unique() == 9_650
    assert frames.sum() == 418_758_375
    assert ((frames + 29) // 30).sum() == 13_963_064
    assert table["video_id"].str.contains(f"^{EGO4D.video_id.pattern}$").all()
    assert table["video_id"][0] == "8082fcc6-e09a-4440-aa24-06c58490bbfe"
    assert table.null_count().sum_horizontal().item() == 0
