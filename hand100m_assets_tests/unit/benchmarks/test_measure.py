from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.measure import Result, Used, markdown_table, run_command, run_peer


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
def test_the_work_of_a_peer_is_counted_without_its_imports(tmp_path):
    hands = tmp_path / "hands.json"
    hands.write_text('{"images": [], "annotations": []}' + " " * 20_000_000)
    (tmp_path / "out").mkdir()
    used = run_peer("annotations_json", hands, tmp_path / "out")
    assert used.read_bytes is not None
    assert 40_000_000 <= used.read_bytes < 41_000_000, "it is loaded twice"
    assert 0 < used.startup_cpu_s < 5
    assert 0 < used.cpu_s < 5


def test_a_failing_command_ends_the_benchmark_with_its_own_message():
    with pytest.raises(SystemExit, match="no frames today"):
        run_command([sys.executable, "-c", "raise SystemExit('no frames today')"])
    with pytest.raises(SystemExit, match="cannot start"):
        run_command(["/no/such/program"])


def test_ratios_are_taken_within_rounds():
    def used(*cpu_s):
        return [Used(value, value, 100_000_000, int(value * 1e6), 1.0) for value in cpu_s]

    first = Result("first", used(10.0, 20.0, 40.0))
    second = Result("second", used(5.0, 10.0, 10.0))
    table = markdown_table("work", [first, second]).splitlines()
    assert table[0] == "**work** (3 rounds)"
    assert table[-1] == "| second | 10.00 (5.00–10.00) | 2.00× | 10.00 | 2.00× | 100 | 1.00× | 10.0 | 1.00 |"
