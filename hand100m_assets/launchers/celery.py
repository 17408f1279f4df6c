"""Runs started by Celery workers, and noticed when their worker is gone.

Celery keeps the state of a task that began as `STARTED` for ever when the worker's machine dies, and the launcher of
`dagster-celery` takes that for a healthy run. Ours also asks the workers whether one of them has the task.
"""

from typing import Any

import dagster as dg
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from hand100m_assets.defs.internals import CheckRunHealthResult, WorkerStatus

LOOKS_BEFORE_LOST = 3
"""So often in a row no worker may know of a task: one that is only slow to answer has not lost its run."""
ANSWER_WITHIN_S = 5.0


class WatchfulCeleryRunLauncher(CeleryRunLauncher):
    """`CeleryRunLauncher` for which a run is healthy only while a worker has it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - those of CeleryRunLauncher
        super().__init__(*arguments, **named)
        self._looks_without: dict[str, int] = {}

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """As Celery says, unless no worker knows of a task that is said to be at work."""
        said = super().check_run_worker_health(run)
        if said.status != WorkerStatus.RUNNING or self._has_worker(run.tags[DAGSTER_CELERY_TASK_ID_TAG]):
            self._looks_without.pop(run.run_id, None)
            return said
        looks = self._looks_without[run.run_id] = self._looks_without.get(run.run_id, 0) + 1
        if looks < LOOKS_BEFORE_LOST:
            return said
        return CheckRunHealthResult(WorkerStatus.FAILED, "No Celery worker has this run any more: its worker died.")

    def _has_worker(self, task_id: str) -> bool:
        answers = self.celery.control.inspect(timeout=ANSWER_WITHIN_S).query_task(task_id) or {}
        return any(task_id in known for known in answers.values())
