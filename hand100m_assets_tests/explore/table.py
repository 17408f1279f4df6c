"""Outcomes -> a table per kind, and which goals were missed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rich.table import Table

from hand100m_assets_tests.explore import compare
from hand100m_assets_tests.explore.catalogue import DAMAGE_KINDS, STREAM_KINDS
from hand100m_assets_tests.explore.compare import Outcome

NEVER = (
    *(compare.WRONG_NUMBER, compare.WRONG_PICTURE, compare.LOST, compare.ZEROS),
    *(compare.UNREADABLE, compare.ORACLES, compare.CRASHED, compare.TOO_LONG),
)
"""Findings of which there must be none. `called damaged` may happen once in a thousand healthy streams."""
_ALARMS = (compare.CALLED_DAMAGED, *NEVER, compare.NOT_MADE)
_OPENCV = (compare.OPENCV_SHORT, compare.OPENCV_OTHER)
"""What OpenCV's loop makes of damaged files without a word: fewer frames, other pictures."""
_SILENCE = (
    *(compare.REPORTED, compare.UNTOUCHED, compare.CHANGED, compare.NO_END),
    *(what for what in NEVER if what not in (compare.UNREADABLE, compare.ORACLES)),
    compare.NOT_MADE,
)
STREAMS_PER_FALSE_ALARM = 1000
SELECTIVE_SHARE = 0.8
NOT_MADE_SHARE = 0.02


def tables(outcomes: Iterable[Outcome]) -> list[Table]:
    """One of healthy streams and one of damaged files."""
    of_kind = defaultdict(list)
    for outcome in outcomes:
        of_kind[outcome.kind].append(outcome)
    healthy = _table("healthy streams", of_kind, STREAM_KINDS, ("right", "selective", "jumps"), _ALARMS)
    spoilt = _table("damaged files", of_kind, DAMAGE_KINDS, ("selective", *_OPENCV), _SILENCE)
    return [table for table in (healthy, spoilt) if len(table.rows) > 1]


def _table(
    title: str,
    of_kind: dict[str, list[Outcome]],
    kinds: Iterable[str],
    always: Sequence[str],
    sometimes: Sequence[str],
) -> Table:
    """A row per kind. Columns of `sometimes` are left out where they would be empty, but for the worst."""
    rows = [(name, of_kind[name]) for name in kinds if of_kind[name]]
    rows.append(("all", [outcome for _, some in rows for outcome in some]))
    seen = {what for outcome in rows[-1][1] for what in _counted(outcome)}
    shown = [*always, *(what for what in sometimes if what in seen or what in NEVER[:3])]
    table = Table(title=title)
    for heading in ("kind", "files", *shown, "CPU s"):
        table.add_column(heading, justify="left" if heading == "kind" else "right", no_wrap=heading == "kind")
    for name, outcomes in rows:
        found = Counter(what for outcome in outcomes for what in _counted(outcome))
        cpu_s = sum(outcome.cpu_s for outcome in outcomes) / max(1, len(outcomes))
        cells = [len(outcomes), *(found[what] or "" for what in shown), f"{cpu_s:.2f}"]
        table.add_row(name, *map(str, cells), style="bold" if name == "all" else None)
    return table


def _counted(outcome: Outcome) -> list[str]:
    """What of one file goes into the table."""
    return [*outcome.findings, *outcome.notes, *([] if outcome.findings else ["right"])]


def missed(outcomes: Sequence[Outcome]) -> list[str]:
    """A line per goal that was missed."""
    lines = []
    found = Counter(what for outcome in outcomes for what in outcome.findings)
    lines += [f"{what}: {found[what]}, must be 0" for what in NEVER if found[what] and what != compare.UNREADABLE]
    healthy = [outcome for outcome in outcomes if outcome.kind in STREAM_KINDS]
    unreadable = sum(compare.UNREADABLE in outcome.findings for outcome in healthy)
    if unreadable:
        lines.append(f"healthy streams that were refused: {unreadable}, must be 0")
    allowed = -(-len(healthy) // STREAMS_PER_FALSE_ALARM)
    if found[compare.CALLED_DAMAGED] > allowed:
        lines.append(
            f"healthy streams called damaged: {found[compare.CALLED_DAMAGED]}, at most {allowed} of {len(healthy)}"
        )
    if found[compare.NOT_MADE] > max(2, NOT_MADE_SHARE * len(outcomes)):
        lines.append(f"files that could not be made: {found[compare.NOT_MADE]} of {len(outcomes)}")
    return lines + _slow_kinds(healthy)


def _slow_kinds(healthy: Sequence[Outcome]) -> list[str]:
    """Ordinary kinds of file that were mostly decoded fully."""
    lines = []
    for name, kind in STREAM_KINDS.items():
        some = [o for o in healthy if o.kind == name and compare.NOT_MADE not in o.findings]
        selective = sum("selective" in outcome.notes for outcome in some)
        if kind.is_selective and selective < SELECTIVE_SHARE * len(some):
            lines.append(f"{name}: only {selective} of {len(some)} ordinary files were decoded selectively")
    return lines
