"""Each step does what its name says, and hands that cannot be compared are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.pairs.embed import EmbeddingOptions, embed_hands, principal_axes
from hand100m_assets.settings import Settings
from hand100m_assets_tests.unit.pairs.hands import Array, hands_table

RAW = EmbeddingOptions(centre="crop", remove_scale=False, components=0)
VIDEOS: list[str | None] = ["a", "b", "c", "a"]


def keypoints(count: int = 4, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0.5, 0.2, (count, 21, 3)).astype(np.float32)


def distances(vectors: Array) -> Array:
    return np.linalg.norm(vectors[:, None].astype(float) - vectors[None], axis=2)


def test_all_components_keep_the_distances_of_the_keypoints_left_hands_mirrored() -> None:
    points = keypoints()
    vectors = embed_hands(hands_table(points, VIDEOS, ["Left", "Right", "Left", "Right"]), RAW).vectors
    xy = points[:, :, :2].copy()
    xy[[0, 2], :, 0] = 1 - xy[[0, 2], :, 0]
    np.testing.assert_allclose(distances(vectors), distances(xy.reshape(4, -1)), atol=1e-5)


def test_unmirrored_hands_are_compared_as_they_stand_and_only_left_ones_differ() -> None:
    points, sides = keypoints(), ["Left", "Right", "Left", "Right"]
    plain = replace(RAW, mirror=False)
    vectors = embed_hands(hands_table(points, VIDEOS, sides), plain).vectors
    np.testing.assert_allclose(distances(vectors), distances(points[:, :, :2].reshape(4, -1)), atol=1e-5)
    np.testing.assert_array_equal(vectors, embed_hands(hands_table(points, VIDEOS), RAW).vectors)
    assert not np.allclose(distances(vectors), distances(embed_hands(hands_table(points, VIDEOS, sides), RAW).vectors))


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        (EmbeddingOptions("wrist", remove_scale=False, components=0), lambda xy: xy + np.array([0.3, -0.1])),
        (EmbeddingOptions("wrist", remove_scale=True, components=0), lambda xy: 0.4 * xy + np.array([0.3, -0.1])),
        (EmbeddingOptions("crop", remove_scale=True, components=0), lambda xy: 0.5 + 0.4 * (xy - 0.5)),
        (EmbeddingOptions("wrist", False, True, 0), lambda xy: xy @ np.array([[0.6, 0.8], [-0.8, 0.6]])),
    ],
    ids=["moved", "moved and scaled", "scaled in the crop", "moved and turned"],
)
def test_what_a_step_removes_counts_for_nothing_and_does_count_without_it(options: EmbeddingOptions, moved) -> None:  # type: ignore[no-untyped-def]
    points = keypoints()
    points[1] = points[0]
    points[1, :, :2] = moved(points[0, :, :2].astype(float))
    table = hands_table(points, VIDEOS)
    assert distances(embed_hands(table, options).vectors)[0, 1] < 1e-5
    assert distances(embed_hands(table, RAW).vectors)[0, 1] > 0.1


def test_hands_that_cannot_be_compared_are_rejected_by_name() -> None:
    points = keypoints(6)
    points[1, 4, 0], points[2, 0, 1], points[3, :, :2] = np.nan, np.inf, 0.25
    points[4, 4, 2] = np.nan  # z is not compared
    videos = ["a", "a", "b", "b", "c", None]
    made = embed_hands(hands_table(points, videos), EmbeddingOptions())
    assert made.rejected.rows() == [
        (2, 1001, "keypoints are not finite"),
        (4, 1002, "keypoints are not finite"),
        (6, 1003, "all keypoints are in one place"),
        (10, 1005, "its image is missing, so that its video is unknown"),
    ]
    assert (made.row_index.tolist(), made.hand_ids.tolist()) == ([0, 8], [1000, 1004])
    assert made.video_ids.gather(made.videos).to_list() == ["a", "c"]
    assert embed_hands(hands_table(points, videos), RAW).row_index.tolist() == [0, 6, 8]


@settings(deadline=None, max_examples=20)
@given(st.integers(3, 60), st.integers(0, 99), st.sampled_from([1, 2, 14]))
def test_equal_hands_have_equal_vectors_and_axes_fall_in_variance(count: int, seed: int, components: int) -> None:
    points = keypoints(count, seed)
    points[-1] = points[0]
    made = embed_hands(hands_table(points, ["a"] * count), EmbeddingOptions(components=components))
    assert made.vectors.shape == (count, components) and made.vectors.dtype == np.float32
    np.testing.assert_array_equal(made.vectors[-1], made.vectors[0])
    assert (np.diff(made.explained_variance) <= 1e-12).all() and 0 < made.explained_variance.sum() <= 1 + 1e-9


def test_the_sign_of_an_axis_is_fixed_and_the_share_is_that_of_the_variance() -> None:
    rng = np.random.default_rng(0)
    flat = (rng.normal(size=(500, 6)) * (5, 4, 3, 2, 1, 0.5)).astype(np.float32)
    mean, axes, shares = principal_axes(flat)
    np.testing.assert_allclose(axes.T @ axes, np.eye(6), atol=1e-12)
    assert (axes[np.abs(axes).argmax(axis=0), range(6)] > 0).all()
    np.testing.assert_allclose(shares, ((flat - mean) @ axes).var(axis=0) / flat.var(axis=0).sum(), rtol=1e-4)
    np.testing.assert_allclose(np.abs(principal_axes(-flat)[1]), np.abs(axes), atol=1e-6)


def test_no_hand_at_all_is_an_empty_embedding() -> None:
    made = embed_hands(hands_table(np.empty((0, 21, 3)), []))
    assert made.vectors.shape == (0, 14) and made.rejected.is_empty()


def test_each_step_has_its_setting() -> None:
    chosen = {"centre": "wrist", "remove_scale": False, "remove_rotation": True, "components": 3, "mirror": False}
    made = Settings(_env_file=None, **{f"embedding_{name}": value for name, value in chosen.items()}).embedding
    assert vars(made) == chosen
    assert Settings(_env_file=None).embedding == EmbeddingOptions()


@pytest.mark.parametrize("components", [-1, 43])
def test_impossible_components_are_refused(components: int) -> None:
    with pytest.raises(ValueError, match="components"):
        EmbeddingOptions(components=components)
