"""The annotation half of the graph on generated files of a scale: sensor, tables, pairs, pictures, export, checks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.bench_annotations import BAD_EVERY, SCALES
from benchmarks.generate import HANDS_50K, IMAGES_50K, write_annotations
from benchmarks.measure import INSTANCE_TEMPLATE, Used, run_peer
from hand100m_assets.settings import Settings
from hand100m_assets.sources import EGO4D

STEPS = {
    "notice": "the file noticed: two looks by the sensors",
    "annotations": "tables, lookup and pairs",
    "catalog": "inventory, report, catalog",
    "pictures": "coverage, pictures, report, export",
    "checks": "every check",
}


def run(work: Path, rounds: int, scales: Sequence[str] = ("50k",)) -> Iterator[str]:
    """One table a scale, one round: each step is a process of its own, as the daemon would start it."""
    for scale in scales:
        yield _of_scale(work / scale, scale)


def _of_scale(folder: Path, scale: str) -> str:
    settings = Settings(data_root=folder / "data", output_root=folder / "output")
    place = settings.folders(EGO4D)
    for directory in (place.videos_dir, place.annotations_dir, folder / "home"):
        directory.mkdir(parents=True)
    hands = SCALES[scale]
    images = hands * IMAGES_50K // HANDS_50K
    file = place.annotations_dir / f"Hand100M_Ego4D_{scale}_v1-1.json"
    write_annotations(file, hands, images, bad_every=BAD_EVERY)
    (folder / "home" / "dagster.yaml").write_bytes(INSTANCE_TEMPLATE.read_bytes())
    os.environ["DAGSTER_HOME"] = str(folder / "home")
    env_file = folder / ".env"
    env_file.write_text(f"HAND100M_DATA_ROOT={settings.data_root}\nHAND100M_OUTPUT_ROOT={settings.output_root}\n")
    failed = folder / "failed_checks.txt"
    used = {step: run_peer("graph_step", env_file, step, f"simhand-{scale}", failed) for step in STEPS}
    title = f"**The graph on {hands:,} hands, 1 % of them bad, {file.stat().st_size / 1e6:,.0f} MB**"
    findings = ", ".join(failed.read_text().split())
    return f"{title}\n\n{_table(used)}\n\nChecks that failed, no video being there: {findings}."


def _table(used: dict[str, Used]) -> str:
    lines = ["| step | CPU s | wall s | peak MB |", "|---|---|---|---|"]
    lines += [
        f"| {STEPS[step]} | {u.cpu_s:.1f} | {u.wall_s:.1f} | {u.peak_rss_bytes / 1e6:.0f} |" for step, u in used.items()
    ]
    return "\n".join(lines)
