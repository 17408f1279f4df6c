from __future__ import annotations

import random
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hand100m_assets.errors import VideoUnreadableError
from hand100m_assets.video.container.mp4.boxes import read_outline
from hand100m_assets.video.container.transport_packets import LEAP
from hand100m_assets.video.decode.picking import decode_frames, pick_frames
from hand100m_assets.video.decode.report import DecodeReport
from hand100m_assets.video.decode.selection import FrameSetSelection, StrideSelection
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.oracle import (
    OPENCV_CANNOT_CONVERT,
    OPENCV_DECODES,
    OPENCV_HAS_NO_DECODER,
    opencv_frames,
    planes_of,
)

ALL = StrideSelection(1)


def decode(path: Path, selection=ALL, **kwargs):
    frames, report = pick_frames(path, selection, **kwargs)
    return {f.frame_index: f.image_bgr for f in frames}, report


@pytest.mark.parametrize("name", OPENCV_DECODES)
def test_every_frame_is_the_one_that_opencv_counts_and_shows(clip, name: str) -> None:
    expected = opencv_frames(clip(name))
    frames, report = decode(clip(name), why_full="to compare with OpenCV")
    assert list(frames) == list(range(len(expected)))
    assert all(np.array_equal(frames[i], expected[i]) for i in frames)
    assert report.frame_count == report.frame_count_decoded == len(expected)
    assert not report.is_damaged
    assert report.distrust is None
    if report.expected_from_header is not None:
        assert report.expected_from_header - report.discarded_count == len(expected)


def test_most_kinds_of_clip_meet_opencv() -> None:
    assert len(OPENCV_DECODES) >= 65


@pytest.mark.parametrize("name", OPENCV_HAS_NO_DECODER)
def test_frames_of_a_codec_that_opencv_lacks_come_out_all_the_same(clip, name: str) -> None:
    assert opencv_frames(clip(name)) == [], "now it is an oracle for this kind, too"
    frames, report = decode(clip(name), why_full="to compare with OpenCV")
    assert list(frames) == list(range(media.FRAME_COUNT))
    assert not report.is_damaged


@pytest.mark.parametrize("name", OPENCV_CANNOT_CONVERT)
def test_interlaced_frames_are_counted_as_opencv_does(clip, name: str) -> None:
    frames, report = decode(clip(name))
    assert list(frames) == list(range(len(opencv_frames(clip(name)))))
    assert not report.is_damaged


def test_real_footage_is_decoded_as_opencv_does(real_clip: Path) -> None:
    expected = opencv_frames(real_clip)
    frames, report = decode(real_clip)
    assert len(expected) > 100
    assert list(frames) == list(range(len(expected)))
    assert all(np.array_equal(frames[i], expected[i]) for i in frames)
    assert not report.is_damaged


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_converting_pictures_starts_no_threads(clip) -> None:
    frames, _ = pick_frames(clip("keyint15"), StrideSelection(15))
    assert frames[0].image_bgr.shape == (240, 320, 3)
    before = len(list(Path("/proc/self/task").iterdir()))
    assert [frame.image_bgr.shape for frame in frames] == [(240, 320, 3)] * 7
    assert len(list(Path("/proc/self/task").iterdir())) <= before


def whole_version(name: str, folder: Path) -> Path:
    """The same clip before it was damaged."""
    options = {"cut_with_index": {"movflags": "+faststart", "g": 30}}.get(name, {"g": 30, "bf": 0})
    return media.encode(folder / "whole.mp4", **options)


@pytest.mark.parametrize("name", ["cut_with_index", "zeroed_blocks"])
def test_only_whole_frames_of_a_damaged_video_come_out_and_under_their_true_numbers(
    clip, name: str, tmp_path: Path
) -> None:
    truth = opencv_frames(whole_version(name, tmp_path))
    frames, report = decode(clip(name))
    assert all(np.array_equal(image, truth[i]) for i, image in frames.items())
    assert report.is_damaged
    assert report.damaged_indices
    assert sorted([*frames, *report.damaged_indices]) == list(range(media.FRAME_COUNT)), "every frame is accounted for"
    assert report.frame_count == media.FRAME_COUNT


def test_a_hole_is_left_behind_at_the_next_key_frame(clip) -> None:
    frames, report = decode(clip("zeroed_blocks"))
    assert max(frames) == media.FRAME_COUNT - 1, "OpenCV's loop would have ended at the hole"
    assert max(frames) > max(report.damaged_indices)
    assert report.error_count == 8
    assert report.errors[0].frame_index_at == report.damaged_indices[0]


def test_a_truncated_file_is_reported_not_taken_for_a_short_one(clip) -> None:
    frames, report = decode(clip("cut_with_index"))
    assert report.frame_count_decoded < media.FRAME_COUNT == report.expected_from_header
    assert report.damaged_indices == list(range(len(frames), media.FRAME_COUNT))
    assert "too short" in report.errors[0].words


def test_pictures_built_on_a_marked_one_are_not_taken_for_good(clip, tmp_path: Path) -> None:
    truth = opencv_frames(whole_version("flipped_bits", tmp_path))
    shown = opencv_frames(clip("flipped_bits"))
    frames, report = decode(clip("flipped_bits"))
    to_next_key_frame = [range(i, min(i // 30 * 30 + 30, media.FRAME_COUNT)) for i in report.corrupt_indices]
    suspected = sorted({i for stretch in to_next_key_frame for i in stretch})
    unmarked = [i for i in suspected if i not in report.corrupt_indices]
    assert any(not np.array_equal(shown[i], truth[i]) for i in unmarked), "the decoder marks only the first of them"
    assert report.damaged_indices == suspected
    assert not set(frames) & set(suspected)
    # Bits that flip into another valid stream go unseen by any decoder; those frames are not claimed here.


def test_a_cut_file_without_frame_count_is_known_by_its_bytes(clip, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip("fragmented").read_bytes()[:-30_000])
    _, report = decode(path)
    assert report.expected_from_header is None
    assert report.is_damaged


FRAGMENTED = {"size": "192x144", "frames": 120, "g": 15, "movflags": "frag_keyframe+empty_moov+default_base_moof"}


def boxes_of(data: bytes, kind: bytes) -> list[tuple[int, int]]:
    """Where each outermost box of this kind starts and ends."""
    found, start = [], 0
    while start < len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        if data[start + 4 : start + 8] == kind:
            found.append((start, start + length))
        start += length
    return found


def fragment_zeroed(data: bytes) -> bytes:
    start, end = boxes_of(data, b"moof")[4]
    return data[:start] + bytes(end - start) + data[end:]


def tail_zeroed(data: bytes) -> bytes:
    start, _ = boxes_of(data, b"moof")[4]
    return data[:start] + bytes(len(data) - start)


def fragment_renamed(data: bytes) -> bytes:
    start, _ = boxes_of(data, b"moof")[4]
    return data[: start + 4] + b"moog" + data[start + 8 :]


@pytest.mark.parametrize("spoil", [fragment_zeroed, tail_zeroed, fragment_renamed])
def test_fragments_behind_a_hole_are_known_to_be_missing(tmp_path: Path, spoil) -> None:
    whole = media.encode(tmp_path / "whole.mp4", **FRAGMENTED)
    truth = [planes_of(frame) for frame in pick_frames(whole, ALL)[0]]
    (tmp_path / "spoilt.mp4").write_bytes(spoil(whole.read_bytes()))
    frames, report = pick_frames(tmp_path / "spoilt.mp4", ALL)
    assert 50 < len(frames) <= 60
    assert [planes_of(frame) for frame in frames] == truth[: len(frames)]
    assert report.is_damaged
    assert "the download has a hole" in report.errors[0].words


@pytest.mark.parametrize("length", [60, 150])
def test_a_hole_anywhere_in_the_table_of_a_fragment_is_seen(tmp_path: Path, length: int) -> None:
    whole = media.encode(tmp_path / "whole.mp4", **FRAGMENTED)
    data = whole.read_bytes()
    start, end = boxes_of(data, b"moof")[4]
    assert read_outline(whole).broken_from is None
    for place in range(start + 8, end - length, 7):
        spoilt = tmp_path / "spoilt.mp4"
        spoilt.write_bytes(data[:place] + bytes(length) + data[place + length :])
        assert read_outline(spoilt).broken_from == start


@pytest.mark.parametrize("flags", ["", "+dash", "+empty_moov+default_base_moof+global_sidx"])
def test_no_whole_file_of_fragments_is_taken_for_damaged(tmp_path: Path, flags: str) -> None:
    path = media.encode(tmp_path / "whole.mp4", **FRAGMENTED | {"movflags": f"frag_keyframe{flags}"})
    frames, report = pick_frames(path, ALL)
    assert (len(frames), report.is_damaged) == (120, False)
    assert report.video is not None
    assert report.video.has_promised_end


def test_a_file_of_fragments_cut_between_two_is_known_by_its_segment_list(tmp_path: Path) -> None:
    flags = f"{FRAGMENTED['movflags']}+global_sidx"
    path = media.encode(tmp_path / "cut.mp4", **FRAGMENTED | {"movflags": flags})
    data = path.read_bytes()
    path.write_bytes(data[: boxes_of(data, b"moof")[4][0]])
    frames, report = pick_frames(path, ALL)
    # Pictures that were cut off may be shown before the last four.
    assert (len(frames), report.is_damaged) == (56, True)
    assert "too short: the download was cut" in report.errors[0].words


def test_a_file_of_fragments_cut_between_two_is_known_by_the_length_in_its_header(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "cut.mp4", **FRAGMENTED)
    data = path.read_bytes()
    length_box = (16).to_bytes(4, "big") + b"mehd" + bytes(4) + (4000).to_bytes(4, "big")
    cut = bytearray(data[: boxes_of(data, b"moof")[2][0]])
    movie, extension = cut.index(b"moov") - 4, cut.index(b"mvex") - 4
    for start in (movie, extension):
        cut[start : start + 4] = (int.from_bytes(cut[start : start + 4], "big") + 16).to_bytes(4, "big")
    path.write_bytes(cut[: extension + 8] + length_box + cut[extension + 8 :])
    frames, report = pick_frames(path, ALL)
    assert (len(frames), report.is_damaged) == (30, True)
    assert "its header promises 4.1 s" in report.errors[0].words


def test_where_nothing_tells_where_a_file_ends_that_is_said(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "cut.mp4", **FRAGMENTED)
    data = path.read_bytes()
    path.write_bytes(data[: boxes_of(data, b"moof")[4][0]])
    frames, report = pick_frames(path, ALL)
    assert (len(frames), report.is_damaged) == (60, False)
    assert report.video is not None
    assert not report.video.has_promised_end


def test_a_movie_that_announces_fragments_and_has_none_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "cut.mp4", **FRAGMENTED | {"movflags": "frag_keyframe"})
    data = path.read_bytes()
    path.write_bytes(data[: boxes_of(data, b"moof")[0][0]])
    _, report = pick_frames(path, ALL)
    assert report.expected_from_header is None
    assert report.video is not None
    assert not report.video.has_promised_end


@pytest.mark.parametrize(("name", "count"), [("head_trimmed", 60), ("tail_trimmed", 45), ("both_ends_trimmed", 30)])
def test_groups_that_an_edit_list_drops_are_not_taken_for_damage(clip, name: str, count: int) -> None:
    frames, report = pick_frames(clip(name), ALL)
    assert (len(frames), report.mode, report.is_damaged) == (count, "selective", False)
    assert report.video is not None
    assert report.video.frame_count_from_header == media.FRAME_COUNT


def test_an_index_cut_short_is_not_taken_for_an_edit_list(clip, tmp_path: Path) -> None:
    data = bytearray(clip("tail_trimmed").read_bytes())
    times = data.index(b"stsc")  # 100 samples in one chunk, and now only 90
    assert data[times + 12 + 4 : times + 12 + 8] == (100).to_bytes(4, "big")
    data[times + 12 + 4 : times + 12 + 8] = (40).to_bytes(4, "big")
    (tmp_path / "cut.mp4").write_bytes(data)
    _, report = pick_frames(tmp_path / "cut.mp4", ALL)
    assert report.is_damaged


def test_a_cut_file_of_another_container_is_known_by_its_duration(tmp_path: Path) -> None:
    whole = media.encode(tmp_path / "whole.mkv", frames=200, g=30)
    assert not decode(whole)[1].is_damaged
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    _, report = decode(path)
    assert report.is_damaged
    assert any("its header promises" in error.words for error in report.errors)


def test_a_frame_set_stops_after_its_last_frame_and_claims_no_frame_count(clip) -> None:
    expected = opencv_frames(clip("defaults"))
    frames, report = decode(clip("defaults"), FrameSetSelection([3, 17, 40]))
    assert list(frames) == [3, 17, 40]
    assert all(np.array_equal(frames[i], expected[i]) for i in frames)
    assert report.stopped_early
    assert report.frame_count is None
    assert report.frame_count_decoded < 60


def test_a_stride_never_stops_early(clip) -> None:
    _, report = decode(clip("defaults"), StrideSelection(30))
    assert not report.stopped_early
    assert report.frame_count == media.FRAME_COUNT


def test_frames_beyond_the_end_do_not_come_and_the_end_is_known(clip) -> None:
    frames, report = decode(clip("defaults"), FrameSetSelection([99, 100, 5000]))
    assert list(frames) == [99]
    assert report.frame_count == media.FRAME_COUNT


def test_nothing_is_decoded_for_an_empty_set(clip) -> None:
    frames, report = decode(clip("defaults"), FrameSetSelection([]))
    assert not frames
    assert report.frame_count_decoded == 0


def test_asking_to_stop_ends_the_decoding(clip) -> None:
    report = DecodeReport()
    seen = []
    for frame in decode_frames(clip("defaults"), ALL, report, should_stop=lambda: len(seen) >= 5):
        seen.append(frame.frame_index)  # noqa: PERF401 - `should_stop` looks at the list while it grows
    assert 5 <= len(seen) < 12
    assert report.stopped_early


@pytest.mark.parametrize("name", media.UNREADABLE)
def test_what_cannot_be_opened_is_an_error_before_any_frame(clip, name: str) -> None:
    with pytest.raises(VideoUnreadableError):
        decode(clip(name))


def test_time_and_pts_are_the_streams_own(clip) -> None:
    picked = list(decode_frames(clip("late_start"), StrideSelection(30), DecodeReport()))
    assert [f.time_s for f in picked] == pytest.approx([0.4, 1.4, 2.4, 3.4])
    assert [f.pts for f in picked] == [6144 + 15360 * second for second in range(4)]


def test_a_counter_in_the_picture_agrees_with_the_index(tmp_path: Path) -> None:
    # Eight blocks, black or white, spell each frame's own number: no library's counting is trusted here.
    path = media.encode(
        tmp_path / "counter.mp4",
        size="256x64",
        g=12,
        bf=3,
        vf="geq=lum='255*mod(floor(N/pow(2,floor(X/32))),2)':cb=128:cr=128",
    )
    frames, _ = decode(path)
    for index, image in frames.items():
        blocks = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[32, 16::32] > 127
        assert sum(2**bit for bit, is_set in enumerate(blocks) if is_set) == index


def test_pictures_that_a_decoder_smears_and_marks_in_no_way_are_known_by_its_complaints(tmp_path: Path) -> None:
    settings = {"x265-params": "log-level=error:pools=none:keyint=30:min-keyint=30:open-gop=0:scenecut=0:bframes=2"}
    whole = media.encode(tmp_path / "whole.mp4", size="192x144", vcodec="libx265", **settings, **{"tag:v": "hvc1"})
    truth = [planes_of(frame) for frame in pick_frames(whole, StrideSelection(1))[0]]
    data = whole.read_bytes()
    start, end = data.index(b"mdat") + 4, data.rindex(b"moov") - 4
    complaints = 0
    for seed in (13, 18, 58):
        rng, spoilt = random.Random(seed), bytearray(data)
        spoilt[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
        (tmp_path / "spoilt.mp4").write_bytes(spoilt)
        frames, report = pick_frames(tmp_path / "spoilt.mp4", StrideSelection(1))
        if report.is_damaged:
            complaints += 1
            assert report.why_full is not None
            assert report.why_full.startswith("the decoder complains: The cu_qp_delta")
            assert report.errors[0].words.startswith("decoding: The cu_qp_delta")
            assert report.corrupt_indices == []
            assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)
    assert complaints, "none of these flips is noticed any more: look for others"


LOSSY = ["h264.avi", "mpeg4.avi", "h264.ts", "mpeg2.ts", "hevc.ts"]


@pytest.mark.parametrize("name", [*LOSSY, "av1", "av1.mkv", "vp9", "vp9.webm", "hevc_open_gop", "h264.mkv", "h264.flv"])
def test_wherever_a_hole_lies_no_frame_is_spoilt_and_none_is_numbered_wrong(clip, tmp_path: Path, name: str) -> None:
    path = clip(name)
    truth = [planes_of(frame) for frame in pick_frames(path, ALL)[0]]
    data = path.read_bytes()
    for place in range(len(data) // 8, len(data) * 7 // 8, len(data) // 9):
        for length in (300, 4096):
            spoilt = tmp_path / path.name
            spoilt.write_bytes(data[:place] + bytes(length) + data[place + length :])
            frames, report = pick_frames(spoilt, ALL)
            assert report.is_damaged
            assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)


def test_packets_of_a_transport_stream_that_are_gone_without_a_trace_leap_in_time(clip, tmp_path: Path) -> None:
    data = clip("h264.ts").read_bytes()
    truth = [planes_of(frame) for frame in pick_frames(clip("h264.ts"), ALL)[0]]
    pieces = [data[i : i + 188] for i in range(0, len(data), 188)]
    pictures = [i for i, piece in enumerate(pieces) if piece[1:3] in (b"\x01\x00", b"\x41\x00")]
    first = next(n for n, i in enumerate(pictures) if n > 150 and pieces[i][1] == 0x41)
    gone = set(pictures[first : first + 32])  # the counter in each has four bits: after 32 it fits again
    (tmp_path / "short.ts").write_bytes(b"".join(piece for i, piece in enumerate(pieces) if i not in gone))
    frames, report = pick_frames(tmp_path / "short.ts", ALL)
    assert any(error.words == f"reading: {LEAP}" for error in report.errors)
    assert 0 < len(frames) < len(truth)
    assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)


def test_a_transport_stream_cut_between_frames_that_change_places_numbers_none_wrong(clip, tmp_path: Path) -> None:
    data = clip("h264.ts").read_bytes()
    truth = [planes_of(frame) for frame in pick_frames(clip("h264.ts"), ALL)[0]]
    for end in range(len(data) // 2, len(data) // 2 + 40 * 188, 188):
        (tmp_path / "cut.ts").write_bytes(data[:end])
        frames, _ = pick_frames(tmp_path / "cut.ts", ALL)
        assert len(frames) > 30
        assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)


@pytest.mark.parametrize("vcodec", ["libx264", "libx265"])
def test_an_mp4_cut_between_frames_that_change_places_numbers_none_wrong(tmp_path: Path, vcodec: str) -> None:
    path = media.encode(tmp_path / "whole.mp4", vcodec=vcodec, g=48, bf=3, movflags="+faststart", frames=90)
    data, truth = path.read_bytes(), [planes_of(frame) for frame in pick_frames(path, ALL)[0]]
    for end in range(len(data) // 2, len(data) - 1000, len(data) // 60):
        (tmp_path / "cut.mp4").write_bytes(data[:end])
        frames, report = pick_frames(tmp_path / "cut.mp4", ALL)
        assert report.is_damaged
        assert len(frames) > 20
        assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)


@pytest.mark.parametrize("name", ["hevc_closed_gop", "vp9", "keyint15", "h264.mkv"])
def test_a_hole_in_the_very_first_packets_is_not_taken_for_a_habit(clip, tmp_path: Path, name: str) -> None:
    path = clip(name)
    truth = [planes_of(frame) for frame in pick_frames(path, ALL)[0]]
    with av.open(str(path)) as container:
        sizes = [(packet.pos or 0, packet.size) for packet in container.demux(video=0)]
    (first, size), (second, _) = sizes[:2]
    for start, end in ((first + size // 2, first + size // 2 + 100), (first + size // 2, second + 40)):
        data = bytearray(path.read_bytes())
        data[start:end] = bytes(end - start)
        (tmp_path / path.name).write_bytes(data)
        frames, report = pick_frames(tmp_path / path.name, ALL)
        assert report.is_damaged
        assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)


def test_frames_after_a_broken_cluster_are_not_numbered_as_if_none_were_lost(tmp_path: Path) -> None:
    whole = media.encode(tmp_path / "whole.mkv", size="192x144", g=10, cluster_time_limit=500)
    truth = [planes_of(frame) for frame in pick_frames(whole, StrideSelection(1))[0]]
    data = bytearray(whole.read_bytes())
    clusters = [place for place in range(len(data)) if data.startswith(b"\x1f\x43\xb6\x75", place)]
    data[clusters[2] + 40] ^= 0xFF
    for place in range(clusters[2] + 20, clusters[2] + 24):
        data[place] = 0x01
    (tmp_path / "broken.mkv").write_bytes(data)
    frames, report = pick_frames(tmp_path / "broken.mkv", StrideSelection(1))
    assert report.errors[0].words.startswith("reading: ")
    assert str(report.why_full).startswith("the reader complains: ")
    assert 0 < len(frames) < len(truth)
    assert all(planes_of(frame) == truth[frame.frame_index] for frame in frames)
