"""The picture is the one that OpenCV would have saved, whatever the stream says of its colours, size and rotation."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from hand100m_assets.video.audit.audit import audit_video
from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets.video.frames.extract import extract_video
from hand100m_assets.video.frames.manifest import ExtractionOptions, Manifest
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.oracle import opencv_frames

ALL = StrideSelection(1)
MEASURED_WITH_OPENCV4 = Path(__file__).parent / "opencv4"


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def extracted(path: Path, folder: Path, **options: object) -> Manifest:
    return extract_video(path, folder, path.stem, ALL, ExtractionOptions(**options))


def assert_as_opencv(path: Path) -> None:
    expected = opencv_frames(path)
    assert expected
    for why_full in (None, "to compare"):
        frames, report = pick_frames(path, ALL, why_full=why_full)
        assert len(frames) == len(expected), report
        for frame, picture in zip(frames, expected, strict=True):
            assert frame.image_bgr.shape == picture.shape
            assert np.array_equal(frame.image_bgr, picture), frame.frame_index


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.encode(tmp_path_factory.mktemp("plain") / "plain.mp4", size="96x64", frames=4, g=2)


COLOURS = {
    "untagged": (2, 2, 2),
    "BT.709": (1, 1, 1),
    "sRGB curve": (1, 13, 1),
    "BT.601 for PAL": (5, 5, 5),
    "BT.601 for NTSC": (6, 6, 6),
    "NTSC of 1953": (4, 4, 4),
    "SMPTE 240M": (7, 7, 7),
    "BT.2020 matrix": (2, 2, 9),
    "linear": (2, 8, 2),
    "reserved": (3, 3, 3),
}
HLG_AS_PHONES_RECORD_IT = (9, 18, 9)
"""For colours of a wide gamut every program that converts needs seconds to make its tables, so there are few tests."""


def tagged(source: Path, path: Path, colours: tuple[int, int, int]) -> Path:
    names = ("colour_primaries", "transfer_characteristics", "matrix_coefficients")
    tags = ":".join(f"{name}={value}" for name, value in zip(names, colours, strict=True))
    ffmpeg("-i", source, "-c", "copy", "-bsf:v", f"h264_metadata={tags}", path)
    return path


@pytest.mark.parametrize("colours", COLOURS.values(), ids=list(COLOURS))
def test_colours_are_converted_as_opencv_converts_them(plain: Path, tmp_path: Path, colours) -> None:
    assert_as_opencv(tagged(plain, tmp_path / "tagged.mp4", colours))


def test_colours_of_a_wide_gamut_are_converted_as_opencv_and_the_audit_convert_them(
    plain: Path, tmp_path: Path
) -> None:
    path = tagged(plain, tmp_path / "tagged.mp4", HLG_AS_PHONES_RECORD_IT)
    assert_as_opencv(path)
    extracted(path, tmp_path / "out")
    found = audit_video(path, tmp_path / "out", "tagged", frames_per_video=4, seed=1)
    assert (found.verdict, found.frames_identical) == ("agrees", 4), found


@pytest.mark.parametrize("colours", [(2, 2, 8), (9, 14, 10), (2, 9, 2)], ids=["YCgCo", "BT.2020c", "logarithmic"])
def test_colours_that_opencv5_gives_no_picture_of_are_taken_as_by_opencv4_and_named(
    plain: Path, tmp_path: Path, colours
) -> None:
    path = tagged(plain, tmp_path / "tagged.mp4", colours)
    for got, bare in zip(pick_frames(path, ALL)[0], pick_frames(plain, ALL)[0], strict=True):
        assert np.array_equal(got.image_bgr, bare.to_bgr("opencv4"))
    manifest = extracted(path, tmp_path / "out")
    assert manifest.status == "complete"
    assert any("does not know" in note for note in manifest.notes)
    assert audit_video(path, tmp_path / "out", "tagged", frames_per_video=4, seed=1).verdict == "skipped"


def test_colours_that_change_within_the_track_are_followed(plain: Path, tmp_path: Path) -> None:
    parts = [
        tagged(plain, tmp_path / f"{number}.ts", colours) for number, colours in enumerate([(2, 2, 2), (12, 2, 2)])
    ]
    path = tmp_path / "changing.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    expected = opencv_frames(path)
    frames, _ = pick_frames(path, ALL, why_full="to compare")
    assert len(expected) == 8
    assert frames
    assert all(np.array_equal(frame.image_bgr, expected[frame.frame_index]) for frame in frames)


def test_pictures_under_the_rule_opencv4_are_those_of_opencv4() -> None:
    measured = json.loads((MEASURED_WITH_OPENCV4 / "digests.json").read_text())["pictures"]
    assert len(measured) == 8
    for name, digests in measured.items():
        frames, _ = pick_frames(MEASURED_WITH_OPENCV4 / name, ALL)
        pictures = [frame.to_bgr("opencv4") for frame in frames]
        found = [[*p.shape[:2], hashlib.sha256(p.tobytes()).hexdigest()[:16]] for p in pictures]
        assert found == digests, name


def test_interlaced_pictures_under_the_rule_opencv5_say_that_opencv5_has_none(tmp_path: Path) -> None:
    clip = MEASURED_WITH_OPENCV4 / "interlaced.mp4"
    assert any("field by field" in note for note in extracted(clip, tmp_path / "5").notes)
    assert extracted(clip, tmp_path / "4", colour_rule="opencv4").notes == []


def joined(path: Path, sizes: list[str], *options: object) -> Path:
    parts = [path.with_name(f"part{number}{path.suffix}") for number in range(len(sizes))]
    for part, size in zip(parts, sizes, strict=True):
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=30", "-frames:v", 4, *options, part)
    listing = path.with_suffix(".txt")
    listing.write_text("".join(f"file {part.name}\n" for part in parts))
    ffmpeg("-f", "concat", "-i", listing, "-c", "copy", path)
    return path


VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8)
MJPEG = ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
H264 = ("-c:v", "libx264", "-bf", 0, "-g", 2, "-pix_fmt", "yuv420p", "-threads", 1)


@pytest.mark.parametrize(
    ("name", "sizes", "options"),
    [
        ("up.mp4", ["96x64", "160x120"], VP9),
        ("down.webm", ["160x120", "96x64"], VP9),
        ("to_and_fro.mkv", ["96x64", "98x66", "96x64"], VP9),
        ("up.avi", ["96x64", "160x120"], MJPEG),
        ("up.ts", ["96x64", "160x120"], H264),
    ],
)
def test_pictures_of_another_size_are_scaled_to_the_first_as_opencv_does_and_that_is_said(
    tmp_path: Path, name: str, sizes: list[str], options
) -> None:
    path = joined(tmp_path / name, sizes, *options)
    expected = opencv_frames(path)
    assert len(expected) == 4 * len(sizes)
    frames, report = pick_frames(path, ALL)
    assert frames[-1].frame_index == len(expected) - 1, report.errors
    assert all(np.array_equal(frame.image_bgr, expected[frame.frame_index]) for frame in frames)
    manifest = extracted(path, tmp_path / "out")
    assert [f"{size.width_px}x{size.height_px}" for size in manifest.picture_sizes] == sizes
    assert [size.frame_index for size in manifest.picture_sizes] == list(range(0, 4 * len(sizes), 4))
    assert any("changes" in note and "scaled" in note for note in manifest.notes)
    found = audit_video(path, tmp_path / "out", path.stem, frames_per_video=12, seed=1)
    assert found.differences == []
    assert found.frames_identical == len(manifest.frames)


def test_a_selection_that_meets_one_size_only_needs_no_scaling(tmp_path: Path) -> None:
    path = joined(tmp_path / "up.mp4", ["96x64", "160x120"], *VP9)
    manifest = extract_video(path, tmp_path / "out", "up", StrideSelection(100), ExtractionOptions())
    assert [frame.frame_index for frame in manifest.frames] == [0]


def test_a_change_of_the_samples_layout_changes_nothing_else(tmp_path: Path) -> None:
    parts = [tmp_path / f"{pixels}.avi" for pixels in ("yuvj420p", "yuvj422p")]
    for part in parts:
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30", "-frames:v", 3, *MJPEG[:3], part.stem, part)
    (tmp_path / "list.txt").write_text("".join(f"file {part.name}\n" for part in parts))
    ffmpeg("-f", "concat", "-i", tmp_path / "list.txt", "-c", "copy", tmp_path / "both.avi")
    assert_as_opencv(tmp_path / "both.avi")
    extracted(tmp_path / "both.avi", tmp_path / "out")
    found = audit_video(tmp_path / "both.avi", tmp_path / "out", "both", frames_per_video=6, seed=1)
    assert (found.verdict, found.frames_identical) == ("agrees", 6), found


CROPS = ["crop_left=6", "crop_left=2:crop_top=4", "crop_left=32", "crop_right=6", "crop_top=6"]


@pytest.mark.parametrize("crop", CROPS)
def test_a_picture_cropped_at_any_edge_has_opencvs_size_and_samples(plain: Path, tmp_path: Path, crop: str) -> None:
    path = tmp_path / "cropped.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-bsf:v", f"h264_metadata={crop}", path)
    assert_as_opencv(path)
    manifest = extracted(path, tmp_path / "out")
    is_scaled = crop.startswith("crop_left")
    assert any("scaled" in note for note in manifest.notes) == is_scaled
    found = audit_video(path, tmp_path / "out", "cropped", frames_per_video=4, seed=1)
    assert found.verdict == ("skipped" if is_scaled else "agrees"), found


DEGREES = [1, 45, 89, 89.4, 89.6, 90, 90.4, 90.6, 91, 179, 179.5, 180, 180.5, 181, 269, 269.6, 270.4, 271, 359, -90]


@pytest.mark.parametrize("degrees", DEGREES)
def test_only_what_opencv_rounds_to_a_right_angle_is_turned(plain: Path, tmp_path: Path, degrees: float) -> None:
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", degrees, "-i", plain, "-c", "copy", path)
    assert_as_opencv(path)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["-display_hflip", "-display_vflip"])
def test_a_matrix_that_mirrors_is_taken_as_opencv_takes_it(
    plain: Path, tmp_path: Path, degrees: int, flip: str
) -> None:
    path = tmp_path / "mirrored.mkv"
    ffmpeg("-display_rotation", degrees, flip, "-i", plain, "-c", "copy", path)
    assert_as_opencv(path)
    extracted(path, tmp_path / "out")
    found = audit_video(path, tmp_path / "out", "mirrored", frames_per_video=4, seed=1)
    assert (found.verdict, found.frames_identical) == ("agrees", 4), found


@pytest.mark.parametrize("matrix", [(0, 0, 0, 0), (0, 2, -2, 0), (1, 1, 0, 1), (0, 1, 1, 0)])
def test_an_odd_matrix_is_taken_as_opencv_takes_it(plain: Path, tmp_path: Path, matrix: tuple[int, ...]) -> None:
    data = bytearray(plain.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = tmp_path / "odd.mp4"
    path.write_bytes(data)
    assert_as_opencv(path)


def test_a_rotation_inside_the_stream_turns_nothing_as_opencv_does_not_look_there(plain: Path, tmp_path: Path) -> None:
    path, both = tmp_path / "inside.mp4", tmp_path / "both.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-bsf:v", "h264_metadata=display_orientation=insert:rotate=90", path)
    ffmpeg("-display_rotation", 180, "-i", path, "-c", "copy", both)
    assert_as_opencv(path)
    assert_as_opencv(both)
    assert cv2.VideoCapture(str(both)).get(cv2.CAP_PROP_ORIENTATION_META) == 180
