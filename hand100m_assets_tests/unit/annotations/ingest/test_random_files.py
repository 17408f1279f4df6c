"""Random annotation files against `json.load` and the contract, record by record."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import BaseModel

from hand100m_assets.annotations.contract import HandRecord, ImageRecord, Note
from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.ingest.sections import known_keys
from hand100m_assets.annotations.reading.batches import Section
from hand100m_assets.annotations.tables import SET_FILES, IngestSummary, hands_frame, images_frame
from hand100m_assets_tests.unit.annotations.odd_records import judged
from hand100m_assets_tests.unit.annotations.random_files import RandomFile, random_file

MODELS: dict[Section, type[BaseModel]] = {"images": ImageRecord, "annotations": HandRecord}


@given(seed=st.integers(0, 10**9))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=settings().max_examples // 2,  # a whole file each
)
def test_a_random_file_gives_what_json_load_and_the_contract_give(tmp_path: Path, seed: int) -> None:
    made = random_file(seed)
    path, out = tmp_path / "set.json", tmp_path / "out"
    path.write_bytes(made.content)
    contents = []
    for chunk_bytes in made.chunk_sizes:
        summary = ingest_file(path, out, chunk_bytes=chunk_bytes)
        contents.append([(out / name).read_bytes() for name in SET_FILES])
    assert contents[0] == contents[1], made.what
    assert_tables(made, out, summary)


def assert_tables(made: RandomFile, out: Path, summary: IngestSummary) -> None:
    tables = {name: pl.read_parquet(out / f"{name}.parquet") for name in ("images", "hands", "rejects")}
    found = {section: judged(made.records[section], model) for section, model in MODELS.items()}
    assert_frame_equal(tables["images"], images_frame(found["images"].kept))
    assert_frame_equal(tables["hands"].drop("video_id", "frame_index"), hands_frame(found["annotations"].kept))
    rejects = tables["rejects"]
    assert rejects.filter(section="file").is_empty(), made.what
    errors = rejects.filter(severity="error").unique(["section", "record"], maintain_order=True)
    expected = [(section, record) for section in sections_in_order(made) for record in found[section].rejected]
    assert errors.select("section", "record").rows() == expected, made.what
    for section, record, offset in rejects.select("section", "record", "byte_offset").rows():
        assert offset == made.offsets[section][record], made.what
    assert summary.complete
    assert (summary.images_read, summary.hands_read) == tuple(len(made.records[section]) for section in MODELS)
    assert warnings_told(rejects) == warnings_expected(made), made.what
    assert_keys(made, summary)


def sections_in_order(made: RandomFile) -> list[Section]:
    return sorted(MODELS, key=lambda section: made.offsets[section][:1])


def warnings_told(rejects: pl.DataFrame) -> Counter[tuple[Any, ...]]:
    kept = rejects.filter((pl.col("severity") == "warning") & (pl.col("rule") != "json:key_repeated"))
    return Counter(kept.select("section", "record", "field").rows())


def warnings_expected(made: RandomFile) -> Counter[tuple[Any, ...]]:
    """What the contract notes of kept records, and NaN under keys that no table has."""
    found: Counter[tuple[Any, ...]] = Counter()
    for section, model in MODELS.items():
        for record, _ in judged(made.records[section], model).kept:
            text = made.records[section][record].decode()
            notes: list[Note] = []
            model.model_validate(json.loads(text), context=notes)
            found.update((section, record, note.field) for note in notes)
            for key, value in json.loads(text, parse_constant=lambda _: NO_NUMBER).items():
                if key not in known_keys(model) and NO_NUMBER in json.dumps(value):
                    found[section, record, key] += 1
    return found


NO_NUMBER = "<no number>"


def assert_keys(made: RandomFile, summary: IngestSummary) -> None:
    for section, model in MODELS.items():
        unknown: Counter[str] = Counter()
        repeated: Counter[str] = Counter()
        for text in made.records[section]:
            pairs = top_level_pairs(text)
            unknown.update({key for key, _ in pairs} - known_keys(model))
            repeated.update(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        assert summary.unknown_keys.get(section, {}) == unknown, made.what
        assert summary.repeated_keys.get(section, {}) == repeated, made.what


class _Pairs(list[tuple[str, Any]]):
    pass


def top_level_pairs(text: bytes) -> list[tuple[str, Any]]:
    try:
        value = json.loads(text.decode(), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return []
    return value if isinstance(value, _Pairs) else []
