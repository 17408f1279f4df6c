"""Which behaviour of Dagster, outside of its public API, the project relies on.

Types are read by Dagster at run time here, so they are no strings.
"""

import ast
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest

import hand100m_assets
from hand100m_assets.defs import internals

PACKAGE = Path(hand100m_assets.__file__).parent
A, B = dg.AssetKey(["made", "a"]), dg.AssetKey(["made", "b"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def test_only_one_module_knows_what_is_private_in_dagster() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dagster._"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("dagster._") for alias in node.names))
        or (isinstance(node, ast.Constant) and str(node.value).startswith("dagster._"))
    }
    assert found == {"defs/internals.py"}


@pytest.mark.parametrize("name", internals.__all__)
def test_what_is_public_in_dagster_is_not_taken_from_its_inside(name: str) -> None:
    assert not hasattr(dg, name), f"import dagster as dg, and write dg.{name}"


def test_the_names_of_tags_are_these_as_configuration_and_old_runs_hold_them() -> None:
    assert internals.PRIORITY_TAG == "dagster/priority"
    assert internals.PARTITION_NAME_TAG == "dagster/partition"
    assert internals.ASSET_PARTITION_RANGE_START_TAG == "dagster/asset_partition_range_start"
    assert internals.ASSET_PARTITION_RANGE_END_TAG == "dagster/asset_partition_range_end"
    assert internals.GRPC_INFO_TAG == ".dagster/grpc_info"
    assert (internals.CODE_VERSION_TAG, internals.DATA_VERSION_TAG) == (
        "dagster/code_version",
        "dagster/data_version",
    )


@dg.asset(key=A, code_version="7")
def made_a() -> dg.MaterializeResult:
    return dg.MaterializeResult(data_version=dg.DataVersion("of a"))


@dg.asset(key=B, deps=[A])
def made_b() -> None: ...


def last_tags(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, str]:
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    return dict(event.asset_materialization.tags or {})


def test_a_step_records_versions_of_its_code_its_content_and_its_inputs_as_tags() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([made_a, made_b], instance=instance, run_config=QUIET).success
        of_a, of_b = last_tags(instance, A), last_tags(instance, B)
        event = instance.get_latest_materialization_event(A)
        (record,) = instance.fetch_materializations(A, limit=1).records
    assert event is not None
    assert (of_a[internals.CODE_VERSION_TAG], of_a[internals.DATA_VERSION_TAG]) == ("7", "of a")
    assert of_a[internals.DATA_VERSION_IS_USER_PROVIDED_TAG] == "true"
    assert of_b[internals.get_input_data_version_tag(A)] == "of a"
    assert of_b[internals.get_input_event_pointer_tag(A)] == str(record.storage_id)


def test_an_input_that_was_never_made_has_the_first_version_and_no_event() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([made_b], instance=instance, run_config=QUIET).success
        of_b = last_tags(instance, B)
    assert of_b[internals.get_input_data_version_tag(A)] == internals.DEFAULT_DATA_VERSION.value == "INITIAL"
    assert of_b[internals.get_input_event_pointer_tag(A)] == internals.NULL_EVENT_POINTER == "NULL"


PARTS = dg.DynamicPartitionsDefinition(name="parts")


@dg.asset(key=A, partitions_def=PARTS)
def parts_of_a(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(data_version=dg.DataVersion(f"of {context.partition_key}"))


@dg.asset(key=B, partitions_def=PARTS, deps=[A])
def parts_of_b() -> None: ...


def test_the_version_of_a_partition_is_recorded_as_an_input_by_its_digest() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("parts", ["x", "y"])
        for key in ("x", "y"):
            dg.materialize([parts_of_a, parts_of_b], instance=instance, partition_key=key, run_config=QUIET)
        of_b = last_tags(instance, B)
        ids = internals.latest_storage_ids(instance, A, dg.DagsterEventType.ASSET_MATERIALIZATION)
        of_x = internals.latest_storage_ids(instance, A, dg.DagsterEventType.ASSET_MATERIALIZATION, {"x"})
        observed = internals.latest_storage_ids(instance, A, dg.DagsterEventType.ASSET_OBSERVATION)
    assert of_b[internals.get_input_data_version_tag(A)] == sha256(b"of y").hexdigest()
    assert set(ids) == {"x", "y"}
    assert ids["x"] < ids["y"]
    assert (of_x["x"], observed) == (ids["x"], {})


def test_a_run_with_both_range_tags_takes_the_partitions_between_in_order_of_registration() -> None:
    seen: list[str] = []

    @dg.asset(partitions_def=PARTS, backfill_policy=dg.BackfillPolicy.multi_run(9))
    def several(context: dg.AssetExecutionContext) -> None:
        seen.extend(context.partition_keys)

    job = dg.Definitions([several], jobs=[dg.define_asset_job("all", "several")]).resolve_job_def("all")
    tags = {internals.ASSET_PARTITION_RANGE_START_TAG: "x", internals.ASSET_PARTITION_RANGE_END_TAG: "a"}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("parts", ["b", "x", "y", "a", "z"])
        assert job.execute_in_process(instance=instance, tags=tags, run_config=QUIET).success
    assert seen == ["x", "y", "a"]


def test_the_last_execution_of_a_check_tells_its_run_and_whether_it_came_to_its_end() -> None:
    @dg.asset_check(asset=A)
    def fails() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    @dg.asset_check(asset=A)
    def breaks() -> dg.AssetCheckResult:
        raise ValueError

    keys = [dg.AssetCheckKey(A, name) for name in ("fails", "breaks", "never_ran")]
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([made_a, fails, breaks], instance=instance, run_config=QUIET, raise_on_error=False)
        last = internals.latest_check_executions(instance, keys)
    ended = {key.name: record.status in internals.EVALUATED for key, record in last.items()}
    assert ended == {"fails": True, "breaks": False}
    assert {record.run_id for record in last.values()} == {run.run_id}


def test_a_database_has_an_id_of_its_own() -> None:
    with dg.DagsterInstance.ephemeral() as one, dg.DagsterInstance.ephemeral() as other:
        assert internals.database_id(one) == internals.database_id(one) != internals.database_id(other)


def test_a_tick_records_its_events_and_returns_its_requests_and_its_cursor() -> None:
    @dg.sensor(job_name="anything")
    def looks(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return dg.SensorResult(
            [dg.RunRequest(run_key=f"after {context.cursor}")],
            cursor="2",
            asset_events=[dg.AssetMaterialization(A)],
        )

    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance, "1") as context:
        data = internals.evaluate_tick(looks, context, instance)
        assert instance.get_latest_materialization_event(A) is not None
        assert not instance.get_run_records()
    assert [request.run_key for request in data.run_requests or ()] == ["after 1"]
    assert (data.cursor, data.skip_message) == ("2", None)


def test_an_io_manager_may_give_what_it_writes_a_version() -> None:
    class Versioned(dg.IOManager):
        def handle_output(self, context: dg.OutputContext, obj: object) -> None:
            internals.set_data_version(context, dg.DataVersion(f"of {obj}"))

        def load_input(self, context: dg.InputContext) -> None: ...

    @dg.asset(key=A)
    def written() -> str:
        return "text"

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([written], instance=instance, resources={"io_manager": Versioned()}, run_config=QUIET)
        assert last_tags(instance, A)[internals.DATA_VERSION_TAG] == "of text"
    internals.set_data_version(dg.build_output_context(), dg.DataVersion("of nothing"))


def test_an_instance_that_captures_no_output_records_in_the_same_place(tmp_path: Path) -> None:
    with dg.DagsterInstance.from_config(str(tmp_path)) as found:
        quiet = internals.without_captured_output(found)
        with quiet:
            assert type(quiet.compute_log_manager).__name__ == "NoOpComputeLogManager"
            dg.materialize([made_a], instance=quiet, run_config=QUIET)
        assert found.get_latest_materialization_event(A) is not None


def test_an_asset_job_is_of_the_type_that_jobs_are_annotated_with() -> None:
    assert isinstance(dg.define_asset_job("all"), internals.UnresolvedAssetJobDefinition)


def test_runs_that_have_not_ended_are_those_of_these_states() -> None:
    ended = {dg.DagsterRunStatus[name] for name in ("SUCCESS", "FAILURE", "CANCELED", "MANAGED")}
    assert set(internals.NOT_FINISHED_STATUSES) == set(dg.DagsterRunStatus) - ended


def test_no_home_of_dagster_is_an_error_of_this_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(internals.DagsterHomeNotSetError):
        dg.DagsterInstance.get()


def test_a_failure_is_recorded_with_its_words_and_metadata() -> None:
    @dg.asset
    def fails() -> None:
        raise dg.Failure("the line", metadata={"failed": dg.MetadataValue.json({"x": "why"})})

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([fails], instance=instance, run_config=QUIET, raise_on_error=False)
        told = run.failure_data_for_node("fails").user_failure_data
    assert isinstance(told, internals.UserFailureData)
    assert (told.description, told.metadata["failed"].value) == ("the line", {"x": "why"})


def test_a_worker_that_has_failed_is_told_from_one_that_runs() -> None:
    lost = internals.CheckRunHealthResult(internals.WorkerStatus.FAILED, "its process is gone")
    assert (lost.status, lost.msg) == (internals.WorkerStatus.FAILED, "its process is gone")
    assert internals.WorkerStatus.FAILED != internals.WorkerStatus.RUNNING
