from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.files import FileStamp
from hand100m_assets.video.downloads.known_files import KnownFiles, read_known_files, take_look, write_known_files
from hand100m_assets.video.downloads.listing import Listing

STAMP, OTHER = FileStamp(10, 1), FileStamp(10, 2)
STAMPS = st.dictionaries(
    st.text("abc", min_size=1, max_size=2), st.builds(FileStamp, st.integers(0, 9), st.integers(0, 9))
)


def test_a_file_below_its_official_size_is_never_complete_however_long_it_rests() -> None:
    listing, known = Listing({"a": STAMP, "b": STAMP}), KnownFiles()
    for _ in range(3):
        look, known = take_look(listing, ["b"], known, concluded=None, limit=9, official_bytes={"a": 11, "b": 10})
    assert look.new == look.due == []
    assert look.short == {"a": "still to come: 1 byte of 11 bytes"}


def test_a_file_registered_before_stamps_were_kept_is_taken_as_it_is() -> None:
    look, known = take_look(Listing({"a": STAMP}), ["a"], KnownFiles(), concluded=None, limit=9)
    assert (look.new, look.replaced, look.due) == ([], [], [])
    _, known = take_look(Listing({"a": OTHER}), ["a"], known, concluded=None, limit=9)
    look, known = take_look(Listing({"a": OTHER}), ["a"], known, concluded=None, limit=9)
    assert look.replaced == look.due == ["a"]


def test_a_file_that_comes_back_as_it_was_is_not_recorded_again() -> None:
    known = KnownFiles(stamps={"a": STAMP, "b": STAMP}, looks={"a": 1, "b": 1})
    gone, known = take_look(Listing({"b": STAMP}), "ab", known, concluded=1, limit=9)
    assert gone.vanished == ["a"]
    back, known = take_look(Listing({"a": STAMP, "b": STAMP}), "ab", known, concluded=1, limit=9)
    assert (back.due, back.vanished, known.gone) == ([], [], frozenset())


def test_a_registered_file_that_was_never_seen_is_reported_once_and_recorded_when_it_comes(tmp_path: Path) -> None:
    file, looks = tmp_path / "known.parquet", []
    for files in ({"b": STAMP}, {"b": STAMP}, {"a": STAMP, "b": STAMP}, {"a": STAMP, "b": STAMP}):
        look, known = take_look(Listing(files), "ab", read_known_files(file), concluded=None, limit=9)
        write_known_files(known, file)
        looks.append((look.vanished, look.due))
    assert looks == [(["a"], []), ([], []), ([], []), ([], ["a"])]


@given(files=STAMPS, limit=st.integers(1, 3), kills=st.lists(st.booleans(), max_size=5))
def test_every_deletion_is_reported_once_however_often_the_daemon_is_killed(
    files: dict[str, FileStamp], limit: int, kills: list[bool]
) -> None:
    known, reported, concluded = KnownFiles(stamps=files, looks=dict.fromkeys(files, 1)), list[str](), 1
    stays = {"stays": STAMP}
    registered = files.keys() | stays
    for killed in [*kills, *[False] * (len(files) + 1)]:
        look, known = take_look(Listing(stays), registered, known, concluded=concluded, limit=limit)
        assert len(look.vanished) <= limit
        if not killed:
            concluded = look.number
            reported += look.vanished
    assert reported == sorted(files)


def test_an_instance_that_forgot_its_partitions_has_them_registered_anew() -> None:
    listing, known = Listing({"a": STAMP}), KnownFiles(stamps={"a": STAMP}, looks={"a": 4})
    _, known = take_look(listing, [], known, concluded=None, limit=9)
    look, _ = take_look(listing, [], known, concluded=None, limit=9)
    assert look.new == look.due == ["a"]


@given(files=STAMPS, limit=st.integers(1, 3))
def test_every_file_is_due_exactly_once_whatever_the_share_of_a_look(files: dict[str, FileStamp], limit: int) -> None:
    known, registered, due, concluded = KnownFiles(), set[str](), list[str](), 0
    for _ in range(len(files) + 3):
        look, known = take_look(Listing(dict(files)), registered, known, concluded=concluded, limit=limit)
        registered |= set(look.new)
        due += look.due
        concluded = look.number
    assert sorted(due) == sorted(files)


@settings(deadline=None)  # files are written
@given(
    pending=STAMPS,
    stamps=STAMPS,
    data=st.data(),
)
def test_what_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory,
    pending: dict[str, FileStamp],
    stamps: dict[str, FileStamp],
    data: st.DataObject,
) -> None:
    some = st.sets(st.sampled_from(sorted(stamps))) if stamps else st.just(set())
    known = KnownFiles(pending, stamps, dict.fromkeys(data.draw(some), 3), frozenset(data.draw(some)))
    file = tmp_path_factory.getbasetemp() / "known.parquet"
    write_known_files(known, file)
    assert read_known_files(file) == known


def test_a_broken_table_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "known.parquet").write_text("not a table")
    assert read_known_files(tmp_path / "known.parquet") == KnownFiles()
