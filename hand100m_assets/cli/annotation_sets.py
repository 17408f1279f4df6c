"""`validate`, `grid`, `export`, `report`: tables, pictures, reports and exports of annotation files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.annotations.lookup import build_lookup
from hand100m_assets.annotations.rules import RuleResult, RuleTables, apply_rules
from hand100m_assets.cli.named import source_named
from hand100m_assets.cli.output import as_json, emit
from hand100m_assets.cli.paths import HomePath
from hand100m_assets.imaging import write_jpeg
from hand100m_assets.layout import EXPORT_FORMATS, EXPORT_IMAGES, ExportFormat, ExportImages
from hand100m_assets.pairs import resolve_pairs
from hand100m_assets.render.grids import choose_anchor_rows, draw_grids, is_published
from hand100m_assets.set_names import annotation_set_name
from hand100m_assets.settings import Settings, load_settings
from hand100m_assets.sources import SOURCES
from hand100m_assets.workspace import SourceWorkspace, console_lines_of, image_finder, read_set_name, write_report


@click.command()
@click.argument("file", type=HomePath(dir_okay=False))
@click.argument("out", type=HomePath(file_okay=False))
@click.option(
    "--source",
    "source_name",
    type=click.Choice([s.name for s in SOURCES]),
    help="Source of the set; default: from the name of FILE.",
)
@as_json
def validate(*, file: Path, out: Path, source_name: str | None, json_wanted: bool) -> None:
    """Validate the annotation FILE and write tables into OUT; exit 1 if a rule of error severity is broken.

    If the name of FILE or --source says which source it belongs to, totals and videos are compared with those that the
    workspace knows. The output says what could not be compared.
    """
    settings = load_settings()
    summary = ingest_file(file, out)
    build_lookup(out)
    results = apply_rules(_tables_to_check(settings, file.name, out, source_name))
    broken = [result for result in results if result.count]

    def show() -> None:
        kept = f"{counted(summary.images_kept, 'image')} and {counted(summary.hands_kept, 'hand')} kept"
        click.echo(f"{kept}, {counted(summary.rejects, 'reject')}, in {out}")
        for result in broken:
            colour = "red" if result.rule.severity == "error" else "yellow"
            click.secho(f"{result.rule.severity:8}{result.rule.name}: {result.count}. {result.rule.why}", fg=colour)
        for result in results:
            if result.gap:
                click.secho(f"  {result.rule.name}: {result.gap}", fg="yellow", err=True)

    rules = {result.rule.name: _rule_facts(result) for result in results}
    emit(json_wanted, {"summary": summary.model_dump(mode="json"), "rules": rules}, show)
    sys.exit(1 if any(result.rule.severity == "error" for result in broken) else 0)


def _tables_to_check(settings: Settings, file_name: str, tables: Path, source_name: str | None) -> RuleTables:
    """The tables, with what the workspace knows of their set and its videos if the source is known."""
    name = annotation_set_name(file_name, settings.name_pattern)
    whose = (source_name or name.title).casefold()
    for source in SOURCES:
        if whose in (source.name, source.title.casefold()):
            return SourceWorkspace(settings, source).rule_tables(tables, name.key)
    return RuleTables.read(tables, stride=settings.frame_stride, name_pattern=settings.name_pattern)


def _rule_facts(result: RuleResult) -> dict[str, object]:
    why = result.rule.lacks if result.unchecked else None
    counts = {"count": result.count, "checked": result.checked, "unchecked": result.unchecked}
    return {"severity": result.rule.severity, **counts, "why_unchecked": why}


@click.command()
@click.argument("tables", type=HomePath(exists=True, file_okay=False))
@click.argument("frames", type=HomePath(exists=True, file_okay=False))
@click.argument("out", type=HomePath(dir_okay=False))
@click.option("--labelled", is_flag=True, help="Draw ids, distances and skeletons over the crops.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Seed for the choice of pairs, if no choice was published; default HAND100M_GRID_SEED.",
)
@as_json
def grid(*, tables: Path, frames: Path, out: Path, labelled: bool, seed: int | None, json_wanted: bool) -> None:
    """Draw the 10 x 10 grid of TABLES (made by `validate`) from FRAMES (a folder of frame folders) into OUT."""
    settings = load_settings()
    name = read_set_name(tables, settings.name_pattern)
    hands = pl.read_parquet(tables / "hands.parquet")
    pairs = resolve_pairs(hands)
    choice = choose_anchor_rows(pairs, published=is_published(name), seed=settings.grid_seed if seed is None else seed)
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
        click.echo(f"{out}: {choice.how}; {counted(drawn.missing.height, 'cell is', 'cells are')} empty")

    emit(json_wanted, {"grid": out, "pairs_shown": choice.how, "missing": drawn.missing.to_dicts()}, show)
    sys.exit(1 if drawn.missing.height else 0)


@click.command()
@click.argument("set_keys", metavar="SET...", nargs=-1, required=True)
@click.option(
    "--source", "source_name", type=click.Choice([s.name for s in SOURCES]), required=True, help="Source of the sets."
)
@click.option("--out", type=HomePath(file_okay=False), help="Folder for the files; it is created if needed.")
@click.option("--frames-prefix", help="Path before <video id>/frame_NNNNNN.jpg; default HAND100M_EXPORT_PREFIX.")
@click.option("--format", "export_format", type=click.Choice(EXPORT_FORMATS), default="original", show_default=True)
@click.option(
    "--images",
    type=click.Choice(EXPORT_IMAGES),
    help="on_disk: only hands whose image is on disk, and in the original format also that of their positive. all: all "
    "hands. Default: on_disk; for coco HAND100M_COCO_IMAGES.",
)
@click.option(
    "--all-hands", is_flag=True, help="Also write hands without a pair, which the original loaders cannot load."
)
@as_json
def export(
    *,
    set_keys: tuple[str, ...],
    source_name: str,
    out: Path | None,
    frames_prefix: str | None,
    export_format: ExportFormat,
    images: ExportImages | None,
    all_hands: bool,
    json_wanted: bool,
) -> None:
    """Write finished annotation SETs (keys such as simhand-50k) in the original schema or as COCO keypoints."""
    if all_hands and export_format != "original":
        raise click.UsageError("--all-hands is for the original format")
    if all_hands and images == "on_disk":
        raise click.UsageError("--all-hands leaves out nothing, so it excludes --images on_disk")
    place = source_named(load_settings(), source_name, set_keys)
    inventory_file = place.output.table_file("inventory")
    inventory = pl.read_parquet(inventory_file) if inventory_file.exists() else None
    made = [
        place.export(
            key,
            export_format,
            out_dir=out,
            frames_prefix=frames_prefix,
            all_hands=all_hands,
            images=images,
            inventory=inventory,
        )
        for key in set_keys
    ]

    def show() -> None:
        for one in made:
            click.echo(f"{one.path}: {counted(one.images, 'image')}, {counted(one.hands, 'hand')}")
            for reason, count in one.left_out.items():
                click.secho(f"  left out: {count} ({reason})", fg="yellow", err=True)

    emit(json_wanted, [vars(one) for one in made], show)


@click.command()
@click.argument("set_keys", metavar="SET...", nargs=-1, required=True)
@click.option(
    "--source", "source_name", type=click.Choice([s.name for s in SOURCES]), required=True, help="Source of the sets."
)
@click.option("--out", type=HomePath(file_okay=False), help="Folder for the pages; it is created if needed.")
@as_json
def report(*, set_keys: tuple[str, ...], source_name: str, out: Path | None, json_wanted: bool) -> None:
    """Write one HTML page per finished annotation SET: counts, rules, rejects, coverage, pairs and all pictures.

    The page contains its pictures and needs no network. Pictures are drawn again from the tables and frames on disk.
    """
    place = source_named(load_settings(), source_name, set_keys)
    made: list[dict[str, Any]] = []
    for key in set_keys:
        file, page = write_report(place, key, out=out and out / f"{key}.html")
        made.append({"report": file, "pictures": page.pictures, "cells_empty": page.cells_empty})

    def show() -> None:
        for one in made:
            empty = counted(one["cells_empty"], "cell is", "cells are")
            click.echo(f"{one['report']}: {counted(one['pictures'], 'picture')}, {empty} empty")

    emit(json_wanted, made, show)
