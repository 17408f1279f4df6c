"""Runs `dg dev` so that everything it started also ends, for any signal and any number of signals.

`dg dev` starts a web server and a daemon, and stops them at its end. After a second signal it would exit at once and
leave them running. A signal to the process group of `make dev` arrives twice, because make forwards it. So `dg dev`
gets its own session, in which only one signal reaches it.

    python -m hand100m_assets.headless.dev --port 3000
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_S: Final = 75
"""How long the services may take to end. `dg dev` itself kills each of them after 30 seconds."""


def main(arguments: Sequence[str]) -> int:
    """Run `dg dev` with these arguments until it ends or a signal comes; return the exit status for a shell."""
    received: list[int] = []
    for number in _SIGNALS:
        signal.signal(number, lambda number, _frame: received.append(number))
    services = subprocess.Popen(
        [Path(sys.executable).with_name("dg"), "dev", *arguments],
        start_new_session=True,
    )
    while not received:
        with suppress(subprocess.TimeoutExpired):
            return services.wait(timeout=0.5)
    services.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        services.wait(timeout=_PATIENCE_S)
    _end_group(services)
    return 128 + received[0]


def _end_group(services: subprocess.Popen[bytes]) -> None:
    """End what is left of the group: code servers and runs. They end gracefully while there is time."""
    last = time.monotonic() + _PATIENCE_S
    with suppress(ProcessLookupError):
        os.killpg(services.pid, signal.SIGTERM)
        while time.monotonic() < last:
            services.poll()
            os.killpg(services.pid, 0)
            time.sleep(0.1)
        os.killpg(services.pid, signal.SIGKILL)
    services.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
