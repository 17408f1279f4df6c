"""All commands of `hand100m`. The module of a command is imported when the command is used, so help starts fast."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from hand100m_assets.cli.output import Commands

COMMANDS: Final[dict[str, tuple[str, str, str]]] = {
    "init": (
        "settings_folder",
        "Write an .env with all settings, and the files that Dagster needs, into FOLDER; keep existing files.",
        "hand100m init ~/hand100m",
    ),
    "sample": (
        "overview",
        "Make a miniature Hand100M in FOLDER: videos of moving hands, lists, annotation files and planted faults.",
        "hand100m sample demo",
    ),
    "doctor": (
        "overview",
        "Say what is readable, complete or missing, and whether the disk is large enough; exit 1 on an error.",
        "hand100m doctor",
    ),
    "status": (
        "overview",
        "Show how far each source is; if one cannot be read, show the other and exit 1.",
        "hand100m status --json",
    ),
    "forget": (
        "overview",
        "Stop asking for VIDEO_IDs that were deleted or left out on purpose.",
        "hand100m forget --source 100doh -- -dQw4w9WgXc",
    ),
    "extract": (
        "videos",
        "Extract exact frames of VIDEO into OUT/<video id>/, with a manifest. Put `--` before names that begin with -.",
        "hand100m extract abcdefghijk.mp4 frames --every 30",
    ),
    "audit": (
        "videos",
        "Decode frames of finished videos again with ffmpeg and compare; exit 1 if a frame differs or none was "
        "compared.",
        "hand100m audit --sample 5 --frames-per-video 10",
    ),
    "validate": (
        "annotation_sets",
        "Validate the annotation FILE and write tables into OUT; exit 1 if a rule of error severity is broken.",
        "hand100m validate Hand100M_Ego4D_50k_v1-1.json tables",
    ),
    "mine": (
        "mining",
        "Mine the nearest hands of other videos for each hand of TABLES (made by `validate`) into Parquet file OUT.",
        "hand100m mine tables mined.parquet --count 10",
    ),
    "temporal": (
        "mining",
        "Pair each hand of TABLES with a hand of its side in the next annotated frame of its video, into file OUT.",
        "hand100m temporal tables temporal.parquet --max-gap 30",
    ),
    "grid": (
        "annotation_sets",
        "Draw the 10 x 10 grid of TABLES (made by `validate`) from FRAMES (a folder of frame folders) into OUT.",
        "hand100m grid tables frames grid.jpg --labelled",
    ),
    "report": (
        "annotation_sets",
        "Write one HTML page per finished annotation SET: counts, rules, rejects, coverage, pairs and all pictures.",
        "hand100m report simhand-50k --source ego4d",
    ),
    "export": (
        "annotation_sets",
        "Write finished annotation SETs (keys such as simhand-50k) in the original schema or as COCO keypoints.",
        "hand100m export simhand-50k --source ego4d --format coco",
    ),
    "training-set": (
        "training",
        "Build training sets of finished annotation SETs (keys such as simhand-50k); exit 1 if a set has no sample.",
        "hand100m training-set simhand-50k --source ego4d",
    ),
}
"""Command -> its module, the first paragraph of its help, and an example, in the order in which a user needs them."""


class LazyCommands(Commands):
    """Commands that are imported when they are used. Listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None if there is no command of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, example = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"hand100m_assets.cli.{module}"), cmd_name.replace("-", "_"))
        command.epilog = f"\b\nExample:\n  {example}"  # \b: lines stay as they are
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List every command with the whole first paragraph of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hand100m_assets")
def commands() -> None:
    """Hand100M data preparation: frames, tables and grids from videos and annotations."""
