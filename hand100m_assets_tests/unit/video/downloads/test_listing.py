from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.files import NO_FILE, FileStamp
from hand100m_assets.sources import DOH, EGO4D
from hand100m_assets.video.downloads.listing import Listing, find_changes, list_videos, partial_video_id

VIDEO_ID = "8082fcc6-e09a-4440-aa24-06c58490bbfe"


def put(folder: Path, name: str, data: bytes = b"x" * 10) -> None:
    (folder / name).write_bytes(data)


@pytest.mark.parametrize("name", ["absent", "a_file"])
def test_a_folder_that_cannot_be_listed_is_an_error_and_never_empty(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a_file")
    with pytest.raises(FolderUnreadableError) as caught:
        list_videos(tmp_path / name, EGO4D)
    assert str(tmp_path / name) in str(caught.value)
    assert caught.value.fix


def test_a_folder_without_read_permission_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))  # root, as in a container, may read everything

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FolderUnreadableError, match="Permission denied"):
        list_videos(tmp_path, EGO4D)


def test_an_empty_folder_is_an_empty_listing(tmp_path: Path) -> None:
    assert list_videos(tmp_path, EGO4D) == Listing()


def test_finished_files_are_listed_with_size_and_time(tmp_path: Path) -> None:
    put(tmp_path, f"{VIDEO_ID}.mp4", b"12345")
    put(tmp_path, "-B3_youtube-.mp4", b"1")
    listing = list_videos(tmp_path, DOH)
    stat = (tmp_path / f"{VIDEO_ID}.mp4").stat()
    assert listing.complete_names[VIDEO_ID] == FileStamp(5, stat.st_mtime_ns)
    assert list(listing.complete_names) == ["-B3_youtube-", VIDEO_ID]
    assert not listing.in_progress
    assert not listing.refused


@pytest.mark.parametrize(
    "name",
    [
        "abc.mp4.part",
        "abc.part",
        "abc.mp4.part-Frag12",
        "abc.mp4.ytdl",
        "abc.f137.mp4",
        "abc.f137.mp4.part",
        "abc.f251.webm",
        "abc.temp.mp4",
        "abc.mp4.B1d4F6a8",
        "abc.mp4.tmp",
        "abc.tmp",
        "abc.mp4.crdownload",
        "abc.mp4.aria2",
    ],
)
def test_unfinished_downloads_are_recognised_by_their_names(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    listing = list_videos(tmp_path, DOH)
    assert listing.in_progress == [name]
    assert not listing.complete_names
    assert partial_video_id(name) == "abc"


def test_a_file_that_aria2_still_fills_is_in_progress_under_its_final_name(tmp_path: Path) -> None:
    put(tmp_path, "abc.mp4")
    put(tmp_path, "abc.mp4.aria2")
    listing = list_videos(tmp_path, DOH)
    assert not listing.complete_names
    assert listing.in_progress == ["abc.mp4", "abc.mp4.aria2"]


def test_what_cannot_be_taken_is_refused_with_a_reason(tmp_path: Path) -> None:
    put(tmp_path, "empty.mp4", b"")
    put(tmp_path, "a b.mp4")
    put(tmp_path, "..mp4")
    put(tmp_path, "other.webm")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere")
    refused = list_videos(tmp_path, DOH).refused
    assert set(refused) == {"empty.mp4", "a b.mp4", "..mp4", "other.webm", "folder.mp4", "dangling.mp4"}
    assert "zero bytes" in refused["empty.mp4"]
    assert "cannot be read" in refused["dangling.mp4"]


def test_files_that_are_no_videos_are_passed_over(tmp_path: Path) -> None:
    for name in ("manifest.csv", "manifest.ver", "ego4d.json", "README"):
        put(tmp_path, name)
    assert list_videos(tmp_path, EGO4D) == Listing()


names = st.text(string.ascii_lowercase, min_size=1, max_size=2)
stamps = st.builds(FileStamp, st.integers(0, 3), st.integers(0, 3))


@given(
    st.dictionaries(names, stamps), st.dictionaries(names, st.just(NO_FILE) | stamps), st.dictionaries(names, stamps)
)
def test_every_file_is_sorted_into_exactly_one_place(
    there: dict[str, FileStamp], known: dict[str, FileStamp], pending: dict[str, FileStamp]
) -> None:
    changes = find_changes(Listing(there), known, pending)
    settled = {name for name in there if name in known and known[name] == there[name]}
    assert sorted([*changes.ready, *changes.replaced, *changes.pending, *settled]) == sorted(there)
    assert changes.vanished == sorted(known.keys() - there.keys())
    assert all(pending.get(name) == there[name] for name in (*changes.ready, *changes.replaced))
    assert all(pending.get(name) != there[name] for name in changes.pending)
    assert changes == find_changes(there, known, pending)


@given(st.lists(st.dictionaries(names, stamps), min_size=1, max_size=6))
def test_a_file_becomes_ready_exactly_when_two_looks_in_a_row_agree(looks: list[dict[str, FileStamp]]) -> None:
    known: dict[str, FileStamp] = {}
    pending: dict[str, FileStamp] = {}
    before: dict[str, FileStamp] = {}
    for look in looks:
        changes = find_changes(look, known, pending)
        for name in changes.ready:
            assert before[name] == look[name]
            assert name not in known
            known[name] = look[name]
        pending, before = changes.pending, look
    # Whatever came last, looking twice more at the same folder settles everything.
    for _ in range(2):
        changes = find_changes(looks[-1], known, pending)
        known |= {name: looks[-1][name] for name in (*changes.ready, *changes.replaced)}
        pending = changes.pending
    assert find_changes(looks[-1], known, pending).pending == {}


def test_a_file_that_is_downloaded_again_has_not_vanished() -> None:
    changes = find_changes(
        Listing({}, ["abc.mp4.part"], {"def.mp4": "zero bytes"}), dict.fromkeys(("abc", "def"), NO_FILE), {}
    )
    assert changes.vanished == []
