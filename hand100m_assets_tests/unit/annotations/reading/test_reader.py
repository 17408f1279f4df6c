"""The streaming reader against Python's own, on sound files and on every way to break them."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hand100m_assets.annotations.ingest.ingest import ingest_file
from hand100m_assets.annotations.reading.batches import SECTIONS, Batch, LoneRecord
from hand100m_assets.annotations.reading.document import Document
from hand100m_assets.annotations.reading.keys import MAX_NAMES
from hand100m_assets.annotations.reading.reader import CHUNK_BYTES, RecordReader
from hand100m_assets.annotations.reading.window import MAX_RECORD_BYTES, Window
from hand100m_assets.annotations.record_text import RecordTextError, parse_record
from hand100m_assets.errors import AnnotationFileError, RetryableError
from hand100m_assets_tests.unit.annotations.records import documents, hand, image, sound_set

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read(path: Path, chunk_bytes: int = CHUNK_BYTES) -> tuple[dict[str, list[Any]], RecordReader]:
    """Every record as Python's own reader gives it; one that is no JSON as the rule that it breaks."""
    reader = RecordReader(path, chunk_bytes=chunk_bytes)
    found: dict[str, list[Any]] = {section: [] for section in SECTIONS}
    for item in reader.records():
        if isinstance(item, Batch):
            assert item.first == len(found[item.section])
            for value, start, end in zip(item.values, *item.spans(), strict=True):
                assert json.loads(item.text[start:end]) == value
            found[item.section] += item.values
        else:
            assert item.record == len(found[item.section])
            found[item.section].append(alone(item))
    return found, reader


def alone(item: LoneRecord) -> Any:
    if item.raw is None:
        return "too long"
    try:
        return parse_record(item.raw).value
    except RecordTextError as error:
        return (error.rule, item.offset + error.place)


def whole_before(text: bytes, document: dict[str, Any]) -> dict[str, list[Any]]:
    """Oracle: the records that lie entirely before the end of `text`, a prefix of the document's compact JSON."""
    kept: dict[str, list[Any]] = {section: [] for section in SECTIONS}
    for section in SECTIONS:
        head = json.dumps(document).encode()
        start = head.index(f'"{section}": ['.encode()) + len(section) + 5
        for value in document[section]:
            start += len(json.dumps(value).encode())
            # A number is whole only once something else follows it.
            if start + (not isinstance(value, (dict, list))) <= len(text):
                kept[section].append(value)
            start += 2
    return kept


@given(
    document=documents,
    indent=st.sampled_from([None, 1]),
    reverse=st.booleans(),
    packing=st.sampled_from(["none", "gzip", "zstd"]),
    bom=st.booleans(),
    chunk_bytes=st.sampled_from([1, 70, 900, CHUNK_BYTES]),
)
@same_folder
def test_any_order_white_space_mark_and_packing_gives_what_pythons_json_gives(
    tmp_path: Path,
    document: dict[str, Any],
    indent: int | None,
    reverse: bool,
    packing: str,
    bom: bool,
    chunk_bytes: int,
) -> None:
    ordered = dict(reversed(document.items())) if reverse else document
    text = (b"\xef\xbb\xbf" if bom else b"") + json.dumps(ordered, indent=indent).encode()
    path = tmp_path / "set.json"
    pack = {"none": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[packing]
    path.write_bytes(pack(text))
    found, reader = read(path, chunk_bytes)
    assert found == {section: json.loads(json.dumps(document))[section] for section in SECTIONS}
    assert reader.faults == []


def test_a_file_cut_at_any_byte_gives_the_records_before_the_cut_and_is_never_taken_for_whole(tmp_path: Path) -> None:
    document = {
        "images": [image(1), image(2)],
        "annotations": [hand(5, 1, keypoint_25d=[0.5]), hand(6, 2, boxes='"]}')],
    }
    text = json.dumps(document).encode()
    path = tmp_path / "set.json"
    for length in range(len(text)):
        path.write_bytes(text[:length])
        expected = whole_before(text[:length], document)
        if any(expected.values()):
            found, reader = read(path)
            assert found == expected
            assert [(fault.rule, fault.offset_bytes) for fault in reader.faults] == [("cut_short", length)]
        else:
            with pytest.raises(AnnotationFileError):
                read(path)


@given(place=st.floats(0, 1), byte=st.integers(0, 255))
@example(place=0.123046875, byte=0)  # the opening bracket of an array
@example(place=0.123046875, byte=9)
@same_folder
def test_one_wrong_byte_anywhere_is_a_clear_error_or_a_record_of_other_content(
    tmp_path: Path, place: float, byte: int
) -> None:
    text = bytearray(json.dumps(sound_set(3)).encode())
    text[int(place * (len(text) - 1))] = byte
    path = tmp_path / "set.json"
    path.write_bytes(bytes(text))
    try:
        found, reader = read(path)
    except AnnotationFileError:
        return
    try:
        document = json.loads(bytes(text), parse_constant=lambda name: pytest.fail(f"{name} came through"))
    except ValueError:
        broken = [item for items in found.values() for item in items if isinstance(item, tuple)]
        assert broken or reader.faults[0].offset_bytes is not None
    else:
        assert reader.faults or found == {section: document[section] for section in SECTIONS}


BEFORE = json.dumps({"images": [image(n) for n in range(3000)], "annotations": [hand(1), hand(2)]}).encode()[:-2]
AFTER = b", " + json.dumps(hand(3)).encode() + b"]}"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b'{"distance": [NaN]}', "nan"), (b'{"distance": [Infinity]}', "nan"), (b'{"distance": [-Infinity]}', "nan"),
        (b'{"x": "NaN", "distance": [1, NaN]}', "nan"), (b"NaN", "nan"), (b"nul", "not_json"), (b"01", "not_json"),
        (b'{"distance": [nul]}', "not_json"), (b"{'distance': []}", "not_json"), (b'{"distance": [01]}', "not_json"),
        (b'{"distance": [1,]}', "not_json"), (b'{"x": {"y"}}', "not_json"), (b'{"left_right": "\n"}', "not_json"),
        (b'{"left_right": "\\ud83"}', "not_json"), (b'{"left_right": "\xff"}', "not_utf8"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested_too_deep"),
    ],
)  # fmt: skip
def test_a_record_that_is_no_json_is_named_with_its_byte_and_the_rest_goes_on(
    tmp_path: Path, text: bytes, rule: str
) -> None:
    path = tmp_path / "set.json"
    path.write_bytes(BEFORE + b", " + text + AFTER)
    found, reader = read(path)
    assert reader.faults == []
    assert [len(found[section]) for section in SECTIONS] == [3000, 4]
    assert found["annotations"][3] == hand(3)
    found_rule, offset = found["annotations"][2]
    assert found_rule == rule
    assert len(BEFORE) + 2 <= offset < len(BEFORE) + 2 + len(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"distance": [}]}', 14), (b'{"hand_id: "12", "x": 1}', 12), (b'{"hand_id": 12", "x": 1}', 14),
        (b'{"a": 1} {"b": 2}', 9), (b'{"a": 1},, {"b": 2}', 9), (b'{"a": [1}', 8), (b"5 6", 2), (b":", 0),
    ],
)  # fmt: skip
def test_where_records_cannot_be_told_apart_the_file_ends_and_the_very_byte_is_named(
    tmp_path: Path, text: bytes, place: int
) -> None:
    path = tmp_path / "set.json"
    path.write_bytes(BEFORE + b", " + text + AFTER)
    found, reader = read(path)
    assert [len(found[section]) for section in SECTIONS] == [
        3000,
        2 + (b"} {" in text or b"},," in text or b"5" in text),
    ]
    (fault,) = reader.faults
    assert (fault.rule, fault.offset_bytes) == ("not_json", len(BEFORE) + 2 + place)
    assert f"{fault.offset_bytes:,}" in fault.reason


def test_half_a_character_in_an_escape_is_for_the_contract_to_judge(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_bytes(BEFORE + rb', {"left_right": "\udfff"}' + AFTER)
    found, _ = read(path)
    assert found["annotations"][2] == {"left_right": "\udfff"}


@pytest.mark.parametrize("chunk_bytes", [1, 1000, 5_000, 20_000, CHUNK_BYTES])
def test_separators_and_sections_inside_strings_and_objects_fool_nobody(tmp_path: Path, chunk_bytes: int) -> None:
    tricky = [
        hand(1, note='}, {"hand_id": "9"}, {', more={"images": [{"id": 1}, {"id": 2}], "x": [{}, {}]}),
        hand(2, boxes='"]}, {"annotations": [', extra=[{"a": "}"}, {"b": "{"}]),
        {"images": [image(5)], "annotations": []},
        [{"a": 1}, {"a": 2}],
        "}, {",
        None,
    ] * 30
    document = {"a": tricky, "annotations": tricky, "images": [image(1, note='"}], "annotations": [{'), image(2)]}
    path = tmp_path / "set.json"
    path.write_text(json.dumps(document, indent=3))
    found, reader = read(path, chunk_bytes)
    assert found == {"images": document["images"], "annotations": tricky}
    assert reader.faults == []
    assert reader.other_keys.names == {"a": 1}


@pytest.mark.parametrize("shape", ['{"x": "%s"}', '{"x": ["%s"]}', '"%s"'])
def test_a_record_too_long_to_be_kept_is_left_out_and_the_rest_goes_on(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "set.json"
    long = (shape % ("x" * (MAX_RECORD_BYTES + 1))).encode()
    path.write_bytes(BEFORE + b", " + long + AFTER)
    for chunk_bytes in (1 << 16, CHUNK_BYTES):
        found, reader = read(path, chunk_bytes)
        assert found["annotations"] == [hand(1), hand(2), "too long", hand(3)]
        assert reader.faults == []


def test_a_record_of_a_gigabyte_takes_no_more_memory_than_the_limit(tmp_path: Path) -> None:
    def text() -> Iterator[bytes]:
        yield b'{"images": [{"x": "'
        for _ in range(256):
            yield b"y" * (1 << 20)
        yield b'"}, 7], "annotations": []}'

    window = Window(text())
    most, found = 0, []
    more = Window.more

    def watched(self: Window) -> bool:
        nonlocal most
        has_more = more(self)
        most = max(most, len(self.data))
        return has_more

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Window, "more", watched)
        found = list(Document(window, CHUNK_BYTES).records())
    assert most <= MAX_RECORD_BYTES + (3 << 20)
    assert [item.raw if isinstance(item, LoneRecord) else item.values for item in found] == [None, [7]]
    assert found[0].offset == len(b'{"images": [')


@pytest.mark.parametrize(
    ("member", "rule", "severity"),
    [('"key_%d": nul', "not_json", "warning"), ('"images": %d', "array_expected", "error")],
)
def test_of_very_many_faults_of_a_file_the_first_are_named_and_the_rest_counted(
    tmp_path: Path, member: str, rule: str, severity: str
) -> None:
    path = tmp_path / "set.json"
    members = [member % number for number in range(5000)]
    path.write_text("{" + ", ".join([*members, '"annotations": [7], "images": [8]']) + "}")
    found, reader = read(path)
    assert found == {"images": [8], "annotations": [7]}
    assert {(fault.rule, fault.severity) for fault in reader.faults} == {(rule, severity)}
    assert len(reader.faults) == 21
    assert reader.faults[-1].reason == "4,980 more faults of this kind"
    assert len(reader.other_keys.names) <= MAX_NAMES + 1


@pytest.mark.parametrize("garbage", [b"x", b"}", b'{"images": [1]}', b"\0" * 100, b"[", b","])
def test_what_follows_the_document_is_reported_and_adds_no_record(tmp_path: Path, garbage: bytes) -> None:
    text = json.dumps(sound_set(4)).encode() + b"\n"
    path = tmp_path / "set.json"
    path.write_bytes(text + garbage)
    found, reader = read(path)
    assert found == {section: sound_set(4)[section] for section in SECTIONS}
    assert [(fault.rule, fault.offset_bytes) for fault in reader.faults] == [("not_json", len(text))]
    assert (reader.faults[0].severity == "warning") == (not garbage.strip(b"\0"))


def test_an_id_of_more_than_64_bits_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"images": [image(2**70, frame_index=0)], "annotations": []}))
    ingest_file(path, tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / "images.parquet")["image_id"].to_list() == [str(2**70)]


@pytest.mark.parametrize("kept", [0.3, 0.66, 0.97, 1.0])
@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_an_archive_cut_short_gives_every_record_that_can_be_unpacked(
    tmp_path: Path, kept: float, packing: str
) -> None:
    document = sound_set(900)
    text = json.dumps(document).encode()
    packed = gzip.compress(text, mtime=0) if packing == "gzip" else zstd_in_blocks(text)
    cut = packed[: int(kept * len(packed)) - 6]
    if packing == "gzip":
        unpacked = zlib.decompressobj(wbits=31).decompress(cut)
    else:
        unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(cut)
    path = tmp_path / "set.json"
    path.write_bytes(cut)
    found, reader = read(path)
    assert found == whole_before(unpacked, document)
    assert [(fault.rule, fault.offset_bytes) for fault in reader.faults] == [("archive_broken", len(unpacked))]
    assert packing in reader.faults[0].reason


def zstd_in_blocks(text: bytes) -> bytes:
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    parts = []
    for start in range(0, len(text), 5000):
        parts += [packer.compress(text[start : start + 5000]), packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize("damage", ["checksum", "second frame", "middle"])
def test_damaged_zstd_is_reported_and_several_frames_are_one_file(tmp_path: Path, damage: str) -> None:
    text = json.dumps(sound_set(40)).encode()
    half = len(text) // 2
    packed = zstd_in_blocks(text[:half]) + zstd_in_blocks(text[half:])
    path = tmp_path / "set.json.zst"
    path.write_bytes(packed)
    assert read(path)[0] == sound_set(40)
    spoiled = {
        "checksum": packed[:-1] + bytes([packed[-1] ^ 1]),
        "second frame": zstd_in_blocks(text) + packed[:4],
        "middle": packed[:400] + bytes([packed[400] ^ 0xFF]) + packed[401:],
    }
    path.write_bytes(spoiled[damage])
    try:
        _, reader = read(path)
    except AnnotationFileError:
        return
    assert [fault.rule for fault in reader.faults] == ["archive_broken"]
    assert "dictionary" not in reader.faults[0].reason, "what was unpacked already tells that there was none"


PACKERS = {"gzip": lambda text: gzip.compress(text, mtime=0), "zstd": zstd_in_blocks}


@pytest.mark.parametrize("garbage", [b"x", b"garbage" * 900, b"\0\0x", b"\x1f", b"{}", b"PK\x03\x04"])
@pytest.mark.parametrize("packing", PACKERS)
def test_what_stands_behind_packed_data_costs_nothing_and_is_told(tmp_path: Path, packing: str, garbage: bytes) -> None:
    text = json.dumps(sound_set(40)).encode()
    path = tmp_path / "set.json"
    path.write_bytes(PACKERS[packing](text) + garbage)
    found, reader = read(path)
    assert found == sound_set(40)
    (fault,) = reader.faults
    assert (fault.rule, fault.severity, fault.offset_bytes) == ("archive_trailing", "warning", len(text))
    assert "nothing is lost" in fault.reason


@pytest.mark.parametrize("packing", PACKERS)
def test_what_stands_behind_packed_data_that_ends_too_early_is_a_loss(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "set.json"
    path.write_bytes(PACKERS[packing](json.dumps(sound_set(40)).encode()[:-30]) + b"garbage")
    _, reader = read(path)
    assert [(fault.rule, fault.severity) for fault in reader.faults] == [("archive_broken", "error")]


@pytest.mark.parametrize("packing", PACKERS)
def test_zero_bytes_behind_and_between_packed_parts_are_nothing(tmp_path: Path, packing: str) -> None:
    text = json.dumps(sound_set(40)).encode()
    pack, half = PACKERS[packing], len(text) // 2
    path = tmp_path / "set.json"
    for zeros in (1, 3, 4096, 10_000):
        path.write_bytes(pack(text[:half]) + bytes(zeros) + pack(text[half:]) + bytes(zeros))
        found, reader = read(path)
        assert (found, reader.faults) == (sound_set(40), [])


@pytest.mark.parametrize("magic", range(0x50, 0x60))
def test_skippable_zstd_frames_may_stand_anywhere(tmp_path: Path, magic: int) -> None:
    text = json.dumps(sound_set(40)).encode()
    half = len(text) // 2
    path = tmp_path / "set.json"
    for length in (0, 5, 9000):
        skip = bytes([magic]) + b"\x2a\x4d\x18" + length.to_bytes(4, "little") + b"x" * length
        path.write_bytes(skip + skip + zstd_in_blocks(text[:half]) + skip + zstd_in_blocks(text[half:]) + skip)
        found, reader = read(path)
        assert (found, reader.faults) == (sound_set(40), [])


def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    os.mkfifo(path)
    with pytest.raises(AnnotationFileError, match="is a pipe or a device") as caught:
        read(path)
    assert "to a file" in str(caught.value.fix)


@pytest.mark.parametrize("window_log", [27, 28, 31])
def test_zstd_of_a_long_window_is_read(tmp_path: Path, window_log: int) -> None:
    how = zstandard.ZstdCompressionParameters(window_log=window_log, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=how).compressobj()  # of unknown length, as from a pipe
    path = tmp_path / "set.json.zst"
    path.write_bytes(packer.compress(json.dumps(sound_set(40)).encode()) + packer.flush())
    found, reader = read(path)
    assert (found, reader.faults) == (sound_set(40), [])


def dictionary(*, is_numbered: bool) -> zstandard.ZstdCompressionDict:
    text = json.dumps(sound_set(400)).encode()
    if not is_numbered:  # any bytes may serve as one
        return zstandard.ZstdCompressionDict(text[:20_000], dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.train_dictionary(8192, [text[at : at + 500] for at in range(0, len(text), 500)], dict_id=4711)


@pytest.mark.parametrize("lead", [b"", b"\x50\x2a\x4d\x18\x03\0\0\0abc"], ids=["at first", "behind a skippable frame"])
@pytest.mark.parametrize("records", [4, 900])
@pytest.mark.parametrize(
    ("is_numbered", "words"),
    [
        (True, "the zstd data was packed with a dictionary (number 4711), which is not in it"),
        (False, "the zstd data is damaged, or was packed with a dictionary that it does not name"),
    ],
)
def test_zstd_that_needs_a_dictionary_is_not_called_damaged(
    tmp_path: Path, is_numbered: bool, words: str, records: int, lead: bytes
) -> None:
    path = tmp_path / "set.json.zst"
    packer = zstandard.ZstdCompressor(dict_data=dictionary(is_numbered=is_numbered))
    path.write_bytes(lead + packer.compress(json.dumps(sound_set(records)).encode()))
    with pytest.raises(AnnotationFileError) as caught:
        read(path)
    assert caught.value.what == words
    assert "zstd -d -D DICTIONARY" in str(caught.value.fix)


def test_a_second_frame_that_needs_a_dictionary_is_a_loss_with_its_reason(tmp_path: Path) -> None:
    text = json.dumps(sound_set(40)).encode()
    path, half = tmp_path / "set.json.zst", len(text) // 2
    packer = zstandard.ZstdCompressor(dict_data=dictionary(is_numbered=True))
    path.write_bytes(zstd_in_blocks(text[:half]) + packer.compress(text[half:]))
    found, reader = read(path)
    assert found == whole_before(text[:half], sound_set(40))
    (fault,) = reader.faults
    assert (fault.rule, fault.offset_bytes) == ("archive_broken", half)
    assert "packed with a dictionary (number 4711)" in fault.reason


@pytest.mark.parametrize("name", ["set.json", "set.json.gz", "set.json.zst"])
@pytest.mark.parametrize("pack", [*PACKERS.values(), bytes])
def test_packing_is_told_by_the_content_and_not_by_the_name(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(json.dumps(sound_set(4)).encode()))
    found, reader = read(path)
    assert (found, reader.faults) == (sound_set(4), [])


def test_a_gzip_whose_checksum_is_wrong_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "set.json.gz"
    path.write_bytes(gzip.compress(json.dumps(sound_set(5)).encode(), mtime=0)[:-8] + b"\0" * 8)
    found, reader = read(path)
    assert reader.faults[0].rule == "archive_broken"
    assert found == sound_set(5)


def test_a_gzip_damaged_in_the_middle_is_reported_not_raised(tmp_path: Path) -> None:
    document = sound_set(80)
    packed = bytearray(gzip.compress(json.dumps(document).encode(), mtime=0))
    path = tmp_path / "set.json.gz"
    for place in range(0, len(packed), max(1, len(packed) // 100)):
        damaged = bytearray(packed)
        damaged[place] ^= 0xFF
        path.write_bytes(bytes(damaged))
        try:
            found, reader = read(path)
        except AnnotationFileError:
            continue
        assert reader.faults or found == document


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"), ("  \n", "empty"), ("hello", "no JSON"), ("[1, 2]", "array"), ('"images"', "string"),
        ("3 ", "number"),
        ("{}", "neither"), ('{"images": 3, "annotations": null}', "neither"), ('{"a": {"images": [1]}}', "neither"),
        ('{"images": [', "ends in the middle"), ("\x1f\x8b", "gzip"), ("PK\x03\x04", "zip archive"),
    ],
)  # fmt: skip
def test_what_is_no_annotation_file_is_refused_in_one_clear_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "set.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(AnnotationFileError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert caught.value.fix
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ('{"images": "x", "annotations": [1]}', ["array_expected"]),
        ('{"annotations": [1]}', ["array_missing"]),
        ('{"images": [1], "annotations": [2], "images": [3, 4]}', ["array_repeated"]),
    ],
)
def test_a_wrong_array_leaves_the_other_usable_and_is_a_fault_of_the_file(
    tmp_path: Path, text: str, rules: list[str]
) -> None:
    path = tmp_path / "set.json"
    path.write_text(text)
    found, reader = read(path)
    assert [fault.rule for fault in reader.faults] == rules
    assert len(found["annotations"]) == 1
    assert len(found["images"]) <= 1


def test_keys_of_the_same_name_deeper_down_are_not_the_arrays(tmp_path: Path) -> None:
    inner = {"images": [1, 2], "annotations": [{"images": [3]}]}
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"info": inner, "images.item": [4], "images": [inner], "annotations": [[inner]]}))
    found, _ = read(path)
    assert found == {"images": [inner], "annotations": [[inner]]}


def test_a_record_nested_very_deep_is_read(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text('{"images": [' + "[" * 50_000 + "]" * 50_000 + '], "annotations": []}')
    found, reader = read(path)
    assert len(found["images"]) == 1
    assert reader.faults == []


def test_both_arrays_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text('{"images": [], "annotations": []}')
    assert read(path)[0] == {"images": [], "annotations": []}


def test_a_missing_file_and_a_folder_are_said_to_be_so(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(AnnotationFileError, match="cannot be read"):
            read(path)


def test_a_failing_disk_is_worth_another_try(tmp_path: Path) -> None:
    # Reading another process's memory at address 0 fails with an input/output error, as a broken disk does.
    with pytest.raises(RetryableError):
        read(Path("/proc/self/mem"))
