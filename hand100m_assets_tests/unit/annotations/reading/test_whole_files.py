"""Whole files written in every odd way, against the plainest reader there is: `json.load`, then the contract."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from hand100m_assets.annotations.contract import HandRecord, ImageRecord
from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.reading.keys import MAX_NAMES, OTHERS
from hand100m_assets.annotations.reading.reader import CHUNK_BYTES
from hand100m_assets.annotations.tables import SET_FILES, hands_frame, images_frame, read_summary
from hand100m_assets.errors import AnnotationFileError
from hand100m_assets_tests.unit.annotations.records import Raw, documents, hand, image, sound_set, write

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


class OddWriter:
    """JSON with white space anywhere, keys in any order, some given twice, and now and then a NaN."""

    def __init__(self, seed: int, *, oddness: float) -> None:
        self.rng = random.Random(seed)
        self.oddness = oddness
        self.record_offsets: dict[str, list[int]] = {}

    def space(self) -> str:
        return "".join(self.rng.choices(" \t\r\n", k=self.rng.choice([0, 0, 0, 1, 1, 3])))

    def value(self, value: Any, depth: int = 0) -> str:
        if isinstance(value, dict):
            pairs = list(value.items())
            if depth == 0:
                self.rng.shuffle(pairs)
                if pairs and self.rng.random() < self.oddness:
                    pairs.insert(0, (pairs[-1][0], "dropped: }, {"))
            inner = [f"{self.space()}{self.string(k)}{self.space()}:{self.value(v, depth + 1)}" for k, v in pairs]
            return f"{self.space()}{{{','.join(inner)}{self.space()}}}{self.space()}"
        if isinstance(value, list):
            return f"{self.space()}[{','.join(self.value(v, depth + 1) for v in value)}{self.space()}]{self.space()}"
        text = self.string(value) if isinstance(value, str) else json.dumps(value)
        if isinstance(value, float) and self.rng.random() < self.oddness / 20:
            text = self.rng.choice(["NaN", "Infinity", "-Infinity"])
        return f"{self.space()}{text}{self.space()}"

    def string(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=self.rng.random() < 0.5)

    def document(self, document: Raw) -> bytes:
        members = list(document.items())
        self.rng.shuffle(members)
        text = "\ufeff" if self.rng.random() < 0.3 else ""
        text += f"{self.space()}{{"
        for number, (key, value) in enumerate(members):
            text += ("," if number else "") + f"{self.space()}{json.dumps(key)}{self.space()}:{self.space()}"
            if key in ("images", "annotations"):
                text = self.array(key, value, text)
            else:
                text += self.value(value, 1)
        return f"{text}{self.space()}}}{self.space()}".encode()

    def array(self, key: str, values: list[Any], text: str) -> str:
        text += "["
        offsets = self.record_offsets[key] = []
        for number, value in enumerate(values):
            written = self.value(value)
            lead = len(written) - len(written.lstrip())
            text += "," if number else ""
            offsets.append(len(text.encode()) + lead)
            text += written
        return text + f"{self.space()}]"


def expected(values: list[Any], model: type[BaseModel]) -> tuple[list[tuple[int, Any]], set[int]]:
    """Records that are accepted, and places of those that are not."""
    records = [(place, accepted(value, model)) for place, value in enumerate(values)]
    kept = [(place, record) for place, record in records if record is not None]
    return kept, {place for place, record in records if record is None}


def accepted(value: Any, model: type[BaseModel]) -> BaseModel | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


@given(
    document=documents,
    seed=st.integers(0, 10**6),
    oddness=st.sampled_from([0.0, 0.3]),
    packing=st.sampled_from(["none", "gzip", "zstd"]),
    chunk_bytes=st.sampled_from([1, 60, 1500, CHUNK_BYTES]),
)
@same_folder
def test_tables_are_what_json_load_and_the_contract_give(
    tmp_path: Path, document: Raw, seed: int, oddness: float, packing: str, chunk_bytes: int
) -> None:
    writer = OddWriter(seed, oddness=oddness)
    text = writer.document(document)
    pack = {"none": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[packing]
    path = tmp_path / "set.json"
    path.write_bytes(pack(text))
    summary = ingest_file(path, tmp_path / "out", chunk_bytes=chunk_bytes)

    read = json.loads(text.decode("utf-8-sig"))
    images, bad_images = expected(read["images"], ImageRecord)
    hands, bad_hands = expected(read["annotations"], HandRecord)
    tables = {name: pl.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in ("images", "hands", "rejects")}
    assert tables["images"].equals(images_frame(images))
    assert tables["hands"].drop("video_id", "frame_index").equals(hands_frame(hands))
    rejects = tables["rejects"].filter(pl.col("severity") == "error")
    refused = {*(("images", n) for n in bad_images), *(("annotations", n) for n in bad_hands)}
    assert set(rejects.select("section", "record").rows()) == refused
    for section, record, offset in tables["rejects"].select("section", "record", "byte_offset").rows():
        if section != "file":
            assert offset == writer.record_offsets[section][record]
    assert summary.complete
    assert summary.rejects == len(refused)
    assert (summary.images_read, summary.hands_read) == (len(read["images"]), len(read["annotations"]))


@given(document=documents, seed=st.integers(0, 10**6), oddness=st.sampled_from([0.0, 0.3]))
@settings(same_folder, max_examples=25)
def test_every_byte_of_the_output_is_the_same_whatever_the_chunks(
    tmp_path: Path, document: Raw, seed: int, oddness: float
) -> None:
    path = tmp_path / "set.json"
    path.write_bytes(OddWriter(seed, oddness=oddness).document(document))
    contents = []
    for chunk_bytes in (1, 333, 4000, CHUNK_BYTES):
        ingest_file(path, tmp_path / "out", chunk_bytes=chunk_bytes)
        contents.append([(tmp_path / "out" / name).read_bytes() for name in SET_FILES])
    assert all(content == contents[0] for content in contents)


@pytest.mark.parametrize("packing", ["none", "gzip", "zstd"])
def test_a_small_file_cut_at_every_byte_is_an_error_or_an_incomplete_set(tmp_path: Path, packing: str) -> None:
    document = {"info": {"v": 1}, "images": [image(1), image(2)], "annotations": [{"hand_id": "1"}, {"hand_id": "2"}]}
    pack = {"none": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[packing]
    whole = pack(json.dumps(document).encode())
    path = tmp_path / "set.json"
    incomplete = 0
    for length in range(0, len(whole), 1 if packing == "none" else 3):
        path.write_bytes(whole[:length])
        try:
            summary = ingest_file(path, tmp_path / "out")
        except AnnotationFileError as error:
            assert "\n" not in str(error)
            continue
        incomplete += 1
        assert not summary.complete
        assert "at byte " in (summary.problem or "")
    assert incomplete > 10 or packing == "zstd"  # a frame this small is one block


@given(
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
    packed=st.booleans(),
)
@same_folder
def test_damaged_bytes_never_crash(tmp_path: Path, damage: list[tuple[float, int]], packed: bool) -> None:
    whole = json.dumps(sound_set(12)).encode()
    spoiled = bytearray(gzip.compress(whole, mtime=0) if packed else whole)
    for place, byte in damage:
        spoiled[int(place * (len(spoiled) - 1))] = byte
    path = tmp_path / "set.json"
    path.write_bytes(bytes(spoiled))
    try:
        summary = ingest_file(path, tmp_path / "out", chunk_bytes=3000)
    except AnnotationFileError:
        return
    assert summary.hands_read <= 13
    assert summary.complete or summary.problem


def test_a_nan_costs_one_record_and_is_named_by_its_byte(tmp_path: Path) -> None:
    document = sound_set(500)
    document["annotations"][77]["distance"] = [float("nan")]
    text = json.dumps(document)
    path = tmp_path / "set.json"
    path.write_text(text)
    summary = ingest_file(path, tmp_path / "out")
    assert (summary.hands_kept, summary.rejects, summary.complete) == (499, 1, True)
    (row,) = pl.read_parquet(tmp_path / "out" / "rejects.parquet").rows(named=True)
    assert (row["section"], row["record"], row["rule"], row["severity"]) == ("annotations", 77, "json:nan", "error")
    assert row["field"] == "distance.0"
    assert text[row["byte_offset"] :].startswith('{"hand_id": "177"')
    assert f"at byte {text.index('NaN'):,}" in row["reason"]


def test_keys_that_no_table_has_are_counted_by_section(tmp_path: Path) -> None:
    document = sound_set(9) | {"info": 1, "licenses": []}
    for record in document["annotations"][2:]:
        record["iscrowd"] = False
    document["images"][3]["date: taken"] = {"iscrowd": "a:b"}
    document["annotations"][4]["boxes"] = "?"
    ingest_file(write(tmp_path / "set.json", document), tmp_path / "out")
    assert read_summary(tmp_path / "out").unknown_keys == {
        "file": {"info": 1, "licenses": 1},
        "images": {"date: taken": 1},
        "annotations": {"iscrowd": 7},
    }


def test_names_of_keys_are_bounded_in_number_and_length(tmp_path: Path) -> None:
    document = sound_set(3)
    document["images"][1] |= {f"{n:03d}" + "k" * 5000: n for n in range(MAX_NAMES + 50)}
    ingest_file(write(tmp_path / "set.json", document), tmp_path / "out")
    found = read_summary(tmp_path / "out").unknown_keys["images"]
    assert len(found) == MAX_NAMES + 1
    assert found[OTHERS] == 50
    assert max(map(len, found)) <= 200


@pytest.mark.parametrize("chunk_bytes", [300, CHUNK_BYTES])
def test_a_key_given_twice_counts_as_in_json_load_and_is_a_warning(tmp_path: Path, chunk_bytes: int) -> None:
    document = sound_set(8)
    text = json.dumps(document).replace('{"hand_id": "103", ', '{"hand_id": "1", "hand_id": "103", "image_id": "x:y", ')
    path = tmp_path / "set.json"
    path.write_text(text)
    summary = ingest_file(path, tmp_path / "out", chunk_bytes=chunk_bytes)
    assert pl.read_parquet(tmp_path / "out" / "hands.parquet")["hand_id"].to_list() == list(range(100, 108))
    assert (summary.rejects, summary.complete) == (0, True)
    assert summary.repeated_keys == {"annotations": {"hand_id": 1, "image_id": 1}}
    rows = pl.read_parquet(tmp_path / "out" / "rejects.parquet").rows(named=True)
    assert [(row["record"], row["field"], row["rule"], row["severity"]) for row in rows] == [
        (3, "hand_id", "json:key_repeated", "warning"),
        (3, "image_id", "json:key_repeated", "warning"),
    ]


def test_of_very_many_keys_given_twice_the_first_are_named_and_all_counted(tmp_path: Path) -> None:
    members = ", ".join(f'"key_{number}": 0' for number in range(500))
    path = tmp_path / "set.json"
    path.write_text(f'{{"images": [{{{members}, {members}}}], "annotations": []}}')
    summary = ingest_file(path, tmp_path / "out")
    assert sum(summary.repeated_keys["images"].values()) == 500
    warnings = pl.read_parquet(tmp_path / "out" / "rejects.parquet").filter(severity="warning")
    assert warnings["field"].to_list() == [f"key_{number}" for number in range(20)]


def test_what_is_no_json_outside_of_the_arrays_is_a_warning(tmp_path: Path) -> None:
    text = json.dumps(sound_set(3))[:-1] + ', "info": {"mean": NaN}}'
    path = tmp_path / "set.json"
    path.write_text(text)
    summary = ingest_file(path, tmp_path / "out")
    assert summary.complete
    (row,) = pl.read_parquet(tmp_path / "out" / "rejects.parquet").rows(named=True)
    assert (row["section"], row["record"], row["severity"], row["byte_offset"]) == (
        "file", -1, "warning", text.index("NaN"),
    )  # fmt: skip


def test_images_of_any_ids_find_their_hands(tmp_path: Path) -> None:
    ids: list[Any] = [7, "07", "x", "-3", 2**70, " 7", "x", 7]
    document = {
        "images": [image(n, f"video_{n}", 30, id=raw) for n, raw in enumerate(ids)],
        "annotations": [hand(n, raw) for n, raw in enumerate([*reversed(ids), "7", -3, "missing"])],
    }
    for kept in (len(ids), 1):
        document["images"] = document["images"][:kept]
        ingest_file(write(tmp_path / "set.json", document), tmp_path / "out")
        hands = pl.read_parquet(tmp_path / "out" / "hands.parquet")
        known = {str(raw): f"video_{n}" for n, raw in reversed([*enumerate(ids[:kept])])}
        assert hands["video_id"].to_list() == [known.get(image_id) for image_id in hands["image_id"]]
        assert hands["video_id"].null_count() < hands.height
