"""All kinds of files, and how one file is made and compared."""

from __future__ import annotations

import random
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from hand100m_assets_tests.explore import (
    appearance,
    compare,
    containers,
    damage,
    damagekinds,
    ordinary,
    padding,
    timestamps,
    tracks,
)
from hand100m_assets_tests.explore.coded import EncoderError
from hand100m_assets_tests.explore.compare import Outcome, check_healthy
from hand100m_assets_tests.explore.files import Kind
from hand100m_assets_tests.explore.oracles import NoFramesError, Truth, truth_of
from hand100m_assets_tests.explore.spoiling import NothingToSpoilError

TRIES = 10
_PARTS = (ordinary, timestamps, tracks, appearance, padding, containers)
STREAM_KINDS: dict[str, Kind] = {kind.name: kind for part in _PARTS for kind in part.KINDS}
DAMAGE_KINDS = {kind.name: kind for kind in damagekinds.KINDS}


class Task(NamedTuple):
    """One file, which these three make again at any time."""

    seed: int
    kind: str
    number: int


def run_task(task: Task, keep_in: Path | None = None) -> Outcome:
    """Make one file, compare it, and throw it away unless it is to be kept."""
    outcome, rng = Outcome(task.kind, task.number), random.Random(f"{task.seed}/{task.kind}/{task.number}")
    begun = time.process_time()
    with tempfile.TemporaryDirectory(prefix="explore-") as own:
        folder = keep_in or Path(own)
        try:
            _run(outcome, rng, folder)
        except (EncoderError, NoFramesError, NothingToSpoilError) as error:
            outcome.found(compare.NOT_MADE, str(error))
        except Exception:  # noqa: BLE001 - whatever happens is a finding
            outcome.found(compare.CRASHED, traceback.format_exc(limit=-3))
    outcome.cpu_s = time.process_time() - begun
    return outcome


def _run(outcome: Outcome, rng: random.Random, folder: Path) -> None:
    if outcome.kind in STREAM_KINDS:
        kind = STREAM_KINDS[outcome.kind]
        path, truth = _with_frames(kind, rng, folder)
        check_healthy(outcome, kind, path, truth, rng)
    else:
        damage.check_damaged(outcome, damage.spoil(DAMAGE_KINDS[outcome.kind], rng, folder), rng)


def _with_frames(kind: Kind, rng: random.Random, folder: Path) -> tuple[Path, Truth]:
    """A file that shows anything: another one where a cut or the encoder has left nothing."""
    error: Exception = NoFramesError(kind.name)
    for _ in range(TRIES):
        try:
            path = kind.make(rng, folder)
            return path, truth_of(path, has_opencv=kind.opencv != "not asked")
        except (EncoderError, NoFramesError) as why:  # noqa: PERF203 - the next one may do
            error = why
    raise error


def tasks(seed: int, kinds: list[str], count: int, per_kind: int = 200) -> list[Task]:
    """So many files, the kinds taken in turn.

    Raises:
        ValueError: There are too few kinds for so many.
    """
    if count > per_kind * len(kinds):
        raise ValueError(f"{len(kinds)} kinds with {per_kind} files at most make no {count}")
    return [Task(seed, kinds[place % len(kinds)], place // len(kinds)) for place in range(count)]
