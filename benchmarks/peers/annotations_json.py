"""An annotation file as the original reads it, twice, everything kept as dicts: `annotations_json FILE OUT`."""

import json
from pathlib import Path


def main(file: str, out: str) -> None:
    # Whole files stay referenced, as in a data set object that keeps what it loaded.
    with Path(file).open() as stream:
        first = json.load(stream)
    images = {image["id"]: image for image in first["images"]}
    with Path(file).open() as stream:
        second = json.load(stream)
    hands = {hand["hand_id"]: hand for hand in second["annotations"]}
    Path(out, "count.txt").write_text(f"{len(images)} {len(hands)}")
