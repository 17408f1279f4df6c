"""The check that no annotation set is passed over: all other checks look only at what was made."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import dagster as dg
import polars as pl

from hand100m_assets.defs.checks.results import ERROR, FOLLOWS, nothing_yet, offenders
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.jobs import MADE_OF_EACH_SET
from hand100m_assets.defs.partitions import annotation_set_partitions, known_keys
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.layout import Source
from hand100m_assets.workspace import SourceWorkspace


def build_set_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Every registered annotation set has its tables, pairs, pictures and training set."""
    assets = {f"every_set_has_{name}": name for name in MADE_OF_EACH_SET}

    @dg.multi_asset_check(
        name=f"every_set_is_made_{source.name}",
        specs=[
            dg.AssetCheckSpec(
                check,
                asset=[source.name, asset],
                description="A set that failed on the way would be missing without a trace.",
                automation_condition=FOLLOWS,
            )
            for check, asset in assets.items()
        ],
        can_subset=True,
    )
    @fails_clearly
    def every_set_is_made(
        context: dg.AssetCheckExecutionContext, workspace: Workspace
    ) -> Iterator[dg.AssetCheckResult]:
        place, registered = workspace.source(source), known_keys(context.instance, annotation_set_partitions(source))
        for check in sorted(context.selected_asset_check_keys):
            result = _result(registered, _made(place, assets[check.name], registered), assets[check.name])
            yield result._replace(asset_key=check.asset_key, check_name=check.name)

    return [every_set_is_made]


def _made(place: SourceWorkspace, asset: str, registered: Sequence[str]) -> Collection[str]:
    if asset == "annotations":
        return {folder.name for folder in place.annotation_dirs()}
    if asset == "training_set":
        return place.training_sets()
    return [key for key in registered if place.output.table_file(asset, key).exists()]


def _result(registered: Sequence[str], made: Collection[str], asset: str) -> dg.AssetCheckResult:
    if not registered:
        return nothing_yet("registered annotation sets")
    absent = pl.DataFrame({"annotation_set": [key for key in registered if key not in made]}, schema=_SCHEMA)
    named = ", ".join(absent["annotation_set"])
    fix = f"Materialize {asset} of {named}; its run says what is wrong. Or delete the partition, if the file is gone."
    return offenders(absent, severity=ERROR, what=f"sets have no {asset}", fix=fix, checked=len(registered))


_SCHEMA: Final = {"annotation_set": pl.String}
