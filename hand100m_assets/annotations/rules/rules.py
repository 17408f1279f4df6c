"""Rules over the tables of a set: each has a name, a severity, and the reason why it matters.

A record that breaks the *contract* is not in the tables; `record_rejected` counts it. Rows that another rule finds are
reported and stay in the tables, so that row indices keep their meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from hand100m_assets.annotations.rules import offenders
from hand100m_assets.annotations.rules.offenders import Find
from hand100m_assets.annotations.rules.rule_tables import RuleTables

__all__ = ["RULES", "Find", "Rule", "RuleResult", "RuleTables", "apply_rules"]

EXAMPLES: Final = 5
"""Offending rows that a result shows."""


@dataclass(frozen=True)
class Rule:
    """Something that must be true of every row of a set.

    Attributes:
        name: What is wrong with the rows that break the rule; also the name of the asset check.
        severity: `error` if training would go wrong, `warning` if the user should know.
        why: One line that says why it matters in training.
        find: Finds the rows that break the rule, in the order of the file, with columns that help to find them there.
        knows: Says of each row that the rule is about whether it can be checked (column `known`); None if every row
            can be.
        lacks: What is missing for the rows that cannot be checked, in words.
        is_optional: Whether the rule compares with something that the user may, but need not, give.
        asks_videos: Whether the rule compares with the inventory, so that a new inventory can change what it finds.

    Example:
        >>> from hand100m_assets.annotations.rules import RULES
        >>> rule = next(rule for rule in RULES if rule.name == "box_empty")
        >>> rule.severity, rule.asks_videos
        ('error', False)
    """

    name: str
    severity: Literal["error", "warning"]
    why: str
    find: Find
    knows: Find | None = None
    lacks: str = ""
    is_optional: bool = False
    asks_videos: bool = False


@dataclass(frozen=True)
class RuleResult:
    """What one rule found in a set.

    Attributes:
        rule: The rule.
        count: Number of rows that break the rule.
        examples: The first five of these rows.
        checked: Number of rows that could be checked; None if the rule can check every row.
        unchecked: Number of rows that could not be checked.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.rules import RULES, RuleTables, apply_rules
        >>> rule = next(rule for rule in RULES if rule.name == "frame_beyond_end")
        >>> (result,) = apply_rules(RuleTables.read(Path("tables"), stride=30), [rule])
        >>> result.count, result.checked, result.unchecked, result.saw_nothing
        (0, 0, 4, True)
        >>> result.gap
        '4 of 4 not checked: its video is not known (no inventory, or not here, or its header does not say)'
    """

    rule: Rule
    count: int
    examples: pl.DataFrame
    checked: int | None = None
    unchecked: int = 0

    @property
    def saw_nothing(self) -> bool:
        """Whether there were rows to check, and none of them could be checked."""
        return self.checked == 0 and self.unchecked > 0

    @property
    def gap(self) -> str:
        """How many rows were not checked, and why, in words; empty if all rows were checked."""
        if not self.unchecked:
            return ""
        return f"{self.unchecked} of {self.unchecked + (self.checked or 0)} not checked: {self.rule.lacks}"


def apply_rules(tables: RuleTables, rules: Sequence[Rule] | None = None) -> list[RuleResult]:
    """Check a set by rules.

    Args:
        tables: The set; see `RuleTables.read`.
        rules: The rules to apply; None applies all of `RULES`.

    Returns:
        One result per rule, in the order of the rules.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations.rules import RuleTables, apply_rules
        >>> results = apply_rules(RuleTables.read(Path("tables"), stride=30))
        >>> {result.rule.name: result.count for result in results if result.count}
        {'positive_from_same_video': 2, 'box_outside_image': 1}
    """
    return [_apply(rule, tables) for rule in (RULES if rules is None else rules)]


def _apply(rule: Rule, tables: RuleTables) -> RuleResult:
    found = rule.find(tables)
    asked = [found.select(pl.len()), found.head(EXAMPLES)]
    if rule.knows is not None:
        asked.append(rule.knows(tables).select(checked=pl.col("known").sum(), rows=pl.len()))
    count, examples, *judged = pl.collect_all(asked, engine="streaming")
    if not judged:
        return RuleResult(rule, int(count.item()), examples)
    checked, rows = (int(number) for number in judged[0].row(0))
    return RuleResult(rule, int(count.item()), examples, checked=checked, unchecked=rows - checked)


_NO_IMAGE_SIZE: Final = "the size of the image is not known (no inventory, or its video is not here)"
_NO_VIDEO: Final = "its video is not known (no inventory, or not here, or its header does not say)"


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "record_rejected", "error", "A record that breaks the contract is lost to training.", offenders.record_rejected
    ),
    Rule("file_incomplete", "error", "The rest of the hands is missing without a trace.", offenders.file_incomplete),
    Rule(
        "file_odd",
        "warning",
        "Nothing of the two arrays is lost, but this may not be the file that was published.",
        offenders.file_odd,
    ),
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
    Rule(
        "handedness_respelled",
        "warning",
        "Training mirrors hands by this word: a file that spells it otherwise may mean it otherwise.",
        offenders.handedness_respelled,
    ),
    Rule(
        "value_left_out",
        "warning",
        "No table can hold the value, its record was kept; other readers may refuse the record or the file.",
        offenders.value_left_out,
    ),
    Rule(
        "rows_out_of_order",
        "error",
        "Exports, lookups and grids then show other hands; read the annotation file again.",
        offenders.rows_out_of_order,
    ),
    Rule("no_hands", "error", "An empty set passes every other rule.", offenders.no_hands),
    Rule(
        "totals_differ",
        "error",
        "Not the file that was published; results cannot be compared.",
        offenders.totals_differ,
        knows=offenders.totals_known,
        lacks="no totals are expected (HAND100M_EXPECTED_TOTALS)",
        is_optional=True,
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
    Rule("box_empty", "error", "An empty or inverted box holds no hand, and most give no crop.", offenders.box_empty),
    Rule(
        "box_misses_image",
        "error",
        "A box with nothing of the image in it gives no crop.",
        offenders.box_misses_image,
        knows=offenders.image_size_known,
        lacks=_NO_IMAGE_SIZE,
        asks_videos=True,
    ),
    Rule(
        "box_outside_image",
        "warning",
        "The crop is clamped and stretched there, as in the original.",
        offenders.box_outside_image,
        knows=offenders.image_size_known,
        lacks=_NO_IMAGE_SIZE,
        asks_videos=True,
    ),
    Rule("frame_off_stride", "warning", "Extraction by stride never makes this frame.", offenders.frame_off_stride),
    Rule(
        "frame_beyond_end",
        "error",
        "The video on disk is not the one annotated.",
        offenders.frame_beyond_end,
        knows=offenders.frame_count_known,
        lacks=_NO_VIDEO,
        asks_videos=True,
    ),
    Rule(
        "image_size_differs",
        "error",
        "Boxes were drawn on another resolution.",
        offenders.image_size_differs,
        knows=offenders.video_size_known,
        lacks=_NO_VIDEO,
        asks_videos=True,
    ),
)
"""Every rule, in the order in which they are reported."""
