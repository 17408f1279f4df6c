"""What is drawn is what the model says: surfaces against brute force, pixels against joints and boxes."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from hand100m_assets.sample.hands.hand_model import KIND_PALM, KIND_PHALANX, Flesh, HandShape, pose_hand
from hand100m_assets.sample.hands.poses import POSES
from hand100m_assets.sample.hands.surface import CLOTH, FAR, LIGHT, TONE, trace_surface
from hand100m_assets.sample.scenes.background import SCENES, paint_background
from hand100m_assets.sample.scenes.camera import ProjectedHand, View, project, view_rotation
from hand100m_assets.sample.scenes.skin import Skin, draw_hand

SKIN = Skin((226, 172, 140), (236, 184, 158), (58, 84, 134))


def one_limb(start: np.ndarray, end: np.ndarray, radii: tuple[float, float]) -> Flesh:
    back = np.array([[0.0, 0.0, -1.0]])
    kind = np.array([KIND_PHALANX], np.int8)
    radius_a, radius_b = (np.array([radius]) for radius in radii)
    return Flesh(start[None], end[None], radius_a, radius_b, back, np.array([0.5]), kind)


def swept_spheres(start: np.ndarray, end: np.ndarray, radii: tuple[float, float], size_px: int) -> np.ndarray:
    """Depth of the nearest of very many spheres along the bone; infinite where there is none."""
    y, x = np.mgrid[:size_px, :size_px]
    depth = np.full((size_px, size_px), np.inf)
    for share in np.linspace(0, 1, 1500):
        cx, cy, cz = start + share * (end - start)
        off2 = (radii[0] + share * (radii[1] - radii[0])) ** 2 - (x - cx) ** 2 - (y - cy) ** 2
        np.minimum(depth, np.where(off2 > 0, cz - np.sqrt(np.maximum(off2, 0)), np.inf), out=depth)
    return depth


@pytest.mark.parametrize("seed", range(12))
def test_a_limb_is_where_a_swept_sphere_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, end = rng.uniform((18, 18, -25), (46, 46, 25), (2, 3))
    radii = tuple(rng.uniform(5, 11, 2).tolist())
    surface = trace_surface(one_limb(start, end, radii), 64, 64)
    truth = swept_spheres(start, end, radii, 64)
    inner = np.isfinite(truth) & (surface.cover == 1)
    assert inner.sum() > 0.7 * np.isfinite(truth).sum()
    assert np.abs(surface.depth - truth)[inner].max() < 0.15
    assert (surface.depth[~np.isfinite(truth)] >= FAR - 64).all(), "nothing beside the limb"


@pytest.fixture(params=["open", "fist", "peace", "pinch"])
def hand(request: pytest.FixtureRequest) -> ProjectedHand:
    posed = pose_hand(POSES[request.param], HandShape(), "Right")
    return project(posed, View(view_rotation(150, 10, 12), (170, 170), 200), mirrored=False)


def without_forearm(hand: ProjectedHand) -> ProjectedHand:
    keep = hand.flesh.kind >= KIND_PALM
    return replace(hand, flesh=Flesh(*(getattr(hand.flesh, field.name)[keep] for field in fields(Flesh))))


def cover_in_image(hand: ProjectedHand, width_px: int, height_px: int) -> np.ndarray:
    layer = draw_hand(hand, SKIN, width_px, height_px)
    assert layer is not None
    cover = np.zeros((height_px, width_px), np.float32)
    rows, columns = layer.cover.shape
    cover[layer.top_px : layer.top_px + rows, layer.left_px : layer.left_px + columns] = layer.cover
    return cover


def test_the_drawn_hand_fills_its_box_to_within_two_pixels(hand: ProjectedHand) -> None:
    cover = cover_in_image(without_forearm(hand), 340, 340)
    rows, columns = np.nonzero(cover > 0.4)
    drawn = (columns.min(), rows.min(), columns.max(), rows.max())
    assert drawn == pytest.approx(hand.extent_px(), abs=2)


def test_every_joint_lies_on_the_drawn_hand(hand: ProjectedHand) -> None:
    cover = cover_in_image(without_forearm(hand), 340, 340)
    x, y = np.rint(hand.joints_px[:, :2]).astype(int).T
    assert (cover[y, x] > 0.9).all()


def test_the_mirrored_hand_covers_the_mirrored_pixels(hand: ProjectedHand) -> None:
    # 340 - 1 - x mirrors pixel centres; the light does not mirror, the outline must.
    flesh = hand.flesh
    mirror, shift = np.array((-1.0, 1.0, 1.0)), np.array((339.0, 0.0, 0.0))
    mirrored = replace(hand, flesh=replace(flesh, start=flesh.start * mirror + shift, end=flesh.end * mirror + shift))
    difference = np.abs(cover_in_image(mirrored, 340, 340)[:, ::-1] - cover_in_image(hand, 340, 340))
    assert difference.mean() < 0.005


def test_the_nearer_finger_hides_the_farther() -> None:
    far = one_limb(np.array((10.0, 32, 0)), np.array((54.0, 32, 0)), (6, 6))
    near = one_limb(np.array((32.0, 10, -30)), np.array((32.0, 54, -30)), (6, 6))
    for order in ((far, near), (near, far)):
        both = Flesh(*(np.concatenate([getattr(part, field.name) for part in order]) for field in fields(Flesh)))
        assert trace_surface(both, 64, 64).depth[32, 32] == pytest.approx(-36, abs=0.5)


def test_light_comes_from_the_upper_left() -> None:
    surface = trace_surface(one_limb(np.array((31.5, 31.5, 0)), np.array((32.5, 31.5, 0)), (20, 20)), 64, 64)
    assert surface.features[LIGHT, 22, 22] > surface.features[LIGHT, 42, 42] + 0.5


def test_palm_and_back_have_their_own_tone() -> None:
    posed = pose_hand(POSES["open"], HandShape(), "Right")
    for palm_deg, side in ((0, -1), (180, 1)):
        hand = project(posed, View(view_rotation(palm_deg, 0, 0), (120, 120), 200), mirrored=False)
        surface = trace_surface(without_forearm(hand).flesh, 240, 240)
        tone = surface.features[TONE][surface.cover == 1]
        assert tone.mean() * side > 0.4
        assert tone.max() < CLOTH / 2


def test_a_hand_outside_the_image_is_not_drawn(hand: ProjectedHand) -> None:
    assert draw_hand(hand.moved(5000, 0), SKIN, 340, 340) is None


def test_a_hand_at_the_border_is_cut_there(hand: ProjectedHand) -> None:
    whole = cover_in_image(hand, 480, 480)
    cut = cover_in_image(hand, 170, 200)
    assert np.abs(cut - whole[:200, :170]).max() < 0.02


@pytest.mark.parametrize("kind", SCENES)
def test_backgrounds_fit_the_frame_move_and_differ_by_seed(kind: str) -> None:
    backgrounds = [paint_background(np.random.default_rng(seed), kind, 320, 180) for seed in (1, 2)]
    first, later = backgrounds[0].at(0.0), backgrounds[0].at(2.0)
    assert first.shape == (180, 320, 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, later)
    assert not np.array_equal(first, backgrounds[1].at(0.0))
    assert first.std() > 4, "not one flat colour"
    first[:] = 0
    assert backgrounds[0].at(0.0).any(), "drawing on a picture leaves the scene alone"
