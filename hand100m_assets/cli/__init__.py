"""The `hand100m` command: calls the rooms without Dagster.

Exit status: 0 if all is well, 1 if the data is invalid, 2 if the command was used wrongly, 130 and 143 if it was
stopped by Ctrl-C and by SIGTERM. With `--json`, stdout is one JSON document.
"""

from __future__ import annotations

from hand100m_assets.interrupts import listen, work_until_told


def main() -> None:
    """Run one command; a signal ends it from the first import on."""
    listen()
    from hand100m_assets.cli.commands import commands  # noqa: PLC0415 - takes seconds, in which Ctrl-C is heeded, too

    work_until_told(commands)
