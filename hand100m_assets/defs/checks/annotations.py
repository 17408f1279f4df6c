"""Checks of the annotation tables: every rule of the annotations room is one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from hand100m_assets.annotations.rules import RULES, Rule, RuleResult, RuleTables, apply_rules
from hand100m_assets.defs.checks.results import ERROR, FOLLOWS, WARN, markdown_rows, table_on_disk
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.layout import Source
from hand100m_assets.workspace import SourceWorkspace


def build_annotation_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """One check a rule, all evaluated together, over every set that has tables."""
    annotations = dg.AssetKey([source.name, "annotations"])

    @dg.multi_asset_check(
        name=f"annotation_rules_{source.name}",
        specs=[
            dg.AssetCheckSpec(rule.name, asset=annotations, description=rule.why, automation_condition=FOLLOWS)
            for rule in RULES
        ],
    )
    @fails_clearly
    def annotation_rules(workspace: Workspace) -> Iterator[dg.AssetCheckResult]:
        place = workspace.source(source)
        by_set = {folder.name: apply_rules(_rule_tables(place, folder)) for folder in place.annotation_dirs()}
        for position, rule in enumerate(RULES):
            yield _result(annotations, rule, {key: results[position] for key, results in by_set.items()})

    return [annotation_rules]


def _rule_tables(place: SourceWorkspace, folder: Path) -> RuleTables:
    return RuleTables.read(
        folder,
        inventory=table_on_disk(place, "inventory"),
        expected_totals=place.settings.expected_totals.get(f"{place.source.name}/{folder.name}"),
        stride=place.settings.frame_stride,
        name_pattern=place.settings.name_pattern,
    )


def _result(asset: dg.AssetKey, rule: Rule, by_set: Mapping[str, RuleResult]) -> dg.AssetCheckResult:
    count = sum(result.count for result in by_set.values())
    metadata: dict[str, Any] = {f"{key}: at fault": result.count for key, result in by_set.items()}
    for key, result in by_set.items():
        if result.count:
            metadata[f"{key}: examples"] = dg.MetadataValue.md(markdown_rows(result.examples))
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=rule.name,
        passed=count == 0 and bool(by_set),
        severity=ERROR if rule.severity == "error" else WARN,
        description=f"{count} at fault in {len(by_set)} sets." if by_set else "No annotation set has tables yet.",
        metadata=metadata,
    )
