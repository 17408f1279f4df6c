"""Results of checks: counts, example rows, and one line that says what to do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import dagster as dg
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.workspace import SourceWorkspace

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
EXAMPLES: Final = 5

Offence = tuple[str, str]
"""What is at fault, behind 1 and behind other numbers: `file is gone`, `files are gone`."""


def offenders(
    found: pl.DataFrame, *, severity: dg.AssetCheckSeverity, what: Offence, fix: str, checked: int
) -> dg.AssetCheckResult:
    """A result that passes if no row is at fault, and otherwise shows how many are, and the first five of them."""
    passed = found.is_empty()
    return dg.AssetCheckResult(
        passed=passed,
        severity=severity,
        description=f"{checked:,} checked, none at fault." if passed else f"{counted(found.height, *what)}. {fix}",
        metadata={
            "checked": checked,
            "at_fault": found.height,
            "examples": dg.MetadataValue.md(markdown_rows(found.head(EXAMPLES))),
        },
    )


def nothing_yet(what: str, *, severity: dg.AssetCheckSeverity = ERROR) -> dg.AssetCheckResult:
    """A result that fails because there is nothing to check; `what` is a plural noun."""
    return dg.AssetCheckResult(
        passed=False, severity=severity, description=f"There are no {what} yet. Materialize them first."
    )


def markdown_rows(rows: pl.DataFrame) -> str:
    """A small table for the UI."""
    if rows.is_empty():
        return "none"
    head = ["| " + " | ".join(rows.columns) + " |", "|" + "---|" * rows.width]
    return "\n".join([*head, *("| " + " | ".join(_cell(v) for v in row) + " |" for row in rows.iter_rows())])


def _cell(value: object) -> str:
    return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")[:200]


def table_on_disk(place: SourceWorkspace, asset: str) -> pl.DataFrame | None:
    """The table of an asset without partitions; None before it is materialized."""
    path = place.output.table_file(asset)
    return pl.read_parquet(path) if path.exists() else None


def partitions_on_disk(place: SourceWorkspace, asset: str) -> dict[str, pl.DataFrame]:
    """Annotation set -> table of an asset with partitions."""
    return {key: pl.read_parquet(path) for key, path in partition_files(place, asset).items()}


def partition_files(place: SourceWorkspace, asset: str) -> dict[str, Path]:
    """Annotation set -> file of its table, for callers that do not need all tables in memory."""
    folder = place.output.base_dir / asset
    return {path.stem: path for path in sorted(folder.glob("[!.]*.parquet"))}


def gathered(tables: Mapping[str, pl.DataFrame], where: pl.Expr, columns: Sequence[str]) -> pl.DataFrame:
    """Rows of all sets for which the condition is true, each with the key of its set."""
    parts = [table.filter(where).select(pl.lit(key).alias("annotation_set"), *columns) for key, table in tables.items()]
    return pl.concat(parts) if parts else pl.DataFrame()
