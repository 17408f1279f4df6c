"""Whole files are no cut ones because of where their times begin or of another track that is longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets_tests.explore.coded import Coded, Look, sound
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.ordinary import random_track

SELECTIONS = [StrideSelection(1), StrideSelection(30)]


@pytest.fixture(scope="module")
def pictures() -> Coded:
    return random_track(random.Random(0), "h264", Look(frame_count=120), keyint=15, bframes=2)


def tone(duration_s: float) -> Coded:
    whole = sound("aac", 12.0)
    return whole.with_units([unit for unit in whole.units if (unit.pts or 0) * whole.time_base < duration_s])


@pytest.mark.parametrize("suffix", [".mkv", ".flv"])
@pytest.mark.parametrize("longer_s", [0.5, 3, 7.5])
def test_sound_that_outlasts_the_pictures_is_no_cut(
    pictures: Coded, tmp_path: Path, suffix: str, longer_s: float
) -> None:
    path = write(tmp_path / f"whole{suffix}", pictures, tone(4 + longer_s))
    for selection in SELECTIONS:
        frames, report = pick_frames(path, selection)
        assert len(frames) == len(selection.expected(120))
        assert (report.is_damaged, report.mode) == (False, "selective")


@pytest.mark.parametrize("suffix", [".mkv", ".flv"])
@pytest.mark.parametrize("begin_s", [5, 3600])
def test_pictures_that_begin_late_are_no_cut(pictures: Coded, tmp_path: Path, suffix: str, begin_s: int) -> None:
    path = write(tmp_path / f"whole{suffix}", pictures.shifted(int(begin_s / pictures.time_base)))
    for selection in SELECTIONS:
        frames, report = pick_frames(path, selection)
        assert len(frames) == len(selection.expected(120))
        assert (report.is_damaged, report.mode) == (False, "selective")


@pytest.mark.parametrize("suffix", [".mkv", ".flv"])
def test_a_cut_through_pictures_and_sound_is_told(pictures: Coded, tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"cut{suffix}", pictures, tone(9))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 10])
    for selection in SELECTIONS:
        frames, report = pick_frames(path, selection)
        assert 0 < len(frames) < len(selection.expected(120))
        assert report.is_damaged
