"""The sample without what was planted: the checks see the faults, not the sample."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.sources import DOH, EGO4D
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests.conftest import SampleWorkspace

pytestmark = pytest.mark.integration


def test_a_mended_workspace_turns_the_ci_green(finished: SampleWorkspace, tmp_path: Path) -> None:
    """No check of error severity fails."""
    copy = SampleWorkspace(tmp_path / "mended", finished.report)
    shutil.copytree(finished.folder / "data", copy.folder / "data")
    env = (finished.folder / ".env").read_text().replace(str(finished.folder), str(copy.folder))
    (copy.folder / ".env").write_text(re.sub("HAND100M_EXPECTED_TOTALS=.*", "HAND100M_EXPECTED_TOTALS={}", env))
    for source in (EGO4D, DOH):
        mend(SourceWorkspace(copy.settings, source), finished)
    assert copy.catch_up().returncode == 0
    done = copy.run(sys.executable, "-m", "hand100m_assets.headless.check_data")
    assert done.returncode == 0, done.stdout


def mend(place: SourceWorkspace, sample: SampleWorkspace) -> None:
    """Drop the bad downloads from list and folder, and bad records and what hangs on them from the annotations."""
    truth = sample.report.sources[place.source.name]
    bad = {*truth.missing, *truth.truncated, *truth.downloading}
    for video_id in bad:
        for path in place.folders.videos_dir.glob(f"{video_id}.mp4*"):
            path.unlink()
    lines = place.folders.list_file.read_text().splitlines(keepends=True)
    place.folders.list_file.write_text("".join(line for line in lines if not any(v in line for v in bad)))
    for file in place.folders.annotations_dir.glob("*.json"):
        mend_annotations(file, set(truth.healthy), {v: video.frame_count for v, video in truth.healthy.items()})


def mend_annotations(file: Path, healthy: set[str], frame_counts: dict[str, int]) -> None:
    out = file.parent / f".{file.stem}"
    ingest_file(file, out)
    images = pl.read_parquet(out / "images.parquet")
    images = images.filter(pl.col("video_id").is_in(healthy) & (pl.col("frame_index") % 30 == 0))
    images = images.filter(pl.col("frame_index") < pl.col("video_id").replace_strict(frame_counts, default=0))
    hands = pl.read_parquet(out / "hands.parquet").filter(pl.col("image_id").is_in(images["image_id"].to_list()))
    x1, y1, x2, y2 = (pl.col("box_px").arr.get(i) for i in range(4))
    hands = hands.unique("hand_id", keep="none", maintain_order=True).filter((x2 > x1) & (y2 > y1))
    before = -1
    while hands.height != before:
        before = hands.height
        hands = hands.filter(pl.col("positives").list.first().is_in(hands["hand_id"].to_list()))
    rows = set(hands["row_index"].to_list())
    records = set(images["record"].to_list())
    document = json.loads(file.read_text())
    document["images"] = [image for n, image in enumerate(document["images"]) if n in records]
    document["annotations"] = [hand for n, hand in enumerate(document["annotations"]) if n in rows]
    file.write_text(json.dumps(document))
    shutil.rmtree(out)
