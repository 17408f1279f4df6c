"""Executes runs in this process, without a daemon, and records a stopped run as cancelled.

Dagster itself does so only after a run has begun. Otherwise the run would seem to continue for ever, and sensors would
wait for it.
"""

from typing import Any
from uuid import uuid4

import dagster as dg

from hand100m_assets.defs.internals import NOT_FINISHED_STATUSES


def execute_here(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job_name: str,
    **how: Any,  # noqa: ANN401 - those of Dagster
) -> dg.ExecuteInProcessResult:
    """Execute a job; a failed step is in the result and raises nothing.

    Args:
        defs: Where the job is.
        instance: Where the run is recorded.
        job_name: The job.
        **how: Further arguments of `execute_in_process`.
    """
    run_id = str(uuid4())
    try:
        return defs.resolve_job_def(job_name).execute_in_process(
            instance=instance, run_id=run_id, raise_on_error=False, **how
        )
    except BaseException:
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status in NOT_FINISHED_STATUSES:
            instance.report_run_canceled(run, "The command that this run was part of was stopped.")
        raise
