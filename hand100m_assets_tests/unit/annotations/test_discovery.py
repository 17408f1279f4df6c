"""What counts as an annotation file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hand100m_assets.annotations.discovery import find_annotation_file, list_annotation_files
from hand100m_assets.errors import AnnotationFileError, FolderUnreadableError
from hand100m_assets.set_names import name_pattern


def test_finished_files_are_sets_unfinished_ones_wait_and_others_are_passed_over(tmp_path: Path) -> None:
    for name in (
        "Hand100M_Ego4D_50k_v1-1.json", "Hand100M_Ego4D_TempCLR_100k_v1-1.json.gz", "my_hands.JSON",
        "Hand100M_Ego4D_TopK_1m_v1-1.json.zst", "z.json.zst.part",
        "Hand100M_Ego4D_1m_v1-1.json.part", "x.json.a8f3", ".y.json.tmp", "notes.txt", ".hidden.json",
    ):  # fmt: skip
        (tmp_path / name).write_text("{}")
    listing = list_annotation_files(tmp_path)
    assert set(listing.files) == {"simhand-50k", "tempclr-100k", "my-hands", "topk-1m"}
    assert listing.in_progress == [".y.json.tmp", "Hand100M_Ego4D_1m_v1-1.json.part", "x.json.a8f3", "z.json.zst.part"]
    assert listing.refused == {}
    assert listing.files["simhand-50k"].stamp.size_bytes == 2


def test_two_files_of_one_key_are_never_mixed(tmp_path: Path) -> None:
    for name in ("Hand100M_Ego4D_50k_v1-1.json", "Hand100M_Ego4D_50K_v1-2.json"):
        (tmp_path / name).write_text("{}")
    listing = list_annotation_files(tmp_path)
    assert listing.files == {}
    one, other = sorted(listing.refused)
    assert other in listing.refused[one] and one in listing.refused[other]
    with pytest.raises(AnnotationFileError, match="rename or remove all but one"):
        find_annotation_file(tmp_path, "simhand-50k")


def test_a_file_beside_its_own_compressed_copy_is_refused_too(tmp_path: Path) -> None:
    for suffix in ("json", "json.gz", "json.zst"):
        (tmp_path / f"Hand100M_Ego4D_50k_v1-1.{suffix}").write_text("{}")
    assert len(list_annotation_files(tmp_path).refused) == 3


def test_sets_are_named_by_the_pattern_of_the_settings(tmp_path: Path) -> None:
    pattern = name_pattern(r"(?P<scale>\d+[km])\.(?P<family>\w+)")
    for name in ("100K.TopK5.json", "100k.tempclr.json.zst", "Hand100M_Ego4D_50k_v1-1.json"):
        (tmp_path / name).write_text("{}")
    assert set(list_annotation_files(tmp_path, pattern).files) == {
        "topk5-100k", "tempclr-100k", "hand100m-ego4d-50k-v1-1",
    }  # fmt: skip
    assert find_annotation_file(tmp_path, "topk5-100k", pattern).path.name == "100K.TopK5.json"


def test_what_cannot_be_a_file_of_hands_is_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.json").touch()
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "broken.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "good.json").write_text("{}")
    listing = list_annotation_files(tmp_path)
    assert list(listing.files) == ["good"]
    assert set(listing.refused) == {"empty.json", "folder.json", "broken.json"}


def test_a_missing_folder_and_a_file_in_its_place_are_not_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(FolderUnreadableError):
            list_annotation_files(folder)
    assert list_annotation_files(tmp_path).files == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anywhere")
def test_a_folder_that_may_not_be_read_is_not_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o300)
    with pytest.raises(FolderUnreadableError, match="read permission"):
        list_annotation_files(tmp_path / "locked")


def test_a_share_that_fails_while_it_is_listed_is_not_a_folder_with_fewer_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def breaking_off(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        def entries() -> Iterator[os.DirEntry[str]]:
            yield next(found)
            raise OSError(5, "Input/output error", str(folder))

        with scandir(folder) as found:
            yield entries()

    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", breaking_off)
    with pytest.raises(FolderUnreadableError, match="Input/output error"):
        list_annotation_files(tmp_path)


def test_the_file_of_a_set_is_found_by_its_key(tmp_path: Path) -> None:
    (tmp_path / "Hand100M_Ego4D_50k_v1-1.json").write_text("{}")
    assert find_annotation_file(tmp_path, "simhand-50k").path == tmp_path / "Hand100M_Ego4D_50k_v1-1.json"


def test_a_set_without_a_file_says_whether_it_is_gone_or_refused(tmp_path: Path) -> None:
    (tmp_path / "Hand100M_Ego4D_50k_v1-1.json").touch()
    with pytest.raises(AnnotationFileError, match="zero bytes") as caught:
        find_annotation_file(tmp_path, "simhand-50k")
    assert caught.value.where == str(tmp_path / "Hand100M_Ego4D_50k_v1-1.json")
    with pytest.raises(AnnotationFileError, match="'simhand-1m'"):
        find_annotation_file(tmp_path, "simhand-1m")
    with pytest.raises(FolderUnreadableError):
        find_annotation_file(tmp_path / "absent", "simhand-50k")
