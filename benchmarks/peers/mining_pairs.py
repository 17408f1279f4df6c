"""All of mining, from a hands table to the table of mined pairs: `mining_pairs FOLDER KIND QUERIES OUT`."""

import json
import time
from pathlib import Path

import polars as pl

from benchmarks.peers.mining import COUNT
from benchmarks.peers.mining_ours import WORKERS  # Compiles the search, too.
from hand100m_assets.pairs import mine_pairs


def main(folder: str, kind: str, _queries: str, out: str) -> None:
    hands = pl.scan_parquet(Path(folder, f"{kind}_hands.parquet"))
    begin_cpu, begin = time.process_time(), time.perf_counter()
    report = mine_pairs(hands, Path(out, "mined.parquet"), count=COUNT, workers=WORKERS)
    times = {
        "build_cpu_s": 0.0,
        "build_wall_s": 0.0,
        "search_cpu_s": time.process_time() - begin_cpu,
        "search_wall_s": time.perf_counter() - begin,
        "queries": report.hands,
    }
    Path(out, "times.json").write_text(json.dumps(times))
