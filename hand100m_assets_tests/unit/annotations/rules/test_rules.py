"""Each rule finds what it is for, and only that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.rules.rule_tables import RuleTables
from hand100m_assets.annotations.rules.rules import RULES, apply_rules
from hand100m_assets_tests.unit.annotations.records import Raw, hand, image, sound_set, write

INVENTORY = pl.DataFrame(
    {
        "video_id": ["video_0", "video_1"],
        "frame_count_from_header": [1000, None],
        "width_px": [640, None],
        "height_px": [480, None],
    },
    schema_overrides={"width_px": pl.Int32, "height_px": pl.Int32, "frame_count_from_header": pl.Int64},
)


def results(
    tmp_path: Path, document: Raw, name: str = "Hand100M_Ego4D_50k_v1-1.json", **known: Any
) -> dict[str, tuple[int, pl.DataFrame]]:
    ingest_file(write(tmp_path / name, document), tmp_path / "out")
    tables = RuleTables.read(tmp_path / "out", **{"stride": 30, "inventory": INVENTORY, **known})
    return {result.rule.name: (result.count, result.examples) for result in apply_rules(tables)}


def broken(tmp_path: Path, document: Raw, **known: Any) -> dict[str, int]:
    return {name: count for name, (count, _) in results(tmp_path, document, **known).items() if count}


def change_hand(**changes: Any) -> Callable[[Raw], None]:
    return lambda document: document["annotations"][2].update(changes)


def change_image(number: int = 2, **changes: Any) -> Callable[[Raw], None]:
    return lambda document: document["images"][number].update(changes)


def test_a_sound_set_breaks_no_rule(tmp_path: Path) -> None:
    assert broken(tmp_path, sound_set(), expected_totals=(6, 6)) == {}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (change_hand(left_right="Both"), {"record_rejected": [2], "positive_missing": [1]}),
        (change_hand(left_right="Both", boxes="?"), {"record_rejected": [2], "positive_missing": [1]}),
        (change_image(file_name="x"), {"record_rejected": [2], "image_missing": [2]}),
        (change_hand(image_id=77), {"image_missing": [2]}),
        (change_hand(hand_id="103"), {"hand_id_duplicate": [2, 3], "positive_missing": [1], "positive_is_itself": [2]}),
        (change_image(id=1), {"image_id_duplicate": [1, 2], "image_missing": [2]}),
        (change_hand(positive_sample=[], distance=[]), {"positive_missing": [2]}),
        (change_hand(positive_sample=["555"]), {"positive_missing": [2]}),
        (change_hand(positive_sample=["102"]), {"positive_is_itself": [2]}),
        (change_hand(image_id=3), {"positive_from_same_video": [2]}),
        (change_hand(distance=[]), {"positives_and_distances_differ_in_number": [2]}),
        (change_hand(distance=[0.1, 0.2]), {"positives_and_distances_differ_in_number": [2]}),
        (change_hand(distance=[-0.1]), {"distance_negative": [2]}),
        (change_hand(keypoint_25d=[0.5] * 60 + [2.01, 0, 0]), {"keypoint_far_outside_crop": [2]}),
        (change_hand(keypoint_25d=[0.5, -1.01] + [0.5] * 61), {"keypoint_far_outside_crop": [2]}),
        (change_hand(keypoint_25d=[0.5, -0.99, 500] + [1.99, 0.5, -500] * 20), {}),
        (change_hand(boxes=[10, 10, 10.9, 50]), {"box_empty": [2]}),
        (change_hand(boxes=[10, 50, 30, 10]), {"box_empty": [2]}),
        (change_hand(image_id=0, boxes=[-5, 10, 30, 50]), {"box_outside_image": [2]}),
        (change_hand(image_id=0, boxes=[600, 10, 641, 50]), {"box_outside_image": [2]}),
        (change_hand(image_id=0, boxes=[640, 10, 700, 50]), {"box_outside_image": [2], "box_misses_image": [2]}),
        (change_hand(image_id=0, boxes=[10, 480, 50, 500]), {"box_outside_image": [2], "box_misses_image": [2]}),
        (change_hand(image_id=0, boxes=[-50, 10, 0, 50]), {"box_outside_image": [2], "box_misses_image": [2]}),
        (change_hand(image_id=0, boxes=[10, -50, 50, 0]), {"box_outside_image": [2], "box_misses_image": [2]}),
        (change_hand(image_id=0, boxes=[10, -1, 50, 50]), {"box_outside_image": [2]}),
        (change_hand(image_id=0, boxes=[10, 10, 50, 481]), {"box_outside_image": [2]}),
        (change_hand(image_id=0, boxes=[0, 0, 640, 480]), {}),
        (change_hand(boxes=[640, 10, 700, 50]), {}),
        (change_image(file_name="a/video_2/frame_000031.jpg"), {"frame_off_stride": [2]}),
        (change_image(0, file_name="a/video_0/frame_000990.jpg"), {}),
        (change_image(0, file_name="a/video_0/frame_001020.jpg"), {"frame_beyond_end": [0]}),
        (change_image(0, file_name="a/video_0/frame_001000.jpg"), {"frame_off_stride": [0], "frame_beyond_end": [0]}),
        (change_image(0, file_name="a/video_0/frame_000999.jpg"), {"frame_off_stride": [0]}),
        (change_image(0, width=640, height=481), {"image_size_differs": [0]}),
        (change_image(0, width=640.0, height=480.0), {}),
        (change_image(0, width=640.5, height=480), {"value_left_out": [0]}),
        (change_image(0, width="640", height="480"), {"value_left_out": [0, 0]}),
        (change_image(0, width=float("nan"), height=float("nan")), {"value_left_out": [0, 0]}),
        (change_hand(left_right="left"), {"handedness_respelled": [2]}),
        (change_hand(left_right=" RIGHT "), {"handedness_respelled": [2]}),
        (change_image(0, width=640, height=480), {}),
        (change_image(1, width=640, height=481), {}),
    ],
)
def test_a_planted_fault_is_found_by_its_rules_and_no_other(
    tmp_path: Path, spoil: Callable[[Raw], None], expected: dict[str, list[int]]
) -> None:
    document = sound_set()
    spoil(document)
    found = {name: offenders for name, (count, offenders) in results(tmp_path, document).items() if count}
    places = {
        name: offenders["row_index" if "row_index" in offenders.columns else "record"].to_list()
        for name, offenders in found.items()
    }
    assert places == expected


def test_the_size_in_the_file_comes_before_that_of_the_video(tmp_path: Path) -> None:
    document = sound_set()
    document["images"][0] |= {"width": 100, "height": 1000}
    assert broken(tmp_path, document) == {"box_outside_image": 1, "image_size_differs": 1}
    assert broken(tmp_path, document, inventory=None) == {"box_outside_image": 1}


def test_a_size_is_the_images_or_the_videos_and_never_half_of_each(tmp_path: Path) -> None:
    document = sound_set()
    document["images"][0] |= {"width": 100, "height": "tall"}
    assert broken(tmp_path, document) == {"value_left_out": 1, "image_size_differs": 1}
    assert "box_outside_image" not in broken(tmp_path, document, inventory=None)


def gaps(tmp_path: Path, document: Raw, **known: Any) -> dict[str, tuple[int | None, int, bool]]:
    """Of each rule that could not judge everything: rows judged, rows not judged, whether it saw nothing."""
    ingest_file(write(tmp_path / "Hand100M_Ego4D_50k_v1-1.json", document), tmp_path / "out")
    tables = RuleTables.read(tmp_path / "out", **{"stride": 30, "inventory": INVENTORY, **known})
    return {r.rule.name: (r.checked, r.unchecked, r.saw_nothing) for r in apply_rules(tables) if r.gap}


def test_a_rule_says_what_it_could_not_judge(tmp_path: Path) -> None:
    document = sound_set()
    document["images"][0] |= {"width": 640, "height": 480}
    every = pl.concat([INVENTORY.head(1).with_columns(video_id=pl.lit(f"video_{n}")) for n in range(6)])
    assert gaps(tmp_path, document, inventory=every, expected_totals=(6, 6)) == {}
    assert gaps(tmp_path, document, inventory=None) == {
        "totals_differ": (0, 2, True),
        "box_misses_image": (1, 5, False),
        "box_outside_image": (1, 5, False),
        "frame_beyond_end": (0, 6, True),
        "image_size_differs": (0, 1, True),
    }
    without_count = every.with_columns(frame_count_from_header=pl.lit(None, pl.Int64))
    found = gaps(tmp_path, document, inventory=without_count, expected_totals=(6, 6))
    assert found == {"frame_beyond_end": (0, 6, True)}
    assert gaps(tmp_path, document, inventory=every.head(5))["frame_beyond_end"] == (5, 1, False)


def test_totals_are_those_read_not_those_kept(tmp_path: Path) -> None:
    document = sound_set()
    document["annotations"][2]["boxes"] = "?"
    assert "totals_differ" not in broken(tmp_path, document, expected_totals=(6, 6))
    count, examples = results(tmp_path, document, expected_totals=(5, 7))["totals_differ"]
    assert count == 2
    assert examples.rows() == [("images", 5, 6), ("hands", 7, 6)]


def test_an_incomplete_file_breaks_a_rule(tmp_path: Path) -> None:
    path = write(tmp_path / "Hand100M_Ego4D_50k_v1-1.json", sound_set())
    path.write_bytes(path.read_bytes()[:-1])
    ingest_file(path, tmp_path / "out")
    found = apply_rules(RuleTables.read(tmp_path / "out", stride=30))
    assert {result.rule.name: result.count for result in found if result.count} == {"file_incomplete": 1}


def test_tables_whose_rows_are_not_in_the_order_of_the_file_break_a_rule(tmp_path: Path) -> None:
    assert broken(tmp_path, sound_set()) == {}
    hands = pl.read_parquet(tmp_path / "out" / "hands.parquet")
    hands[[4, 5, 0, 1, 2, 3]].write_parquet(tmp_path / "out" / "hands.parquet")
    found = apply_rules(RuleTables.read(tmp_path / "out", stride=30, inventory=INVENTORY))
    (result,) = [result for result in found if result.count]
    assert (result.rule.name, result.rule.severity, result.count) == ("rows_out_of_order", "error", 1)
    assert result.examples["row_index"].to_list() == [0]


def test_a_nan_under_an_unknown_key_is_a_warning_and_costs_no_record(tmp_path: Path) -> None:
    document = sound_set()
    document["images"][1]["score"] = float("nan")
    document["annotations"][2]["more"] = {"scores": [1, float("-inf")]}
    document["annotations"][3] |= {"score": float("nan"), "left_right": "left"}
    found = results(tmp_path, document)
    assert {name: count for name, (count, _) in found.items() if count} == {
        "unknown_key": 3,
        "handedness_respelled": 1,
        "value_left_out": 3,
    }
    assert found["value_left_out"][1].select("section", "record", "field", "value").rows() == [
        ("images", 1, "score", "NaN"),
        ("annotations", 2, "more", "-Infinity"),
        ("annotations", 3, "score", "NaN"),
    ]


def test_keys_left_out_or_given_twice_are_warnings(tmp_path: Path) -> None:
    document = sound_set() | {"info": {}}
    document["annotations"][2]["score"] = 0.5
    path = write(tmp_path / "Hand100M_Ego4D_50k_v1-1.json", document)
    path.write_text(path.read_text().replace('"score"', '"left_right": "Left", "score"'))
    ingest_file(path, tmp_path / "out")
    found = {r.rule.name: r for r in apply_rules(RuleTables.read(tmp_path / "out", stride=30)) if r.count}
    assert {name: result.rule.severity for name, result in found.items()} == {
        "unknown_key": "warning",
        "key_repeated": "warning",
    }
    assert found["unknown_key"].examples.rows() == [("file", "info", 1), ("annotations", "score", 1)]
    assert found["key_repeated"].examples.rows() == [("annotations", "left_right", 1)]


def test_an_empty_set_does_not_pass(tmp_path: Path) -> None:
    assert broken(tmp_path, {"images": [], "annotations": []}) == {"no_hands": 1}


def test_temporal_sets_may_pair_within_a_video(tmp_path: Path) -> None:
    document = {"images": [image(0), image(1)], "annotations": [hand(1, 0, 2), hand(2, 1, 1)]}
    name = "Hand100M_Ego4D_TempCLR_50k_v1-1.json"
    assert {n: c for n, (c, _) in results(tmp_path, document, name).items() if c} == {}
    assert broken(tmp_path, document) == {"positive_from_same_video": 2}


def test_examples_are_the_first_five_with_where_to_find_them(tmp_path: Path) -> None:
    document = sound_set(30)
    for record in document["annotations"][3:]:
        record["distance"] = [-1.0]
    count, examples = results(tmp_path, document)["distance_negative"]
    assert count == 27
    assert examples.select("row_index", "hand_id", "image_id").rows() == [(n, 100 + n, str(n)) for n in range(3, 8)]


def test_names_can_be_names_of_checks_and_every_rule_says_why_it_matters() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.name.isidentifier() and rule.why.endswith(".") for rule in RULES)


ids = st.integers(0, 4)
few_hands = st.lists(
    st.tuples(ids, ids, st.lists(ids, max_size=2), st.lists(st.sampled_from([-1.0, 0.0, 0.5]), max_size=2)), max_size=7
)


@given(hands=few_hands, image_ids=st.lists(ids, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_rules_across_records_count_as_loops_over_records_do(
    tmp_path: Path, hands: list[tuple[int, int, list[int], list[float]]], image_ids: list[int]
) -> None:
    document = {
        "images": [image(n, f"video_{n % 2}", 30 * place) for place, n in enumerate(image_ids)],
        "annotations": [
            hand(hand_id, image_id, positive_sample=[str(p) for p in positives], distance=distances)
            for hand_id, image_id, positives, distances in hands
        ],
    }
    counts = {name: count for name, (count, _) in results(tmp_path, document, inventory=None).items()}
    known = [hand_id for hand_id, *_ in hands]
    video = {n: f"video_{n % 2}" for n in image_ids}
    placed = [(hand_id, video.get(image_id), positives[:1]) for hand_id, image_id, positives, _ in hands]
    assert counts["hand_id_duplicate"] == sum(known.count(hand_id) > 1 for hand_id in known)
    assert counts["image_id_duplicate"] == sum(image_ids.count(n) > 1 for n in image_ids)
    assert counts["image_missing"] == sum(own is None for _, own, _ in placed)
    assert counts["positive_missing"] == sum(not first or first[0] not in known for *_, first in placed)
    assert counts["positive_is_itself"] == sum(first == [hand_id] for hand_id, _, first in placed)
    assert counts["positive_from_same_video"] == sum(
        bool(first)
        and first[0] != hand_id
        and own is not None
        and any(other == first[0] and there == own for other, there, _ in placed)
        for hand_id, own, first in placed
    )
    assert counts["distance_negative"] == sum(any(d < 0 for d in distances) for *_, distances in hands)
    assert counts["positives_and_distances_differ_in_number"] == sum(len(p) != len(d) for *_, p, d in hands)
