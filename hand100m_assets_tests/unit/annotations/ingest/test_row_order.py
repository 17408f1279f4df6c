"""Rows stand in the order of the file, and the tables are the same, whatever is wrong with a record and wherever."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hand100m_assets.annotations.contract import HandRecord, ImageRecord
from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.ingest.plain_hands import plain_hands
from hand100m_assets.annotations.ingest.plain_images import plain_images
from hand100m_assets.annotations.reading.reader import CHUNK_BYTES
from hand100m_assets.annotations.tables import hands_frame, images_frame
from hand100m_assets_tests.unit.annotations.odd_records import HAND_KINDS, IMAGE_KINDS, judged
from hand100m_assets_tests.unit.annotations.records import hand, image

RECORDS = 36
"""More than two blocks of the sixteen in which forms are looked for."""

TABLES = ("images", "hands", "rejects")


@pytest.mark.parametrize("kind", HAND_KINDS)
def test_plain_hands_keep_their_order_wherever_an_odd_one_is(kind: str) -> None:
    sound = [hand(n, n, n + 1) for n in range(RECORDS)]
    try:
        odd = orjson.loads(HAND_KINDS[kind](hand(7, 7, 8)))
    except orjson.JSONDecodeError:
        odd = None  # such a record is taken out before
    for place in range(RECORDS):
        rows = plain_hands([*sound[:place], odd, *sound[place + 1 :]])
        assert rows.places.tolist() == sorted(rows.places.tolist())
        ids = rows.frame["hand_id"].to_list()
        assert [n for n, at in zip(ids, rows.places.tolist(), strict=True) if at != place] == [
            n for n in range(RECORDS) if n != place
        ]


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_plain_images_keep_their_order_wherever_an_odd_one_is(kind: str) -> None:
    sound = [image(n) for n in range(RECORDS)]
    try:
        odd = orjson.loads(IMAGE_KINDS[kind](image(7)))
    except orjson.JSONDecodeError:
        odd = None
    for place in range(RECORDS):
        rows = plain_images([*sound[:place], odd, *sound[place + 1 :]])
        assert rows.places.tolist() == sorted(rows.places.tolist())
        assert set(range(RECORDS)) - {place} <= set(rows.places.tolist())


def file_of(path: Path, images: Sequence[bytes], hands: Sequence[bytes]) -> Path:
    path.write_bytes(b'{"images": [' + b", ".join(images) + b'], "annotations": [' + b", ".join(hands) + b"]}")
    return path


def assert_as_judged(path: Path, out: Path, images: Sequence[bytes], hands: Sequence[bytes]) -> None:
    """Hold the tables of a file to the contract, record by record, and to the same tables for every chunk size."""
    first: Mapping[str, pl.DataFrame] | None = None
    good_images, good_hands = judged(images, ImageRecord), judged(hands, HandRecord)
    for chunk_bytes in (CHUNK_BYTES, 1500):
        summary = ingest_file(path, out, chunk_bytes=chunk_bytes)
        tables = {name: pl.read_parquet(out / f"{name}.parquet") for name in TABLES}
        assert_frame_equal(tables["images"], images_frame(good_images.kept))
        assert_frame_equal(tables["hands"].drop("video_id", "frame_index"), hands_frame(good_hands.kept))
        errors = tables["rejects"].filter(severity="error").unique(["section", "record"], maintain_order=True)
        assert errors.select("section", "record").rows() == [
            *(("images", record) for record in good_images.rejected),
            *(("annotations", record) for record in good_hands.rejected),
        ]
        assert summary.complete
        first = first or tables
        assert all(tables[name].equals(first[name]) for name in TABLES)


@pytest.mark.parametrize("kind", HAND_KINDS)
def test_an_odd_hand_anywhere_leaves_all_others_in_their_rows(tmp_path: Path, kind: str) -> None:
    rng = random.Random(kind)
    hands = [json.dumps(hand(n, n, n + 1)).encode() for n in range(RECORDS)]
    for place in rng.sample(range(RECORDS), rng.choice([1, 1, 2, 15])):
        hands[place] = HAND_KINDS[kind](hand(place, place, 0))
    images = [json.dumps(image(n)).encode() for n in range(RECORDS)]
    assert_as_judged(file_of(tmp_path / "set.json", images, hands), tmp_path / "out", images, hands)


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_an_odd_image_anywhere_leaves_all_others_in_their_rows(tmp_path: Path, kind: str) -> None:
    rng = random.Random(kind)
    images = [json.dumps(image(n)).encode() for n in range(RECORDS)]
    for place in rng.sample(range(RECORDS), rng.choice([1, 1, 2, 15])):
        images[place] = IMAGE_KINDS[kind](image(place))
    hands = [json.dumps(hand(n, n, n + 1)).encode() for n in range(RECORDS)]
    assert_as_judged(file_of(tmp_path / "set.json", images, hands), tmp_path / "out", images, hands)
