"""The streaming reader against Python's own, on sound files and on every way to break them."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hand100m_assets.annotations.reader import SECTIONS, RawReader
from hand100m_assets.errors import AnnotationFileError, RetryableError
from hand100m_assets_tests.unit.annotations.records import documents, hand, image, sound_set

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read(path: Path) -> tuple[dict[str, list[Any]], RawReader]:
    reader = RawReader(path)
    found: dict[str, list[Any]] = {section: [] for section in SECTIONS}
    for section, record, value in reader.records():
        assert record == len(found[section])
        found[section].append(value)
    return found, reader


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
    packed=st.booleans(),
    bom=st.booleans(),
)
@same_folder
def test_any_order_white_space_mark_and_packing_gives_what_pythons_json_gives(
    tmp_path: Path, document: dict[str, Any], indent: int | None, reverse: bool, packed: bool, bom: bool
) -> None:
    ordered = dict(reversed(document.items())) if reverse else document
    text = (b"\xef\xbb\xbf" if bom else b"") + json.dumps(ordered, indent=indent).encode()
    path = tmp_path / "set.json"
    path.write_bytes(gzip.compress(text) if packed else text)
    found, reader = read(path)
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
    # The parser takes two more characters for white space than JSON allows, which changes no value.
    strict = bytes(text).replace(b"\x0b", b" ").replace(b"\x0c", b" ")
    try:
        document = json.loads(strict, parse_constant=lambda name: pytest.fail(f"{name} came through"))
    except ValueError:
        assert reader.faults
        assert reader.faults[0].offset_bytes is not None
    else:
        assert reader.faults or found == {section: document[section] for section in SECTIONS}


@pytest.mark.parametrize("token", [b"NaN", b"Infinity", b"-Infinity", b"nul", b"'x'", b"1e999", b"\xff", b"01", b"}"])
def test_what_is_no_json_is_named_by_the_very_byte_behind_all_whole_records(tmp_path: Path, token: bytes) -> None:
    before = json.dumps({"images": [image(n) for n in range(3000)], "annotations": [hand(1), hand(2)]}).encode()[:-2]
    path = tmp_path / "set.json"
    path.write_bytes(before + b', {"distance": [' + token + b"]}]}" + b" " * 200_000)
    found, reader = read(path)
    assert [len(found[section]) for section in SECTIONS] == [3000, 2]
    (fault,) = reader.faults
    start = len(before) + len(b', {"distance": [')
    assert fault.rule == "not_json"
    assert fault.offset_bytes is not None
    assert start <= fault.offset_bytes <= start + len(token)
    assert f"{fault.offset_bytes:,}" in fault.reason


@pytest.mark.parametrize("text", [b"video\xff", rb"\udfff", rb"\ud83"])
def test_a_string_that_is_no_text_ends_the_file_and_is_named(tmp_path: Path, text: bytes) -> None:
    before = json.dumps({"images": [image(n) for n in range(3000)], "annotations": [hand(1)]}).encode()[:-2]
    path = tmp_path / "set.json"
    path.write_bytes(before + b', {"left_right": "' + text + b'"}]}')
    found, reader = read(path)
    assert [len(found[section]) for section in SECTIONS] == [3000, 1]
    (fault,) = reader.faults
    start = len(before) + len(b', {"left_right": "')
    assert fault.rule == "not_json"
    assert fault.offset_bytes is not None
    assert start <= fault.offset_bytes <= start + len(text)


@pytest.mark.parametrize("garbage", [b"x", b"}", b'{"images": [1]}', b"\0" * 100, b"[", b","])
def test_what_follows_the_document_is_reported_and_adds_no_record(tmp_path: Path, garbage: bytes) -> None:
    text = json.dumps(sound_set(4)).encode() + b"\n"
    path = tmp_path / "set.json"
    path.write_bytes(text + garbage)
    found, reader = read(path)
    assert found == {section: sound_set(4)[section] for section in SECTIONS}
    assert [(fault.rule, fault.offset_bytes) for fault in reader.faults] == [("not_json", len(text))]


def test_a_number_of_more_than_64_bits_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"images": [image(1)], "annotations": [hand(1, image_id=2**70)]}))
    found, reader = read(path)
    assert "number too large" in reader.faults[0].reason
    assert len(found["images"]) == 1


def test_a_nan_says_that_it_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"images": [image(1)], "annotations": [hand(1, distance=[float("nan")])]}))
    _, reader = read(path)
    assert "NaN" in reader.faults[0].reason


@pytest.mark.parametrize("kept", [0.3, 0.66, 0.97, 1.0])
def test_a_gzip_cut_short_gives_every_record_that_can_be_unpacked(tmp_path: Path, kept: float) -> None:
    document = sound_set(900)
    packed = gzip.compress(json.dumps(document).encode(), mtime=0)
    cut = packed[: int(kept * len(packed)) - 6]
    unpacked = zlib.decompressobj(wbits=31).decompress(cut)
    path = tmp_path / "set.json.gz"
    path.write_bytes(cut)
    found, reader = read(path)
    assert found == whole_before(unpacked, document)
    assert [(fault.rule, fault.offset_bytes) for fault in reader.faults] == [("archive_broken", len(unpacked))]


def test_a_gzip_whose_checksum_is_wrong_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "set.json.gz"
    path.write_bytes(gzip.compress(json.dumps(sound_set(5)).encode(), mtime=0)[:-8] + b"\0" * 8)
    _, reader = read(path)
    assert reader.faults[0].rule == "archive_broken"


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
        ("", "empty"), ("  \n", "ends"), ("hello", "no JSON"), ("[1, 2]", "array"), ('"images"', "string"),
        ("3 ", "number"),
        ("{}", "neither"), ('{"images": 3, "annotations": null}', "neither"), ('{"a": {"images": [1]}}', "neither"),
        ('{"images": [', "ends in the middle"), ("\x1f\x8b", "gzip"), ("PK\x03\x04", "no JSON"),
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
