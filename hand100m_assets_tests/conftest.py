"""The sample workspace and the finished graph on it, made once a session."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hand100m_assets.sample.workspace import SampleReport, make_sample
from hand100m_assets.settings import Settings

REPO = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-seconds", type=float, default=15.0, help="how long to try random streams (default: 15)")
    parser.addoption("--fuzz-seed", type=int, default=0, help="where the random streams begin (default: 0)")


@dataclass(frozen=True)
class SampleWorkspace:
    """A sample on disk, and how a process is pointed at it."""

    folder: Path
    report: SampleReport

    @property
    def settings(self) -> Settings:
        return Settings(_env_file=self.folder / ".env")

    @property
    def env(self) -> dict[str, str]:
        home = self.folder / "dagster_home"
        home.mkdir(exist_ok=True)
        shutil.copy(REPO / "dagster.yaml", home)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HAND100M_", "DAGSTER_"))}
        return {**clean, "HAND100M_ENV_FILE": str(self.folder / ".env"), "DAGSTER_HOME": str(home)}

    def run(self, *arguments: str, timeout_s: float = 600, **more_env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments,
            env={**self.env, **more_env},
            cwd=REPO,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def catch_up(self, **more_env: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "hand100m_assets.defs.catch_up", **more_env)

    def hand100m(self, *arguments: str, **more_env: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(Path(sys.executable).with_name("hand100m")), *arguments, **more_env)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleWorkspace:
    """A fresh sample workspace; treat `data/` as read-only."""
    folder = tmp_path_factory.mktemp("sample") / "workspace"
    return SampleWorkspace(folder, make_sample(folder))


@pytest.fixture(scope="session")
def finished(sample: SampleWorkspace) -> SampleWorkspace:
    """The sample after the whole graph ran on it."""
    done = sample.catch_up()
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    (sample.folder / "catch_up.log").write_text(done.stdout + done.stderr)
    return sample
