"""Makes annotation files of every family from the true hands, with true positives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hand100m_assets.layout import frame_file_name
from hand100m_assets.sample.scenes import VideoPlan
from hand100m_assets.sample.workspace.faults import FAULTS, Draft, Record, plant_faults
from hand100m_assets.sample.workspace.report import AnnotationTruth
from hand100m_assets.sample.workspace.similarity import (
    neighbours_in_other_videos,
    pose_distances,
    temporal_neighbours,
)
from hand100m_assets.sample.workspace.truth import HandTruth, hands_of
from hand100m_assets.set_names import annotation_set_name
from hand100m_assets.sources import DOH, EGO4D, Source

_SMALL_SET_SHARE: Final = 0.85
"""Share of all hands that the 50k files have."""

_MISSING_HANDS: Final = 2
"""Number of hands of the missing video in every file with similar hands: few, so that grids stay nearly full. The 100k
files also have one of the truncated video."""


@dataclass(frozen=True)
class _Spec:
    """The properties of one annotation file.

    Attributes:
        file_name: Path below the annotation folder of the source.
        family: How positives are chosen.
        whole: Whether it has every hand, and not only those of the small set.
        rank: The first positive is the rank-th nearest.
        positives: Number of listed positives.
        sized: Whether images have width and height.
        nested: Whether keypoints are 21 triples instead of 63 numbers.
        faults: The invalid records that it has.
    """

    file_name: str
    family: Literal["similar", "temporal"] = "similar"
    whole: bool = False
    rank: int = 1
    positives: int = 1
    sized: bool = True
    nested: bool = False
    faults: tuple[str, ...] = ()


_SPECS: Final[dict[str, tuple[_Spec, ...]]] = {
    EGO4D.name: (
        _Spec("Hand100M_Ego4D_50k_v1-1.json"),
        _Spec("Hand100M_Ego4D_100k_v1-1.json", whole=True, positives=3, faults=tuple(FAULTS)),
        _Spec("Hand100M_Ego4D_TopK_5_50k_v1-1.json", rank=5, sized=False),
        _Spec("Hand100M_Ego4D_TempCLR_50k_v1-1.json", family="temporal"),
    ),
    DOH.name: (
        _Spec(
            "Hand100M_100DOH_50k_v1-1.json", sized=False, faults=("box_inverted", "keypoint_lost", "positive_missing")
        ),
        _Spec("Hand100M_100DOH_100k_v1-1.json", whole=True, positives=3, sized=False, nested=True),
    ),
}

_ROOTS: Final = {EGO4D.name: "hand100m", DOH.name: "Hand2M"}
"""The data root has two names in the original project, and each file uses one of them."""


@dataclass(frozen=True)
class AnnotationFile:
    """The content of one file, and the truth about it."""

    set_key: str
    text: str
    truth: AnnotationTruth


@dataclass(frozen=True)
class _Pool:
    """All annotated hands of one source, in the order of their ids.

    Attributes:
        hands: The hands; those of the small set come first.
        small: Number of hands in the small set.
        hand_ids: Unique ids, without order or system.
        image_ids: (video id, frame index) -> id.
        spare_ids: Hand ids that no hand has.
    """

    hands: list[HandTruth]
    small: int
    hand_ids: list[int]
    image_ids: dict[tuple[str, int], int]
    spare_ids: list[int]


def annotation_files(source: Source, plans: Sequence[VideoPlan], seed: int) -> list[AnnotationFile]:
    """Every annotation file of one source."""
    pool = _gather(plans, np.random.default_rng((seed, 3)))
    rng = np.random.default_rng((seed, 4))
    return [_file(source, spec, pool, plans, rng) for spec in _SPECS[source.name]]


def _gather(plans: Sequence[VideoPlan], rng: np.random.Generator) -> _Pool:
    healthy = [hand for plan in plans if plan.fate == "healthy" for hand in hands_of(plan)]
    shuffled = [healthy[i] for i in rng.permutation(len(healthy))]
    small = round(_SMALL_SET_SHARE * len(healthy))
    missing = _least_alike([h for p in plans if p.fate == "missing" for h in hands_of(p)], healthy)[:_MISSING_HANDS]
    truncated = [hands_of(plan)[-1] for plan in plans if plan.fate == "truncated"]
    hands = shuffled[:small] + missing + shuffled[small:] + truncated
    ids = rng.choice(9_000_000, size=len(hands) + len(FAULTS), replace=False) + 100_000
    images = sorted({(hand.video.video_id, hand.frame_index) for hand in hands})
    image_ids = np.cumsum(rng.integers(1, 40, len(images))) + 1_000
    return _Pool(
        hands=hands,
        small=small + len(missing),
        hand_ids=ids[: len(hands)].tolist(),
        image_ids=dict(zip(images, image_ids.tolist(), strict=True)),
        spare_ids=ids[len(hands) :].tolist(),
    )


def _least_alike(candidates: list[HandTruth], others: list[HandTruth]) -> list[HandTruth]:
    """Candidates, first those that are no near neighbours of others: without them, few pairs are incomplete."""
    nearest = pose_distances([*candidates, *others])[: len(candidates), len(candidates) :].min(axis=1)
    return [candidates[i] for i in np.argsort(-nearest, kind="stable")]


def _file(
    source: Source, spec: _Spec, pool: _Pool, plans: Sequence[VideoPlan], rng: np.random.Generator
) -> AnnotationFile:
    rows = rng.permutation(len(pool.hands) if spec.whole else pool.small).tolist()
    hands = [pool.hands[row] for row in rows]
    ids = [pool.hand_ids[row] for row in rows]
    annotations = [
        _hand_record(hand, own, pool, spec, [(ids[other], distance) for other, distance in chosen])
        for hand, own, chosen in zip(hands, ids, _positives(hands, spec), strict=True)
        if chosen
    ]
    named = {record["image_id"] for record in annotations}
    frames = {
        key: hand.video for hand in hands if pool.image_ids[key := (hand.video.video_id, hand.frame_index)] in named
    }
    images = [
        _image_record(source, frame, plan, pool, spec) for frame, plan in sorted(frames.items(), key=lambda f: f[0])
    ]
    draft = Draft(images, annotations, list(pool.spare_ids))
    healthy = [plan for plan in plans if plan.fate == "healthy"]
    bad = plant_faults(draft, spec.faults, healthy, rng)
    absent = sorted(f"{video_id}/{i}" for (video_id, i), plan in frames.items() if plan.fate != "healthy")
    truth = AnnotationTruth(
        file_name=spec.file_name,
        images=len(draft.images),
        annotations=len(draft.annotations),
        valid_hands=len(draft.annotations) - len(spec.faults),
        bad_records=bad,
        absent_frames=tuple(absent),
    )
    text = json.dumps({"images": draft.images, "annotations": draft.annotations})
    return AnnotationFile(annotation_set_name(spec.file_name).key, text, truth)


def _positives(hands: list[HandTruth], spec: _Spec) -> list[list[tuple[int, float]]]:
    if spec.family == "temporal":
        return temporal_neighbours(hands)
    ranked = neighbours_in_other_videos(hands)
    # Where a tiny sample has fewer hands than the rank, the farthest is taken.
    return [found[start : start + spec.positives] for found in ranked if (start := min(spec.rank, len(found)) - 1) >= 0]


def _hand_record(
    hand: HandTruth, hand_id: int, pool: _Pool, spec: _Spec, positives: Sequence[tuple[int, float]]
) -> Record:
    keypoints = hand.keypoints if spec.nested else hand.keypoints.ravel()
    return {
        "hand_id": str(hand_id),
        "image_id": pool.image_ids[hand.video.video_id, hand.frame_index],
        "boxes": json.dumps(list(hand.box_px)),
        "keypoint_25d": keypoints.tolist(),
        "left_right": hand.side,
        "positive_sample": [str(positive) for positive, _ in positives],
        "distance": [round(distance, 6) for _, distance in positives],
    }


def _image_record(source: Source, frame: tuple[str, int], plan: VideoPlan, pool: _Pool, spec: _Spec) -> Record:
    video_id, frame_index = frame
    path = f"{_ROOTS[source.name]}/{source.title}/frames/{video_id}/{frame_file_name(frame_index)}"
    size = {"width": plan.width_px, "height": plan.height_px} if spec.sized else {}
    return {"id": pool.image_ids[frame], "file_name": path, **size}
