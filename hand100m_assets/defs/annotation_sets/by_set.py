"""One step that makes several assets of several annotation sets, in order, and records each as soon as it is finished.

One run per set would cost one process each (docs/adr/0018). If a set fails, the run names it and makes the others.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from hand100m_assets.defs.automation import clock
from hand100m_assets.defs.automation.following import RULES, UNPARTITIONED, SetState, read_by
from hand100m_assets.defs.automation.records import beside_tag, latest_records
from hand100m_assets.defs.internals import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.errors import Hand100mError, OutputUnwritableError
from hand100m_assets.sources import Source
from hand100m_assets.workspace import SourceWorkspace

CODE_VERSION: Final = "1"
"""Code version of everything that this step makes."""

ONLY_DUE_TAG: Final = "hand100m/only_what_is_due"
"""Tag of a run that skips what is up to date. If a person asks for something, it is made in any case."""


@dataclass(frozen=True)
class Made:
    """One asset of one set, finished.

    Attributes:
        version: Of its content.
        metadata: Shown with it.
    """

    version: dg.DataVersion
    metadata: Mapping[str, Any]


Maker = Callable[[SourceWorkspace, str, Callable[[str], None]], Made]
"""Makes an asset of a set; the last argument writes a line into the log of the run."""


def make_of_sets(
    context: dg.AssetExecutionContext, place: SourceWorkspace, makers: Mapping[str, Maker]
) -> Iterator[dg.AssetMaterialization]:
    """Make the selected assets of every partition of the run, each after its inputs.

    Raises:
        Failure: Some could not be made; the others are made and recorded.
    """
    only_due = ONLY_DUE_TAG in context.run.tags
    selected = [asset for asset in makers if asset_key(place.source, asset) in context.selected_asset_keys]
    failed: dict[str, Exception] = {}
    asked = 0
    for set_key in context.partition_keys:
        not_made: set[str] = set()
        for asset in selected:
            state = _state(context.instance, place.source, asset, set_key)
            if not_made.intersection(RULES[asset].inputs):
                not_made.add(asset)
                context.log.warning(f"{set_key}: {asset} is left out, because one of its inputs failed")
            elif not only_due or state.due([asset], clock.local_now(place.settings.schedule_time_zone)):
                asked += 1
                try:
                    made = makers[asset](place, set_key, context.log.info)
                except OutputUnwritableError:
                    raise  # it would refuse the other sets, too
                except Exception as error:  # noqa: BLE001 - whatever it is, the other sets are made
                    not_made.add(asset)
                    failed[f"{asset} of {set_key}"] = error
                    _log(context, f"{set_key}: {asset} failed", error)
                else:
                    yield _materialization(asset, made, state)
    if failed:
        raise _failure(failed, asked) from next(iter(failed.values()))


def _log(context: dg.AssetExecutionContext, what: str, error: Exception) -> None:
    """One line for an error of this project; a traceback for any other."""
    traceback = None if isinstance(error, Hand100mError) else error
    context.log.error(f"{what}: {error}", exc_info=traceback)


def _state(instance: dg.DagsterInstance, source: Source, asset: str, set_key: str) -> SetState:
    """The state before the inputs are read, so that a change in the meantime counts as a change."""
    records = latest_records(instance, read_by(source, [asset]), {set_key}, whole=UNPARTITIONED)
    return SetState(source, set_key, records)


def _materialization(asset: str, made: Made, state: SetState) -> dg.AssetMaterialization:
    tags = {
        CODE_VERSION_TAG: CODE_VERSION,
        DATA_VERSION_TAG: made.version.value,
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
    }
    for key, version in state.input_versions(asset).items():
        record = state.record(key.path[-1])
        tags[get_input_data_version_tag(key)] = version
        tags[get_input_event_pointer_tag(key)] = str(record.storage_id) if record else NULL_EVENT_POINTER
    for key, beside in state.versions_beside(asset).items():
        tags |= beside_tag(key, beside)
    return dg.AssetMaterialization(
        asset_key(state.source, asset), partition=state.key, metadata=dict(made.metadata), tags=tags
    )


def _failure(failed: Mapping[str, Exception], asked: int) -> dg.Failure:
    """The text of the only error, or a list of all errors with their names."""
    if len(failed) == asked == 1:
        (error,) = failed.values()
        parts = {"what": error.what, "where": error.where, "fix": error.fix} if isinstance(error, Hand100mError) else {}
        return dg.Failure(str(error), metadata={name: text for name, text in parts.items() if text})
    lines = "\n".join(f"- {what}: {error}" for what, error in failed.items())
    return dg.Failure(
        f"{len(failed)} of {asked} failed; the others are made and recorded.\n{lines}", allow_retries=False
    )
