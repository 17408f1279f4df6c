"""Command line of the search: exit status 1 when a goal is missed."""

from __future__ import annotations

import argparse
import random
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from hand100m_assets_tests.explore import compare
from hand100m_assets_tests.explore.catalogue import DAMAGE_KINDS, STREAM_KINDS, Task, run_task, tasks
from hand100m_assets_tests.explore.compare import Outcome
from hand100m_assets_tests.explore.pool import run_all
from hand100m_assets_tests.explore.table import NEVER, missed, tables

SHOWN_PER_SORT = 3
PROGRESS_S = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, or look at one file again."""
    asked = _parser().parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    if asked.number is not None:
        return _look_again(Task(seed, _one_kind(asked.kind), asked.number), asked.keep)
    streams = [name for name in STREAM_KINDS if asked.kind in name]
    damages = [name for name in DAMAGE_KINDS if asked.kind in name]
    todo = [
        *(
            tasks(seed, streams, min(asked.streams, 200 * len(streams)) if asked.kind else asked.streams)
            if streams
            else []
        ),
        *(
            tasks(seed, damages, min(asked.damaged, 200 * len(damages)) if asked.kind else asked.damaged)
            if damages
            else []
        ),
    ]
    print(f"seed {seed}: {len(todo)} files of {len(streams)} kinds of healthy streams and {len(damages)} of damage")
    begun = time.monotonic()
    outcomes = _counted(run_all(todo, asked.processes, asked.limit_s), len(todo))
    console = Console(width=200) if not sys.stdout.isatty() else Console()
    for table in tables(outcomes):
        console.print(table)
    _show_findings(outcomes, seed)
    lines = missed(outcomes)
    for line in lines:
        print(f"MISSED  {line}")
    cpu_s = sum(outcome.cpu_s for outcome in outcomes)
    print(
        f"seed {seed}: {len(outcomes)} files, {cpu_s:.0f} CPU s, {time.monotonic() - begun:.0f} s: "
        f"{'a goal was missed' if lines else 'every goal was reached'}"
    )
    return 1 if lines else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hand100m_assets_tests.explore", description=__doc__)
    parser.add_argument("--streams", type=int, default=5000, help="healthy streams, 200 of a kind at most")
    parser.add_argument("--damaged", type=int, default=2000, help="damaged files, 200 of a kind at most")
    parser.add_argument("--seed", type=int, help="the same seed makes the same files (default: a new one)")
    parser.add_argument("--processes", type=int, default=0, help="0, the default: one per core")
    parser.add_argument("--limit-s", type=float, default=60, help="a file may take so long (default: 60)")
    parser.add_argument("--kind", default="", help="only kinds whose name holds this")
    parser.add_argument("--number", type=int, help="only this file of the one kind, with all that is found out")
    parser.add_argument("--keep", type=Path, help="a folder for that one file")
    return parser


def _one_kind(text: str) -> str:
    names = [*STREAM_KINDS, *DAMAGE_KINDS]
    fitting = [text] if text in names else [name for name in names if text and text in name]
    if len(fitting) != 1:
        sys.exit(f"--number needs one --kind of these: {', '.join(fitting or names)}")
    return fitting[0]


def _look_again(task: Task, keep_in: Path | None) -> int:
    if keep_in is not None:
        keep_in.mkdir(parents=True, exist_ok=True)
    outcome = run_task(task, keep_in)
    print(f"{task}: {outcome.cpu_s:.2f} CPU s, ways: {', '.join(sorted(outcome.notes)) or 'none'}")
    for what, words in outcome.findings.items():
        print(f"{what}: {words}")
    return 1 if any(what in (*NEVER, compare.CALLED_DAMAGED) for what in outcome.findings) else 0


def _counted(outcomes: object, count: int) -> list[Outcome]:
    done: list[Outcome] = []
    said_s = time.monotonic()
    for outcome in outcomes:  # type: ignore[attr-defined]
        done.append(outcome)
        if time.monotonic() - said_s > PROGRESS_S:
            said_s = time.monotonic()
            bad = sum(any(what in NEVER for what in o.findings) for o in done)
            print(f"{len(done)} of {count} files, {bad} of them with findings", flush=True)
    return sorted(done, key=lambda o: (o.kind, o.number))


def _show_findings(outcomes: Sequence[Outcome], seed: int) -> None:
    """The first files of each kind and sort of finding, and how to look at one again."""
    shown: dict[tuple[str, str], int] = {}
    for outcome in outcomes:
        for what, words in outcome.findings.items():
            if what not in (*NEVER, compare.CALLED_DAMAGED, compare.NOT_MADE):
                continue
            if what == compare.UNREADABLE and outcome.kind in DAMAGE_KINDS:
                continue
            shown[outcome.kind, what] = shown.get((outcome.kind, what), 0) + 1
            if shown[outcome.kind, what] <= SHOWN_PER_SORT:
                print(
                    f"{what}: {words}\n    again: python -m hand100m_assets_tests.explore --seed {seed} "
                    f"--kind {shlex.quote(outcome.kind)} --number {outcome.number}"
                )


if __name__ == "__main__":
    sys.exit(main())
