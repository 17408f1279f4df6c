"""A chunk that is cut neatly out of an AVI file is missed, and sizes that are merely wrong are not minded."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import av
import pytest

from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets_tests.explore.coded import Look
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.ordinary import random_track
from hand100m_assets_tests.unit.video.oracle import planes_of

ALL = StrideSelection(1)


@pytest.fixture(params=["mjpeg", "mpeg4", "h264"])
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    look = Look(frame_count=30, pixel_format="yuvj420p" if request.param == "mjpeg" else "yuv420p")
    fixed = {"repeat_headers": 1} if request.param == "h264" else {}
    return write(tmp_path / "whole.avi", random_track(random.Random(1), request.param, look, **fixed))


def packets(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("number", [1, 14, 29])
def test_a_chunk_cut_out_neatly_is_missed_and_no_frame_behind_it_is_numbered(
    whole: Path, tmp_path: Path, number: int
) -> None:
    place, size = packets(whole)[number]
    data, path = whole.read_bytes(), tmp_path / "less.avi"
    path.write_bytes(data[: place - 8] + data[place + size + size % 2 :])
    truth = [planes_of(frame) for frame in pick_frames(whole, ALL)[0]]
    frames, report = pick_frames(path, ALL)
    assert [planes_of(frame) for frame in frames] == truth[: len(frames)]
    assert number - 3 <= len(frames) <= number
    assert any("packets are missing" in error.words for error in report.errors)


@pytest.mark.parametrize("growth_bytes", [-100, 60])
def test_a_wrong_size_in_the_header_alone_is_no_loss(whole: Path, growth_bytes: int) -> None:
    assert len(pick_frames(whole, ALL)[0]) == 30
    data = bytearray(whole.read_bytes())
    place = data.index(b"movi") - 4
    struct.pack_into("<I", data, place, struct.unpack_from("<I", data, place)[0] + growth_bytes)
    whole.write_bytes(data)
    frames, report = pick_frames(whole, ALL)
    assert not report.is_damaged
    assert len(frames) == 30
