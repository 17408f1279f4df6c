"""Timestamps in another order than the decoder's are no evidence: then frames are counted, as OpenCV counts them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest

from hand100m_assets.video.codec.picture_order import picture_order_of
from hand100m_assets.video.container.probe import open_video
from hand100m_assets.video.decode import sample_index
from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.selection import FrameSetSelection, Selection, StrideSelection
from hand100m_assets.video.decode.selective import bitstream_of
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.oracle import opencv_frames

_X265: Final = "log-level=error:pools=none"
ENCODINGS: Final[dict[str, dict[str, Any]]] = {
    "h264": {"g": 30, "bf": 2},
    "h264_pyramid": {"x264-params": "b-pyramid=normal:bframes=5:b-adapt=0:keyint=40:ref=4"},
    "h264_open": {"x264-params": "open-gop=1:keyint=24:min-keyint=24:bframes=3:scenecut=0"},
    "hevc": {
        "vcodec": "libx265",
        "preset": "ultrafast",
        "x265-params": f"{_X265}:keyint=24:min-keyint=24:bframes=4:open-gop=1:b-pyramid=1:scenecut=0",
    },
    "mpeg4": {"vcodec": "mpeg4", "bf": 2, "g": 15},
}
TIMESTAMPS: Final = {
    "decoding": "setts=pts=DTS:dts=DTS",
    "constant": "setts=pts=DTS+3072",
    "constant_of_one_frame": "setts=pts=DTS+512",
    "first_half": "setts=pts='if(lt(N,45),PTS,DTS)'",
    "second_half": "setts=pts='if(lt(N,45),DTS,PTS)'",
    "in_turn": "setts=pts='if(gt(mod(N,20),10),PTS,DTS+1024)'",
    "one": "setts=pts='if(eq(N,31),DTS,PTS)'",
    "equal": "setts=pts='if(eq(mod(N,11),5),PTS+512,PTS)'",
}
KINDS: Final = [
    *(f"{encoding}-decoding.mp4" for encoding in ENCODINGS),
    *(f"h264-{timestamps}.mp4" for timestamps in TIMESTAMPS),
    *(f"hevc-{timestamps}.mp4" for timestamps in TIMESTAMPS if timestamps != "decoding"),
    *("h264_pyramid-in_turn.mkv", "h264-first_half.flv", "h264_open-decoding.flv", "hevc-second_half.mkv"),
    *(f"{encoding}-decoding.ts" for encoding in ("h264", "h264_open", "hevc")),
    *("h264-constant.ts", "h264-first_half.ts", "hevc-in_turn.ts"),
    *("h264-avi.mp4", "h264_open-avi.mov", "h264-raw.mp4", "hevc-raw.mp4", "h264-constant.flv"),
    *("h264-cut.mp4", "hevc-cut.mp4", "h264-fragments.mp4", "hevc-fragments.mp4"),
]
"""Encoding, how its timestamps were lost, and the file that it ends up in."""


def make(kind: str, folder: Path) -> Path:
    encoding, how = kind.split(".", maxsplit=1)[0].split("-")
    plain, path = folder / f"{encoding}_plain.mp4", folder / kind
    if not plain.exists():
        media.encode(plain, size="96x64", frames=90, **ENCODINGS[encoding])
    if how in TIMESTAMPS:
        return media.copy_with(path, plain, **{"bsf:v": TIMESTAMPS[how]})
    if how in ("avi", "raw"):
        elementary = "hevc" if encoding == "hevc" else "h264"
        between = media.copy_with(folder / f"{kind}.{'avi' if how == 'avi' else elementary}", plain)
        return media.copy_with(path, between)
    between = media.copy_with(folder / f"{kind}_between.mp4", plain, **{"bsf:v": TIMESTAMPS["decoding"]})
    if how == "cut":  # an edit list hides what stands before the cut
        return media.copy_with(path, between, {"ss": 1.3})
    return media.copy_with(path, between, movflags="frag_keyframe+empty_moov")


def digest(picture: npt.NDArray[np.uint8]) -> str:
    return hashlib.sha256(picture.tobytes()).hexdigest()


@pytest.fixture(scope="session")
def clip_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, list[str]]]:
    """A kind of clip, and the pictures that OpenCV's loop reads of it."""
    folder = tmp_path_factory.mktemp("decode_order")

    @cache
    def get(kind: str) -> tuple[Path, list[str]]:
        path = make(kind, folder)
        return path, [digest(picture) for picture in opencv_frames(path)]

    return get


def check_against_opencv(path: Path, pictures: list[str], selection: Selection, why_full: str | None = None) -> None:
    frames, report = pick_frames(path, selection, why_full=why_full)
    taken = {frame.frame_index: digest(frame.image_bgr) for frame in frames}
    assert taken == {i: pictures[i] for i in selection.expected(len(pictures))}
    assert not report.is_damaged, (report.errors, report.damaged_indices)
    assert report.stopped_early or report.frame_count == len(pictures)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_counted_as_opencv_counts_them_whatever_the_timestamps_say(
    clip_of, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_index, "MIN_JUMP_BYTES", 1)
    monkeypatch.setattr(sample_index, "MIN_FRAMES_PER_WANTED", 1)
    path, pictures = clip_of(kind)
    assert len(pictures) >= 45
    last = len(pictures) - 1
    for selection in (
        StrideSelection(7),
        StrideSelection(30),
        *(FrameSetSelection([i]) for i in (0, 1, 2, last // 2, last - 1, last)),
        FrameSetSelection([1, last // 3, last]),
    ):
        check_against_opencv(path, pictures, selection)
    check_against_opencv(path, pictures, StrideSelection(1), why_full="to see every frame")


@pytest.mark.parametrize("first", ["h264", "h264_open", "hevc"])
def test_joined_files_whose_timestamps_overlap_are_whole(tmp_path: Path, first: str) -> None:
    make(f"{first}-decoding.mp4", tmp_path)
    whole = tmp_path / f"{first}_plain.mp4"
    cut = media.copy_with(tmp_path / "cut.mp4", whole, {"ss": 1.2})
    for name, parts in (("twice.mp4", [whole, whole]), ("cut_first.mov", [cut, whole]), ("cut_last.mov", [whole, cut])):
        joined = media.join(tmp_path / name, parts)
        pictures = [digest(picture) for picture in opencv_frames(joined)]
        frames, report = pick_frames(joined, StrideSelection(1))
        taken = {frame.frame_index: digest(frame.image_bgr) for frame in frames}
        assert all(pictures[i] == picture for i, picture in taken.items())
        if first == "h264":  # a closed group of pictures lacks nothing, wherever the cut is
            assert not report.is_damaged, (name, report.errors)
            assert report.frame_count == len(taken) == len(pictures)


def test_what_does_not_decode_up_to_the_end_has_no_numbers(tmp_path: Path) -> None:
    """The second part's parameter sets are left out where mp4 parts are joined."""
    first = make("hevc-decoding.mp4", tmp_path).with_name("hevc_plain.mp4")
    options = {"x265-params": f"{_X265}:keyint=60:bframes=0:ref=1", "preset": "medium", "vcodec": "libx265"}
    other = media.encode(tmp_path / "other.mp4", size="96x64", frames=80, **options)
    joined = media.join(tmp_path / "joined.mp4", [first, other], **{"tag:v": "hvc1"})
    pictures = [digest(picture) for picture in opencv_frames(joined)]
    frames, report = pick_frames(joined, StrideSelection(1))
    assert report.is_damaged
    assert any("none of the last" in error.words for error in report.errors)
    assert report.frame_count == len(pictures) == 90
    assert all(digest(frame.image_bgr) == pictures[frame.frame_index] for frame in frames)


@pytest.mark.parametrize(
    "name",
    [
        *("defaults", "keyint15", "open_gop", "vfr", "hevc", "hevc_b_pyramid", "hevc_closed_gop", "hevc_radl"),
        *("hevc_open_gop", "h264.mkv", "intra_only", "keyint30_no_b", "strict_pyramid", "hevc_ten_bit.mkv", "slices"),
        *("random_key_frames", "baseline", "vp9.webm", "av1"),
    ],
)
def test_pictures_tell_the_order_in_which_the_decoder_shows_them(clip, name: str) -> None:
    told, shown = told_and_shown(clip(name))
    assert told == shown


@pytest.mark.parametrize(
    "options",
    [
        {"vcodec": "libx265", "preset": "ultrafast", "x265-params": f"{_X265}:keyint=900:bframes=4:scenecut=0"},
        {"x264-params": "keyint=24:open-gop=1:bframes=3:scenecut=0:min-keyint=24"},
        {"x264-params": "keyint=infinite:bframes=7:b-adapt=0"},
    ],
)
def test_the_order_is_told_beyond_the_width_of_its_numbers(tmp_path: Path, options: dict[str, Any]) -> None:
    told, shown = told_and_shown(media.encode(tmp_path / "long.mp4", size="64x48", frames=700, **options))
    assert len(told) == 700
    assert told == shown


def told_and_shown(path: Path) -> tuple[list[int | None], list[int | None]]:
    """Timestamps in the order of what the packets tell, and in the order in which frames come out."""
    container, stream = open_video(path)
    with container:
        stream.codec_context.thread_type = "NONE"
        reader, order = bitstream_of(stream), picture_order_of(stream)
        told, shown = [], []
        for packet in container.demux(stream):
            if packet.size:
                told.append((order.shown_as(reader.nature(bytes(packet))), packet.pts))
            shown += [frame.pts for frame in stream.codec_context.decode(packet if packet.size else None)]
        return [pts for _, pts in sorted(told)], shown
