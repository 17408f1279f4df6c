"""The motion of one hand in a video: a gesture, the proportions of a person, a place in the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from hand100m_assets.sample.hands import ANGLE_COUNT, GESTURES, POSES, Array, HandShape, Side, pose_hand
from hand100m_assets.sample.scenes.camera import ProjectedHand, View, project, view_rotation
from hand100m_assets.sample.scenes.frame_strip import STRIP_HEIGHT_PX
from hand100m_assets.sample.scenes.skin import Skin

_STATION_S: Final = 1.5
_HOLD_SHARE: Final = 0.6
"""Share of the time of a station in which the pose is held; in the rest it changes to the next pose."""

_INNER_MARGIN_PX: Final = 3.0
"""Joints keep this far inside the image, while flesh may touch its border."""

_POSE_NOISE_DEG: Final = 2.5
_VIEW_NOISE_DEG: Final = 3.5
"""How much two people differ in the same gesture."""

_SKINS: Final = (
    ((226, 172, 140), (236, 184, 158)),
    ((240, 200, 176), (246, 204, 184)),
    ((198, 142, 108), (224, 170, 140)),
    ((160, 110, 82), (206, 152, 124)),
    ((112, 76, 58), (188, 138, 114)),
    ((84, 56, 44), (170, 122, 102)),
)
"""Back and palm, RGB, light to dark; palms of dark hands are lighter than their backs."""

_SLEEVES: Final = ((58, 84, 134), (150, 62, 56), (72, 106, 82), (66, 66, 74), (214, 206, 190), (196, 150, 66))


@dataclass(frozen=True)
class HandTrack:
    """One hand through one video.

    Attributes:
        side: Left or right hand.
        shape: Proportions of the person.
        skin: Colours.
        stations_deg: (n, 19) joint angles that are held one after the other, again and again.
        views_deg: (n, 3) palm, tilt and roll at each station.
        station_s: Time from one station to the next.
        lead_s: Time in the sequence of poses at which the video starts.
        anchor: Middle of the hand, as shares of frame width and height.
        sway_px: Amplitude of the slow motion of the hand, x and y.
        sway_s: Periods of this motion in x, in y, and towards the viewer.
        hand_px: Mean length of the outstretched hand.
    """

    side: Side
    shape: HandShape
    skin: Skin
    stations_deg: Array
    views_deg: Array
    station_s: float
    lead_s: float
    anchor: tuple[float, float]
    sway_px: tuple[float, float]
    sway_s: tuple[float, float, float]
    hand_px: float

    def at(self, time_s: float, width_px: int, height_px: int) -> ProjectedHand:
        """The hand at one moment; every joint lies inside the image and below the frame strip."""
        turn = (time_s + self.lead_s) / self.station_s
        station = int(np.floor(turn))
        share = _eased((turn - station - _HOLD_SHARE) / (1 - _HOLD_SHARE))
        here, there = station % len(self.stations_deg), (station + 1) % len(self.stations_deg)
        angles = (1 - share) * self.stations_deg[here] + share * self.stations_deg[there]
        view = (1 - share) * self.views_deg[here] + share * self.views_deg[there]
        waves = np.sin(2 * np.pi * (time_s + self.lead_s) / np.array(self.sway_s))
        angles = angles + 1.5 * waves[0] * np.sign(angles)
        view = view + 2.0 * waves
        center = (
            self.anchor[0] * width_px + self.sway_px[0] * waves[0],
            self.anchor[1] * height_px + self.sway_px[1] * waves[1],
        )
        seen = View(view_rotation(*view.tolist()), center, self.hand_px * (1 + 0.05 * float(waves[2])))
        hand = project(pose_hand(angles, self.shape, self.side), seen, mirrored=self.side == "Left")
        return _kept_inside(hand, width_px, height_px)


def _eased(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _kept_inside(hand: ProjectedHand, width_px: int, height_px: int) -> ProjectedHand:
    low, high = hand.joints_px[:, :2].min(axis=0), hand.joints_px[:, :2].max(axis=0)
    top = low[1] - hand.extent_px()[1]
    first = np.array((_INNER_MARGIN_PX, STRIP_HEIGHT_PX + _INNER_MARGIN_PX + top))
    last = np.array((width_px, height_px)) - 1 - _INNER_MARGIN_PX
    shift = np.maximum(first - low, 0) - np.maximum(high - last, 0)
    return hand.moved(float(shift[0]), float(shift[1]))


@dataclass(frozen=True)
class Person:
    """The person whose hands a video shows."""

    shape: HandShape
    skin: Skin


def cast_person(rng: np.random.Generator, number: int) -> Person:
    """Invent proportions and colours; people with consecutive numbers differ in skin and sleeve."""
    back, palm = _SKINS[number * 5 % len(_SKINS)]
    shape = HandShape(
        finger_lengths=tuple(rng.uniform(0.96, 1.05, 5).tolist()),
        palm_width=float(rng.uniform(0.95, 1.06)),
        thickness=float(rng.uniform(0.97, 1.12)),
    )
    return Person(shape, Skin(back, palm, _SLEEVES[number % len(_SLEEVES)]))


class Role(NamedTuple):
    """What a hand does in a video.

    Attributes:
        gesture: Name in `GESTURES`.
        side: Left or right hand.
        anchor: Middle of the hand, as shares of frame width and height.
        hand_px: Length of the outstretched hand.
    """

    gesture: str
    side: Side
    anchor: tuple[float, float]
    hand_px: float


def cast_track(rng: np.random.Generator, person: Person, role: Role) -> HandTrack:
    """Make the motion of a person's hand in a role."""
    known = GESTURES[role.gesture]
    count = len(known.poses)
    stations = np.array([POSES[name] for name in known.poses])
    views = np.array(known.view_deg) + rng.normal(0, _VIEW_NOISE_DEG, 3) + rng.normal(0, 1.5, (count, 3))
    sway = role.hand_px * rng.uniform(0.08, 0.14, 2)
    return HandTrack(
        side=role.side,
        shape=person.shape,
        skin=person.skin,
        stations_deg=stations + rng.normal(0, _POSE_NOISE_DEG, (count, ANGLE_COUNT)),
        views_deg=views,
        station_s=_STATION_S,
        lead_s=float(rng.integers(count) * _STATION_S + rng.uniform(0.0, 0.4)),
        anchor=role.anchor,
        sway_px=(float(sway[0]), float(sway[1])),
        sway_s=(float(rng.uniform(4, 6)), float(rng.uniform(5, 8)), float(rng.uniform(6, 9))),
        hand_px=role.hand_px,
    )
