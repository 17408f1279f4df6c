"""`hand100m init` and the wheel: what errors point to is there without the repository."""

from __future__ import annotations

import fnmatch
import sys
from pathlib import Path

import click.testing
import pytest

from hand100m_assets.cli.commands import commands
from hand100m_assets.settings import load_settings
from hand100m_assets_tests.conftest import REPO

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = REPO / "hand100m_assets"


def test_the_wheel_takes_every_file_of_the_package_along() -> None:
    patterns = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    left_out = [
        path
        for file in PACKAGE.rglob("*")
        if file.is_file()
        and file.suffix != ".py"
        and "__pycache__" not in file.parts
        and not any(fnmatch.fnmatch(path := str(file.relative_to(PACKAGE)), p) for p in patterns["hand100m_assets"])
    ]
    assert left_out == []


def test_the_example_and_the_workspace_of_the_repository_are_those_of_the_package() -> None:
    templates = PACKAGE / "templates"
    assert (REPO / ".env.example").read_bytes() == (templates / "env.example").read_bytes()
    assert (REPO / "workspace.yaml").read_bytes() == (templates / "workspace.yaml").read_bytes()


def test_init_writes_settings_that_load_and_what_dagster_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HAND100M_ENV_FILE", raising=False)
    done = click.testing.CliRunner().invoke(commands, ["init"])
    assert done.exit_code == 0, done.output
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()} == {
        ".env",
        ".dagster_home/dagster.yaml",
        "workspace.yaml",
    }
    assert str(load_settings().data_root) == "data"


def test_init_keeps_what_is_there_and_says_so(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HAND100M_FRAME_STRIDE=15\n")
    done = click.testing.CliRunner().invoke(commands, ["init", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / ".env").read_text() == "HAND100M_FRAME_STRIDE=15\n"
    assert f"kept:    {tmp_path / '.env'} (it existed already)" in done.output
    assert (tmp_path / ".dagster_home" / "dagster.yaml").is_file()


def test_init_says_what_is_in_its_way(tmp_path: Path) -> None:
    (tmp_path / ".dagster_home").write_text("a file")
    done = click.testing.CliRunner().invoke(commands, ["init", str(tmp_path)])
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert str(tmp_path / ".dagster_home") in done.output
