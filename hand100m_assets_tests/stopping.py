"""Real processes that are told to stop by real signals, and what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LINE = "Stopped. What is finished stays; give the same command again to go on."


@dataclass(frozen=True)
class Stopped:
    """How a command ended that was told to stop, and what it printed."""

    status: int
    seconds: float
    printed: str


def stop_when(
    command: Sequence[str],
    log: Path,
    ready: Callable[[str], object],
    how: int,
    *,
    env: Mapping[str, str] | None = None,
    whole_group: bool = False,
) -> Stopped:
    """Start a command in a session of its own, send the signal once its output is ready, and see that nobody is left.

    A terminal sends Ctrl-C to the whole group, `kill` to one process. The signal is not sent before the command handles
    signals: on a busy machine Python itself takes seconds to start.
    """
    with (
        log.open("wb") as out,
        subprocess.Popen(list(command), stdout=out, stderr=out, env=env, start_new_session=True) as process,
    ):
        try:
            deadline_s = time.monotonic() + 240
            while not (ready(log.read_text()) and handles_signals(process.pid)):
                if process.poll() is not None:
                    return Stopped(process.returncode, 0, log.read_text())
                assert time.monotonic() < deadline_s, log.read_text()
                time.sleep(0.005)
            process.send_signal(signal.SIGSTOP)  # on a busy machine it would be finished before we are heard
            os.killpg(process.pid, how) if whole_group else process.send_signal(how)
            process.send_signal(signal.SIGCONT)
            told_s = time.monotonic()
            status = process.wait(60)
            seconds = time.monotonic() - told_s
            assert_nobody_is_left(process.pid)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return Stopped(status, seconds, log.read_text())


def handles_signals(pid: int) -> bool:
    """Whether a process handles SIGTERM, as our commands do from their first lines on; yes where nothing tells it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    caught = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt:")), 0)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def assert_nobody_is_left(session: int, patience_s: float = 10) -> None:
    deadline_s = time.monotonic() + patience_s
    while left := _living(session):
        assert time.monotonic() < deadline_s, left
        time.sleep(0.05)


def _living(session: int) -> list[str]:
    listed = subprocess.run(
        ["ps", "-s", str(session), "-o", "stat=,pid=,args="], capture_output=True, text=True, check=False
    )
    return [line for line in listed.stdout.splitlines() if not line.lstrip().startswith("Z")]
