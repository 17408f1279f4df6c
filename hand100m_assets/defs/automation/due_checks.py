"""Finds the checks that have to run again because their inputs have changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import dagster as dg

from hand100m_assets.defs.automation.ingests import failed_ingests
from hand100m_assets.defs.automation.records import Records
from hand100m_assets.defs.internals import EVALUATED, latest_check_executions
from hand100m_assets.defs.jobs import MADE_OF_EACH_SET
from hand100m_assets.workspace import SourceWorkspace


@dataclass(frozen=True)
class DueChecks:
    """The checks that are due in one tick.

    Attributes:
        keys: Checks to run, sorted.
        concluded: Name of each group of checks -> what it last saw; for the next tick.
        fingerprint: Fingerprint of the inputs of these checks.
    """

    keys: list[dg.AssetCheckKey]
    concluded: dict[str, str]
    fingerprint: str

    @classmethod
    def of(
        cls,
        context: dg.SensorEvaluationContext,
        place: SourceWorkspace,
        records: Records,
        concluded: Mapping[str, str],
    ) -> "DueChecks":
        """Find the checks of assets that are made from annotation sets.

        Args:
            context: Gives the checks and their records.
            place: The source.
            records: Records of all assets that these checks look at.
            concluded: `concluded` of the tick before.
        """
        instance = context.instance
        failed_at_s = {key: failure.at_s for key, failure in failed_ingests(instance, place).items()}
        keys: list[dg.AssetCheckKey] = []
        seen: dict[str, str] = {}
        due_for: list[str] = []
        for name, checks in _groups(context, place).items():
            assets = set(name.split("+"))
            looked_at = {
                f"{key.path[-1]}:{partition}": record
                for (key, partition), record in records.items()
                if key.path[0] == place.source.name and key.path[-1] in assets
            }
            failures = failed_at_s if "annotations" in assets else {}
            now_seen = _digest([*(f"{w}={r.version}" for w, r in looked_at.items()), *map(str, failures.items())])
            changed_at_s = max([*(r.at_s for r in looked_at.values()), *failures.values()], default=None)
            if changed_at_s is None:
                continue
            if concluded.get(name) == now_seen or _were_run_since(instance, checks, changed_at_s):
                seen[name] = now_seen
            else:
                keys += checks
                due_for.append(now_seen)
                seen |= {name: concluded[name]} if name in concluded else {}
        found = sorted(keys, key=lambda key: key.to_user_string())
        return cls(found, seen, _digest(due_for))


def _groups(context: dg.SensorEvaluationContext, place: SourceWorkspace) -> dict[str, list[dg.AssetCheckKey]]:
    """Short names of assets -> the checks that look at them."""
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    groups: dict[str, list[dg.AssetCheckKey]] = {}
    for key in graph.asset_check_keys:
        if key.asset_key.path[0] == place.source.name and key.asset_key.path[1] in MADE_OF_EACH_SET:
            names = {parent.path[-1] for parent in graph.get(key).parent_entity_keys if isinstance(parent, dg.AssetKey)}
            if key.name.startswith("every_set_has_"):
                names.add("annotations")  # a set of which this was never made is one with tables at least
            groups.setdefault("+".join(sorted(names)), []).append(key)
    return groups


def _were_run_since(instance: dg.DagsterInstance, checks: list[dg.AssetCheckKey], changed_at_s: float) -> bool:
    last = latest_check_executions(instance, checks)
    runs = set()
    for check in checks:
        record = last.get(check)
        if record is None or record.status not in EVALUATED:
            return False
        runs.add(record.run_id)
    return all(_began_at_s(instance, run_id) >= changed_at_s for run_id in runs)


def _began_at_s(instance: dg.DagsterInstance, run_id: str) -> float:
    record = instance.get_run_record_by_id(run_id)
    return float(record.start_time or 0) if record else 0.0


def _digest(texts: Iterable[str]) -> str:
    return blake2b("\n".join(sorted(texts)).encode(), digest_size=8).hexdigest()
