"""What the annotation benchmark measures, and what it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench_annotations import WAYS, Way, free_memory_bytes
from benchmarks.generate import write_annotations
from hand100m_assets.annotations.ingest import ingest_file


def test_one_hand_in_a_hundred_is_bad_in_each_of_four_ways(tmp_path: Path) -> None:
    file = write_annotations(tmp_path / "x.json", 401, 300, bad_every=100)
    summary = ingest_file(file, tmp_path / "tables")
    assert (summary.images_kept, summary.hands_read, summary.hands_kept, summary.rejects) == (300, 401, 396, 5)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.peer)
def test_a_way_is_skipped_with_the_reason_where_memory_would_not_do(way: Way) -> None:
    assert way.reason_to_skip(1_000_000, free_bytes=4 << 30).startswith("it needs about ")
    assert way.reason_to_skip(50_000, free_bytes=free_memory_bytes() + (4 << 30)) is None


def test_a_way_whose_package_is_absent_is_skipped_with_the_reason() -> None:
    assert "not installed" in Way("x", "x", module="no_such_package").reason_to_skip(1, 1 << 40)
