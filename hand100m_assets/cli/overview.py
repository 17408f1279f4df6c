"""`sample`, `doctor`, `status`: a workspace to try, and what is the matter with the real one."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from hand100m_assets.cli.output import as_json, emit
from hand100m_assets.errors import Hand100mError
from hand100m_assets.layout import SOURCES
from hand100m_assets.settings import load_settings
from hand100m_assets.survey import findings, survey
from hand100m_assets.workspace import SourceWorkspace


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=0, show_default=True, help="Same seed, same bytes.")
@as_json
def sample(folder: Path, seed: int, json_wanted: bool) -> None:
    """Make a miniature Hand100M in FOLDER: videos of true hands, lists, annotations, planted faults."""
    from hand100m_assets.sample.workspace import make_sample  # noqa: PLC0415 - every other command starts without it

    report = make_sample(folder, seed=seed, progress=lambda line: click.echo(line, err=True))
    emit(json_wanted, report.to_dict(), lambda: click.echo(f"sample workspace ready: {folder}"))


@click.command()
@as_json
def doctor(json_wanted: bool) -> None:
    """Say what is readable, complete, missing, and whether the disk will do; exit 1 when something must be fixed."""
    settings = load_settings()
    found = list(findings(*(SourceWorkspace(settings, source) for source in SOURCES)))

    def show() -> None:
        colours = {"error": "red", "warning": "yellow", "fine": "green"}
        for f in found:
            click.secho(f"{f.severity:8}{f.source:8}{f.what}{'. ' + f.fix if f.fix else ''}", fg=colours[f.severity])

    emit(json_wanted, [vars(finding) for finding in found], show)
    sys.exit(1 if any(finding.severity == "error" for finding in found) else 0)


@click.command()
@as_json
def status(json_wanted: bool) -> None:
    """Show how far each source is; exit 1 when one cannot be looked at, the other is shown all the same."""
    settings = load_settings()
    rows: list[dict[str, str | int | None]] = []
    errors: list[dict[str, str]] = []
    for source in SOURCES:
        try:
            rows.append(survey(SourceWorkspace(settings, source)).to_row())
        except Hand100mError as error:  # noqa: PERF203 - two rounds
            errors.append({"source": source.name, "error": str(error)})

    def show() -> None:
        table = Table("", *(str(row["source"]) for row in rows))
        for name in list(rows[0])[1:] if rows else ():
            table.add_row(
                name.replace("_", " "), *("no list" if row[name] is None else f"{row[name]:,}" for row in rows)
            )
        if rows:
            Console().print(table)
        for failed in errors:
            click.secho(f"error: {failed['error']}", fg="red", err=True)

    emit(json_wanted, [*rows, *errors], show)
    sys.exit(1 if errors else 0)
