"""What the mining benchmark measures, on few hands."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import bench_mining


def test_the_whole_of_mining_is_measured_beside_its_search_and_gives_the_same_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_mining, "SCALES", {"tiny": 1500})
    monkeypatch.setattr(bench_mining, "WAYS", (bench_mining.OURS,))
    monkeypatch.setattr(bench_mining, "_CHUNK_HANDS", 400)
    moving, normals = (part.splitlines() for part in bench_mining.run(tmp_path, 1, scales=["tiny"]))
    assert [line.split(" | ")[0] for line in moving[4:]] == [
        f"| {way.name}" for way in (bench_mining.OURS, bench_mining.FROM_TABLE)
    ]
    assert all(line.split(" | ")[1] == "all" and line.endswith("| 100.00% |") for line in moving[4:])
    assert len(normals) == 5
    assert (tmp_path / "mining_pairs" / "mined.parquet").exists()
