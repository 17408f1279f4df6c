"""`sample`, `doctor`, `status`, `forget`: a sample workspace, and the state of the real one."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from hand100m_assets.amounts import counted, sized
from hand100m_assets.cli.named import source_named
from hand100m_assets.cli.output import as_json, emit
from hand100m_assets.cli.paths import HomePath
from hand100m_assets.errors import Hand100mError
from hand100m_assets.settings import Settings, load_settings, settings_file
from hand100m_assets.sources import SOURCES
from hand100m_assets.workspace import SourceWorkspace, findings, forget_videos, other_owner, survey


@click.command()
@click.argument("folder", type=HomePath(file_okay=False))
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same bytes.")
@as_json
def sample(folder: Path, seed: int, json_wanted: bool) -> None:
    """Make a miniature Hand100M in FOLDER: videos of moving hands, lists, annotation files and planted faults."""
    from hand100m_assets.sample.workspace import make_sample  # noqa: PLC0415 - every other command starts without it

    report = make_sample(folder, seed=seed, progress=lambda line: click.echo(line, err=True))

    def show() -> None:
        click.echo(f"sample workspace ready: {folder}")
        click.echo(f"To work on it: export HAND100M_ENV_FILE={shlex.quote(str(folder.absolute() / '.env'))}")

    emit(json_wanted, report.to_dict(), show)


@click.command()
@as_json
def doctor(json_wanted: bool) -> None:
    """Say what is readable, complete or missing, and whether the disk is large enough; exit 1 on an error."""
    settings = _with_whole_paths(load_settings())
    found = list(findings(*(SourceWorkspace(settings, source) for source in SOURCES)))

    def show() -> None:
        click.echo(_settings_line())
        colours = {"error": "red", "warning": "yellow", "fine": "green"}
        for f in found:
            click.secho(f"{f.severity:8}{f.source:8}{f.what}{'. ' + f.fix if f.fix else ''}", fg=colours[f.severity])

    emit(json_wanted, [vars(finding) for finding in found], show)
    sys.exit(1 if any(finding.severity == "error" for finding in found) else 0)


_UNKNOWN = {"videos_listed": "no list", "annotation_files": "cannot be read"}
_LABELS = {
    "frames_done": "videos with all frames",
    "frames_damaged": "videos with damaged frames",
    "frames_failed": "videos that gave no frame",
    "frames_outstanding": "videos to extract",
    "frames_outdated": "of these, to extract again",
    "annotation_sets_ingested": "annotation sets with tables",
    "annotation_sets_outdated": "of these, of another file",
    "frames_expected_bytes": "size of all frames, about",
    "frames_outstanding_bytes": "size of frames to come, about",
}
"""What a count of `SourceSurvey` is called in the table, where its name does not say it."""


def _with_whole_paths(settings: Settings) -> Settings:
    """The same, each folder with its absolute path."""
    return settings.model_copy(update={n: v.absolute() for n, v in settings.resolved() if isinstance(v, Path)})


def _settings_line() -> str:
    """Which settings are in use."""
    file = settings_file()
    return f"settings: {file}" if file else f"settings: no file at {Path('.env').absolute()}; variables and defaults"


@click.command()
@as_json
def status(json_wanted: bool) -> None:
    """Show how far each source is; if one cannot be read, show the other and exit 1."""
    settings = load_settings()
    rows: list[dict[str, str | int | None]] = []
    errors: list[dict[str, str]] = []
    for source in SOURCES:
        try:
            rows.append(survey(SourceWorkspace(settings, source)).to_row())
        except Hand100mError as error:  # noqa: PERF203 - two rounds
            errors.append({"source": source.name, "error": str(error)})

    def show() -> None:
        click.echo(_settings_line())
        table = Table("", *(str(row["source"]) for row in rows))
        for name in list(rows[0])[1:] if rows else ():
            table.add_row(_LABELS.get(name, name.replace("_", " ")), *(_cell(name, row[name]) for row in rows))
        if rows:
            Console().print(table)
        if warning := other_owner(settings):
            click.secho(f"warning: {warning}", fg="yellow", err=True)
        for failed in errors:
            click.secho(f"error: {failed['error']}", fg="red", err=True)

    emit(json_wanted, [*rows, *errors], show)
    sys.exit(1 if errors else 0)


def _cell(name: str, value: str | int | None) -> str:
    if not isinstance(value, int):
        return _UNKNOWN[name]
    return sized(value) if name.endswith("_bytes") else f"{value:,}"


@click.command()
@click.argument("video_ids", nargs=-1, metavar="[VIDEO_ID]...")
@click.option(
    "--source", "source_name", type=click.Choice([s.name for s in SOURCES]), required=True, help="Source of the videos."
)
@click.option(
    "--all", "all_absent", is_flag=True, help="All videos that are listed or were here before, and are missing now."
)
@click.option("--undo", is_flag=True, help="Ask for them again.")
@as_json
def forget(*, video_ids: tuple[str, ...], source_name: str, all_absent: bool, undo: bool, json_wanted: bool) -> None:
    """Stop asking for VIDEO_IDs that were deleted or left out on purpose.

    As long as such a video has no file, missing_videos.txt, status, doctor and the checks leave it out. Its frames
    stay. The list is in forgotten_videos.txt in the output folder of the source. Put `--` before ids that begin with -.
    """
    if bool(video_ids) == all_absent:
        raise click.UsageError("give VIDEO_IDs, or --all")
    place = source_named(load_settings(), source_name)
    changed, forgotten = forget_videos(place.downloads, None if all_absent else video_ids, undo=undo)

    def show() -> None:
        done = "asked for again" if undo else "not asked for any more"
        click.echo(f"{counted(len(changed), 'video is', 'videos are')} {done}; {len(forgotten):,} in all")

    emit(json_wanted, {"changed": sorted(changed), "forgotten": sorted(forgotten)}, show)
