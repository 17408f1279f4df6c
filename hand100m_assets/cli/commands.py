"""All commands of `hand100m`. A command's module is imported when the command is used, so that help comes at once."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from hand100m_assets.cli.output import Commands

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": (
        "settings_folder",
        "Write an .env with every setting, and what Dagster needs, into FOLDER; keep what is there already.",
    ),
    "sample": (
        "overview",
        "Make a miniature Hand100M in FOLDER: videos of true hands, lists, annotations, planted faults.",
    ),
    "doctor": (
        "overview",
        "Say what is readable, complete, missing, and whether the disk will do; exit 1 when something must be fixed.",
    ),
    "status": (
        "overview",
        "Show how far each source is; exit 1 when one cannot be looked at, the other is shown all the same.",
    ),
    "forget": ("overview", "Ask for VIDEO_IDs no more: they were deleted, or left out, on purpose."),
    "extract": (
        "videos",
        "Extract exact frames of VIDEO into OUT/<video id>/, with a manifest. Put `--` before names that begin with -.",
    ),
    "audit": (
        "videos",
        "Decode frames of finished videos again by ffmpeg itself and compare; exit 1 when one differs or none "
        "compares.",
    ),
    "validate": (
        "annotation_sets",
        "Validate annotation FILE into tables in OUT; exit 1 when a rule of error severity is broken.",
    ),
    "mine": (
        "mining",
        "Mine the nearest hands from other videos of TABLES (made by `validate`) into the Parquet file OUT.",
    ),
    "temporal": (
        "mining",
        "Pair each hand of TABLES with its side's hand in the next frame of its video, into the Parquet file OUT.",
    ),
    "grid": (
        "annotation_sets",
        "Draw the 10 x 10 grid of TABLES (made by `validate`) from FRAMES (a folder of frame folders) to OUT.",
    ),
    "report": (
        "annotation_sets",
        "Write one page each on finished annotation SETs: counts, rules, rejects, coverage, pairs and all pictures.",
    ),
    "export": (
        "annotation_sets",
        "Write finished annotation SETs (keys such as simhand-50k) as the original's JSON or as COCO keypoints.",
    ),
    "training-set": (
        "training",
        "Cut the crops of finished annotation SETs (keys such as simhand-50k) once; exit 1 when a set has no sample.",
    ),
}
"""Name of each command, in the order of the work: the module that holds it, and the first paragraph of its help."""


class LazyCommands(Commands):
    """Commands that are imported when they are used; the list of them needs no import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None for a name that none has."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"hand100m_assets.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List every command with the whole first paragraph of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hand100m_assets")
def commands() -> None:
    """Hand100M data preparation: frames, tables and grids from videos and annotations."""
