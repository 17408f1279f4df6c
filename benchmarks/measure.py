"""Commands measured side by side: interleaved rounds, medians, and ratios to the first within each round."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

REPO = Path(__file__).parent.parent
INSTANCE_TEMPLATE = REPO / "hand100m_assets" / "templates" / "dagster.yaml"
LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Used:
    """What one piece of work used, helpers that it started included.

    Attributes:
        cpu_s: User and system time.
        wall_s: Time on the clock.
        peak_rss_bytes: Of the largest process, imports included.
        read_bytes: Asked of the system; None where it does not tell.
        startup_cpu_s: What interpreter and imports cost before; not in `cpu_s`.
    """

    cpu_s: float
    wall_s: float
    peak_rss_bytes: int
    read_bytes: int | None = None
    startup_cpu_s: float = 0.0


@dataclass(frozen=True)
class Contender:
    """One way of doing the work.

    Attributes:
        name: As printed.
        peer: Module below `benchmarks.peers`; its `main` does the work.
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
    rounds: list[Used] = field(default_factory=list)

    @property
    def cpu_s(self) -> list[float]:
        """CPU a round."""
        return [used.cpu_s for used in self.rounds]

    @property
    def wall_s(self) -> list[float]:
        """Wall time a round."""
        return [used.wall_s for used in self.rounds]

    @property
    def peak_rss_bytes(self) -> list[int]:
        """Peak memory a round, of the largest process."""
        return [used.peak_rss_bytes for used in self.rounds]

    @property
    def startup_cpu_s(self) -> float:
        """CPU of interpreter and imports, median of the rounds."""
        return median(used.startup_cpu_s for used in self.rounds)

    @property
    def read_bytes(self) -> float | None:
        """Bytes read, median of the rounds; None where the system does not tell."""
        known = [used.read_bytes for used in self.rounds if used.read_bytes is not None]
        return median(known) if known else None


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
    return Used(figures["cpu_s"], figures["wall_s"], figures["peak_rss_bytes"])


def run_peer(peer: str, *arguments: str | Path, python: str = sys.executable) -> Used:
    """Let one peer do its work once; what interpreter and imports cost stands beside."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "work.json"
        whole = run_command([python, "-m", "benchmarks.work", report, peer, *arguments])
        work = json.loads(report.read_text())
    return replace(whole, **work)


def compare(contenders: Sequence[Contender], rounds: int = 3) -> list[Result]:
    """Measure all, one after the other within a round, the order turning from round to round."""
    results = [Result(contender.name) for contender in contenders]
    for number in range(rounds):
        turn = number % len(contenders)
        for place in (*range(turn, len(contenders)), *range(turn)):
            contender, result = contenders[place], results[place]
            shutil.rmtree(contender.out, ignore_errors=True)
            contender.out.mkdir(parents=True)
            result.rounds.append(run_peer(contender.peer, *contender.arguments, python=contender.python))
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
