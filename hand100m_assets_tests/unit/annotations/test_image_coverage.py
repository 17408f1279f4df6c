"""Why an annotated image is not on disk."""

from __future__ import annotations

import polars as pl
import pytest

from hand100m_assets.annotations.image_coverage import COVERAGE_SCHEMA, REASONS, coverage

IMAGES = pl.Schema({"image_id": pl.String, "video_id": pl.String, "frame_index": pl.Int32})

# video id -> state in the inventory, frames in the header, frames on disk, status of the frame folder, failed for good
VIDEOS: dict[str, tuple[str, int | None, list[int], str, bool | None]] = {
    "whole": ("complete", 100, [0, 30, 60, 90], "complete", None),
    "hurt": ("complete", 200, [0, 30, 90], "damaged", None),
    "single": ("complete", 200, [0], "damaged", None),
    "waiting": ("complete", 100, [], "", None),
    "failed": ("complete", None, [], "", True),
    "interrupted": ("complete", 100, [], "", False),
    "widened": ("complete", 100, [0, 60], "complete", False),
    "absent": ("missing", None, [], "", None),
    "coming": ("in_progress", None, [], "", None),
    "broken": ("unreadable", None, [], "", True),
    "misnamed": ("refused", None, [], "", None),
    "let go": ("forgotten", None, [], "", None),
    "replaced": ("unreadable", None, [0, 30], "complete", None),
}
CASES = [
    ("whole", 30, None), ("whole", 31, "not on the selection"), ("whole", 120, "frame beyond the end"),
    ("hurt", 30, None), ("hurt", 60, "frame damaged"), ("hurt", 61, "not on the selection"),
    ("hurt", 200, "frame beyond the end"), ("single", 30, "frame damaged"), ("single", 0, None),
    ("waiting", 0, "not extracted yet"), ("waiting", 100, "frame beyond the end"),
    ("failed", 0, "extraction failed"), ("interrupted", 0, "extraction to be retried"),
    ("interrupted", 300, "frame beyond the end"), ("widened", 60, None), ("widened", 30, "not on the selection"),
    ("absent", 0, "video missing"), ("never heard of", 0, "video missing"),
    ("coming", 0, "video still downloading"), ("broken", 0, "video unreadable"),
    ("misnamed", 0, "video refused"), ("let go", 0, "video forgotten"),
    ("replaced", 30, None), ("replaced", 60, "video unreadable"),
]  # fmt: skip


def tables(cases: list[tuple[str, int]]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    images = pl.DataFrame([(str(n), *case) for n, case in enumerate(cases)], schema=IMAGES, orient="row")
    catalog = pl.DataFrame(
        [(v, frame, status) for v, (_, _, frames, status, _) in VIDEOS.items() for frame in frames],
        schema={"video_id": pl.String, "frame_index": pl.Int32, "status": pl.Enum(["complete", "damaged"])},
        orient="row",
    )
    inventory = pl.DataFrame(
        [(v, state, count) for v, (state, count, *_) in VIDEOS.items()],
        schema={"video_id": pl.String, "state": pl.String, "frame_count_from_header": pl.Int64},
        orient="row",
    )
    return images, catalog, inventory


@pytest.mark.parametrize(("video_id", "frame_index", "reason"), CASES)
def test_each_image_is_there_or_says_why_not(video_id: str, frame_index: int, reason: str | None) -> None:
    images, catalog, inventory = tables([(video_id, frame_index)])
    failures = {v: failed for v, (*_, failed) in VIDEOS.items() if failed is not None}
    table = coverage(images, pl.DataFrame({"image_id": ["0", "0", "x"]}), catalog, inventory, failures)
    assert table.schema == COVERAGE_SCHEMA
    assert table.rows() == [("0", video_id, frame_index, 2, reason is None, reason)]


def test_all_images_together_are_judged_as_each_alone_in_their_order() -> None:
    images, catalog, inventory = tables([(video_id, frame) for video_id, frame, _ in CASES])
    failures = {v: failed for v, (*_, failed) in VIDEOS.items() if failed is not None}
    table = coverage(images, pl.DataFrame({"image_id": ["3"]}), catalog, inventory, failures)
    assert table["reason"].to_list() == [reason for *_, reason in CASES]
    assert table["hand_count"].to_list() == [int(n == 3) for n in range(len(CASES))]
    assert {reason for *_, reason in CASES if reason} == {*REASONS} - {"not where its prefix leads"}


@pytest.mark.parametrize(
    ("video_id", "frame_index", "reason"),
    [
        ("whole", 45, "not extracted yet"),  # asked for since its video was extracted
        ("whole", 31, "not on the selection"),
        ("waiting", 31, "not on the selection"),  # never will be
        ("failed", 31, "not on the selection"),
        ("failed", 15, "extraction failed"),
        ("widened", 15, "extraction to be retried"),
        ("hurt", 60, "frame damaged"),
        ("hurt", 15, "not extracted yet"),
        ("absent", 31, "video missing"),
    ],
)
def test_what_the_present_settings_ask_for_decides_whether_an_absent_frame_will_come(
    video_id: str, frame_index: int, reason: str
) -> None:
    images, catalog, inventory = tables([(video_id, frame_index)])
    failures = {v: failed for v, (*_, failed) in VIDEOS.items() if failed is not None}
    asked = pl.col("frame_index") % 15 == 0
    hands = pl.DataFrame(schema={"image_id": pl.String})
    assert coverage(images, hands, catalog, inventory, failures, is_selected=asked)["reason"].to_list() == [reason]


def test_a_mapped_image_is_on_disk_where_its_prefix_leads_whatever_our_own_frames_are() -> None:
    images, catalog, inventory = tables([("absent", 0), ("whole", 30), ("whole", 30), ("absent", 0)])
    hands = pl.DataFrame(schema={"image_id": pl.String})
    mapped = pl.Series([True, False, None, None])
    table = coverage(images, hands, catalog, inventory, {}, at_mapped_place=mapped)
    assert table.schema == COVERAGE_SCHEMA
    assert table.select("exists", "reason").rows() == [
        (True, None),
        (False, "not where its prefix leads"),
        (True, None),
        (False, "video missing"),
    ]


def test_an_empty_catalog_and_an_empty_set_are_fine() -> None:
    images, catalog, inventory = tables([("waiting", 0)])
    hands = pl.DataFrame(schema={"image_id": pl.String})
    assert coverage(images, hands, catalog.head(0), inventory.head(0), {})["reason"].to_list() == ["video missing"]
    assert coverage(images.head(0), hands, catalog, inventory, {}).height == 0
