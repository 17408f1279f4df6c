"""Pictures and page of a set on disk: what they are made from, and that the same input gives the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.errors import AnnotationFileError
from hand100m_assets.pairs import EmbeddingOptions, embed_hands, mine_pairs
from hand100m_assets.render.grids import AnchorChoice
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH, EGO4D
from hand100m_assets.workspace.pictures import CHARTS, SHEETS, SetPictures, far_neighbours
from hand100m_assets.workspace.reports import make_report, write_report
from hand100m_assets.workspace.workspace import SourceWorkspace
from hand100m_assets_tests.unit.pairs.hands import brute_force, hands_table

HANDS, VIDEOS, KEY = 24, 6, "simhand-50k"


def record(number: int, rng: np.random.Generator) -> dict[str, object]:
    points = np.clip(rng.normal(0.5, 0.15, (21, 3)), 0, 1)
    return {
        "hand_id": str(100 + number),
        "image_id": number,
        "boxes": "[40, 30, 120, 110]",
        "keypoint_25d": points.ravel().round(4).tolist(),
        "left_right": "Left" if number % 3 == 0 else "Right",
        "positive_sample": [str(100 + (number + 1) % HANDS)],
        "distance": [0.01 * number],
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One set of 24 hands in 6 videos, one record rejected, one frame not there."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(2)
    hands = [record(n, rng) for n in range(HANDS)]
    images = [{"id": n, "file_name": f"x/-video_{n % VIDEOS}/frame_{30 * n:06d}.jpg"} for n in range(HANDS)]
    hostile = {**record(99, rng), "left_right": "<script>alert(1)</script>"}
    file = folder / "Hand100M_Ego4D_50k_v1-1.json"
    file.write_text(json.dumps({"images": images, "annotations": [*hands, hostile]}))
    settings = Settings(_env_file=None, data_root=folder, output_root=folder / "out")
    place = SourceWorkspace(settings, EGO4D)
    ingest_file(file, place.output.annotation_dir(KEY))
    for n in range(1, HANDS):
        frame = place.output.frame_file(f"-video_{n % VIDEOS}", 30 * n)
        frame.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(frame), rng.integers(0, 256, (120, 160, 3), dtype=np.uint8))
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> SourceWorkspace:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return SourceWorkspace(Settings(_env_file=None, data_root=tmp_path, output_root=tmp_path / "out"), EGO4D)


def chosen(*rows: int) -> AnchorChoice:
    return AnchorChoice(rows, "these")


def test_neighbours_for_the_ladder_are_those_of_brute_force_whether_or_not_mining_went_so_far(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    hands = hands_table(rng.normal(0.5, 0.2, (300, 21, 3)), [f"v{n % 5}" for n in range(300)])
    options, rows = EmbeddingOptions(), (0, 20, 598)
    embedding = embed_hands(hands, options)
    nearest, squares = brute_force(embedding.vectors, embedding.videos, 100)
    found = {}
    for count in (10, 100):
        mine_pairs(hands, tmp_path / f"{count}.parquet", count=count, options=options)
        found[count] = far_neighbours(
            pl.scan_parquet(tmp_path / f"{count}.parquet"), hands.lazy(), chosen(*rows), options
        )
    found[0] = far_neighbours(None, hands.lazy(), chosen(*rows), options)
    for table in found.values():
        assert table["row_index"].to_list() == list(rows)
        for row, rows_found, distances in table.iter_rows():
            assert rows_found == [2 * place for place in nearest[row // 2]], "row_index is twice the place here"
            assert np.allclose(distances, np.sqrt(squares[row // 2]))
    assert found[0].equals(found[10]) and found[0].equals(found[100])


def test_no_anchor_or_one_that_cannot_be_compared_has_no_neighbours() -> None:
    hands = hands_table(np.full((3, 21, 3), np.nan), ["a", "b", "c"]).lazy()
    for choice in (chosen(), chosen(0, 2)):
        assert far_neighbours(None, hands, choice, EmbeddingOptions()).is_empty()


def test_sheets_and_charts_are_written_whole_and_the_same_again(place: SourceWorkspace) -> None:
    first = {}
    for _ in range(2):
        pictures = SetPictures(place, KEY)
        files = [pictures.write_sheet(name)[1] for name in SHEETS] + [pictures.write_chart(name)[1] for name in CHARTS]
        content = {file.name: file.read_bytes() for file in files}
        first = first or content
        assert content == first
    assert set(first) == {f"{name}.jpg" for name in SHEETS} | {f"{name}.png" for name in CHARTS}
    left = {path.name for path in place.output.sheet_file(KEY, "x").parent.iterdir()}
    assert left == set(first), "nothing half-written"


def test_the_map_shows_the_same_set_of_the_other_source_too(place: SourceWorkspace) -> None:
    alone = SetPictures(place, KEY).chart("pose_map")
    other = place.settings.output(DOH).annotation_dir(KEY)
    shutil.copytree(place.output.annotation_dir(KEY), other)
    both = SetPictures(place, KEY).chart("pose_map")
    assert both != alone
    assert SetPictures(SourceWorkspace(place.settings, DOH), KEY).chart("pose_map") == both


def test_the_report_says_what_was_rejected_and_what_is_missing_and_nothing_of_it_runs(place: SourceWorkspace) -> None:
    report = make_report(place, KEY)
    assert report == make_report(place, KEY), "the same input gives the same bytes"
    assert report.pictures == report.html.count('src="data:image/') == 8
    assert "<script" not in report.html and "&lt;script&gt;alert(1)" in report.html
    assert "Not known yet: coverage was not materialized." in report.html
    assert "record rejected" in report.html
    assert report.cells_empty > 0 and "image not on disk" in report.html


def test_the_report_tells_of_coverage_and_agreement_once_they_are_there(place: SourceWorkspace) -> None:
    output = place.output
    coverage = pl.DataFrame(
        [("-video_0", 0, False, "frame damaged"), ("-video_1", 30, True, None)],
        schema={"video_id": pl.String, "frame_index": pl.Int32, "exists": pl.Boolean, "reason": pl.String},
        orient="row",
    )
    agreement = pl.DataFrame({"rank": [1, 4, None], "reason": [None, None, "no positive"]})
    for asset, table in (("coverage", coverage), ("agreement", agreement)):
        output.table_file(asset, KEY).parent.mkdir(parents=True)
        table.write_parquet(output.table_file(asset, KEY))
    html = make_report(place, KEY).html
    assert "Empty: " in html and "frame damaged" in html and "images on disk" in html
    assert "Of 2 positives that can be ranked" in html
    assert "50.0% are our nearest and 100.0% are among our nearest ten" in html


def test_a_report_is_written_where_asked_and_replaces_the_one_before(place: SourceWorkspace, tmp_path: Path) -> None:
    file, report = write_report(place, KEY)
    assert file == place.output.report_file(KEY)
    assert file.read_text() == report.html
    asked, _ = write_report(place, KEY, out=tmp_path / "new" / "page.html")
    assert asked.read_bytes() == file.read_bytes()
    assert [path.name for path in file.parent.iterdir()] == [f"{KEY}.html"]


def test_an_unfinished_set_has_no_pictures_and_no_report(place: SourceWorkspace) -> None:
    with pytest.raises(AnnotationFileError, match="no finished tables"):
        SetPictures(place, "topk-1m").sheet("best")
    with pytest.raises(AnnotationFileError, match="no finished tables"):
        make_report(place, "topk-1m")
