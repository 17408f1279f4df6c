"""`hand100m --help` tells what every command does, at once."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hand100m_assets.cli.commands import COMMANDS, commands

SLOW_TO_IMPORT = {"av", "cv2", "dagster", "matplotlib", "numba", "numpy", "polars", "pydantic"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_command_itself_says(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    assert command.name == name
    assert " ".join((command.help or "").split("\n\n")[0].split()) == COMMANDS[name][1]


def test_help_shows_every_description_whole() -> None:
    shown = " ".join(CliRunner().invoke(commands, ["--help"]).stdout.split())
    assert all(description in shown for _, description, _ in COMMANDS.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_ends_with_an_example_that_the_command_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("tables", "frames"):
        Path(folder).mkdir()
    for file in ("abcdefghijk.mp4", "Hand100M_Ego4D_50k_v1-1.json"):
        Path(file).touch()
    example = COMMANDS[name][2]
    shown = CliRunner().invoke(commands, [name, "--help"]).stdout
    assert shown.endswith(f"Example:\n    {example}\n")
    program, command_name, *arguments = shlex.split(example)
    command = commands.get_command(click.Context(commands), name)
    assert (program, command_name) == ("hand100m", name) and command is not None
    assert command.make_context(name, arguments).params


def test_an_unknown_command_is_named() -> None:
    done = CliRunner().invoke(commands, ["nosuch"])
    assert done.exit_code == 2
    assert "nosuch" in done.output


def test_help_imports_nothing_that_is_slow_to_import() -> None:
    code = "import sys; sys.argv = ['hand100m', '--help']\nfrom hand100m_assets.cli.commands import commands\n"
    code += "try:\n    commands()\nexcept SystemExit:\n    print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert "training-set" in done.stdout
    assert not {name for name in SLOW_TO_IMPORT if f"'{name}'" in done.stderr}
