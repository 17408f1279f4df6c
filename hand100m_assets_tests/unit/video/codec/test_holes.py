"""Overwritten blocks are found in any packet, and what encoders write to fill up is none."""

from __future__ import annotations

import random
import re
from pathlib import Path

import av
import pytest

from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets_tests import media
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.oracles import digest_of, plain_frames
from hand100m_assets_tests.explore.ordinary import random_track
from hand100m_assets_tests.unit.video.oracle import planes_of
from hand100m_assets_tests.unit.video.repacked import (
    Change,
    before_slices,
    behind,
    behind_slices,
    repacked,
    with_unit,
)

ALL, SOME = StrideSelection(1), StrideSelection(7)
HEVC = {"vcodec": "libx265", "preset": "ultrafast", "tag:v": "hvc1"}
CLIPS = {
    "h264": {"g": 20, "bf": 2},
    "h264 with slices": {"g": 20, "bf": 3, "x264-params": "slices=3:cabac=0"},
    "hevc": {**HEVC, "x265-params": "log-level=error:pools=none:keyint=20:bframes=3"},
    "vp9": {"vcodec": "libvpx-vp9", "deadline": "realtime", "cpu-used": 8, "g": 20},
    "av1": {"vcodec": "libsvtav1", "preset": 12, "g": 20, "crf": 8, "svtav1-params": "lp=1"},
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("holes")
    return {
        name: media.encode(folder / f"{name}.mp4", size="192x144", frames=60, **options)
        for name, options in CLIPS.items()
    }


@pytest.fixture(scope="module")
def truths(clips: dict[str, Path]) -> dict[str, list[list[bytes]]]:
    return {
        name: [planes_of(f) for f in pick_frames(path, ALL, why_full="to compare with")[0]]
        for name, path in clips.items()
    }


H264_FILLER, HEVC_FILLER = b"\x0c" + b"\xff" * 200 + b"\x80", b"\x4c\x01" + b"\xff" * 200 + b"\x80"
H264_MESSAGE, HEVC_MESSAGE = b"\x06\x05\x78" + bytes(120) + b"\x80", b"\x4e\x01\x05\x78" + bytes(120) + b"\x80"
AV1_PADDING, AV1_ZEROS = b"\x7a\x64" + bytes(99) + b"\x80", b"\x7a\x64" + bytes(100)
FILLED_UP: list[tuple[str, Change]] = [
    *((name, behind_slices(bytes(24), every=10, first=4)) for name in ("h264", "h264 with slices", "hevc")),
    *((name, behind_slices(bytes(24), every=10)) for name in ("h264", "hevc")),
    *((name, behind_slices(bytes(3000))) for name in ("h264", "h264 with slices", "hevc")),
    *((name, behind_slices(bytes(9), every=3)) for name in ("h264", "hevc")),
    *((name, behind_slices(b"\0\0\3" * 20)) for name in ("h264", "hevc")),  # cabac_zero_words
    ("h264", with_unit(H264_FILLER)),
    ("hevc", with_unit(HEVC_FILLER)),
    ("h264", before_slices(H264_MESSAGE)),
    ("hevc", before_slices(HEVC_MESSAGE)),
    ("av1", behind(AV1_PADDING)),
    ("av1", behind(AV1_ZEROS)),
]


@pytest.mark.parametrize("number", range(len(FILLED_UP)))
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_what_encoders_write_to_fill_up_is_no_hole(clips, truths, tmp_path: Path, number: int, suffix: str) -> None:
    name, change = FILLED_UP[number]
    path = repacked(clips[name], tmp_path / f"filled{suffix}", change)
    for selection in (ALL, SOME):
        frames, report = pick_frames(path, selection)
        assert not report.is_damaged, report.errors
        assert [f.frame_index for f in frames] == selection.expected(60)
        assert all(planes_of(f) == truths[name][f.frame_index] for f in frames)
        assert report.mode == "selective", report.why_full


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
@pytest.mark.parametrize("seed", ["1/190", "1/366"])
def test_zeros_that_the_encoder_of_small_pictures_writes_are_no_hole(tmp_path: Path, seed: str, suffix: str) -> None:
    track = random_track(random.Random(seed), "vp9")
    assert max(len(run) for unit in track.units for run in re.findall(rb"\0+(?=[^\0])", unit.data)) > 32
    path = write(tmp_path / f"zeros{suffix}", track)
    truth = [digest_of(frame) for frame in plain_frames(path)]
    for selection in (ALL, SOME):
        frames, report = pick_frames(path, selection)
        assert not report.is_damaged, report.errors
        assert [digest_of(f) for f in frames] == [truth[i] for i in selection.expected(len(truth))]


def packets_of(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size]


def check_reported(path: Path, truth: list[list[bytes]]) -> None:
    for selection in (ALL, SOME):
        frames, report = pick_frames(path, selection)
        assert report.is_damaged
        assert [f.frame_index for f in frames if planes_of(f) != truth[f.frame_index]] == []


BLOCKS = {"zeros": b"\0", "erased flash": b"\xff"}


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("movflags", ["+faststart", "frag_keyframe+empty_moov", "frag_every_frame+empty_moov"])
def test_holes_in_each_of_the_first_packets_are_seen(
    clips, truths, tmp_path: Path, name: str, block: str, movflags: str
) -> None:
    path = repacked(clips[name], tmp_path / "holes.mp4", lambda _, packet: packet, movflags=movflags)
    data = bytearray(path.read_bytes())
    for position, size in packets_of(path)[:3]:
        length = min(64, size // 2)
        if length < 64:
            pytest.skip("its packets are smaller than any block")
        data[position + size // 3 : position + size // 3 + length] = BLOCKS[block] * length
    path.write_bytes(data)
    check_reported(path, truths[name])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_zeros_that_end_with_a_picture_are_a_hole_where_they_stand_for_its_last_bytes(
    clips, truths, tmp_path: Path, suffix: str
) -> None:
    for spoilt in (0, 7, 20, 38, 59):
        path = repacked(
            clips["hevc"],
            tmp_path / f"{spoilt}{suffix}",
            lambda number, packet, spoilt=spoilt: packet if number != spoilt else packet[:-30] + bytes(30),
        )
        check_reported(path, truths["hevc"])


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("of_packet", [0.3, 0.9])
def test_a_hole_up_to_the_end_of_the_file_is_seen_where_it_spoils_the_last_packet_alone(
    clips, truths, tmp_path: Path, name: str, of_packet: float
) -> None:
    path = repacked(clips[name], tmp_path / "tail.mp4", lambda _, packet: packet, movflags="+faststart")
    position, size = packets_of(path)[-1]
    data = bytearray(path.read_bytes())
    assert position + size == len(data)
    first = position + min(int(size * of_packet), size - 8)
    data[first:] = bytes(len(data) - first)
    path.write_bytes(data)
    check_reported(path, truths[name])


@pytest.mark.parametrize("name", CLIPS)
def test_a_hole_that_goes_on_in_the_sound_is_seen(clips, truths, tmp_path: Path, name: str) -> None:
    path = media.with_sound(clips[name], tmp_path / "sound.mp4")
    places = packets_of(path)
    follows = [n for n, (position, size) in enumerate(places[:-1]) if places[n + 1][0] != position + size]
    position, size = places[follows[len(follows) // 2]]
    data = bytearray(path.read_bytes())
    data[position + size - min(40, size // 2) : position + size + 16] = bytes(min(40, size // 2) + 16)
    path.write_bytes(data)
    check_reported(path, truths[name])
