"""Keypoints of hands that move through videos, as many as wanted: the sample's kinematic hand, whole arrays at a time.

Neighbouring frames of one video are alike, as in real footage: what makes a nearest neighbour in *another* video the
hard part.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hand100m_assets.sample.hands import POSES, HandShape, pose_hand
from hand100m_assets.sample.hands.hand_model import FINGERS

Array = npt.NDArray[np.float64]

JITTER = 0.004
"""Standard deviation of a keypoint detector's error, in crop sides."""
_STRAIGHT = pose_hand(np.zeros(19), HandShape(), "Right").joints
_DIP_SHARE = 0.66
_CHUNK_HANDS = 50_000


def moving_hands(count: int, seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Keypoints (count, 21, 3) float32 in crop sides, and each hand's video (count,), video after video."""
    rng = np.random.default_rng(seed)
    keypoints = np.empty((count, 21, 3), np.float32)
    videos = np.empty(count, np.int32)
    done = video = 0
    while done < count:
        lengths = rng.integers(10, 400, 300)
        lengths = lengths[: np.searchsorted(lengths.cumsum(), min(count - done, _CHUNK_HANDS)) + 1]
        angles, views = (np.concatenate(part) for part in zip(*(_walk(rng, n) for n in lengths), strict=True))
        part = slice(done, min(done + len(angles), count))
        keypoints[part] = _cropped(_joints(angles) @ views, rng)[: part.stop - part.start]
        videos[part] = np.repeat(np.arange(video, video + len(lengths)), lengths)[: part.stop - part.start]
        done, video = part.stop, video + len(lengths)
    return keypoints, videos


def _walk(rng: np.random.Generator, length: int) -> tuple[Array, Array]:
    """Joint angles (length, 19) and view rotations (length, 3, 3) of one hand: from pose to pose, swaying."""
    library = np.array(list(POSES.values()))
    keys = library[rng.integers(0, len(library), length // 12 + 2)]
    keys = keys * rng.uniform(0.6, 1.1, keys.shape) + rng.normal(0, 6, keys.shape)
    at = np.arange(length) / 12
    before, share = at.astype(int), (at % 1)[:, None]
    angles = keys[before] * (1 - share) + keys[before + 1] * share
    turns = np.radians(rng.uniform(-180, 180, 3) + rng.normal(0, 2, (length, 3)).cumsum(axis=0))
    return np.radians(angles), _rotations(turns * (1.0, 0.35, 0.5))


def _rotations(turns: Array) -> Array:
    c, s = np.cos(turns), np.sin(turns)
    zero, one = np.zeros(len(turns)), np.ones(len(turns))
    about_y = np.array([[c[:, 0], zero, -s[:, 0]], [zero, one, zero], [s[:, 0], zero, c[:, 0]]])
    about_x = np.array([[one, zero, zero], [zero, c[:, 1], s[:, 1]], [zero, -s[:, 1], c[:, 1]]])
    about_z = np.array([[c[:, 2], s[:, 2], zero], [-s[:, 2], c[:, 2], zero], [zero, zero, one]])
    return np.einsum("ijn,jkn,kln->nil", about_y, about_x, about_z)


def _joints(angles: Array) -> Array:
    """Joints (n, 21, 3) of right hands in cm, as `pose_hand` places them but for all at once."""
    joints = np.zeros((len(angles), 21, 3))
    for finger in range(len(FINGERS)):
        flexion, pip, abduction = angles[:, 3 * finger : 3 * finger + 3].T
        sideways = abduction * np.maximum(np.cos(flexion), 0)
        along = np.stack([np.sin(sideways), np.cos(sideways), np.zeros(len(angles))], axis=1)
        palmar = np.broadcast_to((0.0, 0.0, 1.0), along.shape)
        _bend(joints, 5 + 4 * finger, along, palmar, (flexion, pip, _DIP_SHARE * pip))
    spread, tilt, roll, mcp, ip = angles[:, 12:17].T
    along = np.stack([np.sin(spread) * np.cos(tilt), np.cos(spread) * np.cos(tilt), np.sin(tilt)], axis=1)
    ulnar = np.stack([-np.cos(spread), np.sin(spread), np.zeros(len(angles))], axis=1)
    pulp = np.cos(roll)[:, None] * ulnar + np.sin(roll)[:, None] * np.cross(ulnar, along)
    _bend(joints, 1, along, pulp, (np.zeros(len(angles)), mcp, ip))
    return joints


def _bend(joints: Array, first: int, along: Array, palmar: Array, bends: tuple[Array, Array, Array]) -> None:
    joints[:, first] = _STRAIGHT[first]
    for bone, bend in enumerate(bends):
        c, s = np.cos(bend)[:, None], np.sin(bend)[:, None]
        along, palmar = c * along + s * palmar, c * palmar - s * along
        length = np.linalg.norm(_STRAIGHT[first + bone + 1] - _STRAIGHT[first + bone])
        joints[:, first + bone + 1] = joints[:, first + bone] + length * along


def _cropped(joints: Array, rng: np.random.Generator) -> Array:
    """Into the crop: the hand's extent, 1.3 times as large, is the unit square; z likewise, from the wrist."""
    low, high = joints[:, :, :2].min(axis=1), joints[:, :, :2].max(axis=1)
    side = 1.3 * (high - low).max(axis=1)[:, None, None]
    centre = np.concatenate([(low + high) / 2, joints[:, 0, 2:]], axis=1)[:, None]
    return (joints - centre) / side + (0.5, 0.5, 0.0) + rng.normal(0, JITTER, joints.shape)
