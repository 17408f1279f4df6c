"""Checks of the annotation tables: one check per rule of the annotations room."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from hand100m_assets.amounts import counted
from hand100m_assets.annotations.rules import RULES, Rule, RuleResult, apply_rules
from hand100m_assets.defs.check_results import ERROR, WARN, markdown_rows
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.sources import Source


def build_annotation_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """One check per rule, over every set with tables. Rules that compare with videos also depend on the inventory."""
    alone, asking = ([rule for rule in RULES if rule.asks_videos is asks] for asks in (False, True))
    return [
        _checks(source, f"annotation_rules_{source.name}", alone),
        _checks(source, f"annotation_rules_by_video_{source.name}", asking, [asset_key(source, "inventory")]),
    ]


def _checks(
    source: Source, name: str, rules: Sequence[Rule], also: Sequence[dg.AssetKey] = ()
) -> dg.AssetChecksDefinition:
    annotations = asset_key(source, "annotations")

    # One function for many checks: they share the tables.
    @dg.multi_asset_check(
        name=name,
        specs=[
            dg.AssetCheckSpec(
                rule.name,
                asset=annotations,
                additional_deps=also,
                description=f"{rule.requires} {rule.why}",
            )
            for rule in rules
        ],
    )
    @fails_clearly
    def annotation_rules(workspace: Workspace) -> Iterator[dg.AssetCheckResult]:
        place = workspace.source(source)
        by_set = {folder.name: apply_rules(place.rule_tables(folder), rules) for folder in place.annotation_dirs()}
        for position, rule in enumerate(rules):
            yield _result(annotations, rule, {key: results[position] for key, results in by_set.items()})

    return annotation_rules


def _result(asset: dg.AssetKey, rule: Rule, by_set: Mapping[str, RuleResult]) -> dg.AssetCheckResult:
    count = sum(result.count for result in by_set.values())
    unseen = not rule.is_optional and any(result.saw_nothing for result in by_set.values())
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=rule.name,
        passed=count == 0 and bool(by_set) and not unseen,
        severity=WARN if rule.severity == "warning" or (unseen and not count) else ERROR,
        description=_in_words(count, by_set),
        metadata=_metadata(by_set),
    )


def _in_words(count: int, by_set: Mapping[str, RuleResult]) -> str:
    if not by_set:
        return "No annotation set has tables yet."
    gaps = "; ".join(f"{key}: {result.gap}" for key, result in by_set.items() if result.gap)
    return f"{count:,} at fault in {counted(len(by_set), 'set')}." + (f" {gaps}." if gaps else "")


def _metadata(by_set: Mapping[str, RuleResult]) -> dict[str, Any]:
    metadata: dict[str, Any] = {f"{key}: at fault": result.count for key, result in by_set.items()}
    for key, result in by_set.items():
        if result.checked is not None:
            metadata[f"{key}: checked"] = result.checked
        if result.count:
            metadata[f"{key}: examples"] = dg.MetadataValue.md(markdown_rows(result.examples))
    return metadata
