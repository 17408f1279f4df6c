"""Everything at once without a daemon: what its exit status says, and that nothing that fails stops the rest."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hand100m_assets.errors import DiskFullError, OutputUnwritableError
from hand100m_assets.headless import catch_up
from hand100m_assets.sources import DOH, SOURCES
from hand100m_assets_tests.conftest import REPO
from hand100m_assets_tests.defs.conftest import TinyWorkspace, hand, image

ONE, TWO, CUT = "aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc"
SET = ([hand(11, 1, 12), hand(12, 2, 11)], [image(ONE, 30, 1), image(TWO, 60, 2)])


@pytest.fixture
def one_source(tiny: TinyWorkspace, monkeypatch: pytest.MonkeyPatch) -> TinyWorkspace:
    """Two whole videos, a cut one, an annotation set; the other source left out."""
    for video_id in (ONE, TWO):
        tiny.add_video(video_id)
    whole = tiny.add_video(CUT)
    os.truncate(whole, whole.stat().st_size // 2)
    tiny.add_list(ONE, TWO, CUT)
    tiny.add_annotations(*SET)
    monkeypatch.setattr(catch_up, "SOURCES", (DOH,))
    monkeypatch.setattr(catch_up, "evaluate_checks", lambda *_: [])
    monkeypatch.setattr(catch_up, "CatchUp", functools.partial(catch_up.CatchUp, settle_s=0))
    monkeypatch.setattr(catch_up, "load_settings", lambda: tiny.settings)
    monkeypatch.setattr(catch_up, "open_instance", lambda: contextlib.nullcontext(tiny.instance))
    return tiny


def exit_status() -> int:
    with pytest.raises(SystemExit) as ended:
        catch_up.main()
    return int(ended.value.code or 0)


def failed_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed: ")]


def test_a_bad_video_is_reported_and_is_no_failure(
    one_source: TinyWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status() == 0
    printed = capsys.readouterr()
    assert f"run with failures (the rest of it is done, see its log): 100doh_frames {ONE} ... {CUT}" in printed.out
    assert "failed: " not in printed.err
    assert one_source.place.output.missing_videos_file.read_text() == f"{CUT}.mp4\n"
    assert one_source.place.training_sets() == ["simhand-50k"]
    assert "planted fault" not in printed.out


def test_files_below_the_working_directory_are_shown_by_their_path_in_it(
    one_source: TinyWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = one_source.place.output
    output.report_file("simhand-50k").parent.mkdir(parents=True)
    output.report_file("simhand-50k").touch()
    assert f"  {output.report_file('simhand-50k')}" in list(catch_up.summarise(DOH, one_source.settings))
    monkeypatch.chdir(output.base_dir.parent)
    assert "  100doh/report/simhand-50k.html" in list(catch_up.summarise(DOH, one_source.settings))


def test_a_bad_annotation_file_is_a_failure_with_its_name_and_stops_nothing_else(
    one_source: TinyWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    (one_source.place.folders.annotations_dir / "Hand100M_100DOH_100k_v1-1.json").write_text("<html>")
    assert exit_status() == 1
    told = failed_lines(capsys)
    assert told[0].startswith("failed: 100doh_annotations simhand-100k: ")
    assert "Hand100M_100DOH_100k_v1-1.json" in told[0]
    assert one_source.place.training_sets() == ["simhand-50k"]
    assert one_source.place.output.manifest_file(ONE).exists()


def test_videos_that_failed_for_a_passing_reason_are_a_failure(
    one_source: TinyWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputUnwritableError("the disk is full")

    monkeypatch.setattr("hand100m_assets.video.frames.job.extract_video", full)
    assert exit_status() == 1
    assert failed_lines(capsys)[0].startswith(f"failed: 100doh_frames {ONE} ... {CUT}: ")


def test_a_full_disk_stops_everything_with_one_line(
    one_source: TinyWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def full(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        raise DiskFullError("cannot be written (No space left on device)", where="/out", fix="The disk is full.")

    monkeypatch.setattr("hand100m_assets.video.frames.job.extract_video", full)
    assert exit_status() == 1
    printed = capsys.readouterr()
    (line,) = [line for line in (printed.out + printed.err).splitlines() if "/out" in line]
    assert line.endswith("/out: cannot be written (No space left on device). The disk is full.")
    assert len(asked) == 1 and "== 100doh_catalog" not in printed.out


@pytest.mark.parametrize("job", ["annotations", "catalog", "pictures"])
def test_a_run_that_fails_by_a_fault_of_ours_is_a_failure(
    job: str, one_source: TinyWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {
        "annotations": "hand100m_assets.defs.annotation_sets.annotations.ingest_file",
        "catalog": "hand100m_assets.defs.videos.frames.read_catalog",
        "pictures": "hand100m_assets.defs.annotation_sets.pictures.write_report",
    }

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(broken[job], fails)
    assert exit_status() == 1
    assert any(line.startswith(f"failed: 100doh_{job}") for line in failed_lines(capsys))


def test_a_source_that_is_not_here_is_a_failure_and_the_other_one_is_worked_on(
    one_source: TinyWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catch_up, "SOURCES", SOURCES)
    assert exit_status() == 1
    assert f"failed: {one_source.settings.data_root}/annotations/Ego4D: the annotation folder cannot be read" in (
        "\n".join(failed_lines(capsys))
    )
    assert one_source.place.training_sets() == ["simhand-50k"]


@pytest.mark.parametrize("module", ["catch_up", "check_data"])
@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"HAND100M_FRAME_STRIDE": "often"}, 'HAND100M_FRAME_STRIDE: must be a whole number, not "often"'),
        ({"HAND100M_ENV_FILE": "/nowhere/.env"}, "/nowhere/.env: no such settings file"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_setting_is_one_line_and_status_2(
    module: str, wrong: dict[str, str], line: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"hand100m_assets.headless.{module}"],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(REPO), **wrong},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not done.stdout
