"""Rules over tables: each has a name, a severity, and a reason to care.

A record that breaks the *contract* never reaches these tables; it is counted by `record_rejected`. What the other rules
find stays in the tables, so that row indices keep their meaning, and is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from hand100m_assets.annotations import offenders
from hand100m_assets.annotations.offenders import Find
from hand100m_assets.annotations.rule_tables import RuleTables

__all__ = ["RULES", "Find", "Rule", "RuleResult", "RuleTables", "apply_rules"]

EXAMPLES: Final = 5


@dataclass(frozen=True)
class Rule:
    """One thing that must hold.

    Attributes:
        name: What is wrong where it does not; also the name of the asset check.
        severity: `error` where training would go wrong, `warning` where the user should know.
        why: One line: why it matters in training.
        find: Offending rows in the order of the file, with the columns that help to find them there.
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
    return [_apply(rule, tables) for rule in RULES]


def _apply(rule: Rule, tables: RuleTables) -> RuleResult:
    found = rule.find(tables)
    count, examples = pl.collect_all([found.select(pl.len()), found.head(EXAMPLES)], engine="streaming")
    return RuleResult(rule, int(count.item()), examples)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "record_rejected", "error", "A record that breaks the contract is lost to training.", offenders.record_rejected
    ),
    Rule("file_incomplete", "error", "The rest of the hands is missing without a trace.", offenders.file_incomplete),
    Rule(
        "key_repeated",
        "warning",
        "Only the last of two values counts, it may be the wrong one.",
        offenders.key_repeated,
    ),
    Rule(
        "unknown_key",
        "warning",
        "What no table has a column for is left out; a field may have another name here.",
        offenders.unknown_key,
    ),
    Rule("no_hands", "error", "An empty set passes every other rule.", offenders.no_hands),
    Rule(
        "totals_differ",
        "error",
        "Not the file that was published; results cannot be compared.",
        offenders.totals_differ,
    ),
    Rule("hand_id_duplicate", "error", "A positive id then names two hands.", offenders.hand_id_duplicate),
    Rule("image_id_duplicate", "error", "A hand's image is then ambiguous.", offenders.image_id_duplicate),
    Rule(
        "image_missing",
        "error",
        "A hand without an image has no pixels.",
        offenders.hands_where(pl.col("video_id").is_null()),
    ),
    Rule(
        "positive_missing", "error", "An anchor without its positive cannot be contrasted.", offenders.positive_missing
    ),
    Rule(
        "positive_is_itself",
        "error",
        "Two views of one crop teach nothing about similar hands.",
        offenders.positive_is_itself,
    ),
    Rule(
        "positive_from_same_video",
        "error",
        "Similar hands must differ in person and scene; only TempCLR pairs within a video.",
        offenders.positive_from_same_video,
    ),
    Rule(
        "positives_and_distances_differ_in_number",
        "error",
        "A distance then belongs to another hand.",
        offenders.numbers_differ,
    ),
    Rule(
        "distance_negative",
        "error",
        "A negative distance, or none, turns the weight of a pair upside down.",
        offenders.distance_negative,
    ),
    Rule(
        "keypoint_far_outside_crop",
        "error",
        "Keypoints off by more than a crop side belong to another box or unit.",
        offenders.keypoint_far_outside_crop,
    ),
    Rule("box_empty", "error", "An empty or inverted box gives no crop.", offenders.box_empty),
    Rule(
        "box_misses_image", "error", "A box with nothing of the image in it gives no crop.", offenders.box_misses_image
    ),
    Rule(
        "box_outside_image",
        "warning",
        "The crop is clamped and stretched there, as in the original.",
        offenders.box_outside_image,
    ),
    Rule("frame_off_stride", "warning", "Extraction by stride never makes this frame.", offenders.frame_off_stride),
    Rule("frame_beyond_end", "error", "The video on disk is not the one annotated.", offenders.frame_beyond_end),
    Rule("image_size_differs", "error", "Boxes were drawn on another resolution.", offenders.image_size_differs),
)
"""Every rule, in the order they are reported."""
