"""What make says before anything is set up."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hand100m_assets_tests.conftest import REPO

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not on this machine")


@pytest.mark.parametrize("target", ["dev", "check-data"])
def test_without_settings_and_demo_it_advises_the_demo_and_leaves_nothing_in_its_way(
    target: str, tmp_path: Path
) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPO / name, tmp_path)
    before = sorted(tmp_path.iterdir())
    done = subprocess.run(["make", target], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "run 'make demo', or copy .env.example to .env" in done.stdout
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("explored", "tested"), [(0, 0), (1, 0), (0, 1), (3, 2), (1, 5)])
def test_both_halves_of_explore_run_and_the_worse_status_counts(explored: int, tested: int, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPO / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *pytest*) echo tests; exit {tested};; *) echo streams; exit {explored};; esac\n'
    )
    python.chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    done = subprocess.run(
        ["make", "--no-print-directory", "explore"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["streams", "tests"]
    # make itself exits 2 for any failure, and says which it was.
    assert done.returncode == (2 if explored or tested else 0)
    assert (f"Error {max(explored, tested)}" in done.stderr) == bool(explored or tested)


def test_explore_that_is_stopped_does_not_begin_the_tests(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPO / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # As a terminal does, the signal goes to the shell, too; explore itself ends with a status.
    python.write_text("#!/bin/sh\ntrap '' INT\necho begun $*\nkill -INT $PPID\nexit 130\n")
    python.chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    for shell in filter(None, map(shutil.which, ("dash", "bash"))):
        done = subprocess.run(
            ["make", "explore", f"SHELL={shell}"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2 and done.stdout.count("begun") == 1


def test_help_lists_each_target_once_under_a_heading() -> None:
    command = ["make", "-C", str(REPO), "--no-print-directory", "help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    groups = [group.splitlines() for group in done.stdout.strip().split("\n\n")]
    assert [heading for heading, *_ in groups] == ["Use", "Develop", "Measure", "Maintain"]
    listed = [line.split()[1] for _, *lines in groups for line in lines]
    phony = re.search(r"^\.PHONY: (.*)$", (REPO / "Makefile").read_text(), re.MULTILINE)
    assert phony and sorted(listed) == sorted(set(phony[1].split()) - {"settings"})
