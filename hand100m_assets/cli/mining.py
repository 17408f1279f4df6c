"""`mine` and `temporal`: pairs of hands of one set, as a table and as an annotation file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar, get_args

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

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _image_options(command: _Command) -> _Command:
    """Add the options by which a command that writes annotations finds their images."""
    options = [
        click.option("--frames-prefix", default="", help="Path before <video id>/frame_NNNNNN.jpg in --annotations."),
        click.option(
            "--frames",
            type=HomePath(exists=True, file_okay=False),
            help="Folder of frame folders, for --annotations. Default: if TABLES are in an output folder, its frames. "
            "Hands whose image is missing are left out.",
        ),
        click.option(
            "--images",
            type=click.Choice(EXPORT_IMAGES),
            help="on_disk: leave out hands whose image is missing. all: keep all hands. Default: on_disk.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("tables", type=HomePath(exists=True, file_okay=False))
@click.argument("out", type=HomePath(dir_okay=False))
@click.option(
    "--count",
    type=click.IntRange(1, MOST_NEIGHBOURS),
    help="Number of neighbours per hand; default HAND100M_MINE_NEIGHBOURS.",
)
@click.option(
    "--engine", type=click.Choice(get_args(Engine)), help="How hands are mined; default HAND100M_MINE_ENGINE."
)
@click.option("--annotations", type=HomePath(dir_okay=False), help="Also write the pairs to this annotation file.")
@click.option(
    "--rank",
    type=click.IntRange(1, MOST_NEIGHBOURS),
    default=1,
    show_default=True,
    help="Rank of the neighbour that becomes the positive in --annotations.",
)
@_image_options
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
    """Mine the nearest hands of other videos for each hand of TABLES (made by `validate`) into Parquet file OUT."""
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
@click.option("--max-gap", type=click.IntRange(1), help="Maximum distance to the next frame, in frames.")
@click.option("--annotations", type=HomePath(dir_okay=False), help="Also write the pairs to this annotation file.")
@_image_options
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
    """Pair each hand of TABLES with a hand of its side in the next annotated frame of its video, into file OUT."""
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
    """Finds the images of these tables; None if images do not matter or their folder is not known."""
    if annotations is None:
        if frames or images:
            raise click.UsageError("--frames and --images need --annotations")
        return None
    if images == "all":
        if frames is not None:
            raise click.UsageError("--images all needs no images, so --frames has no meaning")
        return None
    found = frames or _frames_beside(settings, tables)
    if found is not None:
        return FrameFiles(found, settings.image_prefixes, name_mapped=not frames_prefix)
    if images == "on_disk":
        raise click.UsageError("TABLES are not in an output folder: give the folder of the images with --frames")
    click.secho(
        "images were not looked up, because TABLES are not in an output folder; give --frames", fg="yellow", err=True
    )
    return None


def _frames_beside(settings: Settings, tables: Path) -> Path | None:
    """Folder of frame folders in the output folder that contains the tables; it need not exist yet."""
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
    """A progress bar on stderr that is updated with absolute numbers."""

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
