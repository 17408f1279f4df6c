"""An annotation file through orjson, once, everything kept as dicts: `annotations_orjson FILE OUT`."""

from pathlib import Path

import orjson


def main(file: str, out: str) -> None:
    content = orjson.loads(Path(file).read_bytes())
    images = {image["id"]: image for image in content["images"]}
    hands = {hand["hand_id"]: hand for hand in content["annotations"]}
    Path(out, "count.txt").write_text(f"{len(images)} {len(hands)}")
