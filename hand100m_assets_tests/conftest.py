"""The sample workspace and the finished graph on it, made once, whatever the number of test processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

from hand100m_assets.sample.workspace import make_sample
from hand100m_assets.sample.workspace.report import SampleReport
from hand100m_assets.settings import Settings

REPO = Path(__file__).parent.parent
INSTANCE_TEMPLATE = REPO / "hand100m_assets" / "templates" / "dagster.yaml"

# The same commit gets the same verdict on a busy machine too: no example is timed, unless its test is about time, and
# `make test` tries the same ones each time. `make explore` tries new ones.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("steady")


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
        shutil.copy(INSTANCE_TEMPLATE, home)
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
        return self.run(sys.executable, "-m", "hand100m_assets.headless.catch_up", **more_env)

    def hand100m(self, *arguments: str, **more_env: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(Path(sys.executable).with_name("hand100m")), *arguments, **more_env)


@pytest.fixture(scope="session")
def for_all_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every process of this test session shares."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def sample(for_all_processes: Path) -> SampleWorkspace:
    """A fresh sample workspace; treat `data/` as read-only."""
    folder = for_all_processes / "sample" / "workspace"
    with FileLock(for_all_processes / "sample.lock"):
        return SampleWorkspace(folder, make_sample(folder))


@pytest.fixture(scope="session")
def finished(sample: SampleWorkspace, for_all_processes: Path) -> SampleWorkspace:
    """The sample after the whole graph ran on it."""
    log = sample.folder / "catch_up.log"
    with FileLock(for_all_processes / "finished.lock"):
        if not log.exists():
            done = sample.catch_up()
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
            log.write_text(done.stdout + done.stderr)
    return sample
