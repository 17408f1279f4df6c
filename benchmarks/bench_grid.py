"""The 10 x 10 grid of the published rows, 100 crops out of 1440 x 1080 frames, and the other pictures of the set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.generate import IMAGES_50K, write_annotations, write_frames
from benchmarks.measure import Contender, compare, markdown_table, run_peer
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.layout import OutputLayout
from hand100m_assets.pairs import mine_pairs, resolve_pairs
from hand100m_assets.render.grids.anchors import PUBLISHED_ROWS
from hand100m_assets.settings import Settings
from hand100m_assets.sources import EGO4D
from hand100m_assets.workspace import CHARTS, SHEETS, SetPictures, SourceWorkspace


def _only_shown(content: dict[str, Any], shown: set[str]) -> dict[str, Any]:
    hands = [hand for hand in content["annotations"] if hand["hand_id"] in shown]
    image_ids = {hand["image_id"] for hand in hands}
    return {"images": [image for image in content["images"] if image["id"] in image_ids], "annotations": hands}


def _prepare(work: Path) -> tuple[Path, Path]:
    """Write the full and the reduced file, the frames, the tables and the choice; return the two files."""
    full = write_annotations(work / "Hand100M_Ego4D_50k_v1-1.json")
    content = json.loads(full.read_text())
    anchors = [content["annotations"][row] for row in PUBLISHED_ROWS]
    shown = {hand_id for hand in anchors for hand_id in (hand["hand_id"], hand["positive_sample"][0])}
    reduced_content = _only_shown(content, shown)
    reduced = work / "shown_only.json"
    reduced.write_text(json.dumps(reduced_content))
    rows = {"row_indices": PUBLISHED_ROWS, "hand_ids": [hand["hand_id"] for hand in anchors]}
    (work / "rows.json").write_text(json.dumps(rows))
    write_frames(work / "frames", [image["id"] for image in reduced_content["images"]])
    ingest_file(full, work / "tables")
    resolve_pairs(pl.read_parquet(work / "tables" / "hands.parquet")).write_parquet(work / "tables" / "pairs.parquet")
    return full, reduced


def _verify(reference: Path, out: Path) -> None:
    if (out / "plain.jpg").read_bytes() != reference.read_bytes():
        raise SystemExit(f"{out}: not the original's picture, byte for byte")


def run(work: Path, rounds: int) -> Iterator[str]:
    """One table of ways to draw the grid, one of what else is drawn."""
    full, reduced = _prepare(work)
    reference = work / "original" / "plain.jpg"

    def contender(name: str, peer: str, source: Path, folder: str) -> Contender:
        arguments = [source, work / "rows.json", work / "frames", work / folder]
        return Contender(name, peer, arguments, work / folder, partial(_verify, reference))

    contenders = [
        contender("JSON + OpenCV, a read per crop (the original)", "grid_opencv", full, "original"),
        contender("the same, of a file with only the shown hands", "grid_opencv", reduced, "reduced"),
        contender("ours from Parquet, plain and labelled", "grid_ours", work / "tables", "ours"),
    ]
    yield markdown_table("100 crops, 50,000 hands", compare(contenders, rounds))
    yield _others(work)


def _others(work: Path) -> str:
    """What the other pictures cost, each in a process of its own; nothing is compared."""
    output, key = OutputLayout(work / "output", EGO4D), "simhand-50k"
    shutil.copytree(work / "tables", output.annotation_dir(key), ignore=shutil.ignore_patterns("pairs.parquet"))
    hands = output.annotation_dir(key) / "hands.parquet"
    for asset in ("pairs", "mined_pairs"):
        output.table_file(asset, key).parent.mkdir(parents=True)
    shutil.copy(work / "tables" / "pairs.parquet", output.table_file("pairs", key))
    mine_pairs(pl.scan_parquet(hands), output.table_file("mined_pairs", key))
    place = SourceWorkspace(Settings(_env_file=None, output_root=output.root), EGO4D)
    shown = [row for name in SHEETS for row in SetPictures(place, key).sheet(name).cells["row_index"]]
    write_frames(output.frames_dir, [row % IMAGES_50K for row in (*shown, *PUBLISHED_ROWS, *_positives(place, key))])
    lines = [
        "**What else is drawn of 50,000 hands** (1 round)",
        "",
        "| picture | CPU s | wall s | peak MB |",
        "|---|---|---|---|",
    ]
    for what in (*SHEETS, *CHARTS, "report"):
        used = run_peer("set_pictures", output.root, key, what)
        if what in SHEETS and not output.sheet_file(key, f"{what}.jpg").exists():
            raise SystemExit(f"{what}: not drawn")
        lines.append(f"| {what} | {used.cpu_s:.2f} | {used.wall_s:.2f} | {used.peak_rss_bytes / 1e6:.0f} |")
    return "\n".join(lines)


def _positives(place: SourceWorkspace, key: str) -> list[int]:
    pairs = pl.read_parquet(place.output.table_file("pairs", key))
    return pairs.filter(pl.col("row_index").is_in(PUBLISHED_ROWS))["positive_row_index"].to_list()
