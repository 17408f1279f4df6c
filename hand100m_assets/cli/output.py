"""How commands answer: for people or as JSON, and with the right exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from hand100m_assets.errors import Hand100mError, SettingsError

as_json = click.option("--json", "json_wanted", is_flag=True, help="Machine-readable output on stdout.")


class Commands(click.Group):
    """Turns the project's own errors into one clear line and the right exit status."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run a command; what it raises becomes a line and a status."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.secho(f"error: {error}", fg="red", err=True)
            sys.exit(2)
        except Hand100mError as error:
            click.secho(f"error: {error}", fg="red", err=True)
            sys.exit(1)


def emit(json_wanted: bool, document: object, show: Callable[[], None]) -> None:
    """One JSON document on stdout, or what `show` prints for people."""
    if json_wanted:
        click.echo(json.dumps(document, indent=2, default=str))
    else:
        show()
