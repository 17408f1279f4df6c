"""What make says before anything is set up."""

from __future__ import annotations

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
