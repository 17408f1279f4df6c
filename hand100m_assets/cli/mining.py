"""`mine` and `temporal`: pairs of a set's own hands, as a table and as an annotation file."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, get_args

import click
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.annotations import FrameFiles, read_summary
from hand100m_assets.annotations.export import Exported
from hand100m_assets.cli.output import as_json, emit
from hand100m_assets.cli.paths import HomePath
from hand100m_assets.layout import ANNOTATIONS_DIR, EXPORT_IMAGES, FRAMES_DIR, HANDS_FILE, ExportImages
from hand100m_assets.pairs import (
    MOST_NEIGHBOURS,
    Engine,
    MiningReport,
    Progress,
    export_mined_json,
    export_temporal_json,
    mine_pairs,
    write_temporal_pairs,
)
from hand100m_assets.settings import Settings, load_settings
from hand100m_assets.sources import SOURCES


@click.command()
@click.argument("tables", type=HomePath(exists=True, file_okay=False))
@click.argument("out", type=HomePath(dir_okay=False))
@click.option(
    "--count", type=click.IntRange(1, MOST_NEIGHBOURS), help="Neighbours per hand; default HAND100M_MINE_NEIGHBOURS."
)
@click.option("--engine", type=click.Choice(get_args(Engine)), help="Default HAND100M_MINE_ENGINE.")
@click.option("--annotations", type=HomePath(dir_okay=False), help="Also write this annotation JSON.")
@click.option(
    "--rank", type=click.IntRange(1, MOST_NEIGHBOURS), default=1, show_default=True, help="Of its positives: the K-th."
)
@click.option("--frames-prefix", default="", help="What comes before <video id>/frame_NNNNNN.jpg in it.")
@click.option(
    "--frames",
    type=HomePath(exists=True, file_okay=False),
    help="Folder of frame folders, for it; "
    "default: where TABLES lie in an output folder, the frames of that. Hands whose image is not there are left out.",
)
@click.option("--images", type=click.Choice(EXPORT_IMAGES), help="all: look for no image. Default: on_disk.")
@as_json
def mine(
    *,
    tables: Path,
    out: Path,
    count: int | None,
    engine: Engine | None,
    annotations: Path | None,
    rank: int,
    frames_prefix: str,
    frames: Path | None,
    images: ExportImages | None,
    json_wanted: bool,
) -> None:
    """Mine the nearest hands from other videos of TABLES (made by `validate`) into the Parquet file OUT."""
    settings = load_settings()
    wanted = count or settings.mine_neighbours
    if annotations and rank > wanted:
        raise click.UsageError(f"--rank {rank} needs --count {rank} or more, not {wanted}")
    read_summary(tables)
    files = _frame_files(settings, tables, annotations, frames_prefix=frames_prefix, frames=frames, images=images)
    with _bar(json_wanted) as progress:
        report = mine_pairs(
            pl.scan_parquet(tables / HANDS_FILE),
            out,
            count=wanted,
            options=settings.embedding,
            engine=engine or settings.mine_engine,
            workers=settings.worker_count,
            progress=progress,
        )
    made = None
    if annotations:
        made = export_mined_json(tables, out, annotations, frames_prefix=frames_prefix, first_rank=rank, files=files)

    def show() -> None:
        found = f"{counted(report.neighbours, 'neighbour')} of {counted(report.hands, 'hand')}"
        click.echo(f"{out}: {found}, recall {report.recall:.4f}")
        for reason, number in _reasons(report).items():
            click.secho(f"  not mined: {number} ({reason})", fg="yellow", err=True)
        _show_export(made)

    facts = {**vars(report), "rejected": report.rejected.to_dicts(), "mined_pairs": out}
    emit(json_wanted, {**facts, "annotations": vars(made) if made else None}, show)


@click.command()
@click.argument("tables", type=HomePath(exists=True, file_okay=False))
@click.argument("out", type=HomePath(dir_okay=False))
@click.option("--max-gap", type=click.IntRange(1), help="A frame further away, in frames, is no neighbour.")
@click.option("--annotations", type=HomePath(dir_okay=False), help="Also write this annotation JSON.")
@click.option("--frames-prefix", default="", help="What comes before <video id>/frame_NNNNNN.jpg in it.")
@click.option(
    "--frames",
    type=HomePath(exists=True, file_okay=False),
    help="Folder of frame folders, for it; "
    "default: where TABLES lie in an output folder, the frames of that. Hands whose image is not there are left out.",
)
@click.option("--images", type=click.Choice(EXPORT_IMAGES), help="all: look for no image. Default: on_disk.")
@as_json
def temporal(
    *,
    tables: Path,
    out: Path,
    max_gap: int | None,
    annotations: Path | None,
    frames_prefix: str,
    frames: Path | None,
    images: ExportImages | None,
    json_wanted: bool,
) -> None:
    """Pair each hand of TABLES with its side's hand in the next frame of its video, into the Parquet file OUT."""
    read_summary(tables)
    settings = load_settings()
    files = _frame_files(settings, tables, annotations, frames_prefix=frames_prefix, frames=frames, images=images)
    pairs = write_temporal_pairs(tables / HANDS_FILE, out, max_gap_frames=max_gap)
    found, reasons = pairs["reason"].null_count(), dict(pairs["reason"].drop_nulls().value_counts().iter_rows())
    made = None
    if annotations:
        made = export_temporal_json(tables, out, annotations, frames_prefix=frames_prefix, files=files)

    def show() -> None:
        click.echo(f"{out}: neighbours in time of {found:,} of {counted(pairs.height, 'hand')}")
        for reason, number in reasons.items():
            click.secho(f"  without: {number} ({reason})", fg="yellow", err=True)
        _show_export(made)

    facts = {"hands": pairs.height, "paired": found, "reasons": reasons, "temporal_pairs": out}
    emit(json_wanted, {**facts, "annotations": vars(made) if made else None}, show)


def _frame_files(
    settings: Settings,
    tables: Path,
    annotations: Path | None,
    *,
    frames_prefix: str,
    frames: Path | None,
    images: ExportImages | None,
) -> FrameFiles | None:
    """Where the images of these tables lie; None where none is to be looked for, or nobody can say where."""
    if annotations is None:
        if frames or images:
            raise click.UsageError("--frames and --images are about the file of --annotations, which was not asked for")
        return None
    if images == "all":
        if frames is not None:
            raise click.UsageError("--images all looks for no image, so that --frames has no meaning")
        return None
    found = frames or _frames_beside(settings, tables)
    if found is not None:
        return FrameFiles(found, settings.image_prefixes, name_mapped=not frames_prefix)
    if images == "on_disk":
        raise click.UsageError("TABLES lie in no output folder: say with --frames where the images are")
    click.secho("no image was looked for, as TABLES lie in no output folder; give --frames", fg="yellow", err=True)
    return None


def _frames_beside(settings: Settings, tables: Path) -> Path | None:
    """Folder of frame folders in the output folder that the tables lie in, there or not yet."""
    folder = tables.absolute().parent
    base = folder.parent
    is_output = base in {settings.output(source).base_dir.absolute() for source in SOURCES}
    frames = base / FRAMES_DIR
    return frames if folder.name == ANNOTATIONS_DIR and (is_output or frames.is_dir()) else None


def _show_export(made: Exported | None) -> None:
    if made is None:
        return
    click.echo(f"{made.path}: {counted(made.images, 'image')}, {counted(made.hands, 'hand')}")
    for reason, number in made.left_out.items():
        click.secho(f"  left out: {number} ({reason})", fg="yellow", err=True)


def _reasons(report: MiningReport) -> dict[str, int]:
    return dict(report.rejected.group_by("reason").len().sort("reason").iter_rows())


class _Bar(AbstractContextManager[Progress]):
    """A progress bar on stderr, told in absolute numbers."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> Progress:
        return self._tell

    def _tell(self, done: int, total: int) -> None:
        if self._bar is None:
            bar: Any = click.progressbar(length=total, label="mining", file=sys.stderr)
            self._bar = bar.__enter__()
        self._bar.update(done - self._bar.pos)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)


def _bar(json_wanted: bool) -> AbstractContextManager[Progress | None]:
    return nullcontext() if json_wanted else _Bar()
