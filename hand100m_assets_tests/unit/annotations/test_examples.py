"""Which annotated frames are shown, and what is read of the set for them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hand100m_assets.annotations.examples import frames_on_disk
from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets_tests.unit.annotations.records import hand, image, write


def ingested(tmp_path: Path) -> Path:
    images = [image(n, f"video_{n % 3}") for n in range(12)]
    hands = [hand(n, n // 2) for n in range(24) if n // 2 != 4]
    ingest_file(write(tmp_path / "set.json", {"images": images, "annotations": hands}), tmp_path / "out")
    return tmp_path / "out"


def covered(tables: Path, on_disk: list[int]) -> pl.DataFrame:
    images = pl.read_parquet(tables / "images.parquet", columns=["image_id", "video_id", "frame_index"])
    numbers = pl.col("image_id").cast(pl.Int64)
    return images.with_columns(exists=numbers.is_in(on_disk), hand_count=pl.when(numbers == 4).then(0).otherwise(2))


def test_frames_with_hands_are_taken_from_all_over_the_set_with_all_of_their_hands(tmp_path: Path) -> None:
    tables = ingested(tmp_path)
    shown = frames_on_disk(tables, covered(tables, [1, 2, 4, 5, 7, 10]))
    assert shown.hands["hand_id"].to_list() == [2, 3, 10, 11, 20, 21]
    assert shown.file_names == {
        ("video_1", 30): "Hand2M/ego4d/video_1/frame_000030.jpg",
        ("video_2", 150): "Hand2M/ego4d/video_2/frame_000150.jpg",
        ("video_1", 300): "Hand2M/ego4d/video_1/frame_000300.jpg",
    }


def test_where_no_frame_is_on_disk_nothing_is_shown(tmp_path: Path) -> None:
    tables = ingested(tmp_path)
    shown = frames_on_disk(tables, covered(tables, [4]))
    assert shown.hands.is_empty() and not shown.file_names
