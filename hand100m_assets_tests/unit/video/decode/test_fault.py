"""Only what touches the pictures of the chosen track is damage: not sound, covers, data, other tracks, or notes."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from hand100m_assets.video.codec.mjpeg_segments import without_notes
from hand100m_assets.video.container.probe import probe_video
from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets.video.frames.extract import extract_video
from hand100m_assets.video.frames.manifest import ExtractionOptions
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.oracle import opencv_frames

ALL = StrideSelection(1)


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def assert_whole_and_as_opencv(path: Path, expected: list[np.ndarray] | None = None) -> None:
    expected = expected or opencv_frames(path)
    assert expected
    for why_full in (None, "to compare"):
        frames, report = pick_frames(path, ALL, why_full=why_full)
        assert not report.is_damaged, report.errors
        assert [frame.frame_index for frame in frames] == list(range(len(expected)))
        assert all(np.array_equal(frame.image_bgr, picture) for frame, picture in zip(frames, expected, strict=True))


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("talkie") / "talkie.mkv"
    pictures = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30", "-f", "lavfi", "-i", "sine", "-t", 2)
    ffmpeg(*pictures, "-c:v", "libx264", "-g", 15, "-pix_fmt", "yuv420p", "-c:a", "aac", path)
    return path


@pytest.mark.parametrize("name", ["b.mkv", "b.mp4", "b.flv", "b.ts", "fragments.mp4"])
def test_broken_sound_is_no_damage_to_pictures(talkie: Path, tmp_path: Path, name: str) -> None:
    flags = ("-movflags", "frag_keyframe+empty_moov") if name.startswith("fragments") else ()
    ffmpeg("-i", talkie, "-c", "copy", "-bsf:a", "noise=amount=1", *flags, tmp_path / name)
    assert_whole_and_as_opencv(tmp_path / name, opencv_frames(talkie))


def test_the_same_noise_in_the_pictures_is_damage(talkie: Path, tmp_path: Path) -> None:
    ffmpeg("-i", talkie, "-c", "copy", "-bsf:v", "noise=amount=1", tmp_path / "b.mkv")
    _, report = pick_frames(tmp_path / "b.mkv", ALL, why_full="to see all")
    assert report.is_damaged


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_a_cover_with_a_broken_note_is_no_damage_and_is_never_taken(
    talkie: Path, tmp_path: Path, container: str
) -> None:
    _, jpeg = cv2.imencode(".jpg", np.full((480, 640, 3), 90, np.uint8))
    broken = jpeg.tobytes()[:2] + b"\xff\xe1" + struct.pack(">H", 18) + b"Exif\0\0XX*\0no tiff" + jpeg.tobytes()[2:]
    (tmp_path / "cover.jpg").write_bytes(broken)
    path = tmp_path / f"covered.{container}"
    cover = ("-i", tmp_path / "cover.jpg", "-map", 1, "-map", 0, "-c", "copy", "-disposition:v:0", "attached_pic")
    attached = ("-c", "copy", "-attach", tmp_path / "cover.jpg", "-metadata:s:t", "mimetype=image/jpeg")
    ffmpeg("-i", talkie, *(cover if container == "mp4" else attached), path)
    assert_whole_and_as_opencv(path, opencv_frames(talkie))
    note = probe_video(path).note_on_tracks
    assert note is not None
    assert "cover" in note


def test_the_first_picture_track_is_taken_as_opencv_does_and_the_manifest_says_which(tmp_path: Path) -> None:
    path = tmp_path / "two.mp4"
    tracks = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30", "-f", "lavfi", "-i", "testsrc2=size=192x128:rate=30")
    enabled = ("-disposition:v:0", "default", "-disposition:v:1", "default")
    ffmpeg(*tracks, "-map", 0, "-map", 1, "-frames:v", 20, "-c:v", "libx264", "-pix_fmt", "yuv420p", *enabled, path)
    assert_whole_and_as_opencv(path)
    manifest = extract_video(path, tmp_path / "out", "two", ALL, ExtractionOptions())
    assert manifest.video["track_index"] == 0
    assert manifest.notes == ["The pictures are those of track 0. Not taken: track 1 (h264, 192 x 128)."]


@pytest.mark.parametrize("dispositions", [("0", "default"), ("default", "0"), ("0", "0"), ("forced", "default")])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_no_flag_makes_another_track_the_first(tmp_path: Path, dispositions: tuple[str, str], container: str) -> None:
    path = tmp_path / f"two.{container}"
    tracks = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30", "-f", "lavfi", "-i", "testsrc2=size=192x128:rate=30")
    flags = [item for number, flag in enumerate(dispositions) for item in (f"-disposition:v:{number}", flag)]
    ffmpeg(*tracks, "-map", 0, "-map", 1, "-frames:v", 5, "-c:v", "libx264", "-pix_fmt", "yuv420p", *flags, path)
    assert probe_video(path).track_index == 0
    assert_whole_and_as_opencv(path)


@pytest.mark.parametrize("kind", [b"tmcd", b"gpmd", b"mett"])
def test_a_data_track_with_a_nonsensical_table_is_no_damage(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "data.mov"
    source = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30", "-frames:v", 10)
    ffmpeg(*source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-timecode", "00:00:00:00", path)
    expected = opencv_frames(path)
    data = bytearray(path.read_bytes())
    stts = data.rindex(b"stts")
    struct.pack_into(">II", data, stts + 12, 0x7FFFFFFF, 1)
    data[:] = data.replace(b"tmcd", kind)
    path.write_bytes(data)
    assert_whole_and_as_opencv(path, expected)


def segment(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + struct.pack(">H", 2 + len(body)) + body


def inserted(note: bytes) -> Callable[[bytes], bytes]:
    return lambda picture: picture[:2] + note + picture[2:]


ODD_PICTURES = {
    "an Exif that is no TIFF": inserted(segment(0xE1, b"Exif\0\0XX*\0no tiff")),
    "an Exif that leads nowhere": inserted(segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "an Exif with too many entries": inserted(segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff")),
    "length 0": inserted(b"\xff\xe5\0\0"),
    "length 1": inserted(b"\xff\xe9\0\1"),
    "a length beyond the end": inserted(b"\xff\xe7\xff\xf0"),
    "a comment": inserted(segment(0xFE, b"made by hand")),
    "a colour profile in pieces": inserted(segment(0xE2, b"ICC_PROFILE\0\x05\x03bad")),
    "a maker's note": inserted(segment(0xEC, b"DUCKY" * 40)),
    "an Adobe note cut short": inserted(segment(0xEE, b"Adobe")),
    "bytes behind the end": lambda picture: picture + bytes(33) + b"xyz",
    "another start behind the end": lambda picture: picture + b"\xff\xd8\xff\xe0trash",
}


def mjpeg(path: Path, changed: Callable[[bytes], bytes]) -> Path:
    plain = media.encode(path.with_name("plain.avi"), size="96x64", frames=4, vcodec="mjpeg", pix_fmt="yuvj420p")
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            copy = av.Packet(changed(bytes(packet)))
            copy.pts = copy.dts = number
            copy.time_base, copy.is_keyframe, copy.stream = Fraction(1, 30), True, stream
            target.mux(copy)
    return path


@pytest.mark.parametrize("container", ["avi", "mov"])
@pytest.mark.parametrize("changed", ODD_PICTURES.values(), ids=list(ODD_PICTURES))
def test_a_picture_with_an_odd_note_is_whole(tmp_path: Path, changed: Callable[[bytes], bytes], container: str) -> None:
    path = mjpeg(tmp_path / f"odd.{container}", changed)
    expected = opencv_frames(tmp_path / "plain.avi")
    assert_whole_and_as_opencv(path, expected)


@pytest.mark.parametrize("note", [b"", b"\xff\xe5\0\0"], ids=["no note", "an odd note"])
def test_a_broken_picture_is_damage_with_an_odd_note_or_without(tmp_path: Path, note: bytes) -> None:
    def broken(picture: bytes) -> bytes:
        middle = len(picture) * 2 // 3
        return inserted(note)(picture[:middle] + b"\xff\xe5\0\0" + bytes(300) + picture[middle + 304 :])

    _, report = pick_frames(mjpeg(tmp_path / "broken.mov", broken), ALL)
    assert report.is_damaged
    assert len(report.damaged_indices) == 4


def test_what_a_decoder_needs_is_no_note() -> None:
    _, jpeg = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))
    plain = jpeg.tobytes()
    assert without_notes(plain) is None
    assert without_notes(b"no picture") is None
    for kept in (segment(0xE0, b"AVI1\1\0"), segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")):
        assert without_notes(inserted(kept)(plain)) is None
    for left_out in (segment(0xE1, b"Exif"), b"\xff\xe5\0\0", segment(0xEF, b"x" * 99)):
        assert without_notes(inserted(left_out)(plain)) == plain
    assert without_notes(inserted(segment(0xE3, b"x"))(plain) * 2) == plain * 2
