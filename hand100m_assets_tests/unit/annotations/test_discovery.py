"""What counts as an annotation file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hand100m_assets.annotations.discovery import list_annotation_files
from hand100m_assets.errors import FolderUnreadableError


def test_finished_files_are_sets_unfinished_ones_wait_and_others_are_passed_over(tmp_path: Path) -> None:
    for name in (
        "Hand100M_Ego4D_50k_v1-1.json", "Hand100M_Ego4D_TempCLR_100k_v1-1.json.gz", "my_hands.JSON",
        "Hand100M_Ego4D_1m_v1-1.json.part", "x.json.a8f3", ".y.json.tmp", "notes.txt", ".hidden.json",
    ):  # fmt: skip
        (tmp_path / name).write_text("{}")
    listing = list_annotation_files(tmp_path)
    assert set(listing.files) == {"simhand-50k", "tempclr-100k", "my-hands"}
    assert listing.in_progress == [".y.json.tmp", "Hand100M_Ego4D_1m_v1-1.json.part", "x.json.a8f3"]
    assert listing.refused == {}
    assert listing.files["simhand-50k"].stamp.size_bytes == 2


def test_two_files_of_one_key_are_never_mixed(tmp_path: Path) -> None:
    for name in ("Hand100M_Ego4D_50k_v1-1.json", "Hand100M_Ego4D_50K_v1-2.json"):
        (tmp_path / name).write_text("{}")
    listing = list_annotation_files(tmp_path)
    assert len(listing.files) == 1
    (reason,) = listing.refused.values()
    assert listing.files["simhand-50k"].path.name in reason


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
