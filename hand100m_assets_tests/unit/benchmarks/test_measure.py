from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.measure import Result, Used, markdown_table, run_command


def test_cpu_of_a_process_and_of_its_children_is_counted():
    busy = "sum(i for i in range(10**7))"
    alone = run_command([sys.executable, "-c", busy])
    in_child = run_command(
        [sys.executable, "-c", f"import subprocess as s, sys; s.run([sys.executable, '-c', '{busy}'])"]
    )
    idle = run_command([sys.executable, "-c", "import time; time.sleep(0.5)"])
    assert idle.cpu_s < 0.5 * min(alone.cpu_s, in_child.cpu_s)
    assert idle.wall_s >= 0.5


def test_peak_memory_is_the_commands_own_not_that_of_the_process_that_measures():
    ballast = np.ones(60_000_000, dtype=np.float64)
    small = run_command([sys.executable, "-c", "pass"])
    large = run_command([sys.executable, "-c", "b = bytearray(200_000_000)"])
    assert ballast.nbytes == 480_000_000
    assert small.peak_rss_bytes < 100_000_000
    assert 200_000_000 < large.peak_rss_bytes < 300_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process reads")
def test_bytes_are_counted_that_a_command_reads(tmp_path):
    (tmp_path / "large").write_bytes(bytes(50_000_000))
    nothing = run_command([sys.executable, "-c", "pass"])
    everything = run_command([sys.executable, "-c", f"open({str(tmp_path / 'large')!r}, 'rb').read()"])
    assert nothing.read_bytes is not None
    assert everything.read_bytes is not None
    assert 50_000_000 <= everything.read_bytes - nothing.read_bytes < 51_000_000


def test_a_failing_command_ends_the_benchmark_with_its_own_message():
    with pytest.raises(SystemExit, match="no frames today"):
        run_command([sys.executable, "-c", "raise SystemExit('no frames today')"])
    with pytest.raises(SystemExit, match="cannot start"):
        run_command(["/no/such/program"])


def test_ratios_are_taken_within_rounds_and_start_up_is_taken_off():
    def used(*cpu_s):
        return [Used(value, value, 100_000_000, int(value * 1e6)) for value in cpu_s]

    first = Result("first", startups=used(0.5), works=used(10.5, 20.5, 40.5))
    second = Result("second", startups=used(1.0, 0.9, 1.1), works=used(6.0, 11.0, 11.0))
    assert second.cpu_s == [5.0, 10.0, 10.0]
    table = markdown_table("work", [first, second]).splitlines()
    assert table[0] == "**work** (3 rounds)"
    assert table[-1] == "| second | 10.00 (5.00–10.00) | 2.00× | 10.00 | 2.00× | 100 | 1.00× | 10.0 | 1.00 |"
