"""The asset checks as a CI asks for them: one line a failed check, exit status 1 for an error."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from hand100m_assets.headless import check_data
from hand100m_assets.sources import DOH
from hand100m_assets_tests.defs.conftest import TinyWorkspace, hand, image

ONE, TWO = "aaaaaaaaaaa", "bbbbbbbbbbb"


@pytest.fixture
def sound(tiny: TinyWorkspace, monkeypatch: pytest.MonkeyPatch) -> TinyWorkspace:
    """One source without a fault, everything materialized; the other one left out."""
    for video_id in (ONE, TWO):
        tiny.add_video(video_id)
    tiny.add_list(ONE, TWO)
    tiny.add_annotations([hand(11, 1, 12), hand(12, 2, 11)], [image(ONE, 30, 1), image(TWO, 60, 2)])
    tiny.notice()
    assert tiny.ingest().success
    assert tiny.extract(ONE, TWO).success
    assert tiny.execute("100doh_catalog").success
    assert tiny.draw().success
    monkeypatch.setattr(check_data, "SOURCES", (DOH,))
    monkeypatch.setattr(check_data, "build_defs", lambda: tiny.defs)
    monkeypatch.setattr(check_data, "open_instance", lambda: contextlib.nullcontext(tiny.instance))
    return tiny


def exit_status() -> int:
    with pytest.raises(SystemExit) as ended:
        check_data.main()
    return int(ended.value.code or 0)


def test_sound_data_exits_with_0_a_warning_too_an_error_with_1(
    sound: TinyWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status() == 0
    passed = re.fullmatch(r"(\d+) checks passed, 0 errors, 0 warnings\n", capsys.readouterr().out)
    assert passed is not None
    assert int(passed[1]) > 30

    sound.place.folders.list_file.unlink()
    assert exit_status() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("WARN  100doh/video_list: list_is_here: There is no list")
    assert lines[1:] == [f"{int(passed[1]) - 1} checks passed, 0 errors, 1 warning"]

    sound.place.output.frame_file(ONE, 50).unlink()
    assert exit_status() == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.startswith("ERROR 100doh/frames: frame_files_match_manifests: 1 frame file is gone") for line in lines
    )


def test_a_check_that_cannot_be_evaluated_is_an_error_with_its_reason_and_no_traceback(
    sound: TinyWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    (sound.place.output.annotation_dir("simhand-50k") / "summary.json").write_text("{}")
    assert exit_status() == 1
    printed = capsys.readouterr()
    assert "annotation_rules_100doh: " in printed.err and "Ingest the annotation file first" in printed.err
    assert "Traceback" not in printed.err + printed.out


@pytest.mark.parametrize("home", [None, "absent"])
def test_without_an_instance_it_says_which_variable_to_set(
    home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    if home:
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / home))
    assert exit_status() == 2
    assert capsys.readouterr().err.startswith("DAGSTER_HOME: no Dagster instance there")
