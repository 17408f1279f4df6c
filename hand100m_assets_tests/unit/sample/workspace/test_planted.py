"""The demo says of each planted fault where it is reported, and that is where it is reported."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.rules import RuleTables, apply_rules
from hand100m_assets.sample.scenes import SampleScale, cast_videos
from hand100m_assets.sample.workspace.annotation_files import annotation_files
from hand100m_assets.sample.workspace.faults import FAULTS
from hand100m_assets.sample.workspace.planted import REPORTED_BY, planted_fault_lines
from hand100m_assets.sources import SOURCES
from hand100m_assets_tests.unit.sample.conftest import TinySample


def test_each_fault_of_a_set_is_reported_by_the_rule_that_is_named_and_by_no_rule_for_a_sound_set(
    tmp_path: Path,
) -> None:
    assert REPORTED_BY.keys() == FAULTS.keys()
    named = {fault: reported.split(", ")[-1] for fault, (_, reported) in REPORTED_BY.items()}
    planted: set[str] = set()
    for source in SOURCES:
        plans = cast_videos(source, 0, SampleScale())
        lengths = pl.DataFrame(
            [(plan.video_id, plan.frame_count, plan.width_px, plan.height_px) for plan in plans],
            schema=["video_id", "frame_count_from_header", "width_px", "height_px"],
            orient="row",
        )
        for file in annotation_files(source, plans, 0):
            path = tmp_path / source.name / file.truth.file_name
            path.parent.mkdir(exist_ok=True)
            path.write_text(file.text)
            ingest_file(path, tables := tmp_path / source.name / file.set_key)
            results = apply_rules(RuleTables.read(tables, stride=30, inventory=lengths))
            broken = {result.rule.name for result in results if result.count}
            faults = {bad.fault for bad in file.truth.bad_records}
            assert {named[fault] for fault in faults} == broken & set(named.values())
            planted |= faults
    assert planted == set(FAULTS)


def test_the_table_names_every_planted_fault_in_lines_that_fit(tiny: TinySample) -> None:
    head, rule, *rows = planted_fault_lines(tiny.data)
    assert head.split("  ")[0] == "planted fault" and set(rule) == {"-", " "}
    assert max(map(len, (head, *rows))) <= 120
    for name, truth in tiny.report.sources.items():
        for video_id in (*truth.missing, *truth.truncated, *truth.downloading):
            assert sum(f"{name} {video_id}" in row and "missing_videos.txt" in row for row in rows) == 1
        for key, file in truth.annotation_files.items():
            for bad in file.bad_records:
                assert any(f"{name} {key}, {bad.section}[{bad.record}]" in row for row in rows)
    faults = sum(
        len(file.bad_records) for truth in tiny.report.sources.values() for file in truth.annotation_files.values()
    )
    videos = sum(len(truth.listed) - len(truth.healthy) for truth in tiny.report.sources.values())
    assert len(rows) == faults + videos


def test_data_that_are_no_sample_have_no_table(tmp_path: Path) -> None:
    assert planted_fault_lines(tmp_path / "data") == []
    (tmp_path / "sample_report.json").write_text("{}")
    assert planted_fault_lines(tmp_path / "data") == []
