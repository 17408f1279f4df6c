"""Run one command and write what the kernel says it used, as JSON: `launch.py REPORT COMMAND …`.

A process of its own and nearly empty, because on Linux a child's peak memory starts at that of the process it was
forked from, which would be the benchmark driver's.
"""

import json
import os
import sys
import time
from pathlib import Path

report, command = sys.argv[1], sys.argv[2:]
start = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ)
_, status, usage = os.wait4(child, 0)
rss_unit_bytes = 1 if sys.platform == "darwin" else 1024
figures = {
    "wall_s": time.perf_counter() - start,
    "cpu_s": usage.ru_utime + usage.ru_stime,  # Of the child and of every process it waited for.
    "peak_rss_bytes": usage.ru_maxrss * rss_unit_bytes,  # Of the largest one among them.
    "exit_code": os.waitstatus_to_exitcode(status),
}
Path(report).write_text(json.dumps(figures))
