"""`make dev`: one code location under its own name, and nothing left behind when it is told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from hand100m_assets_tests.conftest import REPO, SampleWorkspace
from hand100m_assets_tests.integration.servers import free_port, wait_for_port

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by their environment"),
]

_LOCATIONS = "{workspaceOrError{... on Workspace{locationEntries{name}}}}"


def _processes_with(home: str) -> dict[int, str]:
    """Living processes of one DAGSTER_HOME: process id -> command line."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if f"DAGSTER_HOME={home}".encode() in environment and command:
                found[int(process.name)] = command
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_twice_to_the_whole_group_ends_web_server_and_daemon(
    number: signal.Signals, sample: SampleWorkspace, tmp_path: Path
) -> None:
    home, log, port = tmp_path / "home", tmp_path / "log.txt", free_port()
    home.mkdir()
    (home / "dagster.yaml").write_bytes((Path(sample.env["DAGSTER_HOME"]) / "dagster.yaml").read_bytes())
    command = [sys.executable, "-m", "hand100m_assets.headless.dev", "--port", str(port)]
    with log.open("wb") as out:
        services = subprocess.Popen(
            command,
            env={**sample.env, "DAGSTER_HOME": str(home), "VIRTUAL_ENV": sys.prefix},
            cwd=REPO,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        wait_for_port(port, log, timeout_s=300)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql",
            json.dumps({"query": _LOCATIONS}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
        assert [entry["name"] for entry in entries] == ["hand100m_assets"], "the same name as in workspace.yaml"
        assert any("dagster_webserver" in line for line in _processes_with(str(home)).values())
        assert any("_daemon" in line for line in _processes_with(str(home)).values())
        os.killpg(services.pid, number)
        time.sleep(0.3)
        os.kill(services.pid, number)
        assert services.wait(timeout=240) == 128 + number, log.read_text()[-3000:]
        left = _processes_with(str(home))
        assert left == {}, left
        assert "will not be used to configure Dagster" not in log.read_text(), "no stray dagster.yaml in the clone"
    finally:
        services.kill()
        for process in _processes_with(str(home)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
