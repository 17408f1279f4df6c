"""Commands measured side by side: interleaved rounds, medians, and ratios to the first within each round."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

REPO = Path(__file__).parent.parent
LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Used:
    """What one process used, helpers that it started included."""

    cpu_s: float
    wall_s: float
    peak_rss_bytes: int
    read_bytes: int | None


@dataclass(frozen=True)
class Contender:
    """One way of doing the work.

    Attributes:
        name: As printed.
        peer: Module below `benchmarks.peers`; without arguments it only imports.
        arguments: Of the real work.
        out: Emptied before every run, so that nobody profits from work already done.
        verify: Raises unless the output is right: a wrong answer has no speed.
        python: Interpreter that has what the peer imports.
    """

    name: str
    peer: str
    arguments: Sequence[str | Path]
    out: Path
    verify: Callable[[Path], None]
    python: str = sys.executable


@dataclass
class Result:
    """One contender's figures, a value a round."""

    name: str
    startups: list[Used] = field(default_factory=list)
    works: list[Used] = field(default_factory=list)

    @property
    def startup_cpu_s(self) -> float:
        """CPU of interpreter and imports; the median, as single ones scatter more than a short work takes."""
        return median(used.cpu_s for used in self.startups)

    @property
    def cpu_s(self) -> list[float]:
        """CPU a round, start-up taken off."""
        return [max(used.cpu_s - self.startup_cpu_s, 1e-3) for used in self.works]

    @property
    def wall_s(self) -> list[float]:
        """Wall time a round, start-up taken off."""
        startup = median(used.wall_s for used in self.startups)
        return [max(used.wall_s - startup, 1e-3) for used in self.works]

    @property
    def peak_rss_bytes(self) -> list[int]:
        """Peak memory a round, of the largest process."""
        return [used.peak_rss_bytes for used in self.works]

    @property
    def read_bytes(self) -> float | None:
        """Bytes read, median of the rounds, start-up taken off; None where the system does not tell."""
        if self.works[0].read_bytes is None:
            return None
        return median(w.read_bytes or 0 for w in self.works) - median(s.read_bytes or 0 for s in self.startups)


def run_command(command: Sequence[str | Path]) -> Used:
    """Run to the end; a failure ends the benchmark with the command's own message."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        done = subprocess.run(
            [sys.executable, "-I", "-S", LAUNCHER, report, *command],
            cwd=REPO,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if not report.exists():
            raise SystemExit(f"cannot start {command}:\n{done.stderr}")
        figures = json.loads(report.read_text())
    if figures["exit_code"]:
        raise SystemExit(f"{command} failed:\n{done.stderr}")
    return Used(figures["cpu_s"], figures["wall_s"], figures["peak_rss_bytes"], figures["read_bytes"])


def _command(contender: Contender, *arguments: str | Path) -> list[str | Path]:
    return [contender.python, "-m", f"benchmarks.peers.{contender.peer}", *arguments]


def run_peer(peer: str, *arguments: str | Path) -> Used:
    """Run one peer once, start-up included."""
    return run_command([sys.executable, "-m", f"benchmarks.peers.{peer}", *arguments])


def compare(contenders: Sequence[Contender], rounds: int = 3) -> list[Result]:
    """Measure all, one after the other within a round, the order turning from round to round.

    The start-up of each (interpreter and imports) is measured beside, and taken off its CPU and wall time: the
    work is short here and long in real use.
    """
    results = [Result(contender.name) for contender in contenders]
    for contender in contenders:
        run_command(_command(contender))  # Warms the file cache; not counted.
    for number in range(rounds):
        turn = number % len(contenders)
        for place in (*range(turn, len(contenders)), *range(turn)):
            contender, result = contenders[place], results[place]
            shutil.rmtree(contender.out, ignore_errors=True)
            contender.out.mkdir(parents=True)
            result.startups.append(run_command(_command(contender)))
            result.works.append(run_command(_command(contender, *contender.arguments)))
            contender.verify(contender.out)
    return results


def markdown_table(title: str, results: Sequence[Result]) -> str:
    """The figures as Markdown; ratios say how many times less than the first, median of the rounds' ratios."""
    first = results[0]
    lines = [
        f"**{title}** ({len(first.cpu_s)} rounds)",
        "",
        "| way | CPU s | less CPU | wall s | less wall | peak MB | less MB | read MB | start-up s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        spread = f"{median(r.cpu_s):.2f} ({min(r.cpu_s):.2f}–{max(r.cpu_s):.2f})"
        read = "?" if r.read_bytes is None else f"{r.read_bytes / 1e6:.1f}"
        lines.append(
            f"| {r.name} | {spread} | {_times_less(first.cpu_s, r.cpu_s)} "
            f"| {median(r.wall_s):.2f} | {_times_less(first.wall_s, r.wall_s)} "
            f"| {median(r.peak_rss_bytes) / 1e6:.0f} | {_times_less(first.peak_rss_bytes, r.peak_rss_bytes)} "
            f"| {read} | {r.startup_cpu_s:.2f} |"
        )
    return "\n".join(lines)


def _times_less(first: Sequence[float], this: Sequence[float]) -> str:
    return f"{median(a / b for a, b in zip(first, this, strict=True)):.2f}×"
