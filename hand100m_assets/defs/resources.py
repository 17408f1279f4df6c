"""Resources: the settings, which the UI shows, and the storage of tables as Parquet files."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field
from upath import UPath

from hand100m_assets.defs.descriptions.tables import table_metadata
from hand100m_assets.defs.failures import clear_failures
from hand100m_assets.defs.internals import set_data_version
from hand100m_assets.defs.provenance import version_of
from hand100m_assets.errors import PermanentError
from hand100m_assets.files import output_errors, table_output_errors
from hand100m_assets.settings import Settings
from hand100m_assets.sources import Source
from hand100m_assets.workspace import SourceWorkspace


class Workspace(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The settings, as read from `.env` or the environment when Dagster loaded the code."""

    settings: dict[str, Any] = Field(description="Every setting by its name; folders with their full paths.")

    @classmethod
    def of(cls, settings: Settings) -> "Workspace":
        """Wrap settings so that the UI shows them as resource configuration, with resolved folders."""
        return cls(settings=settings.resolved().model_dump(mode="json", exclude_none=True))

    def read_settings(self) -> Settings:
        """The settings as a typed object."""
        return Settings.model_validate(self.settings)

    def source(self, source: Source) -> SourceWorkspace:
        """The folders and outputs of one source."""
        return SourceWorkspace(self.read_settings(), source)


class ParquetTables(dg.UPathIOManager):
    """Stores Polars tables as `<output>/<source>/<asset>[/<partition>].parquet`; a file is replaced in one step."""

    extension = ".parquet"

    def __init__(self, output_root: str | Path) -> None:
        super().__init__(base_path=UPath(output_root))

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:  # noqa: ANN401 - Dagster's own signature
        """Store a table; if the disk refuses, fail with one clear line."""
        with clear_failures(), output_errors(Path(str(self._base_path))):
            super().handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:  # noqa: ANN401 - Dagster's own signature
        """Load a table; if it does not exist yet, fail with one clear line."""
        with clear_failures():
            return super().load_input(context)

    def dump_to_path(self, context: dg.OutputContext, obj: pl.DataFrame, path: UPath) -> None:
        """Write the table and record its data version, so that the same table made again does not count as a change."""
        target = Path(str(path))
        write_table(obj, target)
        set_data_version(context, version_of(target))

    def load_from_path(self, context: dg.InputContext, path: UPath) -> pl.DataFrame | pl.LazyFrame:
        """Scan or read the file, as the annotation of the asset's parameter says."""
        frame = scan_made_table(Path(str(path)), context.asset_key.to_user_string())
        return frame if context.dagster_type.typing_type is pl.LazyFrame else frame.collect()

    def get_metadata(self, context: dg.OutputContext, obj: pl.DataFrame) -> dict[str, dg.MetadataValue]:
        """Rows, columns and their origin, in the metadata entries that the UI shows in panels."""
        return table_metadata(context.asset_key, obj.height, obj.schema)


def write_table(table: pl.DataFrame, target: Path) -> None:
    """Write a table under another name, then rename it, so that the old file is replaced in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with table_output_errors(target):
            table.write_parquet(beside, compression="zstd")
            beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def scan_made_table(file: Path, asset: str) -> pl.LazyFrame:
    """The table of an asset.

    Raises:
        PermanentError: It is not there yet.
    """
    if not file.exists():
        raise PermanentError(f"{asset} has not been materialized yet", where=str(file), fix="Materialize it first.")
    return pl.scan_parquet(str(file))
