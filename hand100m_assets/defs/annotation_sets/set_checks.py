"""Checks that every annotation set has its results, made from the current file. Other checks see only what was made."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import dagster as dg
import polars as pl

from hand100m_assets.defs.automation.ingests import failed_ingests
from hand100m_assets.defs.check_results import ERROR, WARN, nothing_yet, offenders
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.jobs import MADE_OF_EACH_SET
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.partitions import annotation_set_partitions, known_keys
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.sources import Source
from hand100m_assets.workspace import SourceWorkspace


def build_set_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Check that every registered set has its tables, pairs, pictures and training set, from the current file."""
    assets = {f"every_set_has_{name}": name for name in MADE_OF_EACH_SET}

    @dg.multi_asset_check(
        name=f"every_set_is_made_{source.name}",
        specs=[
            dg.AssetCheckSpec(
                check,
                asset=asset_key(source, asset),
                description=f"Tests that every registered annotation set has its {asset}. Otherwise a set that failed "
                "would be missing, and no other check would notice.",
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

    return [every_set_is_made, _file_check(source)]


def _file_check(source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(source, "annotations"),
        description="Tests that the tables of every set were made from the annotation file that is here now. Tables of "
        "an older file look valid, and so does everything that is made from them.",
    )
    @fails_clearly
    def tables_are_of_the_file_that_is_here(
        context: dg.AssetCheckExecutionContext, workspace: Workspace
    ) -> dg.AssetCheckResult:
        place = workspace.source(source)
        try:
            listing = place.annotation_files()
        except FolderUnreadableError as error:
            return dg.AssetCheckResult(passed=False, severity=WARN, description=str(error))
        if not listing.files and not listing.refused:
            return nothing_yet("annotation files", severity=WARN)
        outdated = sorted(place.outdated_sets())
        failed = failed_ingests(context.instance, place)
        why = {key: failed[key].reason if key in failed else "It has not been read yet." for key in outdated}
        why |= {name: f"It is not used: {reason}." for name, reason in listing.refused.items()}
        schema = {"annotation_set": pl.String, "why": pl.String}
        found = pl.DataFrame({"annotation_set": list(why), "why": list(why.values())}, schema=schema)
        lines = " ".join(f"{key}: {reason}" for key, reason in why.items())
        checked = len(listing.files) + len(listing.refused)
        what = (
            "annotation file has no tables of its present state",
            "annotation files have no tables of their present state",
        )
        return offenders(found, severity=ERROR, what=what, fix=lines, checked=checked)

    return tables_are_of_the_file_that_is_here


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
    fix = f"Materialize {asset} of {named}; the run says what is wrong. If the file is gone, delete the partition."
    return offenders(
        absent, severity=ERROR, what=(f"set has no {asset}", f"sets have no {asset}"), fix=fix, checked=len(registered)
    )


_SCHEMA: Final = {"annotation_set": pl.String}
