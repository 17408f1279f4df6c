from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.layout import MANIFEST_FILE
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets.video.frames.catalog import FRAME_CATALOG_SCHEMA, frame_catalog, frame_files_at_fault
from hand100m_assets.video.frames.extract import extract_video
from hand100m_assets.video.frames.manifest import ExtractionOptions, Manifest, read_manifest


@pytest.fixture
def frames_dir(clip, tmp_path: Path) -> Path:
    for name in ("vfr", "zeroed_blocks", "defaults"):
        extract_video(clip(name), tmp_path, name, StrideSelection(30), ExtractionOptions())
    return tmp_path


def test_the_catalog_lists_exactly_the_files_on_disk(frames_dir: Path) -> None:
    catalog = frame_catalog(frames_dir)
    assert catalog.schema == FRAME_CATALOG_SCHEMA
    on_disk = {str(p.relative_to(frames_dir)): p.stat().st_size for p in frames_dir.glob("*/*.jpg")}
    assert dict(catalog.select("path", "size_bytes").iter_rows()) == on_disk
    assert catalog.select("video_id", "frame_index").equals(
        catalog.select("video_id", "frame_index").sort("video_id", "frame_index")
    )
    assert dict(catalog.group_by("video_id").agg(pl.col("status").first()).iter_rows()) == {
        "vfr": "complete",
        "zeroed_blocks": "damaged",
        "defaults": "complete",
    }


def test_unfinished_folders_and_renamed_ones_are_not_in_the_catalog(frames_dir: Path) -> None:
    (frames_dir / "vfr" / MANIFEST_FILE).unlink()
    (frames_dir / "defaults").rename(frames_dir / "renamed")
    assert frame_catalog(frames_dir)["video_id"].unique().to_list() == ["zeroed_blocks"]


def test_before_the_first_extraction_the_catalog_is_empty_with_its_columns(tmp_path: Path) -> None:
    assert frame_catalog(tmp_path / "nothing").schema == FRAME_CATALOG_SCHEMA


def test_a_frames_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnreadableError):
        frame_catalog(tmp_path / "file")


def test_gone_cut_and_foreign_files_are_found(frames_dir: Path) -> None:
    catalog = frame_catalog(frames_dir)
    assert frame_files_at_fault(frames_dir, catalog).is_empty()
    gone, cut, foreign = catalog["path"].to_list()[:3]
    (frames_dir / gone).unlink()
    (frames_dir / cut).write_bytes((frames_dir / cut).read_bytes()[:-1])
    (frames_dir / foreign).write_bytes(bytes((frames_dir / foreign).stat().st_size))
    faults = frame_files_at_fault(frames_dir, catalog)
    assert faults["path"].to_list() == [gone, cut, foreign]
    assert faults["fault"][0] == "gone"
    assert "bytes where the manifest says" in faults["fault"][1]
    assert faults["fault"][2] == "not a JPEG"


def test_only_manifests_that_changed_are_read_again(frames_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = frames_dir / ".catalog.parquet"
    whole = frame_catalog(frames_dir, earlier)
    whole.write_parquet(earlier)
    read: list[str] = []

    def spy(path: Path) -> Manifest:
        read.append(path.parent.name)
        return read_manifest(path)

    monkeypatch.setattr("hand100m_assets.video.frames.catalog.read_manifest", spy)
    assert frame_catalog(frames_dir, earlier).equals(whole)
    assert read == []
    (frames_dir / "defaults" / MANIFEST_FILE).touch()
    (frames_dir / "vfr" / MANIFEST_FILE).unlink()
    again = frame_catalog(frames_dir, earlier)
    assert read == ["defaults"]
    assert again.equals(frame_catalog(frames_dir))
    assert "vfr" not in again["video_id"].to_list()


def test_an_earlier_catalog_of_another_layout_is_not_used(frames_dir: Path) -> None:
    whole = frame_catalog(frames_dir)
    whole.drop("manifest_mtime_ns").write_parquet(frames_dir / ".catalog.parquet")
    assert frame_catalog(frames_dir, frames_dir / ".catalog.parquet").equals(whole)
