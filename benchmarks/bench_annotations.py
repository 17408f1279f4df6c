"""A generated annotation file of the 50k scale to something one can work with."""

from __future__ import annotations

from pathlib import Path

from benchmarks.generate import HANDS_50K, IMAGES_50K, write_annotations
from benchmarks.measure import Contender, compare, markdown_table


def _verify(out: Path) -> None:
    found = (out / "count.txt").read_text()
    if found != f"{IMAGES_50K} {HANDS_50K}":
        raise SystemExit(f"{out}: {found} images and hands instead of {IMAGES_50K} {HANDS_50K}")


def run(work: Path, rounds: int) -> list[str]:
    """One table."""
    file = write_annotations(work / "Hand100M_Ego4D_50k_v1-1.json")
    ways = {
        "`json.load` twice, dicts kept (the original)": "annotations_json",
        "`polars.read_json`, no validation": "annotations_polars",
        "ours: validated, written as Parquet": "annotations_ours",
    }
    contenders = [Contender(name, peer, [file, work / peer], work / peer, _verify) for name, peer in ways.items()]
    return [markdown_table(f"50,000 hands, {file.stat().st_size / 1e6:.0f} MB", compare(contenders, rounds))]
