"""Sensors, schedule and batches at the full number of videos, which are hard links of one small clip."""

from __future__ import annotations

import json
import os
import random
import string
import uuid
from collections.abc import Iterator
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from benchmarks.measure import INSTANCE_TEMPLATE, run_peer
from benchmarks.partitions_page import answer_s, page_s, webserver
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH, EGO4D, Source
from hand100m_assets.video.downloads import read_video_list

COUNTS = {EGO4D: 9_650, DOH: 27_320}
LISTS_VARIABLE = "HAND100M_REFERENCE_DIR"
"""Folder of the real lists; names of the same shape are made where it has none."""

STEPS = (
    ("first look", "look"),
    ("second look: all registered, a first share recorded and asked for", "look"),
    ("third look: the next share", "look"),
    ("(the other shares taken as recorded)", "settle"),
    ("quiet look", "look_again"),
    ("inventory, every header", "inventory"),
    ("inventory again, nothing changed", "inventory"),
    ("nightly: what is wanted", "nightly"),
    ("one batch in a run", "batch"),
    ("as many videos without a run", "alone"),
)


def run(work: Path, rounds: int, share: float = 1.0) -> Iterator[str]:
    """One table, one round; a step is a process of its own over both sources. `rounds` is not used."""
    settings = Settings(_env_file=None, data_root=work / "data", output_root=work / "output")  # type: ignore[call-arg]
    counts = {source: max(int(count * share), 2 * settings.videos_per_run) for source, count in COUNTS.items()}
    clip = _clip(work / "clip.mp4")
    for source, count in counts.items():
        _download(settings, source, names(source, count), clip)
    home = work / "home"
    home.mkdir()
    (home / "dagster.yaml").write_bytes(INSTANCE_TEMPLATE.read_bytes())
    os.environ["DAGSTER_HOME"] = str(home)
    env_file, facts = work / ".env", work / "facts.json"
    env_file.write_text(
        f"HAND100M_DATA_ROOT={settings.data_root}\nHAND100M_OUTPUT_ROOT={settings.output_root}\nHAND100M_WORKERS=1\n"
    )
    lines = ["| step | CPU s | wall s | peak MB | database MB |", "|---|---|---|---|---|"]
    spent = {}
    for title, step in STEPS:
        used = run_peer("orchestration_step", env_file, step, facts)
        said = json.loads(facts.read_text())
        spent[step] = said["cpu_s"]
        size_mb = sum(file.stat().st_size for file in home.rglob("*.db*")) / 1e6
        peak_mb = used.peak_rss_bytes / 1e6
        lines.append(f"| {title} | {said['cpu_s']:.2f} | {said['wall_s']:.2f} | {peak_mb:.0f} | {size_mb:.1f} |")
    started_cpu_s = used.startup_cpu_s
    total = " + ".join(f"{count:,} {source.title}" for source, count in counts.items())
    each_ms = 1000 * (spent["batch"] - spent["alone"]) / settings.videos_per_run
    yield f"**Orchestration of {total} videos**\n\n" + "\n".join(lines)
    start_ms = 1000 * started_cpu_s / settings.videos_per_run
    yield (
        f"A run of {settings.videos_per_run} videos costs {each_ms:.0f} ms CPU a video beyond extraction, "
        f"and the start of its process {start_ms:.0f} ms."
    )
    os.environ["HAND100M_ENV_FILE"] = str(env_file)
    yield _ui(DOH, min(names(DOH, counts[DOH])), counts[DOH])


def _ui(source: Source, first: str, count: int) -> str:
    asset = f"{source.name}/frames"
    with webserver() as url:
        states_s, shown_s = answer_s(url, asset), page_s(url, asset, first)
    browser = "not measured: no Chromium" if shown_s is None else f"{shown_s:.2f} s in Chromium on the same machine"
    return f"Partitions page of `{asset}` with {count:,} partitions: states {states_s:.2f} s, page {browser}."


def names(source: Source, count: int) -> list[str]:
    """Video ids: of the real list where it is given, else of the same shape."""
    file = Path(os.environ.get(LISTS_VARIABLE, "/nowhere")) / source.list_file
    if file.is_file():
        return list(read_video_list(file, source)["video_id"].head(count))
    rng = random.Random(count)
    if source is EGO4D:
        return [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(count)]
    return ["".join(rng.choices(string.ascii_letters + string.digits + "-_", k=11)) for _ in range(count)]


def _clip(path: Path) -> Path:
    stream = ffmpeg.input("testsrc2=size=128x96:rate=30", f="lavfi", t=2).output(str(path), pix_fmt="yuv420p", g=30)
    ffmpeg.run(stream, cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)
    return path


def _download(settings: Settings, source: Source, video_ids: list[str], clip: Path) -> None:
    folders = settings.folders(source)
    folders.videos_dir.mkdir(parents=True)
    for video_id in video_ids:
        (folders.videos_dir / f"{video_id}.mp4").hardlink_to(clip)
    header = "Name Width Height" if source is EGO4D else "video_id width height"
    rows = [f"{video_id} 128 96" for video_id in video_ids]
    folders.list_file.write_text("\n".join([header, *rows]) + "\n")
