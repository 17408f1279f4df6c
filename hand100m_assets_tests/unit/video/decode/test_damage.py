"""Every damaged file is reported, of whatever codec and container, and what comes out of it is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hand100m_assets.errors import VideoUnreadableError
from hand100m_assets.layout import MANIFEST_FILE, frame_file_name
from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets.video.frames.extract import extract_video
from hand100m_assets.video.frames.manifest import ExtractionOptions, is_done
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video import damage
from hand100m_assets_tests.unit.video.oracle import planes_of

ALL, OPTIONS = StrideSelection(1), ExtractionOptions()


def samples_of(path: Path) -> list[list[bytes]]:
    """Of every frame of a whole clip."""
    return [planes_of(frame) for frame in pick_frames(path, ALL, why_full="to compare with")[0]]


@pytest.mark.parametrize("stride", [1, 30])
@pytest.mark.parametrize("name", damage.KINDS)
def test_a_hole_in_any_kind_of_stream_is_reported_and_only_true_pictures_come_out(
    clip, tmp_path: Path, name: str, stride: int
) -> None:
    truth = samples_of(clip(name))
    frames, report = pick_frames(damage.with_a_hole(clip(name), tmp_path), StrideSelection(stride))
    assert report.is_damaged
    assert report.error_count > 0
    assert 0 < len(frames) < len(truth)
    assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)


@pytest.mark.parametrize("name", damage.KINDS)
def test_a_hole_that_begins_within_a_picture_is_reported(clip, tmp_path: Path, name: str) -> None:
    for part in (0.1, 0.5, 0.9):
        hollow = damage.with_a_hole(clip(name), tmp_path, into_packet=part)
        assert all(pick_frames(hollow, StrideSelection(stride))[1].is_damaged for stride in (1, 30))


INDEX_IN_FRONT = {
    "libx265": {"movflags": "+faststart", "x265-params": "log-level=error:pools=none:bframes=0", "tag:v": "hvc1"},
    "libvpx-vp9": {"movflags": "+faststart", "deadline": "realtime", "cpu-used": 8},
}


@pytest.mark.parametrize("codec", INDEX_IN_FRONT)
def test_a_truncated_file_of_another_codec_is_reported_too(tmp_path: Path, codec: str) -> None:
    whole = media.encode(tmp_path / "whole.mp4", size="192x144", vcodec=codec, g=30, **INDEX_IN_FRONT[codec])
    truth = samples_of(whole)
    for selection in (ALL, StrideSelection(30)):
        frames, report = pick_frames(damage.cut(whole, tmp_path), selection)
        assert report.is_damaged
        assert report.frame_count == len(truth)
        assert report.damaged_indices[-1] == len(truth) - 1
        assert frames
        assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)


@pytest.mark.parametrize("name", ["hevc_ten_bit.mkv", "vp9.webm", "av1.mkv", "h264.mkv", "fragmented"])
def test_a_cut_file_that_promises_no_frame_count_is_reported(clip, tmp_path: Path, name: str) -> None:
    truth = samples_of(clip(name))
    for selection in (ALL, StrideSelection(30)):
        frames, report = pick_frames(damage.cut(clip(name), tmp_path), selection)
        assert report.expected_from_header is None
        assert report.is_damaged
        assert frames
        assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)


@pytest.mark.parametrize("spoil", [damage.with_a_hole, damage.cut])
@pytest.mark.parametrize("name", damage.KINDS)
def test_damage_in_any_kind_of_stream_is_said_in_the_manifest_or_is_an_error(
    clip, tmp_path: Path, name: str, spoil: Callable[[Path, Path], Path]
) -> None:
    spoilt = spoil(clip(name), tmp_path)
    try:
        manifest = extract_video(spoilt, tmp_path, "vid", ALL, OPTIONS)
    except VideoUnreadableError as error:
        assert "the index (moov) is missing" in str(error)
        return
    assert manifest.status == "damaged"
    assert manifest.decoder_errors
    assert manifest.frames
    files = {path.name for path in (tmp_path / "vid").iterdir()} - {MANIFEST_FILE}
    assert files == {frame_file_name(frame.frame_index) for frame in manifest.frames}
    assert is_done(tmp_path, spoilt, ALL, OPTIONS, video_id="vid") == manifest, "trying again would give no more"
