"""`training-set`: builds training sets of finished annotation sets."""

from __future__ import annotations

import sys
from typing import Any

import click

from hand100m_assets.amounts import counted, sized
from hand100m_assets.cli.named import source_named
from hand100m_assets.cli.output import as_json, emit
from hand100m_assets.dataset import CODECS, Codec, CutFrom, HandPairs, samples_per_second
from hand100m_assets.dataset.building import build_training_set
from hand100m_assets.settings import load_settings
from hand100m_assets.sources import SOURCES


@click.command("training-set")
@click.argument("set_keys", metavar="SET...", nargs=-1, required=True)
@click.option(
    "--source", "source_name", type=click.Choice([s.name for s in SOURCES]), required=True, help="Source of the sets."
)
@click.option(
    "--from",
    "cut_from",
    type=click.Choice(["frames", "videos"]),
    help="What crops are cut from; default HAND100M_TRAINING_SET_FROM.",
)
@click.option("--codec", type=click.Choice(CODECS), help="How crops are stored; default HAND100M_TRAINING_SET_CODEC.")
@as_json
def training_set(
    *, set_keys: tuple[str, ...], source_name: str, cut_from: CutFrom | None, codec: Codec | None, json_wanted: bool
) -> None:
    """Build training sets of finished annotation SETs (keys such as simhand-50k); exit 1 if a set has no sample."""
    given = {"training_set_from": cut_from, "training_set_codec": codec}
    settings = load_settings().model_copy(update={name: value for name, value in given.items() if value})
    place = source_named(settings, source_name, set_keys)
    made: list[dict[str, Any]] = []
    for key in set_keys:
        report = build_training_set(place.training_set_job(key))
        pairs = HandPairs(place.output.base_dir, key, tensors=False)
        facts = report.index.model_dump(include={"samples", "hands", "left_out"})
        facts |= {"folder": pairs.folder, "size_bytes": report.index.size_bytes, "cut_now": report.cut}
        made.append({**facts, "samples_per_second": round(samples_per_second(pairs))})

    def show() -> None:
        for one in made:
            samples, size = counted(one["samples"], "sample"), sized(one["size_bytes"])
            click.echo(f"{one['folder']}: {samples}, {size}, {counted(one['samples_per_second'], 'sample')} per second")
            for reason, count in one["left_out"].items():
                click.secho(f"  left out: {count} ({reason})", fg="yellow", err=True)

    emit(json_wanted, made, show)
    sys.exit(0 if all(one["samples"] for one in made) else 1)
