"""Metadata of a table, in entries that the UI shows in panels: rows, columns, and the origin of the columns."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
import polars as pl

from hand100m_assets.defs.descriptions.columns import COLUMNS, Column


def table_metadata(key: dg.AssetKey, rows: int, schema: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Row count, columns and their origin.

    Args:
        key: The asset.
        rows: Number of rows.
        schema: Column -> polars type; several tables in one asset put their names before the columns.
    """
    return {"dagster/row_count": dg.MetadataValue.int(rows), **column_metadata(key, schema)}


def column_metadata(key: dg.AssetKey, schema: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Columns and their origin, without a row count."""
    known = COLUMNS.get(key.path[-1], {})
    columns = [
        dg.TableColumn(name, plain_type(kind), _description(known[name], kind) if name in known else None)
        for name, kind in schema.items()
    ]
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns))
    }
    origins = {name: _origins(key, known[name].made_of) for name in schema if name in known and known[name].made_of}
    if origins:
        lineage = dg.TableColumnLineage(deps_by_column=origins)
        metadata["dagster/column_lineage"] = dg.MetadataValue.column_lineage(lineage)
    return metadata


def plain_type(kind: Any) -> str:  # noqa: ANN401 - a polars type or the class of one
    """The type of a column in words that need no knowledge of Polars."""
    if isinstance(kind, pl.Array):
        numbers = kind
        while isinstance(numbers.inner, pl.Array):
            numbers = numbers.inner
        return f"{' x '.join(map(str, kind.shape))} {_plural(plain_type(numbers.inner))}"
    if isinstance(kind, pl.List):
        return f"list of {_plural(plain_type(kind.inner))}"
    if kind == pl.Boolean:
        return "true or false"
    if kind.is_integer():
        return "whole number"
    return "number" if kind.is_float() else "text"


def _description(column: Column, kind: Any) -> str:  # noqa: ANN401 - as above
    """The description, with the possible values of an enum column; the field for the type has no space for them."""
    values = f" One of: {', '.join(kind.categories)}." if isinstance(kind, pl.Enum) else ""
    return f"{column.description}{values}"


def _plural(what: str) -> str:
    return f"{what}s"


def _origins(key: dg.AssetKey, columns: Iterable[str]) -> list[dg.TableColumnDep]:
    parts = (column.split(".", 1) for column in columns)
    return [dg.TableColumnDep(dg.AssetKey([*key.path[:-1], asset]), column) for asset, column in parts]
