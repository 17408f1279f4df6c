"""The ten nearest hands from other videos of every hand: CPU, wall time and memory a way, all sizes in one run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.measure import run_peer
from benchmarks.moving_hands import moving_hands
from hand100m_assets.annotations.tables import HANDS_SCHEMA
from hand100m_assets.pairs import embed_hands

SCALES = {"50k": 50_000, "200k": 200_000, "1m": 1_000_000}
_PEER_QUERIES = 2_000
_ADVERSARIAL_QUERIES = 20_000
_COUNT = 10
_CHUNK_HANDS = 50_000


@dataclass(frozen=True)
class Way:
    """One way; `queries` 0 means every hand, otherwise times are those of so many, scaled."""

    name: str
    peer: str
    queries: int = 0


OURS = Way("ours, other videos only, exact", "mining_ours")
WAYS = (
    Way("faiss Flat, 50 fetched, filtered", "mining_faiss", _PEER_QUERIES),
    Way("scipy cKDTree, 50 fetched, filtered", "mining_scipy", _PEER_QUERIES),
    Way("scikit-learn, 50 fetched, filtered", "mining_sklearn", _PEER_QUERIES),
    OURS,
)
FROM_TABLE = Way("ours, from `hands.parquet` to mined pairs as Parquet", "mining_pairs")


@dataclass
class Figures:
    """A way's figures, one a round; times as if every hand had been asked for."""

    cpu_s: list[float]
    wall_s: list[float]
    peak_bytes: list[int]
    queries: int = 0
    exact_share: float = 0.0


def run(work: Path, rounds: int, *, scales: Sequence[str] = ("50k",)) -> Iterator[str]:
    """One table a size for moving hands, where all that the asset does comes last, and one for structureless points."""
    for scale in scales:
        write_moving_hands(work, SCALES[scale])
        title = f"{scale} moving hands, 14 components, K = {_COUNT}"
        yield _table(work, "moving", (*WAYS, FROM_TABLE), rounds, title=title)
        write_gaussian(work, SCALES[scale])
        ways = [Way(way.name, way.peer, way.queries or min(_ADVERSARIAL_QUERIES, SCALES[scale])) for way in WAYS]
        title = f"{scale} points of 14 independent normals, the worst case, K = {_COUNT}"
        yield _table(work, "gaussian", ways, rounds, title=title)


def write_moving_hands(work: Path, count: int) -> None:
    """A table of hands that move, and their vectors and videos, embedded as the asset embeds them."""
    file = work / "moving_hands.parquet"
    write_table(file, *moving_hands(count))
    made = embed_hands(pl.scan_parquet(file))
    np.save(work / "moving_vectors.npy", made.vectors)
    np.save(work / "moving_videos.npy", made.videos)


def write_gaussian(work: Path, count: int) -> None:
    """As many points without clusters, trajectories or leading dimensions, in as many videos."""
    np.save(work / "gaussian_vectors.npy", np.random.default_rng(0).normal(size=(count, 14)).astype(np.float32))
    np.save(work / "gaussian_videos.npy", np.load(work / "moving_videos.npy"))


def write_table(file: Path, keypoints: npt.NDArray[np.float32], videos: npt.NDArray[np.int32]) -> None:
    """What the embedding reads of a hands table, a part after the other."""
    parts = []
    for start in range(0, len(videos), _CHUNK_HANDS):
        parts.append(file.with_name(f"{file.stem}_{start:09d}.parquet"))
        part = slice(start, start + _CHUNK_HANDS)
        hands_of(keypoints[part], videos[part], first_row=start).write_parquet(parts[-1])
    pl.scan_parquet(parts).sink_parquet(file, maintain_order=True)
    for path in parts:
        path.unlink()


def hands_of(keypoints: npt.NDArray[np.float32], videos: npt.NDArray[np.int32], *, first_row: int = 0) -> pl.DataFrame:
    """Rows of a hands table; video ids are as long as those of Ego4D."""
    rows = np.arange(first_row, first_row + len(videos))
    columns = {
        "row_index": rows.astype(np.uint32),
        "hand_id": rows,
        "video_id": pl.Series(videos).cast(pl.String).str.zfill(36),
        "keypoints": pl.Series(keypoints, dtype=HANDS_SCHEMA["keypoints"]),
        "handedness": pl.repeat("Right", len(videos), eager=True),
    }
    return pl.DataFrame(columns)


def _table(work: Path, kind: str, ways: Sequence[Way], rounds: int, *, title: str) -> str:
    count = len(np.load(work / f"{kind}_videos.npy"))
    figures = {way.name: Figures([], [], []) for way in ways}
    answers: dict[str, tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = {}
    for _ in range(rounds):
        for way in ways:
            answers[way.name] = _measure(work, kind, count, way, figures[way.name])
    vectors = np.load(work / f"{kind}_vectors.npy")
    for way in ways:
        figures[way.name].exact_share = _exact_share(vectors, answers[way.name], answers[OURS.name])
    first = figures[ways[0].name]
    lines = [
        f"**{title}** ({rounds} rounds)",
        "",
        "| way | asked for | CPU s of all | less CPU | wall s of all | less wall | peak MB | right answers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for way in ways:
        own = figures[way.name]
        asked = "all" if own.queries == count else f"{own.queries:,}, scaled"
        lines.append(
            f"| {way.name} | {asked} | {median(own.cpu_s):.1f} | {_less(first.cpu_s, own.cpu_s)} "
            f"| {median(own.wall_s):.1f} | {_less(first.wall_s, own.wall_s)} "
            f"| {median(own.peak_bytes) / 1e6:.0f} | {own.exact_share:.2%} |"
        )
    return "\n".join(lines)


def _less(first: Sequence[float], this: Sequence[float]) -> str:
    return f"{median(a / b for a, b in zip(first, this, strict=True)):.1f}×"


def _measure(
    work: Path, kind: str, count: int, way: Way, own: Figures
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    out = work / way.peer
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    used = run_peer(way.peer, work, kind, str(way.queries or count), out)
    times = json.loads((out / "times.json").read_text())
    own.queries = times["queries"]
    share = own.queries / count
    own.cpu_s.append(times["build_cpu_s"] + times["search_cpu_s"] / share)
    own.wall_s.append(times["build_wall_s"] + times["search_wall_s"] / share)
    own.peak_bytes.append(used.peak_rss_bytes)
    if way.peer == FROM_TABLE.peer:
        return _mined(out / "mined.parquet")
    return np.load(out / "asked.npy"), np.load(out / "rows.npy")


def _mined(file: Path) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Rows asked for and their neighbours, -1 where there are fewer."""
    padded = pl.col("neighbour_rows").list.gather(list(range(_COUNT)), null_on_oob=True)
    flat = pl.scan_parquet(file).select(padded.explode().fill_null(-1).cast(pl.Int32)).collect()
    asked = pl.read_parquet(file, columns=["row_index"])["row_index"].cast(pl.Int32)
    return asked.to_numpy(), flat.to_series().to_numpy().reshape(-1, _COUNT)


def _exact_share(
    vectors: npt.NDArray[np.float32],
    these: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
    right: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
) -> float:
    """Share of neighbours that are as near as ours of the same rank, of the hands that both were asked for."""
    asked, own, other = np.intersect1d(these[0], right[0], return_indices=True)
    near = 0
    for start in range(0, len(asked), _CHUNK_HANDS):
        part = slice(start, start + _CHUNK_HANDS)
        both = ((these[1], own[part]), (right[1], other[part]))
        far = [_distances(vectors, asked[part], rows[places]) for rows, places in both]
        near += int((far[0] <= far[1] * (1 + 1e-5)).sum())
    return near / (len(asked) * _COUNT)


def _distances(
    vectors: npt.NDArray[np.float32], asked: npt.NDArray[np.int32], rows: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    gaps = vectors[rows].astype(np.float64) - vectors[asked][:, None]
    return np.where(rows >= 0, np.sqrt((gaps * gaps).sum(axis=2)), np.inf)
