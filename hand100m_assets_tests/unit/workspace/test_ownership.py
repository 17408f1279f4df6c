"""Two installations on one output folder are told of each other, where their settings would undo each other's work."""

from __future__ import annotations

from pathlib import Path

import pytest

from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH
from hand100m_assets.workspace.ownership import MARK_FILE, claim_output, other_owner
from hand100m_assets.workspace.status import findings
from hand100m_assets.workspace.workspace import SourceWorkspace


def installed_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **chosen: object) -> Settings:
    folder.mkdir(exist_ok=True)
    monkeypatch.delenv("HAND100M_ENV_FILE", raising=False)
    monkeypatch.chdir(folder)
    return Settings(_env_file=None, output_root=folder.parent / "out", data_root=folder.parent / "data", **chosen)


def test_another_installation_with_other_settings_is_named_with_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_output(installed_in(tmp_path / "a", monkeypatch, frame_stride=30))
    other = installed_in(tmp_path / "b", monkeypatch, frame_stride=15)
    claim_output(other)
    warning = other_owner(other) or ""
    assert str(tmp_path / "a") in warning and "HAND100M_FRAME_STRIDE is 15 here and 30 there" in warning
    assert any(f.severity == "warning" and f.what == warning for f in findings(SourceWorkspace(other, DOH)))
    assert other_owner(installed_in(tmp_path / "a", monkeypatch, frame_stride=30)) is None


@pytest.mark.parametrize("chosen", [{}, {"workers": 3}, {"sensor_interval_s": 90}])
def test_another_installation_that_makes_the_same_is_no_matter(
    chosen: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_output(installed_in(tmp_path / "a", monkeypatch))
    assert other_owner(installed_in(tmp_path / "b", monkeypatch, **chosen)) is None


def test_who_edits_his_own_settings_stays_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim_output(installed_in(tmp_path / "a", monkeypatch, jpeg_quality=95))
    changed = installed_in(tmp_path / "a", monkeypatch, jpeg_quality=80)
    claim_output(changed)
    assert other_owner(changed) is None
    assert "80 there" in (other_owner(installed_in(tmp_path / "b", monkeypatch, jpeg_quality=95)) or "")


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", "[" * 100_000])
def test_a_mark_that_cannot_be_read_is_written_anew(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = installed_in(tmp_path / "a", monkeypatch)
    settings.output_root.mkdir()
    (settings.output_root / MARK_FILE).write_text(text)
    claim_output(settings)
    assert other_owner(installed_in(tmp_path / "b", monkeypatch, jpeg_quality=80)) is not None
