"""One hand at a time with this project: `lookup_ours TABLES ROWS FOUND`."""

import json
import time
from pathlib import Path

from hand100m_assets.annotations.lookup import HandTable


def main(tables: str, rows_file: str, found: str) -> None:
    rows = json.loads(Path(rows_file).read_text())
    start = time.perf_counter()
    table = HandTable(Path(tables))
    opened = time.perf_counter()
    ids = [table[row].hand_id for row in rows]
    by_row = time.perf_counter()
    positives = [table[table.row_of(hand_id)].positives for hand_id in ids]
    by_id = time.perf_counter()
    assert len(positives) == len(rows)
    figures = {
        "open_ms": 1e3 * (opened - start),
        "row_us": 1e6 * (by_row - opened) / len(rows),
        "id_us": 1e6 * (by_id - by_row) / len(rows),
    }
    Path(found).write_text(json.dumps(figures))
