"""Rules over whole tables: what no single record can show. Each has a name, a severity, and a reason to care.

A record that breaks the *contract* never reaches these tables; it is counted by `record_rejected`. What the rules find
stays in the tables, so that row indices keep their meaning, and is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl

from hand100m_assets.annotations.tables import IngestSummary, read_summary
from hand100m_assets.layout import annotation_set_name

EXAMPLES: Final = 5
FAR_OUTSIDE: Final = (-1.0, 2.0)
"""A keypoint may leave the crop, as fingers do, but not by more than a whole crop side."""


@dataclass(frozen=True, kw_only=True)
class RuleTables:
    """What the rules look at: the tables of one annotation set, and what is known of the videos.

    Attributes:
        images: `images.parquet`, scanned.
        hands: `hands.parquet`, scanned.
        rejects: `rejects.parquet`, scanned.
        summary: Counts of the ingest.
        stride: Frame indices should be multiples of it.
        inventory: The inventory table, or None where it is not known; rules that need it then find nothing.
        expected_totals: (images, hands) that the file must hold, or None.
    """

    images: pl.LazyFrame
    hands: pl.LazyFrame
    rejects: pl.LazyFrame
    summary: IngestSummary
    stride: int
    inventory: pl.LazyFrame | None = None
    expected_totals: tuple[int, int] | None = None

    @classmethod
    def read(
        cls,
        folder: Path,
        *,
        stride: int,
        inventory: pl.DataFrame | None = None,
        expected_totals: tuple[int, int] | None = None,
    ) -> RuleTables:
        """Scan the tables of a finished set."""
        images, hands, rejects = (
            pl.scan_parquet(folder / f"{name}.parquet") for name in ("images", "hands", "rejects")
        )
        return cls(
            images=images,
            hands=hands,
            rejects=rejects,
            summary=read_summary(folder),
            stride=stride,
            inventory=None if inventory is None else inventory.lazy(),
            expected_totals=expected_totals,
        )

    @property
    def is_temporal(self) -> bool:
        """Whether positives are meant to come from the same video."""
        return annotation_set_name(self.summary.source_name).family == "tempclr"


Find = Callable[[RuleTables], pl.LazyFrame]


@dataclass(frozen=True)
class Rule:
    """One thing that must hold.

    Attributes:
        name: Also the name of the asset check.
        severity: `error` where training would go wrong, `warning` where the user should know.
        why: One line: why it matters in training.
        find: Offending rows; any columns that help to find them in the file.
    """

    name: str
    severity: Literal["error", "warning"]
    why: str
    find: Find


@dataclass(frozen=True)
class RuleResult:
    """What one rule found.

    Attributes:
        rule: The rule.
        count: Offending rows.
        examples: The first five of them.
    """

    rule: Rule
    count: int
    examples: pl.DataFrame


def apply_rules(tables: RuleTables) -> list[RuleResult]:
    """Apply every rule, in the order of `RULES`."""
    results = []
    for rule in RULES:
        found = rule.find(tables)
        count, examples = pl.collect_all([found.select(pl.len()), found.head(EXAMPLES)])
        results.append(RuleResult(rule, int(count.item()), examples))
    return results


_HAND = ("row_index", "hand_id", "image_id")


def _hands_where(condition: pl.Expr, *shown: pl.Expr | str) -> Find:
    return lambda tables: tables.hands.filter(condition).select(*_HAND, *shown)


def _record_rejected(tables: RuleTables) -> pl.LazyFrame:
    return tables.rejects.filter(pl.col("section") != "file").select("section", "record", "field", "reason", "value")


def _file_incomplete(tables: RuleTables) -> pl.LazyFrame:
    return tables.rejects.filter(pl.col("section") == "file").select("reason")


def _totals_differ(tables: RuleTables) -> pl.LazyFrame:
    read = (tables.summary.images_read, tables.summary.hands_read)
    expected = tables.expected_totals or read
    rows = [
        {"what": what, "expected": want, "read": got}
        for what, want, got in zip(("images", "hands"), expected, read, strict=True)
        if want != got
    ]
    return pl.LazyFrame(rows, schema={"what": pl.String, "expected": pl.Int64, "read": pl.Int64})


def _hand_id_duplicate(tables: RuleTables) -> pl.LazyFrame:
    repeated = tables.hands.group_by("hand_id").len().filter(pl.col("len") > 1).select("hand_id")
    return tables.hands.join(repeated, on="hand_id", how="semi", maintain_order="left").select(*_HAND)


def _image_id_duplicate(tables: RuleTables) -> pl.LazyFrame:
    repeated = tables.images.group_by("image_id").len().filter(pl.col("len") > 1).select("image_id")
    return tables.images.join(repeated, on="image_id", how="semi", maintain_order="left").select(
        "record", "image_id", "file_name"
    )


def _first_positive(tables: RuleTables) -> pl.LazyFrame:
    return tables.hands.select(*_HAND, "video_id", positive=pl.col("positives").list.first())


def _positive_missing(tables: RuleTables) -> pl.LazyFrame:
    rows = _first_positive(tables).drop("video_id")
    known = tables.hands.select("hand_id")
    # An anti join keeps null keys: a hand without any positive lacks one too.
    return rows.join(known, left_on="positive", right_on="hand_id", how="anti", maintain_order="left")


def _positive_from_same_video(tables: RuleTables) -> pl.LazyFrame:
    rows = _first_positive(tables).filter(pl.col("positive") != pl.col("hand_id"))
    if tables.is_temporal:
        rows = rows.head(0)
    others = tables.hands.select(positive="hand_id", positive_video_id="video_id")
    joined = rows.join(others, on="positive", how="inner", maintain_order="left")
    return joined.filter(pl.col("video_id") == pl.col("positive_video_id"))


def _with_size(tables: RuleTables) -> pl.LazyFrame:
    """Hands with the size of their image where the file gives one, else of their video, else null."""
    sizes = tables.images.select("image_id", "width_px", "height_px").unique("image_id", keep="first")
    hands = tables.hands.select(*_HAND, "video_id", "box_px").join(
        sizes, on="image_id", how="left", maintain_order="left"
    )
    if tables.inventory is None:
        return hands
    videos = tables.inventory.select("video_id", video_width_px="width_px", video_height_px="height_px")
    return hands.join(videos, on="video_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("width_px", "video_width_px").alias("width_px"),
        pl.coalesce("height_px", "video_height_px").alias("height_px"),
    )


def _box_outside_image(tables: RuleTables) -> pl.LazyFrame:
    x1, y1, x2, y2 = _corners()
    outside = (x1 < 0) | (y1 < 0) | (x2 > pl.col("width_px")) | (y2 > pl.col("height_px"))
    rows = _with_size(tables).filter(outside.fill_null(False))
    return rows.select(*_HAND, _box_text(), "width_px", "height_px")


def _corners() -> tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]:
    box = pl.col("box_px")
    return box.arr.get(0), box.arr.get(1), box.arr.get(2), box.arr.get(3)


def _box_text() -> pl.Expr:
    return pl.format("[{}, {}, {}, {}]", *_corners()).alias("box_px")


def _box_empty() -> pl.Expr:
    # The crop rule truncates to whole pixels first.
    x1, y1, x2, y2 = (corner.cast(pl.Int64, strict=False) for corner in _corners())
    return ((x2 <= x1) | (y2 <= y1)).fill_null(True)


def _keypoint_far_outside() -> pl.Expr:
    low, high = FAR_OUTSIDE
    numbers = pl.col("keypoints").reshape((-1, 63)).arr
    xy = [numbers.get(3 * joint + axis) for joint in range(21) for axis in range(2)]
    return (pl.min_horizontal(xy) < low) | (pl.max_horizontal(xy) > high)


def _frame_beyond_end(tables: RuleTables) -> pl.LazyFrame:
    return _images_with_video(tables).filter(pl.col("frame_index") >= pl.col("frame_count_from_header"))


def _images_with_video(tables: RuleTables) -> pl.LazyFrame:
    columns = ("frame_count_from_header", "video_width_px", "video_height_px")
    images = tables.images.select("record", "image_id", "video_id", "frame_index", "width_px", "height_px")
    if tables.inventory is None:
        return images.with_columns(pl.lit(None, dtype=pl.Int64).alias(name) for name in columns)
    videos = tables.inventory.select(
        "video_id", "frame_count_from_header", video_width_px="width_px", video_height_px="height_px"
    )
    return images.join(videos, on="video_id", how="left", maintain_order="left")


def _image_size_differs(tables: RuleTables) -> pl.LazyFrame:
    differs = (pl.col("width_px") != pl.col("video_width_px")) | (pl.col("height_px") != pl.col("video_height_px"))
    return _images_with_video(tables).filter(differs).drop("frame_count_from_header")


def _off_stride(tables: RuleTables) -> pl.LazyFrame:
    off = tables.images.filter(pl.col("frame_index") % tables.stride != 0)
    return off.select("record", "image_id", "video_id", "frame_index")


_lengths_differ = pl.col("positives").list.len() != pl.col("distances").list.len()

RULES: Final[tuple[Rule, ...]] = (
    Rule("record_rejected", "error", "A record that breaks the contract is lost to training.", _record_rejected),
    Rule("file_incomplete", "error", "The rest of the hands is missing without a trace.", _file_incomplete),
    Rule("totals_differ", "error", "Not the file that was published; results cannot be compared.", _totals_differ),
    Rule("hand_id_duplicate", "error", "A positive id then names two hands.", _hand_id_duplicate),
    Rule("image_id_duplicate", "error", "A hand's image is then ambiguous.", _image_id_duplicate),
    Rule(
        "image_missing", "error", "A hand without an image has no pixels.", _hands_where(pl.col("video_id").is_null())
    ),
    Rule("positive_missing", "error", "An anchor without its positive cannot be contrasted.", _positive_missing),
    Rule(
        "positive_is_itself",
        "error",
        "Two views of one crop teach nothing about similar hands.",
        _hands_where(pl.col("positives").list.first() == pl.col("hand_id")),
    ),
    Rule(
        "positive_from_same_video",
        "error",
        "Similar hands must differ in person and scene; only TempCLR pairs within a video.",
        _positive_from_same_video,
    ),
    Rule(
        "positives_and_distances_differ_in_number",
        "error",
        "A distance then belongs to another hand.",
        _hands_where(_lengths_differ, pl.col("positives").list.len(), pl.col("distances").list.len().alias("stated")),
    ),
    Rule(
        "distance_negative",
        "error",
        "A negative distance turns the weight of a pair upside down.",
        _hands_where(pl.col("distances").list.min() < 0, pl.col("distances").list.first()),
    ),
    Rule(
        "keypoint_far_outside_crop",
        "error",
        "Keypoints off by more than a crop side belong to another box or unit.",
        _hands_where(_keypoint_far_outside()),
    ),
    Rule("box_empty", "error", "An empty or inverted box gives no crop.", _hands_where(_box_empty(), _box_text())),
    Rule(
        "box_outside_image",
        "warning",
        "The crop is clamped and stretched there, as in the original.",
        _box_outside_image,
    ),
    Rule("frame_off_stride", "warning", "Extraction by stride never makes this frame.", _off_stride),
    Rule("frame_beyond_end", "error", "The video on disk is not the one annotated.", _frame_beyond_end),
    Rule("image_size_differs", "error", "Boxes were drawn on another resolution.", _image_size_differs),
)
"""Every rule, in the order they are reported."""
