"""Lost packets show in what each container says of itself, and a whole file is never said to lack any."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from hand100m_assets.video.container.probe import probe_video
from hand100m_assets.video.decode.picking import pick_frames
from hand100m_assets.video.decode.report import DecodeReport
from hand100m_assets.video.decode.selection import StrideSelection
from hand100m_assets_tests import media
from hand100m_assets_tests.explore.coded import Look
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.oracles import digest_of, plain_frames
from hand100m_assets_tests.explore.ordinary import random_track
from hand100m_assets_tests.unit.video import avifiles
from hand100m_assets_tests.unit.video.avifiles import AviFile
from hand100m_assets_tests.unit.video.oracle import opencv_frames, planes_of
from hand100m_assets_tests.unit.video.repacked import packed, units_of

ALL = StrideSelection(1)


def check_true(path: Path, truth: list[list[bytes]]) -> tuple[int, DecodeReport]:
    """Decode a spoilt copy, whose every frame must be the whole clip's frame of that number; returns how many."""
    frames, report = pick_frames(path, ALL)
    wrong = [f.frame_index for f in frames if planes_of(f) != truth[f.frame_index]]
    assert wrong == []
    return len(frames), report


@pytest.fixture(scope="module", params=["h264", "mpeg4", "mjpeg"])
def avi(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"h264": {"g": 30, "bf": 0}, "mpeg4": {"vcodec": "mpeg4", "g": 15}, "mjpeg": {"vcodec": "mjpeg"}}
    folder = tmp_path_factory.mktemp("avi")
    return media.encode(folder / "whole.avi", size="96x64", frames=60, **options[request.param])


@pytest.fixture(scope="module")
def avi_truth(avi: Path) -> list[list[bytes]]:
    frames, report = pick_frames(avi, ALL, why_full="to compare with")
    assert not report.is_damaged
    return [planes_of(frame) for frame in frames]


WAYS_TO_WRITE_AN_AVI: dict[str, dict] = {
    "a whole index": {},
    "no index": {"spoil": avifiles.truncated(0)},
    "an index that ends early": {"spoil": avifiles.truncated(0.3)},
    "an index with a hole": {"spoil": avifiles.zeroed(20, 40)},
    "an index of zeros": {"spoil": avifiles.zeroed(0, 1000)},
    "an index that is shifted": {"spoil": avifiles.shifted(7)},
    "an index that lacks packets": {"spoil": avifiles.without([10, 11, 30])},
    "an index that counts from the file's beginning": {"has_absolute_offsets": True},
    "an absolute index that ends early": {"has_absolute_offsets": True, "spoil": avifiles.truncated(0.3)},
    "a pipe's sizes": {"spoil": avifiles.truncated(0), "has_sizes": False},
    "three parts": {"parts": 3},
    "a list for each packet": {"records": True, "spoil": avifiles.truncated(0)},
}


@pytest.mark.parametrize("way", WAYS_TO_WRITE_AN_AVI)
def test_a_whole_avi_is_whole_whatever_its_index_says(avi: Path, avi_truth, tmp_path: Path, way: str) -> None:
    path = tmp_path / "copy.avi"
    path.write_bytes(AviFile.read(avi.read_bytes()).written(**WAYS_TO_WRITE_AN_AVI[way]))
    count, report = check_true(path, avi_truth)
    assert len(opencv_frames(path)) == count == report.frame_count == 60
    assert not report.is_damaged, report.errors


def test_nothing_is_numbered_of_an_avi_whose_index_lets_the_reader_begin_elsewhere(
    avi: Path, avi_truth, tmp_path: Path
) -> None:
    path = tmp_path / "copy.avi"
    path.write_bytes(AviFile.read(avi.read_bytes()).written(avifiles.zeroed(0, 20)))
    count, report = check_true(path, avi_truth)
    assert count == 0
    assert any("packets are missing" in error.words for error in report.errors)


@pytest.mark.parametrize("way", WAYS_TO_WRITE_AN_AVI)
@pytest.mark.parametrize("lost_bytes", [700, 4096])
def test_no_frame_behind_a_loss_in_an_avi_is_numbered(
    avi: Path, avi_truth, tmp_path: Path, way: str, lost_bytes: int
) -> None:
    data = AviFile.read(avi.read_bytes()).written(**WAYS_TO_WRITE_AN_AVI[way])
    at = data.rindex(b"00dc", 0, len(data) // 2)
    path = tmp_path / "lost.avi"
    path.write_bytes(data[:at] + data[at + lost_bytes :])
    count, report = check_true(path, avi_truth)
    assert report.is_damaged
    assert 0 < count < 60


@pytest.mark.parametrize("gone", [[20], [20, 21, 22], list(range(20, 50))])
@pytest.mark.parametrize(
    "way", ["a whole index", "an index that counts from the file's beginning", "an index of zeros"]
)
def test_whole_chunks_that_are_gone_from_an_avi_are_seen(
    avi: Path, avi_truth, tmp_path: Path, way: str, gone: list[int]
) -> None:
    file = AviFile.read(avi.read_bytes())
    data = file.written(**WAYS_TO_WRITE_AN_AVI[way])
    for number in gone:
        data = data.replace(file.chunks[number].packed, b"", 1)
    path = tmp_path / "gone.avi"
    path.write_bytes(data)
    count, report = check_true(path, avi_truth)
    assert report.is_damaged
    assert count in ([20, 19] if way != "an index of zeros" else [0])


@pytest.mark.parametrize("way", ["no index", "three parts", "a whole index"])
def test_an_avi_that_was_cut_is_said_to_be(avi: Path, avi_truth, tmp_path: Path, way: str) -> None:
    data = AviFile.read(avi.read_bytes()).written(**WAYS_TO_WRITE_AN_AVI[way])
    path = tmp_path / "cut.avi"
    for share in (0.3, 0.6):
        end = data.index(b"00dc", int(len(data) * share))  # right between two packets
        path.write_bytes(data[:end])
        count, report = check_true(path, avi_truth)
        assert report.is_damaged
        assert 0 < count < 60


def test_an_avi_that_lacks_the_end_of_its_index_has_all_pictures(avi: Path, avi_truth, tmp_path: Path) -> None:
    data = avi.read_bytes()
    for cut_bytes in (1, 20, 16 * 60 + 4):
        path = tmp_path / "cut.avi"
        path.write_bytes(data[:-cut_bytes])
        count, report = check_true(path, avi_truth)
        assert (count, report.is_damaged) == (60, False)


def test_only_an_avi_that_was_written_to_a_pipe_does_not_say_where_it_ends(avi: Path, tmp_path: Path) -> None:
    path = tmp_path / "pipe.avi"
    path.write_bytes(AviFile.read(avi.read_bytes()).written(has_sizes=False, spoil=avifiles.truncated(0)))
    assert probe_video(avi).has_promised_end
    assert not probe_video(path).has_promised_end


PACKET = 188
UNEVEN = {"vf": "select='not(between(mod(n,40),20,23))'", "fps_mode": "vfr"}
STREAMS = {
    "h264": {"g": 20},
    "h264 of varying pace": {"g": 20, **UNEVEN},
    "hevc": {"vcodec": "libx265", "x265-params": "log-level=error:pools=none:keyint=20", "preset": "ultrafast"},
    "mpeg2": {"vcodec": "mpeg2video", "g": 12, "bf": 2},
}


@pytest.fixture(scope="module", params=STREAMS)
def ts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ts") / "whole.ts"
    return media.encode(path, size="192x144", frames=60, **STREAMS[request.param])


@pytest.fixture(scope="module")
def ts_truth(ts: Path) -> list[list[bytes]]:
    frames, report = pick_frames(ts, ALL, why_full="to compare with")
    assert not report.is_damaged, report.errors
    return [planes_of(frame) for frame in frames]


def as_camera_writes(data: bytes) -> bytes:
    """With a time of four bytes before each packet."""
    return b"".join(b"\0\1\2\3" + data[at : at + PACKET] for at in range(0, len(data), PACKET))


def with_checksums(data: bytes) -> bytes:
    return b"".join(data[at : at + PACKET] + bytes(range(16)) for at in range(0, len(data), PACKET))


@pytest.mark.parametrize("packed", [bytes, as_camera_writes, with_checksums])
def test_a_whole_transport_stream_is_whole_at_any_pace(
    ts: Path, ts_truth, tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "copy.ts"
    path.write_bytes(packed(ts.read_bytes()))
    count, report = check_true(path, ts_truth)
    assert not report.is_damaged, report.errors
    assert count == len(opencv_frames(path)) == len(ts_truth)


def picture_packet(data: bytes) -> int:
    """Where a packet of the picture track begins, near the middle."""
    return next(at for at in range(len(data) // PACKET // 2 * PACKET, len(data), PACKET) if data[at + 1] & 31 == 1)


def test_a_lost_packet_of_a_table_costs_no_picture(ts: Path, ts_truth, tmp_path: Path) -> None:
    data = ts.read_bytes()
    at = next(at for at in range(len(data) // PACKET // 2 * PACKET, 0, -PACKET) if data[at + 1] & 31 == 0)
    path = tmp_path / "lost.ts"
    path.write_bytes(data[:at] + data[at + PACKET :])
    count, report = check_true(path, ts_truth)
    assert not report.is_damaged, report.errors
    assert count == len(ts_truth)


def test_a_transport_stream_whose_first_bytes_look_like_a_box_is_no_mp4(ts: Path, ts_truth, tmp_path: Path) -> None:
    path = tmp_path / "skip.ts"
    path.write_bytes(b"\x47\x1f\xff\x10skip" + bytes(180) + ts.read_bytes())
    assert probe_video(path).missing_bytes == 0
    count, report = check_true(path, ts_truth)
    assert not report.is_damaged, report.errors
    assert count == len(ts_truth)


@pytest.mark.parametrize("lost", [1, 3, 17, 40])
@pytest.mark.parametrize("packed", [bytes, as_camera_writes])
def test_no_frame_behind_lost_transport_packets_is_numbered(
    ts: Path, ts_truth, tmp_path: Path, lost: int, packed: Callable[[bytes], bytes]
) -> None:
    data = ts.read_bytes()
    at = picture_packet(data)
    path = tmp_path / "lost.ts"
    path.write_bytes(packed(data[:at] + data[at + lost * PACKET :]))
    count, report = check_true(path, ts_truth)
    assert report.is_damaged
    assert 0 < count < 60


@pytest.mark.parametrize("block", [bytes(400), np.random.default_rng(1).bytes(400), b"\xff" * 400])
def test_a_block_over_transport_packets_is_seen_wherever_it_lies(
    ts: Path, ts_truth, tmp_path: Path, block: bytes
) -> None:
    data = ts.read_bytes()
    path = tmp_path / "block.ts"
    for at in (0, 200, len(data) // 4 + 5, len(data) // 2, len(data) - 500):
        path.write_bytes(data[:at] + block + data[at + 400 :])
        _, report = check_true(path, ts_truth)
        assert report.is_damaged


def test_a_picture_that_a_spoilt_one_before_it_takes_in_is_missed(ts: Path, ts_truth, tmp_path: Path) -> None:
    data = ts.read_bytes()
    starts = [at for at in range(0, len(data), PACKET) if data[at + 1] & 0x5F == 0x41]
    path = tmp_path / "spoilt.ts"
    for at in starts[20:24]:
        first = data.index(b"\0\0\1", data.index(b"\0\0\1", at) + 14)  # behind the header of the piece
        path.write_bytes(data[:first] + b"\x47" * 60 + data[first + 60 :])
        count, report = check_true(path, ts_truth)
        assert report.is_damaged
        assert 0 < count < 60


def test_a_transport_stream_that_is_cut_within_a_packet_is_said_to_be(ts: Path, ts_truth, tmp_path: Path) -> None:
    path = tmp_path / "cut.ts"
    data = ts.read_bytes()
    path.write_bytes(data[: len(data) // PACKET // 2 * PACKET + 100])
    count, report = check_true(path, ts_truth)
    assert report.is_damaged
    assert 0 < count < 60


@pytest.mark.parametrize("begins_s", [0, 1, 60])
def test_two_transport_streams_one_behind_the_other_are_one_whole_file(
    ts: Path, ts_truth, tmp_path: Path, begins_s: int
) -> None:
    later = media.moved(ts, tmp_path / "later.ts", begins_s)
    path = tmp_path / "joined.ts"
    path.write_bytes(ts.read_bytes() + later.read_bytes())
    count, report = check_true(path, ts_truth + ts_truth)
    assert not report.is_damaged, report.errors
    assert count == len(opencv_frames(path)) == 2 * len(ts_truth)


REORDERED = {"keyint": 25, "bframes": 3, "b_adapt": 0, "scenecut": 0, "repeat_headers": 1}
SORTS = {
    "h264": REORDERED,
    "hevc": REORDERED,
    "h264 in decoding order": {"keyint": 25, "bframes": 0, "scenecut": 0, "repeat_headers": 1},
}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("leap_at", [24, 33, 36, 37, 38, 39])
def test_a_transport_stream_whose_pace_changes_near_its_end_is_whole(tmp_path: Path, sort: str, leap_at: int) -> None:
    times = [20 * number + 100 * (number >= leap_at) for number in range(40)]
    track = random_track(random.Random(2), sort.split(maxsplit=1)[0], Look(frame_count=40), times, **SORTS[sort])
    path = write(tmp_path / "whole.ts", track)
    frames, report = pick_frames(path, ALL)
    assert not report.is_damaged, report.errors
    assert len(frames) == len(opencv_frames(path)) == 40


@pytest.mark.parametrize(
    ("first", "second"), [("hevc", "hevc"), *product(["h264", "h264 in decoding order"], repeat=2)]
)
def test_a_transport_stream_whose_second_half_is_coded_in_another_way_is_whole(
    tmp_path: Path, first: str, second: str
) -> None:
    looks = [Look(160, 120, 20), Look(192, 144, 20)]
    parts = [
        random_track(random.Random(2), first.split(maxsplit=1)[0], look, **SORTS[sort])
        for look, sort in zip(looks, (first, second), strict=True)
    ]
    later = parts[1].shifted(parts[0].end - min(unit.dts or 0 for unit in parts[1].units))
    path = write(tmp_path / "whole.ts", parts[0].with_units([*parts[0].units, *later.units]))
    frames, report = pick_frames(path, ALL)
    assert not report.is_damaged, report.errors
    assert len(frames) == len(opencv_frames(path)) == 40


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("has_steady_pace", [True, False])
def test_of_a_cut_transport_stream_no_frame_takes_the_place_of_one_that_is_gone(
    tmp_path: Path, sort: str, has_steady_pace: bool
) -> None:
    times = [20 * number + (0 if has_steady_pace else 100 * (number // 7)) for number in range(40)]
    track = random_track(random.Random(2), sort.split(maxsplit=1)[0], Look(frame_count=40), times, **SORTS[sort])
    path = write(tmp_path / "whole.ts", track)
    data, truth = path.read_bytes(), [digest_of(frame) for frame in plain_frames(path)]
    starts = [at for at in range(0, len(data), PACKET) if data[at + 1] & 0x5F == 0x41]
    for end in starts[8:]:
        path.write_bytes(data[:end])
        frames, _ = pick_frames(path, ALL)
        assert [f.frame_index for f in frames if digest_of(f) != truth[f.frame_index]] == []
        assert len(frames) > 3


def test_two_transport_streams_are_one_whole_file_however_the_last_packet_of_the_first_is_filled_up(
    tmp_path: Path,
) -> None:
    track = random_track(random.Random(1), "h264", Look(frame_count=20), keyint=8, repeat_headers=1)
    later = write(tmp_path / "later.ts", track.shifted(100 * 19200)).read_bytes()
    path, seen = tmp_path / "joined.ts", set()
    for padding in range(190):
        units = [*track.units[:-1], replace(track.units[-1], data=with_zeros(track.units[-1].data, padding))]
        first = write(path, track.with_units(units)).read_bytes()
        last = max(at for at in range(0, len(first), PACKET) if first[at + 1] & 31 == 1)
        length = first[last + 4] if first[last + 3] & 0x20 else -1
        if length in seen or length > 8:
            continue
        seen.add(length)
        path.write_bytes(first + later)
        frames, report = pick_frames(path, ALL)
        if length >= 0:
            assert not report.is_damaged, (length, report.errors)
            assert len(frames) == len(opencv_frames(path)) == 40
    assert {0, 1, 2} <= seen


def with_zeros(packet: bytes, count: int) -> bytes:
    """With as many zeros behind its last unit."""
    *others, last = units_of(packet)
    return packed([*others, last + bytes(count)])


def test_a_loss_in_the_second_of_two_joined_transport_streams_is_a_loss(ts: Path, ts_truth, tmp_path: Path) -> None:
    data = ts.read_bytes()
    at = picture_packet(data)
    path = tmp_path / "joined.ts"
    path.write_bytes(data + data[:at] + data[at + 5 * PACKET :])
    count, report = check_true(path, ts_truth + ts_truth)
    assert report.is_damaged
    assert len(ts_truth) // 2 < count < 2 * len(ts_truth)


@pytest.mark.parametrize("share", [0.12, 0.2])
def test_a_transport_stream_that_begins_within_a_group_is_whole(ts: Path, tmp_path: Path, share: float) -> None:
    data = ts.read_bytes()
    path = tmp_path / "later.ts"
    path.write_bytes(data[int(len(data) * share) // PACKET * PACKET :])
    frames, report = pick_frames(path, ALL)
    shown = opencv_frames(path)
    assert not report.is_damaged, report.errors
    assert report.frame_count == len(frames) == len(shown) > 20


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_a_first_picture_that_lost_its_head_is_not_taken_for_a_beginning_within_a_group(
    ts: Path, ts_truth, tmp_path: Path, lost: int
) -> None:
    data = ts.read_bytes()
    first = next(at for at in range(0, len(data), PACKET) if data[at + 1] & 31 == 1)
    path = tmp_path / "lost.ts"
    path.write_bytes(data[:first] + data[first + lost * PACKET :])
    _, report = check_true(path, ts_truth)
    assert report.is_damaged
    path.write_bytes(data[first + lost * PACKET :])
    frames, report = pick_frames(path, ALL)
    assert not report.is_damaged, report.errors
    assert len(frames) == len(opencv_frames(path))


@pytest.mark.parametrize("block", [bytes(120), np.random.default_rng(2).bytes(120)])
def test_a_spoilt_first_key_frame_is_not_taken_for_a_beginning_within_a_group(
    ts: Path, ts_truth, tmp_path: Path, block: bytes
) -> None:
    data = bytearray(ts.read_bytes())
    first = next(at for at in range(0, len(data), PACKET) if data[at + 1] & 31 == 1)
    path = tmp_path / "spoilt.ts"
    for into in (12, 24, 60):
        path.write_bytes(data[: first + into] + block + data[first + into + 120 :])
        _, report = check_true(path, ts_truth)
        assert report.is_damaged or report.frame_count == len(ts_truth), "only a message was spoilt"
