"""An annotation file through Polars alone, nothing validated or written: `annotations_polars FILE OUT`."""

from pathlib import Path

import polars as pl

IMAGE = {"id": pl.Int64, "file_name": pl.String, "width": pl.Int64, "height": pl.Int64}
HAND = {
    "hand_id": pl.String,
    "image_id": pl.Int64,
    "boxes": pl.String,
    "keypoint_25d": pl.List(pl.Float32),
    "left_right": pl.String,
    "positive_sample": pl.List(pl.String),
    "distance": pl.List(pl.Float32),
}
FILE = {"images": pl.List(pl.Struct(IMAGE)), "annotations": pl.List(pl.Struct(HAND))}


def main(file: str, out: str) -> None:
    table = pl.read_json(file, schema=FILE)
    images = table["images"].explode().struct.unnest()
    hands = table["annotations"].explode().struct.unnest()
    Path(out, "count.txt").write_text(f"{images.height} {hands.height}")
