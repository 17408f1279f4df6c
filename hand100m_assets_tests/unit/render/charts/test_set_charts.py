"""The pose map and the hands per video."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest

from hand100m_assets.render.charts.charts import png_markdown
from hand100m_assets.render.charts.pose_maps import pose_map
from hand100m_assets.render.charts.video_chart import hands_per_video_chart
from hand100m_assets_tests.unit.render.charts.test_charts import GOOD, decoded, hands_table, pixels_of
from hand100m_assets_tests.unit.render.scene import HANDS_SCHEMA, open_hand

BLUE, ORANGE = (47, 109, 181), (217, 142, 4)


def bent(count, angle, seed=0):
    """Hands turned in the picture plane, with noise: poses that lie apart on the map."""
    rng = np.random.default_rng(seed)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.repeat(open_hand()[None], count, axis=0).astype(np.float64)
    points[..., :2] = (points[..., :2] - 0.5) @ turn.T + 0.5 + rng.normal(0, 0.02, (count, 21, 2))
    return pl.DataFrame(
        {"keypoints": points.astype(np.float32), "handedness": ["Right"] * count},
        schema={name: HANDS_SCHEMA[name] for name in ("keypoints", "handedness")},
    )


def near(image, color_rgb):
    """Where dots of this colour are, however faint, above the legend."""
    rgb = image[80:-70, 40:, ::-1].astype(float)
    toward = (255 - rgb) @ (255 - np.array(color_rgb, float))
    norm = np.linalg.norm(255 - rgb, axis=2) * np.linalg.norm(255 - np.array(color_rgb, float))
    return (toward > 0.985 * norm) & (norm > 3000)


def test_sources_with_other_poses_lie_apart_in_their_own_colours():
    image = decoded(pose_map({"Ego4D": bent(200, 0.9), "100DOH": bent(200, -0.9, seed=1)}))
    blue, orange = (np.nonzero(near(image, color))[1] for color in (BLUE, ORANGE))
    assert min(len(blue), len(orange)) > 200
    assert np.quantile(blue, 0.9) < np.quantile(orange, 0.1) or np.quantile(orange, 0.9) < np.quantile(blue, 0.1)


def test_a_left_hand_lies_where_its_mirror_image_lies():
    right = bent(100, 0.4)
    points = right["keypoints"].to_numpy().copy()
    points[..., 0] = 1 - points[..., 0]
    left = right.with_columns(
        keypoints=pl.Series(points, dtype=HANDS_SCHEMA["keypoints"]),
        handedness=pl.lit("Left", dtype=HANDS_SCHEMA["handedness"]),
    )
    other = bent(100, -0.8, seed=3)
    pictures = [decoded(pose_map({"A": each, "B": other})).astype(int) for each in (right, left)]
    assert (abs(pictures[0] - pictures[1]).max(axis=2) > 60).mean() < 0.001


def test_size_and_place_in_the_crop_do_not_count():
    hands = bent(100, 0.4)
    moved = hands.with_columns(
        keypoints=pl.Series(hands["keypoints"].to_numpy() * 0.5 + 0.2, dtype=HANDS_SCHEMA["keypoints"])
    )
    pictures = [decoded(pose_map({"A": each})).astype(int) for each in (hands, moved)]
    assert (abs(pictures[0] - pictures[1]).max(axis=2) > 60).mean() < 0.001


@pytest.mark.parametrize(
    "draw",
    [
        lambda: pose_map({"Ego4D": hands_table(40).lazy(), "100DOH": hands_table(20, seed=1)}),
        lambda: hands_per_video_chart(pl.LazyFrame({"video_id": ["a", "a", "b", None]})),
        lambda: hands_per_video_chart(pl.DataFrame({"video_id": [f"v{n % 40}" for n in range(99)]})),
    ],
)
def test_the_same_input_gives_the_same_bytes_whatever_backend_is_set(draw, monkeypatch):
    first = draw()
    decoded(first)
    monkeypatch.setitem(mpl.rcParams, "backend", "svg")
    assert draw() == first


def test_hands_that_are_no_hands_are_left_out_and_too_few_are_said_to_be_nothing():
    hands = hands_table(4)
    points = hands["keypoints"].to_numpy().copy()
    points[0, 0, 0], points[1] = np.nan, 0.5
    broken = hands.with_columns(keypoints=pl.Series(points, dtype=HANDS_SCHEMA["keypoints"]))
    for nothing in ({"Ego4D": broken}, {"Ego4D": hands_table(0)}, {}):
        image = decoded(pose_map(nothing))
        assert not near(image, BLUE).any()


def test_many_hands_are_drawn_in_bounded_time_and_size():
    many = hands_table(30_000)
    picture = pose_map({"Ego4D": many, "100DOH": many.tail(29_999)})
    assert len(png_markdown(picture, "pose_map")) <= 100_000, "fits into an asset's metadata"


def test_bars_are_as_long_as_the_counts_and_name_no_video_twice():
    one = decoded(hands_per_video_chart(pl.DataFrame({"video_id": ["a"] * 30 + ["b"] * 15})))
    rows = [pixels_of(one[y : y + 1], GOOD) for y in range(one.shape[0])]
    lengths = sorted({length for length in rows if length > 20})
    assert lengths[-1] / lengths[0] == pytest.approx(2, rel=0.05)


def test_many_videos_become_a_curve_that_falls():
    hands = pl.DataFrame({"video_id": [f"v{n}" for n in range(100) for _ in range(100 - n)]})
    image = decoded(hands_per_video_chart(hands)).astype(int)
    blue = (image[..., 0] > image[..., 2] + 60).sum(axis=0)
    filled = np.nonzero(blue > 3)[0]
    left, right = blue[filled[10]], blue[filled[-10]]
    assert left > 4 * right


def test_no_hand_in_any_video_is_said():
    image = decoded(hands_per_video_chart(pl.DataFrame({"video_id": [None]}, schema={"video_id": pl.String})))
    assert pixels_of(image, GOOD) == 0
    assert (image < 150).any()
