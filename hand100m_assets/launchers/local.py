"""Starts runs on this machine, and notices runs whose process is gone.

Dagster's code server reports a run whose process dies. If the server dies at the same time, as in a power failure or
without memory, the run would stay started for ever. Run monitoring asks this launcher, which looks for the process.
"""

import json
import os
from pathlib import Path

import dagster as dg

from hand100m_assets.defs.internals import GRPC_INFO_TAG, CheckRunHealthResult, WorkerStatus

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
START_SLACK_S = 120.0
"""A process that started this much later than its run reported it is another process with the same number."""


class WatchfulRunLauncher(dg.DefaultRunLauncher):
    """A `DefaultRunLauncher` for which a run is healthy only as long as its process lives."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: this check is the purpose of the class."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Look for the process that the run reported. A process on another machine counts as living."""
        told = self._process_of(run)
        if told is None or is_alive(*told):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process, {told[0]}, is gone")

    def _process_of(self, run: dg.DagsterRun) -> tuple[int, float] | None:
        """Number of the run's process on this machine, and when the run reported it; None if it has not done so yet."""
        server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
        if server.get("host", "localhost") not in LOCAL_HOSTS:
            return None
        for entry in self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
            event = entry.dagster_event
            pid = event.engine_event_data.metadata.get("pid") if event else None
            if pid is not None:
                return int(str(pid.value)), entry.timestamp
        return None


def is_alive(pid: int, said_at_s: float) -> bool:
    """Whether a process with this number lives that may have reported it at this time (seconds since 1970)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody's; the time of its start tells whose
    started_s = _started_at_s(pid)
    return started_s is None or started_s < said_at_s + START_SLACK_S


def _started_at_s(pid: int) -> float | None:
    """When a process was started, in seconds since 1970; None if the system does not say, or the process has ended."""
    try:
        # Source: proc(5): field 22 of stat is the start in clock ticks after boot; a name may hold spaces.
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, StopIteration):
        return None
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
