"""Starts runs with Celery workers, and notices runs whose worker is gone.

If the machine of a worker dies, Celery keeps the state of its task as `STARTED` for ever, and the launcher of
`dagster-celery` treats that as a healthy run. This launcher also asks the workers whether one of them has the task.
"""

from typing import Any

import dagster as dg
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from hand100m_assets.defs.internals import CheckRunHealthResult, WorkerStatus

LOOKS_BEFORE_LOST = 3
"""Number of looks in a row without any worker that knows the task; a worker may only be slow to answer."""
ANSWER_WITHIN_S = 5.0


class WatchfulCeleryRunLauncher(CeleryRunLauncher):
    """A `CeleryRunLauncher` for which a run is healthy only as long as a worker has it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - those of CeleryRunLauncher
        super().__init__(*arguments, **named)
        self._looks_without: dict[str, int] = {}

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return the state that Celery gives, unless no worker knows a task that should be running."""
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
