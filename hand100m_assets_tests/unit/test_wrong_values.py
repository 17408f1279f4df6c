"""Whatever is wrong with a value is said in our words: none of the library's come through."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from hand100m_assets import wrong_values
from hand100m_assets.annotations.contract import HandRecord, ImageRecord
from hand100m_assets.annotations.rejects import Reject, rejects_of
from hand100m_assets.errors import Hand100mError, SettingsError
from hand100m_assets.settings.settings import Settings, load_settings
from hand100m_assets.video.frames import read_manifest
from hand100m_assets.wrong_values import in_words
from hand100m_assets_tests.unit.annotations.records import hand, image

LIBRARY = re.compile(
    r"\b(Input|should|valid\w*|pars\w+|dictionary|[Tt]uple|Field|Expecting|instance|pydantic|NoneType|float|int|str)\b"
)
WITHOUT_WORDS = "has a value that is not allowed"

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        1e300,
        "",
        "x",
        "0.5",
        "5" * 5000,
        [],
        {},
        [None],
        [[1]],
        {"a": 1},
        {"a": None},
        "[1, 2]",
    ),
    *([0.1] * 62, [0.1] * 64, ["a"] * 63, [[1, 2]] * 21, [1e300] * 63, [0.1] * 2000, "[1, 2, 3, 4, 5]", "{", ["-1"]),
)
TEXTS = ("", "x", "-1", "0", "1.5", "1e400", "nan", "[]", "{}", "[null]", '{"a": null}', '{"a": [1]}', "[[1]]", '"x"')
MANIFEST = {
    "video_id": "a",
    "video_file": "a.mp4",
    "size_bytes": 1,
    "mtime_ns": 1,
    "selection": {"kind": "stride", "stride": 30},
    "jpeg_quality": 95,
    "libraries": {},
    "video": {},
    "frames": [],
    "frame_count_decoded": 1,
    "frame_count": 1,
    "frame_count_expected": 1,
    "damaged_ranges": [],
    "missing_frames": [],
    "past_end": [],
    "decoder_errors": [],
    "decoder_error_count": 0,
    "decode_mode": "full",
    "status": "complete",
}


def assert_ours(words: str) -> None:
    assert words and WITHOUT_WORDS not in words and not LIBRARY.search(words), words


def rejected(model: type[BaseModel], raw: object) -> list[Reject]:
    try:
        model.model_validate(raw, context=[])
    except ValidationError as error:
        return rejects_of("annotations", 0, 0, error)
    return []


def test_the_examples_run() -> None:
    failed, tried = doctest.testmod(wrong_values)
    assert failed == 0 and tried == 5


@pytest.mark.parametrize(("model", "record"), [(HandRecord, hand(1)), (ImageRecord, image(1))])
def test_every_reject_of_a_record_has_a_reason_in_our_words(model: type[BaseModel], record: dict[str, Any]) -> None:
    raws = (*VALUES, *({**record, name: value} for name in record for value in VALUES), {})
    rejects = [reject for raw in raws for reject in rejected(model, raw)]
    for reject in rejects:
        assert_ours(reject.reason)
    assert len({reject.rule for reject in rejects}) > 5


def test_a_manifest_at_fault_is_described_in_our_words(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(MANIFEST))
    assert read_manifest(file).status == "complete"
    said = set()
    for document in (*VALUES, *({**MANIFEST, name: value} for name in MANIFEST for value in VALUES)):
        file.write_text(json.dumps(document))
        try:
            read_manifest(file)
        except Hand100mError as error:
            said.add(error.what)
    file.write_text('{"version": 1, "video_id": "a')
    with pytest.raises(Hand100mError, match="not a manifest: file must be JSON"):
        read_manifest(file)
    assert len(said) > 50
    for what in said:
        assert_ours(re.sub(r"manifest: [\w.]+", "", what))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_at_fault_is_described_in_our_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in TEXTS:
        monkeypatch.setenv(f"HAND100M_{name.upper()}", text)
        try:
            load_settings()
        except SettingsError as error:
            assert_ours(error.what)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("keypoint_25d", [0.1] * 62, "must have at least 63 items, not 62"),
        ("left_right", "Up", "must be 'Left' or 'Right'"),
        ("boxes", 5, "must be a list, not a number"),
        ("boxes", [1, 2, 3, "4"], "must be a number, not a string"),
        ("distance", [1e300], "must be at most 1,000,000,000"),
    ],
)
def test_a_reason_says_what_must_be_there_and_what_was_found(field: str, value: object, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HandRecord.model_validate(hand(1, **{field: value}))
    assert in_words(caught.value.errors()[0]) == reason
