"""Both grids, plain and labelled, with this project from its tables: `grid_ours TABLES ROWS FRAMES OUT`."""

import json
from pathlib import Path

import polars as pl

from hand100m_assets.imaging import write_jpeg
from hand100m_assets.layout import frame_file_name
from hand100m_assets.render.grids import draw_grids


def main(tables: str, rows: str, frames: str, out: str) -> None:
    def image_path(video_id: str, frame_index: int, _file_name: str | None) -> Path:
        return Path(frames, video_id, frame_file_name(frame_index))

    pairs, hands = (pl.scan_parquet(Path(tables, name)) for name in ("pairs.parquet", "hands.parquet"))
    drawn = draw_grids(pairs, hands, json.loads(Path(rows).read_text())["row_indices"], image_path)
    write_jpeg(drawn.plain, Path(out, "plain.jpg"))
    write_jpeg(drawn.labelled, Path(out, "labelled.jpg"))
