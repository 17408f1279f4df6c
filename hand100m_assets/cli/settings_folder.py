"""`init`: writes the settings file and Dagster's instance folder, for installations without the repository."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from hand100m_assets.cli.output import as_json, emit
from hand100m_assets.cli.paths import HomePath
from hand100m_assets.files import file_in_place_of

_TEMPLATES: Final = {
    "env.example": Path(".env"),
    "dagster.yaml": Path(".dagster_home", "dagster.yaml"),
    "workspace.yaml": Path("workspace.yaml"),
}
"""File of the package -> its place below the folder."""


@click.command("init")
@click.argument("folder", type=HomePath(file_okay=False), default=Path())
@as_json
def init(folder: Path, json_wanted: bool) -> None:
    """Write an .env with all settings, and the files that Dagster needs, into FOLDER; keep existing files."""
    written: list[Path] = []
    kept: list[Path] = []
    for template, place in _TEMPLATES.items():
        target = folder / place
        if target.exists():
            kept.append(target)
            continue
        with file_in_place_of(target) as file:
            file.write((files("hand100m_assets") / "templates" / template).read_bytes())
        written.append(target)

    def show() -> None:
        for target in kept:
            click.echo(f"kept:    {target} (it existed already)")
        for target in written:
            click.echo(f"written: {target}")
        click.echo(
            f"Edit {folder / '.env'}, then run in that folder: hand100m doctor\n"
            "For the UI and the daemon: export DAGSTER_HOME=$PWD/.dagster_home; "
            "dg dev -w workspace.yaml"
        )

    emit(json_wanted, {"written": written, "kept": kept}, show)
