"""Everything that this project uses of Dagster outside of its public API. No other module imports `dagster._...`.

`hand100m_assets_tests/defs/test_internals.py` tests the behaviour that is relied on. So if a version of Dagster changes
it, a test fails by name, and not a sensor at night.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.errors import DagsterHomeNotSetError
from dagster._core.execution.plan.objects import UserFailureData
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    GRPC_INFO_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
)
from dagster._serdes import ConfigurableClassData

__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "CODE_VERSION_TAG",
    "DATA_VERSION_IS_USER_PROVIDED_TAG",
    "DATA_VERSION_TAG",
    "DEFAULT_DATA_VERSION",
    "EVALUATED",
    "GRPC_INFO_TAG",
    "NOT_FINISHED_STATUSES",
    "NULL_EVENT_POINTER",
    "PARTITION_NAME_TAG",
    "PRIORITY_TAG",
    "CheckRunHealthResult",
    "DagsterHomeNotSetError",
    "SensorExecutionData",
    "UnresolvedAssetJobDefinition",
    "UserFailureData",
    "WorkerStatus",
    "database_id",
    "evaluate_tick",
    "function_of",
    "get_input_data_version_tag",
    "get_input_event_pointer_tag",
    "latest_check_executions",
    "latest_storage_ids",
    "set_data_version",
    "without_captured_output",
]

EVALUATED: Final = frozenset({AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED})
"""States of a check that ran to its end, passed or failed."""

_NO_OUTPUT_MANAGER: Final = ConfigurableClassData(
    "dagster._core.storage.noop_compute_log_manager", "NoOpComputeLogManager", "{}"
)


def latest_storage_ids(
    instance: dg.DagsterInstance, key: dg.AssetKey, kind: dg.DagsterEventType, partitions: set[str] | None = None
) -> Mapping[str, int]:
    """Partition -> storage id of the last event of one kind, in one query.

    Args:
        instance: Where events are recorded.
        key: The asset.
        kind: Materializations or observations.
        partitions: The wanted partitions; None for all.
    """
    return instance.get_latest_storage_id_by_partition(key, kind, partitions)


def latest_check_executions(
    instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey]
) -> Mapping[dg.AssetCheckKey, AssetCheckExecutionRecord]:
    """The last execution of each check that was ever executed, in one query."""
    return instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)


def database_id(instance: dg.DagsterInstance) -> str:
    """Id of the instance's database: storage ids of events are unique within it."""
    return str(instance.run_storage.get_run_storage_id())  # type: ignore[attr-defined]


def evaluate_tick(
    sensor: dg.SensorDefinition, context: dg.SensorEvaluationContext, instance: dg.DagsterInstance
) -> SensorExecutionData:
    """Run one tick of a sensor as the daemon does: record its asset events, and only return its run requests."""
    data = sensor.evaluate_tick(context)
    for event in data.asset_events:
        instance.report_runless_asset_event(event)
    return data


def function_of(asset: dg.AssetsDefinition) -> Callable[..., Any]:
    """The function that a decorator of Dagster has wrapped."""
    return asset.op.compute_fn.decorated_fn  # type: ignore[union-attr]


def set_data_version(context: dg.OutputContext, version: dg.DataVersion) -> None:
    """Give the output that an I/O manager is writing a data version; without an asset or a step, do nothing."""
    if context.has_asset_key and context.step_context is not None:
        context.step_context.set_data_version(context.asset_key, version)


def without_captured_output(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same instance, but output of steps stays on the console instead of going into files."""
    return dg.DagsterInstance.from_ref(instance.get_ref()._replace(compute_logs_data=_NO_OUTPUT_MANAGER))
