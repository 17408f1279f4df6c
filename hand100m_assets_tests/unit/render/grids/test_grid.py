from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import polars as pl
import pytest

from hand100m_assets.imaging import mirror_keypoints
from hand100m_assets.render.grids import crops as crops_module
from hand100m_assets.render.grids.grid import draw_grid, draw_grids
from hand100m_assets.render.grids.grid_plan import plan_cells
from hand100m_assets_tests.unit.imaging.test_crop import region_in_words
from hand100m_assets_tests.unit.render.scene import Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene(tmp_path_factory.mktemp("scene"))


def draw(scene, rows, **tables):
    pairs, hands = tables.pop("pairs", scene.pairs), tables.pop("hands", scene.hands)
    return draw_grids(pairs, hands, rows, tables.pop("image_path", scene.image_path), **tables)


def cell(picture, index):
    y, x = divmod(index, 10)
    return picture[224 * y : 224 * y + 224, 224 * x : 224 * x + 224]


def test_the_plain_grid_is_what_opencv_gives_by_the_crop_rule(scene):
    rows = [*range(12), *range(12), *range(12), *range(12), 0, 5]
    expected = np.zeros((2240, 2240, 3), np.uint8)
    for place, row in enumerate(rows):
        for side, shown in enumerate((row, (row + 3) % 12)):
            hand = scene.hands.row(shown, named=True)
            image = cv2.imread(str(scene.image_path(hand["video_id"], hand["frame_index"])))
            x1, y1, x2, y2 = region_in_words(hand["box_px"], 320, 240)
            crop = cv2.resize(image[y1:y2, x1:x2], (224, 224), interpolation=cv2.INTER_LINEAR)
            cell(expected, 2 * place + side)[:] = crop[:, ::-1] if hand["handedness"] == "Left" else crop
    grid = draw(scene, rows)
    assert np.array_equal(grid.plain, expected)
    assert grid.missing.is_empty()
    assert grid.cell_count == 100


def test_drawing_twice_gives_the_same_pixels_and_lazy_tables_do_too(scene):
    first = draw(scene, range(12))
    again = draw(scene, range(12), pairs=scene.pairs.lazy(), hands=scene.hands.lazy())
    assert np.array_equal(first.plain, again.plain)
    assert np.array_equal(first.labelled, again.labelled)
    assert np.array_equal(draw_grid(scene.pairs, scene.hands, range(12), scene.image_path, labelled=True).image_bgr,
                          first.labelled)  # fmt: skip
    assert np.array_equal(draw_grid(scene.pairs, scene.hands, range(12), scene.image_path, labelled=False).image_bgr,
                          first.plain)  # fmt: skip


def test_each_frame_is_read_once_however_many_hands_it_holds(scene, monkeypatch):
    reads = Counter()
    real = crops_module.read_image
    monkeypatch.setattr(crops_module, "read_image", lambda path: reads.update([path]) or real(path))
    draw(scene, [*range(12)] * 4)
    assert len(reads) == 6
    assert set(reads.values()) == {1}


def test_the_skeleton_is_drawn_on_the_mirrored_keypoints(scene):
    grid = draw(scene, [3, 4])
    for index, row in ((0, 3), (2, 4)):
        hand = scene.hands.row(row, named=True)
        points = mirror_keypoints(np.array(hand["keypoints"]), hand["handedness"])[:, :2] * 224
        changed = (cell(grid.plain, index) != cell(grid.labelled, index)).any(axis=2)
        for x, y in points[:16]:  # Above the strip of text.
            assert changed[int(y), int(x)]
        tips = cell(grid.labelled, index)[points[[8, 12], 1].astype(int), points[[8, 12], 0].astype(int)]
        assert tips.tolist() == [[233, 180, 86], [115, 158, 0]]


def test_a_missing_and_a_damaged_image_become_marked_cells_with_the_reason(scene, tmp_path):
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"<html>403</html>")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    bad = {0: tmp_path / "absent.jpg", 30: damaged, 60: empty}
    grid = draw(scene, [0, 4, 8], image_path=lambda _video, frame_index, _name: bad[frame_index])
    assert grid.missing["reason"].value_counts().sort("reason").rows() == [
        ("image file is damaged or empty", 4),
        ("image not on disk", 2),
    ]
    unreadable = draw(scene, [0], image_path=lambda *_: folder)
    assert unreadable.missing["reason"].unique().to_list() == ["image cannot be read: Is a directory"]
    for index in range(6):
        assert_marked(cell(grid.plain, index))
    assert not np.array_equal(cell(grid.plain, 0), cell(grid.plain, 2))


def assert_marked(pixels):
    grey = (pixels == pixels[..., :1]).all()
    assert grey
    assert {150, 165} <= set(np.unique(pixels))
    assert (pixels < 80).sum() > 100, "the reason is written on it"


def test_an_unresolved_positive_is_marked_with_the_reason_of_the_pairs_table(scene):
    broken = scene.pairs.with_columns(
        positive_row_index=pl.when(pl.col("row_index") != 2).then("positive_row_index"),
        positive_video_id=pl.when(pl.col("row_index") != 2).then("positive_video_id"),
        positive_frame_index=pl.when(pl.col("row_index") != 2).then("positive_frame_index"),
        reason=pl.when(pl.col("row_index") == 2).then(pl.lit("positive hand 1005 is not in this file")),
    )
    grid = draw(scene, [1, 2], pairs=broken)
    assert grid.missing.rows() == [(3, None, 1005, None, None, "positive hand 1005 is not in this file")]
    assert_marked(cell(grid.plain, 3))
    assert np.array_equal(cell(grid.plain, 2), cell(draw(scene, [2]).plain, 0)), "the anchor is still shown"


def test_a_hand_whose_record_or_image_record_was_rejected_is_marked(scene):
    hands = scene.hands.filter(pl.col("row_index") != 4).with_columns(
        frame_index=pl.when(pl.col("row_index") != 8).then("frame_index")
    )
    pairs = scene.pairs.filter(pl.col("row_index") != 4)
    grid = draw(scene, [1, 4, 8, 5], hands=hands, pairs=pairs)
    assert grid.missing.select("cell", "row_index", "reason").rows() == [
        (1, 4, "hand not in the table: its record was rejected"),
        (2, 4, "hand not in the table: its record was rejected"),
        (3, None, "no pair of this hand in the table"),
        (4, 8, "the hand's image record is missing or was rejected"),
        (7, 8, "the hand's image record is missing or was rejected"),
    ]


def test_a_box_outside_its_image_is_marked(scene):
    outside = pl.lit([900.0, 10.0, 990.0, 80.0], dtype=pl.Array(pl.Float64, 4))
    hands = scene.hands.with_columns(box_px=pl.when(pl.col("row_index") == 1).then(outside).otherwise("box_px"))
    grid = draw(scene, [1], hands=hands)
    assert grid.missing["cell"].to_list() == [0]
    assert "holds no pixel of the 320 x 240 px image" in grid.missing["reason"][0]


def test_places_without_a_pair_are_marked_but_not_missing(scene):
    grid = draw(scene, [1, 2, 4])
    assert grid.missing.is_empty()
    assert grid.cell_count == 6
    for index in range(6, 100):
        assert_marked(cell(grid.plain, index))
    nothing = draw(scene, [])
    assert nothing.cell_count == 0
    assert nothing.plain.shape == nothing.labelled.shape == (2240, 2240, 3)


def test_file_names_reach_the_path_finder_when_images_are_given(scene):
    images = pl.DataFrame(
        {"image_id": [f"image-{i}" for i in range(6)], "file_name": [f"root/{i}.jpg" for i in range(6)]}
    )
    asked = set()

    def image_path(video_id, frame_index, file_name):
        asked.add(file_name)
        return scene.image_path(video_id, frame_index)

    draw(scene, [0, 1], image_path=image_path, images=images.lazy())
    draw(scene, [0, 1], image_path=image_path)
    assert asked == {"root/0.jpg", "root/1.jpg", "root/2.jpg", None}


def test_more_anchors_than_places_are_refused(scene):
    with pytest.raises(ValueError, match="a grid has 50 places for anchors, not 51"):
        draw(scene, [0] * 51)


def test_a_frame_that_is_not_on_disk_is_marked_with_the_reason_that_coverage_gives(scene, tmp_path):
    coverage = pl.DataFrame(
        [("-video_with_", 0, "frame beyond the end"), ("video_without", 0, "not extracted yet"), ("x", 0, None)],
        schema={"video_id": pl.String, "frame_index": pl.Int32, "reason": pl.String},
        orient="row",
    )
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"no picture")
    told = draw(scene, [0, 8], image_path=lambda _video, index, _name: damaged if index else tmp_path / "absent.jpg",
                coverage=coverage)  # fmt: skip
    assert told.missing.select("cell", "reason").rows() == [
        (0, "not extracted yet"),
        (1, "frame beyond the end"),
        (2, "image file is damaged or empty"),
        (3, "image file is damaged or empty"),
    ]
    bare = draw(scene, [0], image_path=lambda *_: tmp_path / "absent.jpg")
    assert not np.array_equal(cell(told.plain, 0), cell(bare.plain, 0)), "the reason is written on it"


def test_a_frame_that_coverage_still_calls_there_is_said_not_to_be(scene, tmp_path):
    coverage = pl.LazyFrame(
        [("video_without", 0, None)],
        schema={"video_id": pl.String, "frame_index": pl.Int32, "reason": pl.String},
        orient="row",
    )
    grid = draw(scene, [0], image_path=lambda *_: tmp_path / "absent.jpg", coverage=coverage)
    assert grid.missing["reason"][0] == "image not on disk"


def test_every_cell_that_should_show_a_hand_has_a_row_and_those_that_do_have_no_reason(scene):
    grid = draw(scene, [1, 2, 4])
    assert grid.cells["cell"].to_list() == [*range(6)]
    assert grid.cells["row_index"].to_list() == [1, 4, 2, 5, 4, 7]
    assert grid.cells["reason"].null_count() == grid.cell_count == 6


def test_the_badge_says_the_rank_of_the_positive_among_the_mined_neighbours(scene):
    neighbours = pl.DataFrame(
        {"row_index": [1, 4, 5, 8], "neighbour_rows": [[9, 4, 2], [9, 2], [8], []]},
        schema={"row_index": pl.UInt32, "neighbour_rows": pl.List(pl.UInt32)},
    )
    pairs = scene.pairs.with_columns(same_video=pl.col("row_index") == 5)
    cells = plan_cells(pairs, scene.hands, [1, 4, 5, 8, 6], None, neighbours)
    badges = [cell.badge for cell in cells[::2]]
    assert ["rank" in badge for badge in badges] == [True, True, True, True, False]
    assert badges[0].endswith("rank 2") and badges[1].endswith("rank > 2")
    assert badges[2].endswith("rank 1   same video") and badges[3].endswith("rank > 0")
    without, with_ranks = draw(scene, [1]), draw(scene, [1], neighbours=neighbours)
    assert np.array_equal(without.plain, with_ranks.plain)
    assert not np.array_equal(without.labelled, with_ranks.labelled)
