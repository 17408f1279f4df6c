"""One hand at a time out of the Parquet file with Polars: `lookup_parquet TABLES ROWS FOUND`."""

import json
import time
from pathlib import Path

import polars as pl


def main(tables: str, rows_file: str, found: str) -> None:
    rows = json.loads(Path(rows_file).read_text())
    start = time.perf_counter()
    table = pl.scan_parquet(Path(tables, "hands.parquet"))
    opened = time.perf_counter()
    ids = [table.slice(row, 1).collect().row(0, named=True)["hand_id"] for row in rows]
    by_row = time.perf_counter()
    positives = [table.filter(pl.col("hand_id") == i).collect().row(0, named=True)["positives"] for i in ids]
    by_id = time.perf_counter()
    assert len(positives) == len(rows)
    figures = {
        "open_ms": 1e3 * (opened - start),
        "row_us": 1e6 * (by_row - opened) / len(rows),
        "id_us": 1e6 * (by_id - by_row) / len(rows),
    }
    Path(found).write_text(json.dumps(figures))
