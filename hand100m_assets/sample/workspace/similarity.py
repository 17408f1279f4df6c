"""Finds similar hands by brute force over one annotation file; its positives follow this rule.

The distance of two hands is the mean over the 21 keypoints of the Euclidean distance of their x, y in the crop; left
hands are mirrored (x -> 1 - x), so that left and right hands can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hand100m_assets.imaging import mirror_keypoints
from hand100m_assets.sample.hands import Array
from hand100m_assets.sample.workspace.truth import HandTruth


def pose_distances(hands: Sequence[HandTruth]) -> Array:
    """Distance of every hand to every other, (n, n), in crop widths."""
    poses = np.array([mirror_keypoints(hand.keypoints, hand.side)[:, :2] for hand in hands])
    return np.asarray(np.linalg.norm(poses[:, None] - poses[None], axis=-1).mean(axis=-1))


def neighbours_in_other_videos(hands: Sequence[HandTruth]) -> list[list[tuple[int, float]]]:
    """For each hand the hands of all other videos with their distance, nearest first."""
    videos = np.array([hand.video.video_id for hand in hands])
    found = []
    for own, row in enumerate(pose_distances(hands)):
        others = np.flatnonzero(videos != videos[own])
        ranked = others[np.argsort(row[others], kind="stable")]
        found.append([(int(other), float(row[other])) for other in ranked])
    return found


def temporal_neighbours(hands: Sequence[HandTruth]) -> list[list[tuple[int, float]]]:
    """For each hand, the same hand in the next frame that has it, else in the one before; empty if there is none."""
    distances = pose_distances(hands)
    rows = {(hand.video.video_id, hand.track, hand.frame_index): row for row, hand in enumerate(hands)}
    found: list[list[tuple[int, float]]] = []
    for own, hand in enumerate(hands):
        frames = sorted(f for video, track, f in rows if (video, track) == (hand.video.video_id, hand.track))
        at = frames.index(hand.frame_index)
        near = frames[at + 1 : at + 2] or frames[max(at - 1, 0) : at]
        other = [rows[hand.video.video_id, hand.track, frame] for frame in near]
        found.append([(row, float(distances[own, row])) for row in other])
    return found
