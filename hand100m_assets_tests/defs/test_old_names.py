"""Names that users wrote into their scripts and `dagster.yaml` files keep working, and say what to write instead."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("name", "launcher"), [("local", "WatchfulRunLauncher"), ("celery", "WatchfulCeleryRunLauncher")]
)
def test_the_old_module_of_a_launcher_gives_the_launcher_of_today(
    name: str, launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = f"hand100m_assets.defs.{name}_launcher"
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(FutureWarning, match=f"write `module: hand100m_assets.launchers.{name}`"):
        found = getattr(import_module(old), launcher)
    assert found is getattr(import_module(f"hand100m_assets.launchers.{name}"), launcher)


def test_the_old_name_of_the_pool_for_dask_gives_the_pool_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    old = "hand100m_assets.video.frames.dask_pool"
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(FutureWarning, match=r"import it from hand100m_assets\.parallel"):
        found = import_module(old).DaskPool
    assert found is import_module("hand100m_assets.parallel").DaskPool


@pytest.mark.parametrize("command", ["catch_up", "check_data"])
def test_the_old_name_of_a_command_runs_it_and_says_its_name_of_today(command: str, tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "HAND100M_ENV_FILE": str(tmp_path / "absent.env"), "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", f"hand100m_assets.defs.{command}"],
        env=env,
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert f"write python -m hand100m_assets.headless.{command}." in done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
