"""Damage of which neither reader nor decoder says a word gives no frame the number of another one."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from hand100m_assets.errors import VideoUnreadableError
from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.report import DecodeReport
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets_tests.explore.coded import Look, encode
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.oracles import Truth, digest_of, truth_of
from hand100m_assets_tests.explore.ordinary import random_track
from hand100m_assets_tests.explore.spoiling import target
from hand100m_assets_tests.unit.video.oracle import opencv_frames

ALL = StrideSelection(1)
LOOK = Look(64, 48, 30)
H264 = {"keyint": 12, "min_keyint": 12, "bframes": 3, "b_adapt": 0, "scenecut": 0}
HEVC = {**H264, "open_gop": 1}
ONE_GROUP = {**H264, "keyint": 250, "min_keyint": 250}
TS_PACKET_BYTES = 188


def flipped(data: bytes, bit: int) -> bytes:
    spoilt = bytearray(data)
    spoilt[bit // 8] ^= 0x80 >> bit % 8
    return bytes(spoilt)


def check(path: Path, truth: Truth) -> DecodeReport:
    """Every frame that is given out has the time of its number, and what is missing is reported."""
    frames, report = pick_frames(path, ALL, why_full="to see all")
    misplaced = [frame.frame_index for frame in frames if frame.pts != truth.pts[frame.frame_index]]
    assert not misplaced, (misplaced[:3], report.errors[:1])
    assert report.is_damaged or len(frames) == len(truth.pts)
    return report


@pytest.mark.parametrize(
    ("codec", "fixed", "suffix"), [("h264", H264, ".mp4"), ("h264", H264, ".mkv"), ("hevc", HEVC, ".mkv")]
)
@pytest.mark.parametrize("number", [5, 11, 12, 24])
def test_any_bit_of_a_picture_s_head_may_flip(
    tmp_path: Path, codec: str, fixed: dict, suffix: str, number: int
) -> None:
    path = write(tmp_path / f"whole{suffix}", random_track(random.Random(3), codec, LOOK, **fixed))
    data, truth = path.read_bytes(), truth_of(path, has_opencv=False)
    place, _ = target(path, b"").packets[number]
    reports = []
    for bit in range(8 * (place + 4), 8 * (place + 12)):
        path.write_bytes(flipped(data, bit))
        reports.append(check(path, truth))
    assert any(report.is_damaged for report in reports)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("number", [13, 14, 15, 20])
def test_any_bit_of_an_mpeg4_picture_s_head_may_flip(tmp_path: Path, suffix: str, number: int) -> None:
    path = write(tmp_path / f"whole{suffix}", encode(random.Random(3), "mpeg4", LOOK, {"g": "12", "bf": "2", "q": "4"}))
    data, count = path.read_bytes(), len(truth_of(path, has_opencv=False).digests)
    at = data.index(b"\0\0\x01\xb6", target(path, b"").packets[number][0])
    silent = 0
    for bit in range(8 * at, 8 * (at + 10)):
        path.write_bytes(flipped(data, bit))
        frames, report = pick_frames(path, ALL, why_full="to see all")
        assert report.is_damaged or len(frames) == count, bit - 8 * at
        silent += not report.is_damaged
    assert silent < 80


@pytest.mark.parametrize(
    ("codec", "fixed"),
    [("h264", ONE_GROUP), ("h264", {**ONE_GROUP, "bframes": 0}), ("hevc", ONE_GROUP)],
)
@pytest.mark.parametrize("periods", [1, 2])
def test_as_many_lost_transport_packets_as_their_counter_has_values_are_missed(
    tmp_path: Path, codec: str, fixed: dict, periods: int
) -> None:
    track = random_track(random.Random(3), codec, Look(96, 64, 40), **fixed, repeat_headers=1)
    path = write(tmp_path / "whole.ts", track)
    data = path.read_bytes()
    truth = truth_of(path, has_opencv=False).digests
    packets = [data[at : at + TS_PACKET_BYTES] for at in range(0, len(data), TS_PACKET_BYTES)]
    own = [number for number, packet in enumerate(packets) if packet[1:3] in (b"\x41\x00", b"\x01\x00")]
    tried = 0
    for first in range(10, len(own) - 16 * periods - 10):
        gone = set(own[first : first + 16 * periods])
        if packets[own[first]][1] & 0x40 and packets[own[first + 16 * periods]][1] & 0x40:
            path.write_bytes(b"".join(packet for number, packet in enumerate(packets) if number not in gone))
            frames, report = pick_frames(path, ALL)
            wrong = [frame.frame_index for frame in frames if digest_of(frame) != truth[frame.frame_index]]
            assert not wrong, (first, wrong, report.errors)
            assert report.is_damaged, first
            tried += 1
    assert tried


def test_a_second_recording_may_drop_the_pictures_that_look_back(tmp_path: Path) -> None:
    parts = [random_track(random.Random(seed), "hevc", LOOK, **HEVC, repeat_headers=1) for seed in (3, 4)]
    later = parts[1].shifted(parts[0].end - min(unit.dts or 0 for unit in parts[1].units))
    path = write(tmp_path / "whole.mkv", parts[0].with_units([*parts[0].units, *later.units]))
    frames, report = pick_frames(path, ALL)
    assert not report.is_damaged, report.errors
    assert len(frames) == len(opencv_frames(path))


FRAMING_BYTES = 10
"""So many bytes before a packet hold its name, its length, its track and its time."""
CONTAINERS = [
    ("h264", ".mkv"),
    ("vp9", ".webm"),
    ("h264", ".flv"),
    ("h264", ".avi"),
    ("mjpeg", ".avi"),
    ("h264", ".mp4"),
]


@pytest.mark.parametrize(("codec", "suffix"), CONTAINERS)
@pytest.mark.parametrize("number", [3, 14, 27])
def test_any_bit_before_a_packet_may_flip(tmp_path: Path, codec: str, suffix: str, number: int) -> None:
    look = Look(64, 48, 30, "yuvj420p" if codec == "mjpeg" else "yuv420p")
    fixed = {**H264, "repeat_headers": 1} if codec == "h264" else {}
    path = write(tmp_path / f"whole{suffix}", random_track(random.Random(3), codec, look, **fixed))
    data, truth = path.read_bytes(), truth_of(path, has_opencv=False).digests
    place, _ = target(path, b"").packets[number]
    for bit in range(8 * (place - FRAMING_BYTES), 8 * (place + (4 if suffix == ".avi" else 0))):
        path.write_bytes(flipped(data, bit))
        try:
            frames, report = pick_frames(path, ALL, why_full="to see all")
        except VideoUnreadableError:
            continue
        digests = {frame.frame_index: digest_of(frame) for frame in frames}
        misplaced = [index for index, digest in digests.items() if digest != truth[index] and digest in truth]
        assert not misplaced, (bit - 8 * place, misplaced[:3])
        assert report.is_damaged or len(frames) == len(truth), bit - 8 * place


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_a_matroska_file_is_whole_however_it_was_written(tmp_path: Path, codec: str) -> None:
    sources = ["-f", "lavfi", "-i", "testsrc2=s=96x72:d=2:r=25", "-f", "lavfi", "-i", "sine=d=2"]
    made = subprocess.run(
        ["ffmpeg", "-v", "error", *sources, "-c:v", codec, "-c:a", "libopus", "-f", "matroska", "-"],
        check=True,
        capture_output=True,
    ).stdout
    piped = tmp_path / "piped.mkv"
    piped.write_bytes(made)
    for name, options in {"front": ["-cues_to_front", "1"], "live": ["-live", "1"]}.items():
        other = tmp_path / f"{name}.mkv"
        command = ["ffmpeg", "-v", "error", "-i", piped, "-c", "copy", "-f", "matroska", *options, other]
        subprocess.run(command, check=True)
    (tmp_path / "tail.mkv").write_bytes((tmp_path / "front.mkv").read_bytes() + bytes(range(1, 200)))
    for path in sorted(tmp_path.glob("*.mkv")):
        frames, report = pick_frames(path, ALL)
        assert not report.is_damaged, (path.name, report.errors)
        assert len(frames) == len(opencv_frames(path)) == 50


def test_a_wrong_time_in_the_tables_of_an_mp4_hides_no_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "whole.mp4", random_track(random.Random(3), "h264", Look(64, 48, 60), **H264))
    data, truth = path.read_bytes(), truth_of(path, has_opencv=False).digests
    table = data.index(b"ctts") + 12
    entries = int.from_bytes(data[table - 4 : table], "big")
    found = 0
    for entry in range(entries // 3, 2 * entries // 3):
        for bit in (9, 12, 15):
            path.write_bytes(flipped(data, 8 * (table + 8 * entry + 4) + bit))
            for why_full in ("to see all", None):
                frames, report = pick_frames(path, ALL, why_full=why_full)
                digests = {frame.frame_index: digest_of(frame) for frame in frames}
                misplaced = [index for index, digest in digests.items() if digest != truth[index]]
                assert not misplaced, (entry, bit, misplaced[:3])
                assert report.is_damaged or len(frames) == len(truth)
                found += report.is_damaged
    assert found
