"""The annotation files, read as a stranger would, against the planned hands and against brute force."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hand100m_assets.sample.scenes.cast import FRAME_STRIDE, SampleScale, VideoPlan, cast_videos
from hand100m_assets.sample.scenes.frame_strip import STRIP_HEIGHT_PX
from hand100m_assets.sample.workspace.annotation_files import AnnotationFile, annotation_files
from hand100m_assets.sample.workspace.faults import FAULTS
from hand100m_assets.sources import DOH, EGO4D, SOURCES, Source

SEED = 3


@pytest.fixture(scope="module", params=SOURCES, ids=lambda source: source.name)
def source(request: pytest.FixtureRequest) -> Source:
    return request.param


@pytest.fixture(scope="module")
def plans(source: Source) -> list[VideoPlan]:
    return cast_videos(source, SEED, SampleScale())


@pytest.fixture(scope="module")
def files(source: Source, plans: list[VideoPlan]) -> dict[str, AnnotationFile]:
    return {file.set_key: file for file in annotation_files(source, plans, SEED)}


def sound_hands(file: AnnotationFile) -> list[dict[str, Any]]:
    """Records without a planted fault, with what their image's name says."""
    document = json.loads(file.text)
    bad = {(bad.section, bad.record) for bad in file.truth.bad_records}
    bad_images = {image["id"] for i, image in enumerate(document["images"]) if ("images", i) in bad}
    names = {image["id"]: image["file_name"] for image in document["images"]}
    found = []
    for number, record in enumerate(document["annotations"]):
        if ("annotations", number) in bad or record["image_id"] in bad_images:
            continue
        *_, video_id, frame = names[record["image_id"]].split("/")
        found.append({**record, "video": video_id, "frame": int(frame.removeprefix("frame_").removesuffix(".jpg"))})
    return found


def mirrored_pose(record: dict[str, Any]) -> list[tuple[float, float]]:
    xy = np.array(record["keypoint_25d"]).reshape(21, 3)[:, :2].tolist()
    return [(1 - x, y) for x, y in xy] if record["left_right"] == "Left" else [(x, y) for x, y in xy]


def pose_distance(one: dict[str, Any], other: dict[str, Any]) -> float:
    return sum(map(math.dist, mirrored_pose(one), mirrored_pose(other))) / 21


def test_every_family_is_there(source: Source, files: dict[str, AnnotationFile]) -> None:
    expected = {"simhand-50k", "simhand-100k"}
    assert set(files) == (expected | {"topk-5-50k", "tempclr-50k"} if source is EGO4D else expected)


def test_sets_are_large_enough_for_a_grid_and_the_larger_holds_the_smaller(files: dict[str, AnnotationFile]) -> None:
    small, large = ({hand["hand_id"] for hand in sound_hands(files[key])} for key in ("simhand-50k", "simhand-100k"))
    assert len(small) >= 60
    assert small < large


@pytest.mark.parametrize("key", ["simhand-50k", "simhand-100k"])
def test_positives_are_the_nearest_hands_of_other_videos(files: dict[str, AnnotationFile], key: str) -> None:
    hands = sound_hands(files[key])
    for hand in hands:
        others = [other for other in hands if other["video"] != hand["video"]]
        distances = sorted((pose_distance(hand, other), other["hand_id"]) for other in others)
        count = len(hand["positive_sample"])
        assert hand["positive_sample"] == [hand_id for _, hand_id in distances[:count]]
        assert hand["distance"] == pytest.approx([distance for distance, _ in distances[:count]], abs=1e-6)


def test_top_k_positives_are_the_fifth_nearest() -> None:
    file = next(f for f in annotation_files(EGO4D, cast_videos(EGO4D, 1, SampleScale()), 1) if "topk" in f.set_key)
    hands = sound_hands(file)
    for hand in hands:
        others = [other for other in hands if other["video"] != hand["video"]]
        fifth = sorted(others, key=lambda other: pose_distance(hand, other))[4]
        assert hand["positive_sample"] == [fifth["hand_id"]]


def test_temporal_positives_are_the_same_hand_in_the_nearest_annotated_frame() -> None:
    file = next(f for f in annotation_files(EGO4D, cast_videos(EGO4D, 1, SampleScale()), 1) if "tempclr" in f.set_key)
    hands = sound_hands(file)
    by_id = {hand["hand_id"]: hand for hand in hands}
    for hand in hands:
        positive = by_id[hand["positive_sample"][0]]
        same = [h for h in hands if (h["video"], h["left_right"]) == (hand["video"], hand["left_right"])]
        assert positive in same
        between = sorted((hand["frame"], positive["frame"]))
        assert not [h for h in same if between[0] < h["frame"] < between[1]]
        assert hand["distance"][0] == pytest.approx(pose_distance(hand, positive), abs=1e-6)


def test_most_positives_look_alike(files: dict[str, AnnotationFile]) -> None:
    distances = [hand["distance"][0] for hand in sound_hands(files["simhand-100k"])]
    assert np.median(distances) < 0.06, "a 17th of the crop's width per joint"


def test_boxes_and_keypoints_are_those_of_the_projected_hand(
    files: dict[str, AnnotationFile], plans: list[VideoPlan]
) -> None:
    by_video = {plan.video_id: plan for plan in plans}
    for hand in sound_hands(files["simhand-100k"]):
        plan = by_video[hand["video"]]
        track = next(track for track in plan.tracks if track.side == hand["left_right"])
        seen = track.at(float(hand["frame"] / plan.fps), plan.width_px, plan.height_px)
        x1, y1, x2, y2 = json.loads(hand["boxes"])
        joints = seen.joints_px[:, :2]
        assert ((joints >= (x1, y1)) & (joints <= (x2, y2))).all(), "joints inside the box"
        assert (x1, y1, x2, y2) == pytest.approx(
            np.clip(seen.extent_px(), 0, (plan.width_px, plan.height_px) * 2), abs=0.01
        )
        region = cropped_region((x1, y1, x2, y2), plan.width_px, plan.height_px)
        keypoints = np.array(hand["keypoint_25d"]).reshape(21, 3)
        width, height = region[2] - region[0], region[3] - region[1]
        assert np.allclose(keypoints[:, :2] * (width, height) + region[:2], joints, atol=0.01)
        assert ((keypoints[:, :2] >= 0) & (keypoints[:, :2] <= 1)).all()
        assert keypoints[0, 2] == 0
        assert np.allclose(keypoints[:, 2] * width, seen.joints_px[:, 2] - seen.joints_px[0, 2], atol=0.01)


def cropped_region(box: tuple[float, ...], width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """The crop rule, written down once more."""
    x1, y1, x2, y2 = (int(value) for value in box)
    w, h = x2 - x1, y2 - y1
    grow_x, grow_y = int((int(w * 1.3) - w) / 2), int((int(h * 1.3) - h) / 2)
    half = max(w + 2 * grow_x, h + 2 * grow_y) // 2
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    return (
        max(int(cx - half), 0),
        max(int(cy - half), 0),
        min(int(cx + half), width_px),
        min(int(cy + half), height_px),
    )


def test_hands_have_a_useful_size_and_some_touch_the_border(
    files: dict[str, AnnotationFile], plans: list[VideoPlan]
) -> None:
    sizes = {plan.video_id: (plan.width_px, plan.height_px) for plan in plans}
    touching = 0
    for hand in sound_hands(files["simhand-100k"]):
        x1, y1, x2, y2 = json.loads(hand["boxes"])
        assert 95 <= max(x2 - x1, y2 - y1) <= 285
        assert y1 >= STRIP_HEIGHT_PX, "the frame strip covers no annotated hand"
        width_px, height_px = sizes[hand["video"]]
        touching += x1 == 0 or x2 == width_px or y2 == height_px
    assert touching >= 3


def test_hands_are_annotated_at_every_thirtieth_frame_one_or_two_a_frame(
    files: dict[str, AnnotationFile], plans: list[VideoPlan]
) -> None:
    hands = sound_hands(files["simhand-100k"])
    for plan in plans:
        if plan.fate == "healthy":
            frames = sorted(hand["frame"] for hand in hands if hand["video"] == plan.video_id)
            assert frames == sorted([*range(0, plan.frame_count, FRAME_STRIDE)] * len(plan.tracks))
            assert len(plan.tracks) in (1, 2)


def test_both_sides_occur_in_every_set(files: dict[str, AnnotationFile]) -> None:
    for file in files.values():
        assert {hand["left_right"] for hand in sound_hands(file)} == {"Left", "Right"}


def test_hand_ids_are_unique_strings_of_integers_and_no_row_numbers(files: dict[str, AnnotationFile]) -> None:
    for file in files.values():
        ids = [hand["hand_id"] for hand in sound_hands(file)]
        assert len({int(hand_id) for hand_id in ids}) == len(ids)
        assert all(isinstance(hand_id, str) and int(hand_id) >= len(ids) for hand_id in ids)
        assert max(b - a for a, b in pairwise(sorted(map(int, ids)))) > 1


def test_reported_totals_are_those_of_the_file(files: dict[str, AnnotationFile]) -> None:
    for file in files.values():
        document = json.loads(file.text)
        truth = file.truth
        assert (truth.images, truth.annotations) == (len(document["images"]), len(document["annotations"]))
        assert truth.valid_hands == len(sound_hands(file))


def test_few_hands_lie_in_frames_that_cannot_be_had(files: dict[str, AnnotationFile], plans: list[VideoPlan]) -> None:
    fates = {plan.video_id: plan.fate for plan in plans}
    for key in ("simhand-50k", "simhand-100k"):
        hands = sound_hands(files[key])
        absent = {f"{h['video']}/{h['frame']}" for h in hands if fates[h["video"]] != "healthy"}
        assert absent == set(files[key].truth.absent_frames)
        assert 1 <= len(absent) <= 3
        assert {fates[frame.split("/")[0]] for frame in absent} >= {"missing"}
        ids = {h["hand_id"] for h in hands if fates[h["video"]] != "healthy"}
        incomplete = [h for h in hands if h["hand_id"] in ids or h["positive_sample"][0] in ids]
        assert len(incomplete) <= 0.1 * len(hands), "grids stay nearly full"


def faulty(files: dict[str, AnnotationFile]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Fault -> (the bad record, its whole document)."""
    found = {}
    for file in files.values():
        document = json.loads(file.text)
        for bad in file.truth.bad_records:
            record = document[bad.section][bad.record]
            assert bad.field in record
            found[bad.fault] = (record, document)
    return found


@pytest.fixture(scope="module")
def ego4d_faults() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    return faulty({f.set_key: f for f in annotation_files(EGO4D, cast_videos(EGO4D, SEED, SampleScale()), SEED)})


def test_every_fault_is_planted_in_ego4d_and_some_in_100doh(ego4d_faults: dict[str, Any]) -> None:
    assert set(ego4d_faults) == set(FAULTS)
    doh = faulty({f.set_key: f for f in annotation_files(DOH, cast_videos(DOH, SEED, SampleScale()), SEED)})
    assert len(doh) >= 3


def test_bad_boxes_are_bad(ego4d_faults: dict[str, Any]) -> None:
    x1, _, x2, _ = json.loads(ego4d_faults["box_inverted"][0]["boxes"])
    assert x1 > x2
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(ego4d_faults["box_unparsable"][0]["boxes"])


def test_bad_fields_are_bad(ego4d_faults: dict[str, Any]) -> None:
    assert len(ego4d_faults["keypoint_lost"][0]["keypoint_25d"]) == 60
    assert ego4d_faults["handedness_both"][0]["left_right"] == "Both"


def test_bad_references_lead_nowhere(ego4d_faults: dict[str, Any]) -> None:
    record, document = ego4d_faults["positive_missing"]
    assert record["positive_sample"][0] not in {hand["hand_id"] for hand in document["annotations"]}
    record, document = ego4d_faults["image_dangling"]
    assert record["image_id"] not in {image["id"] for image in document["images"]}


def test_the_duplicate_comes_after_the_rightful_owner(ego4d_faults: dict[str, Any]) -> None:
    record, document = ego4d_faults["duplicate_hand_id"]
    owners = [hand for hand in document["annotations"] if hand["hand_id"] == record["hand_id"]]
    assert len(owners) == 2
    assert owners[1] == record
    assert owners[0] != record


def test_bad_images_name_no_frame_that_exists(ego4d_faults: dict[str, Any]) -> None:
    frames = {plan.video_id: plan.frame_count for plan in cast_videos(EGO4D, SEED, SampleScale())}
    *_, video_id, name = ego4d_faults["frame_beyond_end"][0]["file_name"].split("/")
    assert int(name[6:-4]) >= frames[video_id]
    assert not any(letter.isdigit() for letter in ego4d_faults["frame_unnamed"][0]["file_name"].split("/")[-1])
