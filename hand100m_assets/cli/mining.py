"""`mine`: the nearest hands from other videos, as a table and as an annotation file."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
import polars as pl

from hand100m_assets.annotations.ingest import read_summary
from hand100m_assets.cli.output import as_json, emit
from hand100m_assets.pairs.mine import Progress
from hand100m_assets.pairs.mined import ENGINES, MOST_NEIGHBOURS, Engine, MiningReport, mine_pairs
from hand100m_assets.pairs.mined_export import export_mined_json
from hand100m_assets.settings import load_settings


@click.command()
@click.argument("tables", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--count", type=click.IntRange(1, MOST_NEIGHBOURS), help="Neighbours a hand; default HAND100M_MINE_NEIGHBOURS."
)
@click.option("--engine", type=click.Choice(ENGINES), help="Default HAND100M_MINE_ENGINE.")
@click.option("--annotations", type=click.Path(dir_okay=False, path_type=Path), help="Also write this annotation JSON.")
@click.option(
    "--rank", type=click.IntRange(1, MOST_NEIGHBOURS), default=1, show_default=True, help="Of its positives: the K-th."
)
@click.option("--frames-prefix", default="", help="What comes before <video id>/frame_NNNNNN.jpg in it.")
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
    json_wanted: bool,
) -> None:
    """Mine the nearest hands from other videos of TABLES (made by `validate`) into the Parquet file OUT."""
    settings = load_settings()
    wanted = count or settings.mine_neighbours
    if annotations and rank > wanted:
        raise click.UsageError(f"--rank {rank} needs --count {rank} or more, not {wanted}")
    read_summary(tables)
    with _bar(json_wanted) as progress:
        report = mine_pairs(
            pl.scan_parquet(tables / "hands.parquet"),
            out,
            count=wanted,
            options=settings.embedding,
            engine=engine or settings.mine_engine,
            workers=settings.worker_count,
            progress=progress,
        )
    made = None
    if annotations:
        made = export_mined_json(tables, out, annotations, frames_prefix=frames_prefix, first_rank=rank)

    def show() -> None:
        click.echo(f"{out}: {report.neighbours} neighbours of {report.hands} hands, recall {report.recall:.4f}")
        for reason, number in _reasons(report).items():
            click.secho(f"  not mined: {number} ({reason})", fg="yellow", err=True)
        if made:
            click.echo(f"{made.path}: {made.images} images, {made.hands} hands")
            for reason, number in made.left_out.items():
                click.secho(f"  left out: {number} ({reason})", fg="yellow", err=True)

    facts = {**vars(report), "rejected": report.rejected.to_dicts(), "mined_pairs": out}
    emit(json_wanted, {**facts, "annotations": vars(made) if made else None}, show)


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
