"""Requests that are repeated after their run failed.

The daemon accepts each run key only once. Therefore a request carries what it is about as a tag, and the number of its
attempt in its run key. As long as the result is wanted, it is requested again after each failed, cancelled or lost
run, after growing pauses.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from hand100m_assets.defs.automation import clock
from hand100m_assets.defs.internals import NOT_FINISHED_STATUSES

ABOUT_TAG: Final = "hand100m/about"
ATTEMPT_TAG: Final = "hand100m/attempt"

FIRST_PAUSE_S: Final = 600.0
LONGEST_PAUSE_S: Final = 86_400.0
_GROWTH: Final = 3


def pause_s(attempts: int) -> float:
    """Seconds to wait after so many attempts: 10 minutes, half an hour, 1.5 hours and so on, at most a day."""
    return float(min(FIRST_PAUSE_S * _GROWTH ** min(attempts - 1, 10), LONGEST_PAUSE_S))


@dataclass(frozen=True)
class History:
    """The runs about one thing so far.

    Attributes:
        attempts: Number of the last attempt; 0 if it was never requested.
        last: The newest of these runs; it may be a retry by Dagster.
    """

    attempts: int
    last: dg.RunRecord | None

    @property
    def is_under_way(self) -> bool:
        """Whether the last run is queued or running."""
        return self.last is not None and self.last.dagster_run.status in NOT_FINISHED_STATUSES

    @property
    def has_failed(self) -> bool:
        """Whether the last run ended and did not succeed."""
        return (
            self.last is not None
            and not self.is_under_way
            and self.last.dagster_run.status != dg.DagsterRunStatus.SUCCESS
        )

    @property
    def ended_at_s(self) -> float:
        """When the last run ended; if it never started, when its record was last updated."""
        assert self.last is not None
        return float(self.last.end_time or self.last.update_timestamp.timestamp())


def history_of(instance: dg.DagsterInstance, job_name: str, about: str) -> History:
    """Find the runs of a job about one thing."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job_name, tags={ABOUT_TAG: about}))
    if not records:
        return History(0, None)
    attempts = (int(record.dagster_run.tags.get(ATTEMPT_TAG, "1")) for record in records)
    return History(max(attempts), max(records, key=lambda record: record.storage_id))


@dataclass(frozen=True)
class NotNow:
    """Why something that is wanted is not requested at the moment, in words."""

    reason: str


def ask(
    instance: dg.DagsterInstance,
    job_name: str,
    about: str,
    *,
    tags: Mapping[str, str] | None = None,
    **request: Any,  # noqa: ANN401 - those of Dagster
) -> dg.RunRequest | NotNow:
    """A request for what is wanted, with the number of the next attempt; or why it has to wait.

    Args:
        instance: Where the runs are recorded.
        job_name: The job.
        about: What is wanted and in which state, the same text for the same thing.
        tags: Further tags of the run.
        **request: Further arguments of the `RunRequest`.
    """
    history = history_of(instance, job_name, about)
    if history.is_under_way:
        return NotNow("asked for already")
    if history.attempts and clock.now_s() < history.ended_at_s + pause_s(history.attempts):
        return NotNow(in_words(instance, history))
    attempt = history.attempts + 1
    return dg.RunRequest(
        run_key=f"{job_name}:{about}:{attempt}",
        job_name=job_name,
        tags={**(tags or {}), ABOUT_TAG: about, ATTEMPT_TAG: str(attempt)},
        **request,
    )


def in_words(instance: dg.DagsterInstance, history: History) -> str:
    """How the last attempt ended, when and why, and when the next attempt is due."""
    assert history.last is not None
    ended, due = (_clock(at_s) for at_s in (history.ended_at_s, history.ended_at_s + pause_s(history.attempts)))
    return (
        f"attempt {history.attempts} {_outcome(history)} at {ended}: "
        f"{why_it_ended(instance, history.last.dagster_run)} It is asked for again after {due}."
    )


def _outcome(history: History) -> str:
    assert history.last is not None
    status = history.last.dagster_run.status
    if status == dg.DagsterRunStatus.SUCCESS:
        return "ended without making it"
    return "was canceled" if status == dg.DagsterRunStatus.CANCELED else "failed"


def why_it_ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The first line of the first error in a run's log, as a sentence."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run.run_id, of_type=kinds):
        event = entry.dagster_event
        if event is None:
            continue
        said = event.message or ""
        if event.is_step_failure:
            data = event.step_failure_data
            told = data.user_failure_data.description if data.user_failure_data else None
            said = told or data.error_display_string
        if said.strip():
            line = said.strip().splitlines()[0]
            return line if line.endswith(".") else f"{line}."
    return f"see the log of run {run.run_id}."


def _clock(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_s))
