"""Rules over the tables of a set: each has a name, a severity, a requirement, and the reason why it matters.

A record that violates the *contract* is not in the tables; `record_rejected` counts it. Rows that another rule finds
are reported and stay in the tables, so that row indices keep their meaning.
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
        name: What is wrong with rows that break the rule; this is also the name of the asset check.
        severity: `error` if training would go wrong, `warning` if the user should know.
        requires: What must be true, in one sentence.
        why: Why it matters in training, in one or two sentences.
        find: Finds the rows that break the rule, in the order of the file, with columns that help to find them there.
        knows: Finds for each row whether it can be checked (column `known`); None if every row can be checked.
        lacks: What is missing for the rows that cannot be checked, in words.
        is_optional: Whether the rule compares with a value that the user need not give.
        asks_videos: Whether the rule compares with the inventory, so that a new inventory can change what it finds.

    Example:
        >>> from hand100m_assets.annotations.rules import RULES
        >>> rule = next(rule for rule in RULES if rule.name == "box_empty")
        >>> rule.severity, rule.asks_videos
        ('error', False)
    """

    name: str
    severity: Literal["error", "warning"]
    requires: str
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
        "record_rejected",
        "error",
        "Every record satisfies the contract.",
        "A rejected record is left out of the tables, and so of training.",
        offenders.record_rejected,
    ),
    Rule(
        "file_incomplete",
        "error",
        "The whole annotation file can be read.",
        "Hands after the fault are missing, and no other check would notice.",
        offenders.file_incomplete,
    ),
    Rule(
        "file_odd",
        "warning",
        "There is nothing but JSON around the two arrays of the file, and nothing after the end of the document.",
        "Nothing of the two arrays is lost, but this may not be the file that was published.",
        offenders.file_odd,
    ),
    Rule(
        "key_repeated",
        "warning",
        "No record contains a key twice.",
        "Only the last of the two values is used, and it may be the wrong one.",
        offenders.key_repeated,
    ),
    Rule(
        "unknown_key",
        "warning",
        "Every key of the file has a column in a table.",
        "Other keys are left out. One of them may be another name of a known field.",
        offenders.unknown_key,
    ),
    Rule(
        "handedness_respelled",
        "warning",
        "Handedness is spelled `Left` or `Right`.",
        "Training mirrors hands by this word. A file with another spelling may also mean something else by it.",
        offenders.handedness_respelled,
    ),
    Rule(
        "value_left_out",
        "warning",
        "Every value of a kept record fits into the tables.",
        "Other values are left out, and their records are kept. Other readers may refuse the record or the file.",
        offenders.value_left_out,
    ),
    Rule(
        "rows_out_of_order",
        "error",
        "The rows are in the order of the annotation file.",
        "In another order, exports, lookups and grids show other hands. Read the annotation file again.",
        offenders.rows_out_of_order,
    ),
    Rule(
        "no_hands",
        "error",
        "The set has at least one hand.",
        "An empty set would pass every other rule.",
        offenders.no_hands,
    ),
    Rule(
        "totals_differ",
        "error",
        "The file has the expected number of images and hands.",
        "A file with other numbers is not the one that was published, and results cannot be compared.",
        offenders.totals_differ,
        knows=offenders.totals_known,
        lacks="no totals are expected (HAND100M_EXPECTED_TOTALS)",
        is_optional=True,
    ),
    Rule(
        "hand_id_duplicate",
        "error",
        "No two hands have the same id.",
        "If two hands share an id, a positive with this id can mean either of them.",
        offenders.hand_id_duplicate,
    ),
    Rule(
        "image_id_duplicate",
        "error",
        "No two images have the same id.",
        "If two images share an id, it is not clear which of them shows a hand.",
        offenders.image_id_duplicate,
    ),
    Rule(
        "image_missing",
        "error",
        "Every hand belongs to a valid image of the file.",
        "A hand without an image has no pixels.",
        offenders.hands_where(pl.col("video_id").is_null()),
    ),
    Rule(
        "positive_missing",
        "error",
        "Every hand names a positive that is in the set.",
        "Contrastive training needs a positive for each anchor.",
        offenders.positive_missing,
    ),
    Rule(
        "positive_is_itself",
        "error",
        "No hand is its own positive.",
        "Two views of one crop teach nothing about similar hands.",
        offenders.positive_is_itself,
    ),
    Rule(
        "positive_from_same_video",
        "error",
        "Every positive is from another video, except in TempCLR sets.",
        "Similar hands should differ in person and scene; only TempCLR pairs hands of one video.",
        offenders.positive_from_same_video,
    ),
    Rule(
        "positives_and_distances_differ_in_number",
        "error",
        "Every hand has as many distances as positives.",
        "If the numbers differ, a distance may belong to another hand.",
        offenders.numbers_differ,
    ),
    Rule(
        "distance_negative",
        "error",
        "Every distance is a number that is not negative.",
        "A negative or missing distance inverts the weight of a pair in training.",
        offenders.distance_negative,
    ),
    Rule(
        "keypoint_far_outside_crop",
        "error",
        "No keypoint is outside its crop by more than one side of the crop.",
        "Keypoints farther away belong to another box or use another unit.",
        offenders.keypoint_far_outside_crop,
    ),
    Rule(
        "box_empty",
        "error",
        "Every bounding box contains at least one whole pixel.",
        "An empty or inverted box contains no hand, and most of them give no crop.",
        offenders.box_empty,
    ),
    Rule(
        "box_misses_image",
        "error",
        "Every bounding box contains a part of its image.",
        "A box without any part of its image gives no crop.",
        offenders.box_misses_image,
        knows=offenders.image_size_known,
        lacks=_NO_IMAGE_SIZE,
        asks_videos=True,
    ),
    Rule(
        "box_outside_image",
        "warning",
        "Every bounding box is inside its image.",
        "The crop of any other box is clamped to the image and stretched, as in the original code.",
        offenders.box_outside_image,
        knows=offenders.image_size_known,
        lacks=_NO_IMAGE_SIZE,
        asks_videos=True,
    ),
    Rule(
        "frame_off_stride",
        "warning",
        "The frame index of every image is a multiple of the stride.",
        "Extraction by stride never makes other frames.",
        offenders.frame_off_stride,
    ),
    Rule(
        "frame_beyond_end",
        "error",
        "The video on disk has every annotated frame.",
        "A shorter video is not the one that was annotated.",
        offenders.frame_beyond_end,
        knows=offenders.frame_count_known,
        lacks=_NO_VIDEO,
        asks_videos=True,
    ),
    Rule(
        "image_size_differs",
        "error",
        "The annotated size of every image is the size of the video on disk.",
        "If the sizes differ, the bounding boxes were drawn at another resolution.",
        offenders.image_size_differs,
        knows=offenders.video_size_known,
        lacks=_NO_VIDEO,
        asks_videos=True,
    ),
)
"""Every rule, in the order in which they are reported."""
