"""All commands of `hand100m` in one group."""

from __future__ import annotations

import click

from hand100m_assets.cli.annotation_sets import export, grid, report, validate
from hand100m_assets.cli.mining import mine, temporal
from hand100m_assets.cli.output import Commands
from hand100m_assets.cli.overview import doctor, forget, sample, status
from hand100m_assets.cli.settings_folder import init
from hand100m_assets.cli.training import training_set
from hand100m_assets.cli.videos import audit, extract


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hand100m_assets")
def commands() -> None:
    """Hand100M data preparation: frames, tables and grids from videos and annotations."""


for command in (
    init,
    sample,
    doctor,
    status,
    forget,
    extract,
    audit,
    validate,
    mine,
    temporal,
    grid,
    report,
    export,
    training_set,
):
    commands.add_command(command)
