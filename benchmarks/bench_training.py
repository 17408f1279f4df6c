"""Training samples in random order, with 0, 2 and 4 workers: samples a second and memory a worker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.bench_annotations import free_memory_bytes
from benchmarks.generate import write_annotations, write_frames
from benchmarks.measure import run_peer
from benchmarks.peers.training_original import Loader
from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.dataset import INDEX_FILE, Codec, CropOptions, HandPairs
from hand100m_assets.dataset.building import TrainingSetJob, build_training_set
from hand100m_assets.dataset.records import read_index
from hand100m_assets.layout import TRAINING_SET_DIR

SCALES = {"50k": 50_000, "500k": 500_000, "1m": 1_000_000}
WORKERS = (0, 2, 4)
POOL_HANDS, POOL_FRAMES = 1_000, 64
_SAMPLES = {"original": 150, "crops": 2_000, "frames": 150}
_ORIGINAL_BYTES_A_HAND = {0: 10_300, 2: 16_000, 4: 23_000}
"""Memory that the original's way takes in all. Source: measured with 50k hands, and MEASURED at 1m with none."""


@dataclass
class Figures:
    """One way with so many workers, a value a round."""

    opening_s: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    per_cpu_s: list[float] = field(default_factory=list)
    rss_bytes: list[float] = field(default_factory=list)
    own_bytes: list[float] = field(default_factory=list)

    def add(self, found: dict) -> None:
        workers = found["workers"]
        self.opening_s.append(found["opening_s"])
        self.per_second.append(sum(w["samples"] / w["wall_s"] for w in workers))
        self.per_cpu_s.append(sum(w["samples"] for w in workers) / sum(w["cpu_s"] for w in workers))
        self.rss_bytes.append(median(w["rss"] for w in workers))
        self.own_bytes.append(median(w["own"] for w in workers))


@dataclass(frozen=True)
class Way:
    name: str
    kind: str
    peer: str
    arguments: tuple[str | Path, ...]


def run(work: Path, rounds: int, scales: Sequence[str] = ("50k",)) -> Iterator[str]:
    """One table a scale."""
    write_frames(work / "data" / "Hand100M", range(POOL_FRAMES))
    for codec in ("jpeg", "webp", "png"):
        _build_pool(work, codec)
    _verify(work)
    yield _sizes(work)
    for scale in scales:
        yield _table(work, scale, 1 if scale == "1m" else rounds)


def _build_pool(work: Path, codec: Codec) -> None:
    """A training set of real crops, as many as the rows of every scale point to."""
    if not (work / "pool").exists():
        write_annotations(work / "pool.json", POOL_HANDS, POOL_HANDS, frames=POOL_FRAMES)
        ingest_file(work / "pool.json", work / "pool")
    job = TrainingSetJob(
        folder=work / codec / TRAINING_SET_DIR / "pool",
        set_key="pool",
        tables_dir=work / "pool",
        frames_dir=work / "data" / "Hand100M",
        video_path=lambda video_id: work / video_id,
        options=CropOptions(codec=codec),
        workers=2,
    )
    assert build_training_set(job).index.samples == POOL_HANDS


def _verify(work: Path) -> None:
    """All ways give the same samples, or there is nothing to compare."""
    original = Loader(str(work / "pool.json"), str(work / "data"))
    frames = work / "data" / "Hand100M"
    ours = {codec: HandPairs(work / codec, "pool", frames_dir=frames, tensors=False) for codec in ("jpeg", "webp")}
    for row in range(0, POOL_HANDS, 50):
        truth = original.sample(row)
        for codec, pairs in ours.items():
            sample = pairs[row]
            gap = np.abs(sample["image"].astype(int) - truth["image"]).max()
            same = (
                np.array_equal(sample["joints3D"], truth["joints3D"])
                and sample["positive_sample_idx"] == (truth["positive"])
            )
            if gap > (20 if codec == "jpeg" else 0) or not same:
                raise SystemExit(f"sample {row} of {codec} differs by {gap} grey levels")


def _sizes(work: Path) -> str:
    lines = ["**Size of a stored crop** (synthetic frames with grain)", "", "| codec | kB a crop | GB of 1m |"]
    lines.append("|---|---|---|")
    for codec in ("jpeg", "webp", "png"):
        size = read_index(work / codec / TRAINING_SET_DIR / "pool").size_bytes / POOL_HANDS
        lines.append(f"| {codec} | {size / 1e3:.1f} | {size / 1e3:.0f} |")
    return "\n".join(lines)


def _tiled(work: Path, codec: str, scale: str) -> Path:
    """The pool's records repeated to the scale's rows: rows share pictures, records are each their own."""
    pool, folder = (work / codec / TRAINING_SET_DIR / key for key in ("pool", scale))
    shutil.copytree(pool, folder, copy_function=lambda a, b: Path(b).hardlink_to(a))
    index, rows = read_index(pool), SCALES[scale]
    records = np.resize(np.load(pool / index.samples_file), rows)
    records["hand_id"] = 7_000_000 + 3 * np.arange(rows)
    np.save(folder / "samples-tiled.npy", records)
    (folder / INDEX_FILE).unlink()
    update = {"samples": rows, "samples_file": "samples-tiled.npy", "set_key": scale}
    (folder / INDEX_FILE).write_text(index.model_copy(update=update).model_dump_json())
    return work / codec


def _table(work: Path, scale: str, rounds: int) -> str:
    hands = SCALES[scale]
    file = write_annotations(work / f"{scale}.json", hands, hands, frames=POOL_FRAMES)
    frames = work / "data" / "Hand100M"
    ours = [(codec, _tiled(work, codec, scale)) for codec in ("jpeg", "webp", "png")]
    ways = [
        Way("the original: JSON in each, whole frames", "original", "training_original", (file, work / "data")),
        *(Way(f"ours, crops as {c}", "crops", "training_ours", (root, scale, "crops", frames)) for c, root in ours),
        Way("ours, whole frames", "frames", "training_ours", (ours[0][1], scale, "frames", frames)),
    ]
    figures: dict[tuple[str, int], Figures] = {}
    skipped = []
    for _ in range(rounds):
        for workers in WORKERS:
            for way in ways:
                if way.kind == "original" and (reason := _reason_to_skip(hands, workers)):
                    skipped.append(f"Not measured: the original with {workers} workers, as {reason}.")
                    continue
                figures.setdefault((way.name, workers), Figures()).add(_measure(work, way, workers))
    title = f"**{hands:,} rows over {POOL_HANDS:,} hands in {POOL_FRAMES} frames of 1440×1080** ({rounds} rounds)"
    return "\n\n".join([title, _lines(ways, figures), *dict.fromkeys(skipped)])


def _reason_to_skip(hands: int, workers: int) -> str | None:
    needed, free = hands * _ORIGINAL_BYTES_A_HAND[workers], free_memory_bytes()
    return f"it needs about {needed / 1e9:.0f} GB, {free / 1e9:.0f} GB are free" if needed > 0.9 * free else None


def _measure(work: Path, way: Way, workers: int) -> dict:
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    run_peer(way.peer, *way.arguments, str(workers), str(_SAMPLES[way.kind]), out)
    return json.loads((out / "figures.json").read_text())


def _lines(ways: Sequence[Way], figures: dict[tuple[str, int], Figures]) -> str:
    lines = [
        "| way | workers | opening s | samples/s in all | samples a CPU second | more | RSS MB a worker "
        "| own MB a worker | less |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for workers in WORKERS:
        # Where there is no memory for the original with workers, it stands in with none.
        first = figures.get((ways[0].name, workers)) or figures.get((ways[0].name, 0))
        for way in ways:
            own = figures.get((way.name, workers))
            if own is None:
                continue
            more = _ratio(own.per_cpu_s, first.per_cpu_s) if first else "?"
            less = _ratio(first.own_bytes, own.own_bytes) if first else "?"
            lines.append(
                f"| {way.name} | {workers} | {median(own.opening_s):.2f} | {median(own.per_second):,.0f} "
                f"| {median(own.per_cpu_s):,.0f} | {more} | {median(own.rss_bytes) / 1e6:,.0f} "
                f"| {median(own.own_bytes) / 1e6:,.0f} | {less} |"
            )
    return "\n".join(lines)


def _ratio(these: Sequence[float], those: Sequence[float]) -> str:
    return f"{median(a / b for a, b in zip(these, those, strict=True)):.1f}×"
