"""Let one peer do its work and write what the work used, imports not counted: `work.py REPORT PEER ARGUMENT…`."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path


def cpu_s() -> float:
    """User and system time of this process so far, and of all its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def read_bytes() -> int | None:
    """Bytes asked for by reading, from a disk or from the cache; None where the system does not tell."""
    facts = Path("/proc/self/io")
    if not facts.exists():
        return None
    return int(dict(line.split(": ") for line in facts.read_text().splitlines())["rchar"])


def main(report: str, peer: str, *arguments: str) -> None:
    module = importlib.import_module(f"benchmarks.peers.{peer}")
    startup_cpu_s, read_before, start_s = cpu_s(), read_bytes(), time.perf_counter()
    module.main(*arguments)
    read_after = read_bytes()
    figures = {
        "wall_s": time.perf_counter() - start_s,
        "cpu_s": cpu_s() - startup_cpu_s,
        "startup_cpu_s": startup_cpu_s,
        "read_bytes": None if read_before is None or read_after is None else read_after - read_before,
    }
    Path(report).write_text(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
