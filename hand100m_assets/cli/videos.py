"""`extract`, `audit`: frames of one video, and a second decode of finished frames."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from hand100m_assets.amounts import counted
from hand100m_assets.cli.output import as_json, emit
from hand100m_assets.cli.paths import HomePath
from hand100m_assets.layout import SAFE_ID
from hand100m_assets.settings import load_settings
from hand100m_assets.sources import SOURCES
from hand100m_assets.video.decode import StrideSelection, parse_frame_list
from hand100m_assets.video.downloads import video_id_in
from hand100m_assets.video.frames import ExtractionOptions, extract_video
from hand100m_assets.video.pictures import ColourRule
from hand100m_assets.workspace import SourceWorkspace, audit_of, in_words, seed_of_today, videos_to_audit


@click.command()
@click.argument("video", type=HomePath())
@click.argument("out", type=HomePath(file_okay=False))
@click.option("--every", type=click.IntRange(min=1), help="Take every N-th frame; default HAND100M_FRAME_STRIDE.")
@click.option("--frames", "frame_list", help="Take these frames: a list such as 0,30,60-90.")
@click.option("--quality", type=click.IntRange(1, 100), help="OpenCV JPEG quality; default HAND100M_JPEG_QUALITY.")
@click.option(
    "--colour-rule",
    type=click.Choice(["opencv5", "opencv4"]),
    help="Use the colour matrix that a stream names, or always BT.601, as these versions of OpenCV do; "
    "default HAND100M_COLOUR_RULE.",
)
@as_json
def extract(
    *,
    video: Path,
    out: Path,
    every: int | None,
    frame_list: str | None,
    quality: int | None,
    colour_rule: ColourRule | None,
    json_wanted: bool,
) -> None:
    """Extract exact frames of VIDEO into OUT/<video id>/, with a manifest. Put `--` before names that begin with -.

    The id is the name of VIDEO without suffix. For "Title [abcdefghijk].mp4" it is the part in brackets.
    """
    if every is not None and frame_list is not None:
        raise click.UsageError("--every and --frames exclude each other")
    try:
        wanted = parse_frame_list(frame_list) if frame_list is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--frames") from error
    settings = load_settings()
    options = ExtractionOptions(
        jpeg_quality=quality or settings.jpeg_quality, colour_rule=colour_rule or settings.colour_rule
    )
    selection = wanted or StrideSelection(every or settings.frame_stride)
    video_id = video.stem if SAFE_ID.fullmatch(video.stem) else video_id_in(video.name) or video.stem
    manifest = extract_video(video, out, video_id, selection, options, limits=settings.limits)

    def show() -> None:
        click.echo(f"{counted(len(manifest.frames), 'frame')} in {out / video_id} ({manifest.status})")
        for error in manifest.decoder_errors[:10]:
            click.secho(f"  near frame {error.frame_index_at}: {error.words}", fg="yellow", err=True)

    emit(json_wanted, manifest.model_dump(mode="json"), show)
    sys.exit(0 if manifest.status == "complete" else 1)


@click.command()
@click.argument("video_ids", nargs=-1, metavar="[VIDEO_ID]...")
@click.option("--source", "source_name", type=click.Choice([s.name for s in SOURCES]), help="One source only.")
@click.option("--sample", "count", type=click.IntRange(min=1), help="Number of finished videos per source.")
@click.option("--seed", type=int, help="Seed for the choice of videos and frames; default: today's date.")
@click.option("--frames-per-video", type=click.IntRange(min=1), help="Number of JPEGs per video.")
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
    """Decode frames of finished videos again with ffmpeg and compare; exit 1 if a frame differs or none was compared.

    Give VIDEO_IDs, or a sample of all finished videos is drawn. Put `--` before ids that begin with -.
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
    emit(json_wanted, {"seed": seed, "videos": rows}, lambda: click.echo(f"seed {seed}"))
    verdicts = {row["verdict"] for row in rows}
    sys.exit(0 if "agrees" in verdicts and "differs" not in verdicts else 1)
