"""A whole file is not taken for a cut one, and what is no video is called what it is."""

from __future__ import annotations

import os
import random
import socket
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from hand100m_assets.errors import Hand100mError, RetryableError, UnsafeIdError, VideoUnreadableError
from hand100m_assets.video.container.matroska_blocks import segment_missing_bytes
from hand100m_assets.video.container.probe import probe_video
from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets.video.frames.extract import extract_video
from hand100m_assets.video.frames.manifest import ExtractionOptions
from hand100m_assets_tests import media
from hand100m_assets_tests.explore.coded import Coded, Look
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.oracles import digest_of, plain_frames
from hand100m_assets_tests.explore.ordinary import random_track

ALL = StrideSelection(1)


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.encode(tmp_path_factory.mktemp("plain") / "plain.mp4", size="96x64", frames=120, g=30, bf=2)


def assert_whole(path: Path) -> None:
    for why_full in (None, "to compare"):
        frames, report = pick_frames(path, ALL, why_full=why_full)
        assert not report.is_damaged, report.errors
        assert [frame.frame_index for frame in frames] == list(range(120))


def assert_seen_as_cut(path: Path) -> None:
    frames, report = pick_frames(path, ALL)
    assert report.is_damaged
    assert [frame.frame_index for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("name", ["late.mkv", "late.flv", "late.mp4", "late.mov"])
def test_a_file_that_starts_late_is_whole(plain: Path, tmp_path: Path, name: str) -> None:
    ffmpeg("-i", plain, "-c", "copy", "-output_ts_offset", 5, tmp_path / name)
    assert_whole(tmp_path / name)


CODED = {
    "h264": ["-c:v", "libx264", "-g", 15, "-bf", 2],
    "h264 pyramid": ["-c:v", "libx264", "-x264-params", "keyint=20:bframes=6:b-adapt=0:ref=4"],
    "hevc": ["-c:v", "libx265", "-x265-params", "log-level=none:pools=none:keyint=15:bframes=3:b-adapt=0"],
    "vp9": ["-c:v", "libvpx-vp9", "-g", 15, "-deadline", "realtime", "-cpu-used", 8],
    "av1": ["-c:v", "libsvtav1", "-g", 15, "-preset", 12, "-svtav1-params", "lp=1"],
}


@pytest.fixture(scope="module", params=CODED)
def coded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("coded") / f"{request.param}.mkv"
    pattern = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30", "-frames:v", 60, "-pix_fmt", "yuv420p"]
    ffmpeg(*pattern, *CODED[request.param], path)
    return path


@pytest.mark.parametrize("dropped", [2, 7])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_copy_that_begins_within_a_group_has_the_numbers_of_a_full_decode(
    coded: Path, tmp_path: Path, suffix: str, dropped: int
) -> None:
    path = tmp_path / f"{coded.stem}{suffix}"
    if path.name == "av1.mkv":
        pytest.skip("Matroska's reader complains of AV1 before a key frame, and so all is withheld")
    ffmpeg("-i", coded, "-c", "copy", "-copyinkf", "-bsf:v", rf"noise=drop=lt(n\,{dropped})", path)
    right = [digest_of(frame) for frame in plain_frames(path)]
    assert 30 <= len(right) < 60 - dropped
    frames, report = pick_frames(path, ALL)
    assert not report.is_damaged, report.errors
    assert [digest_of(frame) for frame in frames] == right
    assert report.frame_count == len(right)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".flv"])
def test_a_first_key_frame_that_looks_like_another_picture_keeps_its_number(
    coded: Path, tmp_path: Path, suffix: str
) -> None:
    if suffix == ".flv" and not coded.stem.startswith("h264"):
        pytest.skip("FLV has no place for it")
    path = tmp_path / f"spoilt{suffix}"
    ffmpeg("-i", coded, "-c", "copy", path)
    right = [digest_of(frame) for frame in plain_frames(path)]
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0)]
    data = path.read_bytes()
    later = min(packets[1:20], key=lambda packet: abs(len(packet) - len(packets[0]) // 2))
    place = data.index(packets[0])
    path.write_bytes(data[:place] + later + data[place + len(later) :])
    frames, report = pick_frames(path, ALL)
    assert report.is_damaged
    assert all(digest_of(frame) == right[frame.frame_index] for frame in frames if digest_of(frame) in right)


@pytest.fixture(scope="module", params=["an open group", "a renewal"])
def cut_at_a_key(request: pytest.FixtureRequest) -> Coded:
    """What was cut at a key frame that does not clear the decoder's memory."""
    is_renewal = int(request.param == "a renewal")
    settings = {"keyint": 12, "min_keyint": 12, "open_gop": 1, "bframes": 3, "b_adapt": 0, "b_pyramid": "normal"}
    more = {"ref": 4, "intra_refresh": is_renewal, "repeat_headers": 1, "slices": 1, "scenecut": 0, "weightp": 0}
    track = random_track(random.Random(1), "h264", Look(frame_count=90), **settings, **more)
    keys = [number for number, unit in enumerate(track.units) if unit.is_key]
    units = track.units[keys[2] :]
    return track.with_units(units).shifted(2 * units[0].duration - min(unit.pts or 0 for unit in units))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_copy_from_a_key_frame_on_has_the_numbers_of_a_full_decode(
    cut_at_a_key: Coded, tmp_path: Path, suffix: str
) -> None:
    path = write(tmp_path / f"copy{suffix}", cut_at_a_key)
    right = [digest_of(frame) for frame in plain_frames(path)]
    assert 20 < len(right) < len(cut_at_a_key.units)
    frames, report = pick_frames(path, ALL)
    assert not report.is_damaged, report.errors
    assert [digest_of(frame) for frame in frames] == right
    assert report.frame_count == len(right)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_two_encodings_of_open_groups_one_behind_the_other_have_the_numbers_of_a_full_decode(
    tmp_path: Path, codec: str, suffix: str
) -> None:
    settings = {"keyint": 8, "min_keyint": 8, "open_gop": 1, "bframes": 3, "b_adapt": 0, "repeat_headers": 1}
    first, second = (
        random_track(random.Random(1), codec, Look(frame_count=40), **settings, ref=ref, scenecut=0) for ref in (1, 4)
    )
    joined = first.units + second.shifted(first.end - min(unit.dts or 0 for unit in second.units)).units
    path = write(tmp_path / f"spliced{suffix}", first.with_units(joined))
    right = [digest_of(frame) for frame in plain_frames(path)]
    assert 60 < len(right) <= 80
    frames, report = pick_frames(path, ALL)
    assert not report.is_damaged, report.errors
    assert [digest_of(frame) for frame in frames] == right


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_damage_to_such_a_beginning_gives_no_frame_the_number_of_another(
    cut_at_a_key: Coded, tmp_path: Path, suffix: str
) -> None:
    path = write(tmp_path / f"copy{suffix}", cut_at_a_key)
    right = [digest_of(frame) for frame in plain_frames(path)]
    for spoilt in range(6):
        units = list(cut_at_a_key.units)
        data = units[spoilt].data
        units[spoilt] = replace(units[spoilt], data=data[: len(data) // 3] + bytes(40) + data[len(data) // 3 + 40 :])
        write(path, cut_at_a_key.with_units(units))
        frames, report = pick_frames(path, ALL)
        assert report.is_damaged
        assert [f.frame_index for f in frames if digest_of(f) != right[f.frame_index]] == []


@pytest.mark.parametrize("name", ["spoilt.mp4", "spoilt.mkv"])
def test_a_spoilt_first_key_frame_keeps_its_number(plain: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ffmpeg("-i", plain, "-c", "copy", path)
    right = [digest_of(frame) for frame in plain_frames(path)]
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        first = bytes(next(container.demux(video=0)))
    at = data.index(first) + len(first) // 3
    data[at : at + 60] = bytes(60)
    path.write_bytes(data)
    frames, report = pick_frames(path, ALL)
    assert report.is_damaged
    assert 0 < len(frames) < 120
    assert all(digest_of(frame) == right[frame.frame_index] for frame in frames)


@pytest.mark.parametrize("name", ["long.mkv", "long.flv", "long.mp4", "long.mov", "long.ts", "late.mkv"])
def test_sound_that_outlasts_the_pictures_is_no_damage(plain: Path, tmp_path: Path, name: str) -> None:
    late = ("-output_ts_offset", 5) if name.startswith("late") else ()
    ffmpeg("-i", plain, "-f", "lavfi", "-i", "sine=duration=9", "-c:v", "copy", "-c:a", "aac", *late, tmp_path / name)
    frames, report = pick_frames(tmp_path / name, ALL)
    assert not report.is_damaged, report.errors
    assert len(frames) == 120


@pytest.mark.parametrize(
    ("name", "part"), [("cut.mkv", 0.3), ("cut.mkv", 0.6), ("cut.mkv", 0.97), ("cut.flv", 0.1), ("cut.flv", 0.3)]
)
@pytest.mark.parametrize("late_s", [0, 5])
def test_a_cut_file_is_seen_all_the_same(plain: Path, tmp_path: Path, name: str, part: float, late_s: int) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=4", "-c:v", "copy", "-c:a", "aac", "-output_ts_offset", late_s)
    ffmpeg("-i", plain, *sound, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * part)])
    assert_seen_as_cut(tmp_path / name)


def test_a_matroska_file_cut_anywhere_lacks_bytes_and_a_whole_one_none(plain: Path, tmp_path: Path) -> None:
    path, piped = tmp_path / "a.mkv", tmp_path / "piped.mkv"
    ffmpeg("-i", plain, "-c", "copy", path)
    data = path.read_bytes()
    assert segment_missing_bytes(path) == 0
    for kept in (60, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:kept])
        assert segment_missing_bytes(path) == len(data) - kept
    ffmpeg("-i", plain, "-c", "copy", "-live", 1, piped)
    assert segment_missing_bytes(piped) is None
    assert segment_missing_bytes(plain) is None


BEHIND_THE_END = {
    "zeros": bytes(5000),
    "a vendor's box": struct.pack(">I4s", 108, b"sefd") + b"x" * 100,
    "a vendor's box that claims more than there is": struct.pack(">I4s", 2**31 - 1, b"abcd") + b"x" * 100,
    "a vendor's trailer": b"SEFHabcdefgh" * 40,
    "text": b"<xml>trailing text</xml>",
}


@pytest.mark.parametrize("rest", BEHIND_THE_END.values(), ids=list(BEHIND_THE_END))
@pytest.mark.parametrize("flags", ["+faststart", "0", "frag_keyframe+empty_moov"])
def test_what_stands_behind_the_end_of_an_mp4_is_no_damage(
    plain: Path, tmp_path: Path, flags: str, rest: bytes
) -> None:
    path = tmp_path / "a.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-movflags", flags, path)
    path.write_bytes(path.read_bytes() + rest)
    assert_whole(path)


def test_an_mp4_that_lacks_only_sound_has_all_its_pictures(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    sound = ("-f", "lavfi", "-i", "sine=duration=9", "-c:v", "copy", "-c:a", "aac", "-movflags", "+faststart")
    ffmpeg("-i", plain, *sound, path)
    path.write_bytes(path.read_bytes()[:-5000])
    assert_whole(path)
    assert probe_video(path).missing_bytes == 5000


def picture(suffix: str) -> bytes:
    return cv2.imencode(suffix, np.zeros((32, 32, 3), np.uint8))[1].tobytes()


OTHER_FILES = {
    "GIF": b"GIF89a\x20\0\x20\0\x80\0\0" + bytes(40) + b";",
    "PNG": picture(".png"),
    "JPEG": picture(".jpg"),
    "WebP": picture(".webp"),
    "BMP": picture(".bmp"),
    "TIFF": picture(".tiff"),
    "zip": b"PK\x03\x04" + bytes(60),
    "gzip": b"\x1f\x8b\x08\0" + bytes(60),
    "PDF": b"%PDF-1.7\n" + bytes(60),
    "LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "playlist": b"#EXTM3U\n#EXT-X-VERSION:3\nsegment0.ts\n",
    "sound": b"RIFF\x40\0\0\0WAVEfmt " + bytes(60),
}


@pytest.mark.parametrize(("kind", "data"), OTHER_FILES.items(), ids=list(OTHER_FILES))
def test_a_file_of_another_kind_is_called_what_it_is(tmp_path: Path, kind: str, data: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(VideoUnreadableError) as raised:
        probe_video(path)
    assert kind in str(raised.value)
    assert "Download it again" not in str(raised.value)


def test_what_is_no_file_is_called_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "device.mp4").symlink_to("/dev/null")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket.mp4"))
    said = {}
    for name in ("pipe", "folder", "link", "loop", "device", "socket", "absent"):
        with pytest.raises(Hand100mError) as raised:
            probe_video(tmp_path / f"{name}.mp4")
        said[name] = raised.value.what
    listener.close()
    assert "named pipe" in said["pipe"]
    assert "folder" in said["folder"]
    assert "nowhere.mp4" in said["link"]
    assert "symbolic links" in said["loop"]
    assert "device" in said["device"]
    assert "socket" in said["socket"]
    assert "No such file" in said["absent"]
    assert not any("zero bytes" in words for words in said.values())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_said_to_lack_it(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(plain.read_bytes())
    path.chmod(0)
    with pytest.raises(RetryableError, match="Permission denied"):
        probe_video(path)


@pytest.mark.parametrize("length", [201, 240, 255, 1000])
def test_a_name_too_long_leaves_nothing_behind(plain: Path, tmp_path: Path, length: int) -> None:
    with pytest.raises(UnsafeIdError, match=f"{length:,} of at most 200 characters"):
        extract_video(plain, tmp_path / "out", "x" * length, StrideSelection(30), ExtractionOptions())
    assert not (tmp_path / "out").exists()


def test_the_longest_name_works(plain: Path, tmp_path: Path) -> None:
    manifest = extract_video(plain, tmp_path / "out", "x" * 200, StrideSelection(30), ExtractionOptions())
    assert len(manifest.frames) == 4
