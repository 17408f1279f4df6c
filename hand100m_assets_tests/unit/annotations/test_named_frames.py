"""Which frames annotation sets name."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hand100m_assets.annotations.named_frames import frames_named

rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=12)


@given(tables=st.lists(rows, max_size=3), wanted=st.lists(st.sampled_from("abcd"), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_frames_of_all_tables_are_gathered_for_the_wanted_videos_only(
    tmp_path: Path, tables: list[list[tuple[str, int]]], wanted: list[str]
) -> None:
    paths = []
    for number, table in enumerate(tables):
        paths.append(tmp_path / f"{number}.parquet")
        schema = {"video_id": pl.String, "frame_index": pl.Int32}
        pl.DataFrame(table, schema=schema, orient="row").write_parquet(paths[-1])
    expected: dict[str, set[int]] = {}
    for video_id, frame_index in (row for table in tables for row in table):
        if video_id in wanted:
            expected.setdefault(video_id, set()).add(frame_index)
    assert frames_named(paths, wanted) == {video_id: sorted(frames) for video_id, frames in expected.items()}
