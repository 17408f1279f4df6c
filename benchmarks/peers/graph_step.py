"""One step of the graph on one annotation set, as the daemon would have it done: `main(env_file, step, key)`."""

from __future__ import annotations

import os
import sys

import dagster as dg

from hand100m_assets.defs.jobs import annotations_job_name, catalog_job_name, pictures_job_name
from hand100m_assets.defs.plain_log import PLAIN
from hand100m_assets.headless.catch_up import CatchUp
from hand100m_assets.headless.check_data import evaluate_checks
from hand100m_assets.settings import load_settings
from hand100m_assets.sources import EGO4D

JOBS = {"annotations": annotations_job_name, "catalog": catalog_job_name, "pictures": pictures_job_name}


def main(env_file: str, step: str, key: str, failed_file: str) -> None:
    """Sensors' looks (`notice`), a job by its short name, or all `checks`; names of failed checks go to the file."""
    os.environ["HAND100M_ENV_FILE"] = env_file
    settings = load_settings()
    with dg.DagsterInstance.get() as instance:
        pass_over = CatchUp(settings, instance, settle_s=0.1)
        if step == "notice":
            pass_over.notice()
        elif step == "checks":
            results = [e for e in evaluate_checks(pass_over.defs, instance) if e.asset_key.path[0] == EGO4D.name]
            failed = sorted(f"{e.asset_key.path[-1]}.{e.check_name}" for e in results if not e.passed)
            with open(failed_file, "w", encoding="utf-8") as file:  # noqa: PTH123
                file.write("\n".join(failed))
        else:
            job = pass_over.defs.resolve_job_def(JOBS[step](EGO4D))
            partition = None if step == "catalog" else key
            result = job.execute_in_process(instance=instance, partition_key=partition, run_config=PLAIN)
            if not result.success:
                sys.exit(f"{step} of {key} failed")
