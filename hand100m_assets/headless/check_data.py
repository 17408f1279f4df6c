"""Runs every asset check on what is on disk, for a CI: `python -m hand100m_assets.headless.check_data`.

The exit status is 1 if a check of error severity fails, 2 if a setting is wrong, 130 and 143 if Ctrl-C and SIGTERM
stopped it. Dagster's own command line exits with 0 for a failed check unless the check is blocking.
"""

from hand100m_assets.amounts import counted
from hand100m_assets.interrupts import listen, work_until_told

if __name__ == "__main__":
    listen()  # before imports that take seconds

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
import dagster as dg

from hand100m_assets.definitions import build_defs
from hand100m_assets.defs.internals import DagsterHomeNotSetError, without_captured_output
from hand100m_assets.defs.jobs import checks_job_name
from hand100m_assets.errors import Hand100mError, SettingsError
from hand100m_assets.headless.in_process import execute_here
from hand100m_assets.sources import SOURCES

SILENT = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def evaluate_checks(defs: dg.Definitions, instance: dg.DagsterInstance) -> list[dg.AssetCheckEvaluation]:
    """Run the checks of every source, and record the results in the instance.

    Raises:
        Hand100mError: A check could not be evaluated.
    """
    evaluations: list[dg.AssetCheckEvaluation] = []
    for source in SOURCES:
        result = execute_here(defs, instance, checks_job_name(source), run_config=SILENT)
        evaluations += result.get_asset_check_evaluations()
        if broken := failure_lines(result):
            raise Hand100mError(
                f"checks could not be evaluated: {'; '.join(broken)}", fix=f"See run {result.run_id} in the UI."
            )
    return evaluations


def failure_lines(result: dg.ExecuteInProcessResult) -> list[str]:
    """One line per failed step, with the first line of its reason."""
    lines = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            said = data.user_failure_data.description if data.user_failure_data else None
            lines.append(f"{event.step_key}: {said or data.error_display_string}".splitlines()[0])
    return lines


def failed_errors(evaluations: Sequence[dg.AssetCheckEvaluation]) -> list[dg.AssetCheckEvaluation]:
    """Failed checks of error severity, which should fail a CI."""
    return [e for e in evaluations if not e.passed and e.severity == dg.AssetCheckSeverity.ERROR]


def report(evaluations: Sequence[dg.AssetCheckEvaluation]) -> None:
    """Print one line per failed check, and the totals."""
    for e in evaluations:
        if not e.passed:
            colour = "red" if e.severity == dg.AssetCheckSeverity.ERROR else "yellow"
            name = f"{e.asset_key.to_user_string()}: {e.check_name}"
            click.secho(f"{e.severity.value:5} {name}: {(e.description or '').splitlines()[0]}", fg=colour)
    passed = sum(e.passed for e in evaluations)
    errors = len(failed_errors(evaluations))
    warnings = counted(len(evaluations) - passed - errors, "warning")
    click.echo(f"{counted(passed, 'check')} passed, {counted(errors, 'error')}, {warnings}")


def open_instance() -> dg.DagsterInstance:
    """The instance that DAGSTER_HOME names. What its steps print stays on the console.

    Dagster would print it through two more processes per step, and Ctrl-C would end these before they have printed.

    Raises:
        SettingsError: DAGSTER_HOME is not set, or is not a folder.
    """
    try:
        with dg.DagsterInstance.get() as found:
            return without_captured_output(found)
    except (DagsterHomeNotSetError, dg.DagsterInvariantViolationError) as error:
        raise SettingsError(
            "no Dagster instance there",
            where="DAGSTER_HOME",
            fix="Set it to an existing folder; `make` does so, and `hand100m init` makes one: .dagster_home.",
        ) from error


@contextmanager
def ending_clearly() -> Iterator[None]:
    """On an error of this project, print its line and end the process, with 2 for a wrong setting, else with 1."""
    try:
        yield
    except Hand100mError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(2 if isinstance(error, SettingsError) else 1)


def main() -> None:
    """Evaluate, report, and exit 1 for an error."""
    with ending_clearly():
        defs = build_defs()
        with open_instance() as instance:
            evaluations = evaluate_checks(defs, instance)
    report(evaluations)
    sys.exit(1 if failed_errors(evaluations) else 0)


if __name__ == "__main__":
    work_until_told(main)
