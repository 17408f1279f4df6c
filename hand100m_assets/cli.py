"""The `hand100m` command: one thing at a time, without an orchestrator. Thin over the rooms.

Exit status: 0 fine, 1 the data is bad, 2 used wrongly. With `--json`, stdout is one JSON document.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import polars as pl
from rich.console import Console
from rich.table import Table

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.annotations.lookup_build import build_lookup
from hand100m_assets.annotations.rules import RuleTables, apply_rules
from hand100m_assets.audits import audit_of, in_words, seed_of_today, videos_to_audit
from hand100m_assets.errors import Hand100mError, SettingsError
from hand100m_assets.layout import EXPORT_FORMATS, SOURCES, ExportFormat
from hand100m_assets.pairs.resolve import resolve_pairs
from hand100m_assets.render.anchors import choose_anchor_rows, is_published
from hand100m_assets.render.grid import draw_grids, write_jpeg
from hand100m_assets.settings import load_settings
from hand100m_assets.survey import findings, survey
from hand100m_assets.video.extract import extract_video
from hand100m_assets.video.manifest import ExtractionOptions
from hand100m_assets.video.picture import ColourRule
from hand100m_assets.video.selection import StrideSelection, parse_frame_list
from hand100m_assets.workspace import SourceWorkspace, console_lines_of, image_finder, read_set_name

as_json = click.option("--json", "json_wanted", is_flag=True, help="Machine-readable output on stdout.")


class _Commands(click.Group):
    """Turns the project's own errors into one clear line and the right exit status."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.secho(f"error: {error}", fg="red", err=True)
            sys.exit(2)
        except Hand100mError as error:
            click.secho(f"error: {error}", fg="red", err=True)
            sys.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hand100m_assets")
def main() -> None:
    """Hand100M data preparation: frames, tables and grids from videos and annotations."""


def _emit(json_wanted: bool, document: object, show: Callable[[], None]) -> None:
    if json_wanted:
        click.echo(json.dumps(document, indent=2, default=str))
    else:
        show()


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=0, show_default=True, help="Same seed, same bytes.")
@as_json
def sample(folder: Path, seed: int, json_wanted: bool) -> None:
    """Make a miniature Hand100M in FOLDER: videos of true hands, lists, annotations, planted faults."""
    from hand100m_assets.sample.workspace import make_sample  # noqa: PLC0415 - every other command starts without it

    report = make_sample(folder, seed=seed, progress=lambda line: click.echo(line, err=True))
    _emit(json_wanted, report.to_dict(), lambda: click.echo(f"sample workspace ready: {folder}"))


@main.command()
@as_json
def doctor(json_wanted: bool) -> None:
    """Say what is readable, complete, missing, and whether the disk will do; exit 1 when something must be fixed."""
    settings = load_settings()
    found = [finding for source in SOURCES for finding in findings(SourceWorkspace(settings, source))]

    def show() -> None:
        colours = {"error": "red", "warning": "yellow", "fine": "green"}
        for f in found:
            click.secho(f"{f.severity:8}{f.source:8}{f.what}{'. ' + f.fix if f.fix else ''}", fg=colours[f.severity])

    _emit(json_wanted, [vars(finding) for finding in found], show)
    sys.exit(1 if any(finding.severity == "error" for finding in found) else 0)


@main.command()
@as_json
def status(json_wanted: bool) -> None:
    """Show how far each source is; exit 1 when one cannot be looked at, the other is shown all the same."""
    settings = load_settings()
    rows: list[dict[str, str | int | None]] = []
    errors: list[dict[str, str]] = []
    for source in SOURCES:
        try:
            rows.append(survey(SourceWorkspace(settings, source)).to_row())
        except Hand100mError as error:  # noqa: PERF203 - two rounds
            errors.append({"source": source.name, "error": str(error)})

    def show() -> None:
        table = Table("", *(str(row["source"]) for row in rows))
        for name in list(rows[0])[1:] if rows else ():
            table.add_row(
                name.replace("_", " "), *("no list" if row[name] is None else f"{row[name]:,}" for row in rows)
            )
        if rows:
            Console().print(table)
        for failed in errors:
            click.secho(f"error: {failed['error']}", fg="red", err=True)

    _emit(json_wanted, [*rows, *errors], show)
    sys.exit(1 if errors else 0)


@main.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--every", type=click.IntRange(min=1), help="Take every N-th frame; 30 when neither is given.")
@click.option("--frames", "frame_list", help="Take these frames: a list such as 0,30,60-90.")
@click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="OpenCV JPEG quality.")
@click.option(
    "--colour-rule",
    type=click.Choice(["opencv5", "opencv4"]),
    default="opencv5",
    show_default=True,
    help="Honour the colour matrix that a stream names, or take BT.601 always, as those versions of OpenCV do.",
)
@as_json
def extract(
    *,
    video: Path,
    out: Path,
    every: int | None,
    frame_list: str | None,
    quality: int,
    colour_rule: ColourRule,
    json_wanted: bool,
) -> None:
    """Extract exact frames of VIDEO into OUT/<video id>/, with a manifest. Put `--` before names that begin with -."""
    if every is not None and frame_list is not None:
        raise click.UsageError("--every and --frames exclude each other")
    try:
        wanted = parse_frame_list(frame_list) if frame_list is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--frames") from error
    options = ExtractionOptions(jpeg_quality=quality, colour_rule=colour_rule)
    selection = wanted or StrideSelection(every or 30)
    manifest = extract_video(video, out, video.stem, selection, options, limits=load_settings().limits)

    def show() -> None:
        click.echo(f"{len(manifest.frames)} frames in {out / video.stem} ({manifest.status})")
        for error in manifest.decoder_errors[:10]:
            click.secho(f"  near frame {error.frame_index_at}: {error.words}", fg="yellow", err=True)

    _emit(json_wanted, manifest.model_dump(mode="json"), show)
    sys.exit(0 if manifest.status == "complete" else 1)


@main.command()
@click.argument("video_ids", nargs=-1, metavar="[VIDEO_ID]...")
@click.option("--source", "source_name", type=click.Choice([s.name for s in SOURCES]), help="One source only.")
@click.option("--sample", "count", type=click.IntRange(min=1), help="So many finished videos of each source.")
@click.option("--seed", type=int, help="Draws videos and frames; today's date when not given.")
@click.option("--frames-per-video", type=click.IntRange(min=1), help="So many JPEGs of each.")
@as_json
def audit(
    *,
    video_ids: tuple[str, ...],
    source_name: str | None,
    count: int | None,
    seed: int | None,
    frames_per_video: int | None,
    json_wanted: bool,
) -> None:
    """Decode frames of finished videos again by ffmpeg itself and compare; exit 1 when one differs or none compares.

    VIDEO_IDs, or a sample of all that are finished. Put `--` before ids that begin with -.
    """
    if video_ids and count is not None:
        raise click.UsageError("VIDEO_ID and --sample exclude each other")
    settings = load_settings()
    seed = seed_of_today() if seed is None else seed
    places = [SourceWorkspace(settings, s) for s in SOURCES if source_name in (None, s.name)]
    chosen = videos_to_audit(places, video_ids, count or settings.audit_videos or 5, seed)
    per_video = frames_per_video or settings.audit_frames_per_video
    rows: list[dict[str, Any]] = []
    for place, video_id in chosen:
        found = audit_of(place, video_id, frames_per_video=per_video, seed=seed)
        rows.append({"source": place.source.name, **found.to_row()})
        colour = {"agrees": "yellow" if found.complaints else None, "differs": "red", "skipped": "yellow"}
        line = f"{len(rows)} of {len(chosen)}  {video_id}: {in_words(found)}"
        click.secho(line, fg=colour[found.verdict], err=json_wanted)
    _emit(json_wanted, {"seed": seed, "videos": rows}, lambda: click.echo(f"seed {seed}"))
    verdicts = {row["verdict"] for row in rows}
    sys.exit(0 if "agrees" in verdicts and "differs" not in verdicts else 1)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@as_json
def validate(file: Path, out: Path, json_wanted: bool) -> None:
    """Validate annotation FILE into tables in OUT; exit 1 when a rule of error severity is broken."""
    settings = load_settings()
    summary = ingest_file(file, out)
    build_lookup(out)
    results = apply_rules(RuleTables.read(out, stride=settings.frame_stride, name_pattern=settings.name_pattern))
    broken = [result for result in results if result.count]

    def show() -> None:
        click.echo(f"{summary.images_kept} images, {summary.hands_kept} hands kept, {summary.rejects} rejects in {out}")
        for result in broken:
            colour = "red" if result.rule.severity == "error" else "yellow"
            click.secho(f"{result.rule.severity:8}{result.rule.name}: {result.count}. {result.rule.why}", fg=colour)

    rules = {result.rule.name: {"severity": result.rule.severity, "count": result.count} for result in results}
    _emit(json_wanted, {"summary": summary.model_dump(mode="json"), "rules": rules}, show)
    sys.exit(1 if any(result.rule.severity == "error" for result in broken) else 0)


@main.command()
@click.argument("tables", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("frames", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--labelled", is_flag=True, help="Draw ids, distance and skeleton over the crops.")
@click.option("--seed", default=0, show_default=True, help="Choice of pairs, where none was published.")
@as_json
def grid(*, tables: Path, frames: Path, out: Path, labelled: bool, seed: int, json_wanted: bool) -> None:
    """Draw the 10 x 10 grid of TABLES (made by `validate`) from FRAMES (a folder of frame folders) to OUT."""
    settings = load_settings()
    name = read_set_name(tables, settings.name_pattern)
    hands = pl.read_parquet(tables / "hands.parquet")
    pairs = resolve_pairs(hands)
    choice = choose_anchor_rows(pairs, published=is_published(name), seed=seed)
    drawn = draw_grids(
        pairs,
        hands,
        choice.rows,
        image_finder(frames, settings.image_prefixes),
        images=pl.scan_parquet(tables / "images.parquet"),
        joint_order=settings.joint_order,
    )
    write_jpeg(drawn.labelled if labelled else drawn.plain, out)

    def show() -> None:
        for line in console_lines_of(tables, settings.name_pattern):
            click.echo(line)
        click.echo(f"{out}: {choice.how}; {drawn.missing.height} cells empty")

    _emit(json_wanted, {"grid": out, "pairs_shown": choice.how, "missing": drawn.missing.to_dicts()}, show)
    sys.exit(1 if drawn.missing.height else 0)


@main.command()
@click.argument("set_keys", metavar="SET...", nargs=-1, required=True)
@click.option(
    "--source", "source_name", type=click.Choice([s.name for s in SOURCES]), required=True, help="Whose sets."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the files; made if needed.")
@click.option("--frames-prefix", help="What comes before <video id>/frame_NNNNNN.jpg; default HAND100M_EXPORT_PREFIX.")
@click.option("--format", "export_format", type=click.Choice(EXPORT_FORMATS), default="original", show_default=True)
@click.option("--all-hands", is_flag=True, help="Also what the original loaders stumble over: hands without a pair.")
@as_json
def export(
    *,
    set_keys: tuple[str, ...],
    source_name: str,
    out: Path | None,
    frames_prefix: str | None,
    export_format: ExportFormat,
    all_hands: bool,
    json_wanted: bool,
) -> None:
    """Write finished annotation SETs (keys such as simhand-50k) as the original's JSON or as COCO keypoints."""
    if all_hands and export_format != "original":
        raise click.UsageError("--all-hands is for the original format")
    place = next(SourceWorkspace(load_settings(), source) for source in SOURCES if source.name == source_name)
    inventory_file = place.output.table_file("inventory")
    inventory = pl.read_parquet(inventory_file) if inventory_file.exists() else None
    made = [
        place.export(
            key, export_format, out_dir=out, frames_prefix=frames_prefix, all_hands=all_hands, inventory=inventory
        )
        for key in set_keys
    ]

    def show() -> None:
        for one in made:
            click.echo(f"{one.path}: {one.images} images, {one.hands} hands")
            for reason, count in one.left_out.items():
                click.secho(f"  left out: {count} ({reason})", fg="yellow", err=True)

    _emit(json_wanted, [vars(one) for one in made], show)
