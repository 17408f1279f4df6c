"""The sensor that renews what is made from tables and frames, and its checks, after a change (docs/adr/0018)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import dagster as dg

from hand100m_assets.amounts import counted
from hand100m_assets.defs.annotation_sets.by_set import ONLY_DUE_TAG
from hand100m_assets.defs.automation import clock
from hand100m_assets.defs.automation.attempts import NotNow, ask
from hand100m_assets.defs.automation.due_checks import DueChecks
from hand100m_assets.defs.automation.following import FILES, PICTURES, RULES, TABLES, UNPARTITIONED, SetState, read_by
from hand100m_assets.defs.automation.records import latest_records
from hand100m_assets.defs.automation.under_way import unfinished_other_runs
from hand100m_assets.defs.internals import UnresolvedAssetJobDefinition
from hand100m_assets.defs.jobs import annotations_job_name, checks_job_name, pictures_job_name
from hand100m_assets.defs.keys import asset_keys
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, annotation_set_partitions, known_keys
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.settings import Settings
from hand100m_assets.sources import Source

_SETS_NAMED: Final = 8


def read_concluded_checks(cursor: str | None) -> dict[str, str]:
    """What the last tick concluded; empty if the cursor has another format, as that of older versions."""
    try:
        said = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return {name: str(seen) for name, seen in said.items()} if isinstance(said, dict) else {}


def build_renewal_sensor(
    source: Source, settings: Settings, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    """The sensor that asks for what a change makes necessary: one run for the pictures of all sets, then the checks."""

    @dg.sensor(
        name=f"{source.name}_pictures_follow",
        jobs=jobs,
        minimum_interval_seconds=settings.sensor_interval_s,
        description="Renews pairs, pictures, reports, exports and training sets when the tables or frames that they "
        "are made from have changed, and runs their checks.",
    )
    def pictures_follow(context: dg.SensorEvaluationContext, workspace: Workspace) -> dg.SensorResult | dg.SkipReason:
        running = unfinished_other_runs(context.instance, source)
        if running:
            return dg.SkipReason(f"a run of {running[0].job_name} has not ended")
        place = workspace.source(source)
        sets = known_keys(context.instance, annotation_set_partitions(source))
        records = latest_records(context.instance, read_by(source, RULES), sets, whole=UNPARTITIONED)
        states = [SetState(source, key, records) for key in sets]
        answers = list(
            _Asking(context.instance, source, clock.local_now(place.settings.schedule_time_zone)).about(states)
        )
        requests = [each for each in answers if isinstance(each, dg.RunRequest)]
        concluded = context.cursor
        if not requests:
            checks = DueChecks.of(context, place, records, read_concluded_checks(context.cursor))
            concluded = json.dumps(checks.concluded)
            if checks.keys:
                answer = ask(
                    context.instance,
                    checks_job_name(source),
                    f"checks:{checks.fingerprint}",
                    asset_check_keys=checks.keys,
                )
                answers.append(answer)
                requests = [answer] if isinstance(answer, dg.RunRequest) else []
        waiting = [each.reason for each in answers if isinstance(each, NotNow)]
        for reason in waiting if requests else ():
            context.log.warning(reason)
        return dg.SensorResult(
            run_requests=requests,
            cursor=concluded,
            skip_reason=None if requests else "; ".join(waiting) or "nothing changed",
        )

    return pictures_follow


@dataclass(frozen=True)
class _Asking:
    """Finds what is due in one tick."""

    instance: dg.DagsterInstance
    source: Source
    now: datetime

    def about(self, states: Iterable[SetState]) -> Iterator[dg.RunRequest | NotNow]:
        """Requests for what is due, or why it has to wait. Tables come first; their pictures wait for the next tick."""
        pictures: dict[str, tuple[SetState, list[str]]] = {}
        for state in states:
            tables = self._of_one(state, TABLES, annotations_job_name(self.source))
            if tables is not None:
                yield tables
            if isinstance(tables, dg.RunRequest):
                continue
            files = self._of_one(state, FILES, pictures_job_name(self.source))
            if files is not None:
                yield files
            found = state.due(PICTURES, self.now)
            if found:
                pictures[state.key] = state, found
        if pictures:
            yield self._of_many(pictures)

    def _of_one(self, state: SetState, assets: Sequence[str], job: str) -> dg.RunRequest | NotNow | None:
        found = state.due(assets, self.now)
        if not found:
            return None
        return self._ask(
            job,
            f"{' and '.join(found)} of {state.key}",
            state.fingerprint(found),
            partition_key=state.key,
            asset_selection=asset_keys(self.source, *found),
        )

    def _of_many(self, pictures: Mapping[str, tuple[SetState, list[str]]]) -> dg.RunRequest | NotNow:
        """One run from the first of these sets to the last; sets in between that are not due are skipped."""
        first, *_, last = [*pictures, *pictures]
        wanted = {asset for _, found in pictures.values() for asset in found}
        assets = [asset for asset in PICTURES if asset in wanted]
        return self._ask(
            pictures_job_name(self.source),
            f"{' and '.join(assets)} of {_named(list(pictures))}",
            "\n".join(f"{key}:{state.fingerprint(found)}:{found}" for key, (state, found) in pictures.items()),
            tags={RANGE_START_TAG: first, RANGE_END_TAG: last, ONLY_DUE_TAG: "yes"},
            asset_selection=asset_keys(self.source, *assets),
        )

    def _ask(self, job: str, what: str, made_of: str, **request: Any) -> dg.RunRequest | NotNow:  # noqa: ANN401
        version = blake2b(made_of.encode(), digest_size=8).hexdigest()
        answer = ask(self.instance, job, f"{what}:{version}", **request)
        return NotNow(f"{what}: {answer.reason}") if isinstance(answer, NotNow) else answer


def _named(sets: Sequence[str]) -> str:
    """The names of a few sets, or some names and a count: PostgreSQL allows at most 2.7 kB per tag."""
    if len(sets) <= _SETS_NAMED:
        return ", ".join(sets)
    return f"{', '.join(sets[: _SETS_NAMED - 1])} and {counted(len(sets) - _SETS_NAMED + 1, 'other set')}"
