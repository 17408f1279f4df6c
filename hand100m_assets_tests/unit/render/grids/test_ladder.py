from __future__ import annotations

import cv2
import numpy as np
import polars as pl
import pytest

from hand100m_assets.imaging.jpeg import encode_jpeg
from hand100m_assets.pairs.resolve import mirrored_xy
from hand100m_assets.render.grids.crops import CELLS_SCHEMA
from hand100m_assets.render.grids.ladder import RANKS, draw_ladder, ordinal
from hand100m_assets.render.grids.sheet import PAPER
from hand100m_assets_tests.unit.imaging.test_crop import region_in_words
from hand100m_assets_tests.unit.render.grids.test_grid import assert_marked
from hand100m_assets_tests.unit.render.scene import Scene

LEFT_PX, TOP_PX, ROW_PX = 16, 74 + 34, 224 + 6


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Hands that differ, so that neighbours have an order."""
    scene = Scene(tmp_path_factory.mktemp("ladder"))
    bent = scene.hands["keypoints"].to_numpy() + 0.01 * np.arange(12)[:, None, None] * [1, 0, 0]
    scene.hands = scene.hands.with_columns(
        keypoints=pl.Series(bent.astype(np.float32), dtype=scene.hands.schema["keypoints"])
    )
    return scene


def brute_force(hands, count=100):
    """Every other hand of another video, by mean joint distance, then row."""
    points, videos = mirrored_xy(hands), hands["video_id"].to_list()
    rows = []
    for i in range(hands.height):
        distances = np.linalg.norm(points - points[i], axis=2).mean(axis=1)
        others = sorted((float(distances[j]), j) for j in range(hands.height) if videos[j] != videos[i])[:count]
        rows.append((i, [j for _, j in others], [distance for distance, _ in others]))
    schema = {
        "row_index": pl.UInt32,
        "neighbour_rows": pl.List(pl.UInt32),
        "neighbour_distances": pl.List(pl.Float32),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def cell(sheet, row, column):
    left, top = LEFT_PX + 224 * column + (14 if column else 0), TOP_PX + ROW_PX * row
    return sheet.image_bgr[top : top + 224, left : left + 224]


def crop_by_opencv(scene, row):
    hand = scene.hands.row(row, named=True)
    image = cv2.imread(str(scene.image_path(hand["video_id"], hand["frame_index"])))
    x1, y1, x2, y2 = region_in_words(hand["box_px"], 320, 240)
    crop = cv2.resize(image[y1:y2, x1:x2], (224, 224), interpolation=cv2.INTER_LINEAR)
    return crop[:, ::-1] if hand["handedness"] == "Left" else crop


def test_each_row_shows_the_anchor_and_its_neighbours_of_the_asked_ranks(scene):
    neighbours = brute_force(scene.hands)
    sheet = draw_ladder(neighbours, scene.hands, [4, 7], scene.image_path, ranks=(1, 3, 6))
    assert sheet.missing.is_empty()
    assert sheet.cells.schema == CELLS_SCHEMA
    for place, anchor in enumerate((4, 7)):
        nearest = neighbours["neighbour_rows"][anchor]
        shown = [anchor, nearest[0], nearest[2], nearest[5]]
        assert sheet.cells["row_index"][4 * place : 4 * place + 4].to_list() == shown
        for column, row in enumerate(shown):
            corner, expected = cell(sheet, place, column)[:20, :20], crop_by_opencv(scene, row)[:20, :20]
            assert np.array_equal(corner, expected), "where neither skeleton nor text is drawn"


def test_a_rank_beyond_the_mined_neighbours_is_a_marked_cell_but_no_fault(scene):
    sheet = draw_ladder(brute_force(scene.hands, count=5), scene.hands, [0], scene.image_path)
    assert sheet.cells.height == 4, "anchor, 1st, 2nd, 5th"
    assert sheet.missing.is_empty()
    for column in (4, 5, 6):
        assert_marked(cell(sheet, 0, column))
    more = draw_ladder(brute_force(scene.hands, count=6), scene.hands, [0], scene.image_path)
    assert not np.array_equal(cell(sheet, 0, 4), cell(more, 0, 4)), "it says how many were mined"


def test_a_hand_that_was_not_mined_keeps_its_anchor(scene):
    neighbours = brute_force(scene.hands).filter(pl.col("row_index") != 3)
    sheet = draw_ladder(neighbours, scene.hands, [3], scene.image_path)
    assert sheet.cells.select("cell", "row_index", "reason").rows() == [(0, 3, None)]
    for column in range(1, 7):
        assert_marked(cell(sheet, 0, column))


def test_a_missing_frame_is_marked_with_the_reason_that_coverage_gives(scene, tmp_path):
    hand = scene.hands.row(4, named=True)
    neighbours = brute_force(scene.hands)
    coverage = pl.DataFrame(
        {"video_id": [hand["video_id"]], "frame_index": [hand["frame_index"]], "reason": ["video missing"]},
        schema_overrides={"frame_index": pl.Int32},
    )
    sheet = draw_ladder(
        neighbours, scene.hands, [4], lambda *_: tmp_path / "absent.jpg", ranks=(1,), coverage=coverage.lazy()
    )
    assert sheet.missing["reason"].to_list() == ["video missing", "image not on disk"]
    assert_marked(cell(sheet, 0, 0))


def test_the_same_input_gives_the_same_bytes_on_an_opaque_ground(scene):
    neighbours = brute_force(scene.hands)
    first, again = (
        draw_ladder(table, scene.hands, range(10), scene.image_path, title="T", subtitle="long " * 400)
        for table in (neighbours, neighbours.lazy())
    )
    assert encode_jpeg(first.image_bgr) == encode_jpeg(again.image_bgr)
    height, width = first.image_bgr.shape[:2]
    assert (height, width) == (TOP_PX + 10 * ROW_PX - 6 + 16, 2 * LEFT_PX + 7 * 224 + 14)
    assert (first.image_bgr[[0, -1]] == PAPER).all()
    assert (first.image_bgr[:70] < 100).any(), "a headline"


def test_no_anchor_gives_a_headline_alone(scene):
    sheet = draw_ladder(brute_force(scene.hands), scene.hands, [], scene.image_path)
    assert sheet.cells.is_empty()
    assert sheet.image_bgr.shape[0] == TOP_PX + 16


def test_ranks_are_those_of_the_top_k_experiment_and_have_names():
    assert RANKS == (1, 2, 5, 10, 50, 100)
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 100, 102, 111)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "100th", "102nd", "111th")
    ]
