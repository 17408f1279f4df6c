"""Every asset check against what is on disk, for a CI: `python -m hand100m_assets.headless.check_data`.

Exit status 1 when a check of error severity fails, 2 when a setting is wrong, 130 and 143 when Ctrl-C and SIGTERM
stopped it. Launching the checks job from the command line of Dagster exits 0 there unless the check blocks, hence this.
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
    """Run the checks of every source; the results are recorded in the instance too.

    Raises:
        Hand100mError: A check could not be evaluated at all.
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
    """Each failed step and the first line of why."""
    lines = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            said = data.user_failure_data.description if data.user_failure_data else None
            lines.append(f"{event.step_key}: {said or data.error_display_string}".splitlines()[0])
    return lines


def failed_errors(evaluations: Sequence[dg.AssetCheckEvaluation]) -> list[dg.AssetCheckEvaluation]:
    """Those that should turn a CI red."""
    return [e for e in evaluations if not e.passed and e.severity == dg.AssetCheckSeverity.ERROR]


def report(evaluations: Sequence[dg.AssetCheckEvaluation]) -> None:
    """Print one line a failed check, and the totals."""
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
    """The instance that DAGSTER_HOME names, with what is printed left on the console, where whoever asked reads it.

    Dagster would print it through two more processes for each step, which Ctrl-C ends before they have done so.

    Raises:
        SettingsError: DAGSTER_HOME is not set, or is no folder.
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
    """End the process on an error of ours with its one line, and 2 where a setting is at fault, else 1."""
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
