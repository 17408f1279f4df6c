"""Files and folders on the command line; `~` is somebody's home also where no shell has replaced it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class HomePath(click.Path):
    """A `click.Path` of type `Path`, as in `--out=~/tables`, which shells hand on as it is."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - those of `click.Path`
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own signature
        """Replace a leading `~`; then what `click.Path` does."""
        return super().convert(os.path.expanduser(value), param, ctx)  # noqa: PTH111 - `Path` raises for unknown users
