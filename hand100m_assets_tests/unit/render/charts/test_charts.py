from __future__ import annotations

import base64

import cv2
import matplotlib as mpl
import numpy as np
import polars as pl
import pytest

from hand100m_assets.layout import frame_file_name
from hand100m_assets.render.charts.charts import (
    coverage_chart,
    distance_chart,
    inventory_chart,
    keypoint_chart,
    png_markdown,
    progress_chart,
)
from hand100m_assets.render.grids.preview import frames_preview, frames_preview_markdown
from hand100m_assets_tests.unit.render.scene import HANDS_SCHEMA, open_hand

GOOD, WRONG, WAITING = (47, 109, 181), (217, 119, 43), (195, 202, 214)


def decoded(png):
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.ndim == 3
    assert image.shape[2] == 3, "opaque: no transparency for a dark page to shine through"
    assert (image[[0, -1], [0, -1]] == 255).all()
    return image


def pixels_of(image, color_rgb):
    return int((abs(image[..., ::-1].astype(int) - color_rgb).max(axis=2) <= 6).sum())


def hands_table(count, seed=0):
    rng = np.random.default_rng(seed)
    points = open_hand() + rng.normal(0, 0.05, (count, 21, 3))
    return pl.DataFrame(
        {"keypoints": points.astype(np.float32), "handedness": ["Left", "Right"] * (count // 2)},
        schema={name: HANDS_SCHEMA[name] for name in ("keypoints", "handedness")},
    )


def pairs_table(distances, pose_distances):
    return pl.DataFrame(
        {
            "distance": pl.Series(distances, dtype=pl.Float32),
            "pose_distance": pl.Series(pose_distances, dtype=pl.Float32),
            "reason": pl.Series(
                [None if v is not None else "positive not found" for v in pose_distances], dtype=pl.String
            ),
        }
    )


@pytest.mark.parametrize(
    ("draw", "good"), [(coverage_chart, "on disk"), (inventory_chart, "complete"), (progress_chart, "done")]
)
def test_bars_are_as_long_as_their_counts(draw, good):
    image = decoded(draw({good: 600, "missing": 300}))
    assert pixels_of(image, GOOD) / pixels_of(image, WRONG) == pytest.approx(2, rel=0.06)


def test_waiting_videos_are_neither_good_nor_bad():
    image = decoded(progress_chart({"done": 500, "waiting": 500}))
    assert pixels_of(image, GOOD) == pytest.approx(pixels_of(image, WAITING), rel=0.06)
    assert pixels_of(image, WRONG) == 0


def test_every_count_of_the_chart_changes_the_picture():
    assert inventory_chart({"complete": 5, "missing": 2}) != inventory_chart({"complete": 5, "missing": 3})
    assert inventory_chart({"complete": 5}, title="Ego4D") != inventory_chart({"complete": 5}, title="100DOH")


@pytest.mark.parametrize(
    "draw",
    [
        lambda: coverage_chart({"on disk": 3, "video missing": 1}),
        lambda: progress_chart({"done": 3}),
        lambda: distance_chart(pairs_table([0.1, 0.2, 0.3], [0.1, None, 0.2])),
        lambda: keypoint_chart(hands_table(10)),
    ],
)
def test_the_same_input_gives_the_same_bytes_whatever_backend_is_set(draw, monkeypatch):
    first = draw()
    monkeypatch.setitem(mpl.rcParams, "backend", "svg")
    assert draw() == first


@pytest.mark.parametrize(
    "draw",
    [
        lambda: coverage_chart({}),
        lambda: inventory_chart({"complete": 0}),
        lambda: progress_chart({}),
        lambda: distance_chart(pairs_table([], [])),
        lambda: distance_chart(pairs_table([float("nan"), float("inf")], [None, None])),
        lambda: keypoint_chart(hands_table(0)),
    ],
)
def test_nothing_to_show_is_a_picture_that_says_so(draw):
    image = decoded(draw())
    assert pixels_of(image, GOOD) == 0
    assert (image < 150).any()


def test_values_that_are_not_finite_do_not_disturb_the_histogram():
    clean = distance_chart(pairs_table([0.1, 0.2, 0.4], [0.1, 0.1, 0.3]))
    dirty = distance_chart(pairs_table([0.1, float("nan"), 0.2, 0.4], [0.1, 0.1, 0.3, float("inf")]))
    bars = [decoded(png)[90:].astype(int) for png in (clean, dirty)]
    assert abs(bars[0] - bars[1]).max() < 12, "only the count in the subtitle differs, and with it the palette"
    assert clean != dirty


def test_a_single_or_constant_distance_is_drawn():
    assert pixels_of(decoded(distance_chart(pairs_table([0.0], [0.0]))), GOOD) > 100
    assert pixels_of(decoded(distance_chart(pairs_table([0.3] * 9, [0.2] * 9))), GOOD) > 100


def test_poses_are_drawn_the_same_from_either_joint_order():
    hands = hands_table(20)
    to_by_joint = [0, *(1 + 4 * finger + joint for joint in range(4) for finger in range(5))]
    points = hands["keypoints"].to_numpy()[:, to_by_joint]
    reordered = hands.with_columns(keypoints=pl.Series(points, dtype=HANDS_SCHEMA["keypoints"]))
    expected = keypoint_chart(hands.lazy())
    assert keypoint_chart(reordered, joint_order="by_joint") == expected
    assert keypoint_chart(reordered) != expected


def test_left_hands_are_mirrored_onto_right_ones():
    points = np.stack([open_hand(), open_hand()])
    points[1, :, 0] = 1 - points[1, :, 0]
    hands = pl.DataFrame(
        {"keypoints": points, "handedness": ["Right", "Left"]},
        schema={name: HANDS_SCHEMA[name] for name in ("keypoints", "handedness")},
    )
    image = decoded(keypoint_chart(hands)).astype(int)
    orange = abs(image[..., ::-1] - (217, 142, 4)).max(axis=2) < 40
    thumbs = [np.nonzero(half[60:430])[1].mean() / half.shape[1] for half in np.split(orange, 2, axis=1)]
    assert thumbs[0] == pytest.approx(thumbs[1], abs=0.03)


def test_a_hand_with_a_lost_joint_is_left_out_of_the_poses():
    hands = hands_table(6)
    points = hands["keypoints"].to_numpy().copy()
    points[1, 3, 0] = np.nan
    broken = hands.with_columns(keypoints=pl.Series(points, dtype=HANDS_SCHEMA["keypoints"]))
    assert keypoint_chart(broken) == keypoint_chart(hands[[0, 2, 3, 4, 5]])


def test_charts_fit_into_an_assets_metadata():
    markdown = png_markdown(keypoint_chart(hands_table(2000)), "poses")
    assert markdown.startswith("![poses](data:image/png;base64,")
    assert len(markdown) <= 100_000


def noise_frames(count):
    return list(np.random.default_rng(0).integers(0, 256, (count, 480, 640, 3), dtype=np.uint8))


def test_a_contact_sheet_stays_small_even_for_noise():
    sheet = frames_preview(noise_frames(3), ["frame 0", "frame 30", "frame 60"])
    assert len(sheet) <= 74_000
    height, width = cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    assert width > 3 * height, "three frames side by side"


def test_a_tall_and_a_wide_frame_share_a_sheet():
    frames = [np.zeros((960, 240, 3), np.uint8), np.zeros((100, 1600, 3), np.uint8)]
    sheet = cv2.imdecode(np.frombuffer(frames_preview(frames, ["a", "b"]), np.uint8), cv2.IMREAD_COLOR)
    assert sheet.shape[:2] == (266, 120 + 8 + 480)


def test_the_preview_of_a_folder_shows_first_middle_and_last_and_marks_what_is_gone(tmp_path):
    for index, value in ((0, 10), (30, 20), (60, 30), (90, 40), (120, 50)):
        cv2.imwrite(str(tmp_path / frame_file_name(index)), np.full((240, 320, 3), value, np.uint8))
    markdown = frames_preview_markdown(tmp_path, [0, 30, 60, 90, 120])
    assert markdown.startswith("![frames 0, 60, 120](data:image/jpeg;base64,")
    sheet = cv2.imdecode(np.frombuffer(base64.b64decode(markdown[:-1].partition("base64,")[2]), np.uint8), 0)
    assert [int(sheet[120, x]) for x in (160, 488, 816)] == pytest.approx([10, 30, 50], abs=1)
    (tmp_path / frame_file_name(60)).unlink()
    assert frames_preview_markdown(tmp_path, [0, 30, 60, 90, 120]) != markdown


def test_a_single_frame_is_shown_once_and_none_is_said(tmp_path):
    cv2.imwrite(str(tmp_path / frame_file_name(0)), np.zeros((24, 32, 3), np.uint8))
    assert frames_preview_markdown(tmp_path, [0]).startswith("![frames 0](")
    assert frames_preview_markdown(tmp_path, []) == "no frames"
