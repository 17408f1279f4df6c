"""A PostgreSQL and a Redis of our own on loopback, in a folder, gone with the test; skipped where not installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(name: str, package: str) -> str:
    """Debian keeps PostgreSQL's programs away from PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine: apt-get install {package}")
    return found


@contextmanager
def process(command: Sequence[str], log: Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process and whatever it starts; killed at the end."""
    with (
        log.open("ab") as out,
        subprocess.Popen(list(command), stdout=out, stderr=out, start_new_session=True, **options) as started,  # type: ignore[call-overload]
    ):
        try:
            yield started
        finally:
            kill_group(started)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_port(port: int, log: Path, timeout_s: float = 60) -> None:
    deadline_s = time.monotonic() + timeout_s
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.1)


@contextmanager
def postgres() -> Iterator[str]:
    """URL of an empty database."""
    initdb, server = _program("initdb", "postgresql"), _program("postgres", "postgresql")
    # PostgreSQL refuses to be run by root; the package brings a user of its own, who may not look into
    # pytest's folders.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="hand100m_pg_") as name:
        folder, port = Path(name), free_port()
        if as_user:
            shutil.chown(folder, "postgres")
        made = [*as_user, initdb, "-D", str(folder / "data"), "-A", "trust", "-U", "hand100m", "--no-sync"]
        done = subprocess.run(made, capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stderr
        command = [server, "-D", str(folder / "data"), "-p", str(port), "-k", name, "-h", "127.0.0.1", "-F"]
        with process([*as_user, *command], log := folder / "log.txt", cwd=folder):
            wait_for_port(port, log)
            yield f"postgresql+psycopg2://hand100m@127.0.0.1:{port}/postgres"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """URL without the number of a database."""
    server = _program("redis-server", "redis-server")
    folder.mkdir(parents=True)
    port, log = free_port(), folder / "log.txt"
    with process([server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)], log):
        wait_for_port(port, log)
        yield f"redis://127.0.0.1:{port}"
