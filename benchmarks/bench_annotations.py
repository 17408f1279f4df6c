"""A generated annotation file of a scale to something one can work with, and one hand of it looked up."""

from __future__ import annotations

import importlib.util
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.generate import HANDS_50K, IMAGES_50K, write_annotations
from benchmarks.measure import Contender, Used, compare, markdown_table, run_peer
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.annotations.lookup import build_lookup

SCALES = {"50k": 50_000, "500k": 500_000, "1m": 1_000_000}
BAD_EVERY = 100
LOOKUPS = {"lookup_ours": 100_000, "lookup_parquet": 5}


@dataclass(frozen=True)
class Way:
    """One way of loading a file.

    Attributes:
        name: As printed.
        peer: Module below `benchmarks.peers`.
        bytes_a_hand: Memory that it takes at its peak. Source: measured with 50k and 500k hands.
        module: Package that it needs besides ours.
    """

    name: str
    peer: str
    bytes_a_hand: int = 0
    module: str = "json"

    def reason_to_skip(self, hands: int, free_bytes: int) -> str | None:
        """Why it cannot be measured here; None when it can."""
        if importlib.util.find_spec(self.module) is None:
            return f"{self.module} is not installed (pip install -e '.[bench]')"
        needed = self.bytes_a_hand * hands
        if needed > 0.9 * free_bytes:
            return f"it needs about {needed / 1e9:.1f} GB of memory, {free_bytes / 1e9:.1f} GB are free"
        return None


WAYS = (
    Way("`json.load` twice, dicts kept (the original)", "annotations_json", 10_300),
    Way("orjson once, dicts kept", "annotations_orjson", 9_300, "orjson"),
    Way("`polars.read_json`, no validation", "annotations_polars", 10_500),
)


def free_memory_bytes() -> int:
    """What the kernel would give without swapping; as good as endless where it does not say."""
    info = Path("/proc/meminfo")
    lines = dict(line.split(":") for line in info.read_text().splitlines()) if info.exists() else {}
    return int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else 1 << 62


def run(work: Path, rounds: int, scales: Sequence[str] = ("50k",)) -> Iterator[str]:
    """Two tables a scale; the largest is measured once."""
    for scale in scales:
        folder = work / scale
        folder.mkdir()
        yield from _of_scale(folder, scale, 1 if scale == "1m" else rounds)


def _of_scale(work: Path, scale: str, rounds: int) -> list[str]:
    hands = SCALES[scale]
    images = hands * IMAGES_50K // HANDS_50K
    bad = len(range(0, hands, BAD_EVERY))
    file = write_annotations(work / f"Hand100M_Ego4D_{scale}_v1-1.json", hands, images)
    faulty = write_annotations(work / "faulty.json", hands, images, bad_every=BAD_EVERY)
    ingest_file(file, work / "tables")
    free = free_memory_bytes()
    reasons = {way.name: way.reason_to_skip(hands, free) for way in WAYS}

    def contender(name: str, peer: str, source: Path, kept: int) -> Contender:
        out = work / f"{peer}_{kept}"
        return Contender(name, peer, [source, out], out, partial(_verify, f"{images} {kept}"))

    contenders = [contender(way.name, way.peer, file, hands) for way in WAYS if reasons[way.name] is None]
    contenders += [
        contender("ours: validated, written as Parquet", "annotations_ours", file, hands),
        contender("the same, 1 % of the hands bad", "annotations_ours", faulty, hands - bad),
        contender("ours: every rule over those tables", "rules_ours", work / "tables", hands),
        contender("ours: lookup made of those tables", "lookup_build", work / "tables", hands),
    ]
    skipped = [f"Not measured: {name}, as {reason}." for name, reason in reasons.items() if reason]
    title = f"{hands:,} hands, {file.stat().st_size / 1e6:,.0f} MB"
    loading = "\n\n".join([markdown_table(title, compare(contenders, rounds)), *skipped])
    return [loading, _lookups(work, hands)]


def _verify(expected: str, out: Path) -> None:
    found = (out / "count.txt").read_text()
    if found != expected:
        raise SystemExit(f"{out}: {found} images and hands instead of {expected}")


def _lookups(work: Path, hands: int) -> str:
    """One hand at a time, in random order, as a training job asks for them."""
    build_lookup(work / "tables")
    lines = [
        f"**One hand of {hands:,}, in random order**",
        "",
        "| way | µs by row | µs by hand id | opening ms | peak MB |",
    ]
    lines.append("|---|---|---|---|---|")
    names = {"lookup_ours": "ours: `HandTable`", "lookup_parquet": "`scan_parquet().filter`, `slice`"}
    for peer, count in LOOKUPS.items():
        chosen = random.Random(0)
        rows = work / f"{peer}.json"
        rows.write_text(json.dumps([chosen.randrange(hands) for _ in range(count)]))
        used: Used = run_peer(peer, work / "tables", rows, work / f"{peer}_found.json")
        found = json.loads((work / f"{peer}_found.json").read_text())
        figures = f"{found['row_us']:,.1f} | {found['id_us']:,.1f} | {found['open_ms']:.1f}"
        lines.append(f"| {names[peer]} | {figures} | {used.peak_rss_bytes / 1e6:.0f} |")
    return "\n".join(lines)
