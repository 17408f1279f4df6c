"""Requests under attempts: again after each failure, in growing pauses, never twice at once."""

import time
from collections.abc import Iterator

import dagster as dg
import pytest

from hand100m_assets.defs.automation.attempts import ABOUT_TAG, ATTEMPT_TAG, NotNow, ask, pause_s
from hand100m_assets_tests.defs.conftest import Clock

HOUR_S = 3600.0


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@dg.op(config_schema={"fails": bool})
def work(context: dg.OpExecutionContext) -> None:
    if context.op_config["fails"]:
        raise dg.Failure("The disk is full.\nAnd more.")


@dg.job
def job() -> None:
    work()


def run(instance: dg.DagsterInstance, request: dg.RunRequest, *, fails: bool) -> None:
    config = {
        "ops": {"work": {"config": {"fails": fails}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    job.execute_in_process(config, instance=instance, tags=dict(request.tags), raise_on_error=False)


def asked(instance: dg.DagsterInstance) -> dg.RunRequest:
    answer = ask(instance, "job", "this")
    assert isinstance(answer, dg.RunRequest), answer
    return answer


def refused(instance: dg.DagsterInstance) -> str:
    answer = ask(instance, "job", "this")
    assert isinstance(answer, NotNow), answer
    return answer.reason


def test_pauses_grow_from_ten_minutes_to_a_day() -> None:
    assert [pause_s(attempts) / 60 for attempts in (1, 2, 3, 4)] == [10, 30, 90, 270]
    assert pause_s(6) == pause_s(1000) == 24 * HOUR_S


def test_until_the_daemon_made_a_run_of_it_the_same_request_is_made(instance: dg.DagsterInstance) -> None:
    assert asked(instance).run_key == asked(instance).run_key


def test_each_failure_is_followed_by_another_attempt_after_a_longer_pause(
    instance: dg.DagsterInstance, shown: Clock
) -> None:
    keys = []
    for pause_min in (10, 30, 90):
        keys.append(asked(instance).run_key)
        run(instance, asked(instance), fails=True)
        said = refused(instance)
        assert "The disk is full." in said and "And more" not in said
        shown.now_s = time.time() + pause_min * 60 - 30
        assert f"attempt {len(keys)} failed at" in refused(instance)
        shown.now_s += 60
    keys.append(asked(instance).run_key)
    assert len(set(keys)) == 4


def test_a_run_that_is_under_way_is_not_asked_for_again_however_long_it_takes(
    instance: dg.DagsterInstance, shown: Clock
) -> None:
    tags = {ABOUT_TAG: "this", ATTEMPT_TAG: "1"}
    instance.add_run(dg.DagsterRun("job", tags=tags, status=dg.DagsterRunStatus.STARTED))
    shown.now_s += 48 * HOUR_S
    assert refused(instance) == "asked for already"


@pytest.mark.parametrize(
    ("status", "said"), [(dg.DagsterRunStatus.CANCELED, "was canceled"), (dg.DagsterRunStatus.FAILURE, "failed")]
)
def test_a_run_that_was_canceled_or_never_started_is_asked_for_again(
    instance: dg.DagsterInstance, shown: Clock, status: dg.DagsterRunStatus, said: str
) -> None:
    tags = {ABOUT_TAG: "this", ATTEMPT_TAG: "1"}
    instance.add_run(dg.DagsterRun("job", tags=tags, status=status))
    assert f"attempt 1 {said}" in refused(instance)
    shown.now_s += 11 * 60
    assert asked(instance).tags[ATTEMPT_TAG] == "2"


def test_a_retry_by_dagster_itself_is_no_attempt_of_ours_and_is_waited_for(
    instance: dg.DagsterInstance, shown: Clock
) -> None:
    tags = {ABOUT_TAG: "this", ATTEMPT_TAG: "1"}
    instance.add_run(dg.DagsterRun("job", tags=tags, status=dg.DagsterRunStatus.FAILURE))
    instance.add_run(dg.DagsterRun("job", tags=tags, status=dg.DagsterRunStatus.STARTED))
    shown.now_s += HOUR_S
    assert refused(instance) == "asked for already"


def test_another_state_of_the_same_thing_is_asked_for_at_once(instance: dg.DagsterInstance) -> None:
    run(instance, asked(instance), fails=True)
    assert isinstance(ask(instance, "job", "that"), dg.RunRequest)
