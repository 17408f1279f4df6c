"""An FLV that was cut is told from a whole one, and none of its frames gets the number of another."""

from __future__ import annotations

import random
from pathlib import Path

import av
import numpy as np
import pytest

from hand100m_assets.errors import VideoUnreadableError
from hand100m_assets.video.decode import pick_frames
from hand100m_assets.video.flvtags import flv_missing_bytes
from hand100m_assets.video.selection import StrideSelection
from hand100m_assets_tests.explore.coded import Coded, Look, sound
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.ordinary import random_track
from hand100m_assets_tests.unit.video.oracle import opencv_frames


@pytest.fixture(scope="module")
def pictures() -> Coded:
    return random_track(random.Random(0), "h264", Look(frame_count=40), keyint=15, bframes=3)


def test_wherever_it_is_cut_no_frame_has_the_number_of_another_and_the_cut_is_told(
    pictures: Coded, tmp_path: Path
) -> None:
    whole = write(tmp_path / "whole.flv", pictures)
    truth, data = opencv_frames(whole), whole.read_bytes()
    cut, told = tmp_path / "cut.flv", 0
    for length in random.Random(1).sample(range(len(data) // 4, len(data)), 40):
        cut.write_bytes(data[:length])
        if flv_missing_bytes(cut) == 0:
            continue  # cut right between two tags
        told += 1
        frames, report = pick_frames(cut, StrideSelection(1))
        assert all(np.array_equal(frame.image_bgr, truth[frame.frame_index]) for frame in frames), length
        assert report.is_damaged, length
    assert told >= 35


@pytest.mark.parametrize("spoil", [b"\x0d", b"\x09\0\0\x05", b"\x09\x10\0\0", bytes(11) + b"\x17\0"], ids=bytes.hex)
def test_a_tag_that_the_reader_passes_over_is_missed(pictures: Coded, tmp_path: Path, spoil: bytes) -> None:
    whole = write(tmp_path / "whole.flv", pictures)
    truth, data = opencv_frames(whole), whole.read_bytes()
    spoilt, places = tmp_path / "spoilt.flv", [at for at in picture_tags(whole) if data[at + 11 + 1] == 1]
    for place in random.Random(2).sample(places[1:], 8):
        changed = bytearray(data)
        for number, byte in enumerate(spoil):
            changed[place + number] = byte or changed[place + number]
        if len(spoil) > 11:
            changed[place + 12] = spoil[12]
        spoilt.write_bytes(changed)
        for why_full in (None, "to compare with"):
            frames, report = pick_frames(spoilt, StrideSelection(1), why_full=why_full)
            assert report.is_damaged, place
            assert report.mode == "full"
            assert all(np.array_equal(frame.image_bgr, truth[frame.frame_index]) for frame in frames), place


def picture_tags(path: Path) -> list[int]:
    """Where packets begin, by the reader."""
    with av.open(str(path)) as container:
        return [packet.pos for packet in container.demux(video=0) if packet.size and packet.pos is not None]


def test_a_whole_file_lacks_nothing(pictures: Coded, tmp_path: Path) -> None:
    for name, tracks in {"silent": (pictures,), "with_sound": (pictures, sound("aac", 2.0))}.items():
        path = write(tmp_path / f"{name}.flv", *tracks)
        frames, report = pick_frames(path, StrideSelection(1))
        assert (flv_missing_bytes(path), len(frames), report.is_damaged, report.mode) == (0, 40, False, "selective")


def test_what_follows_the_last_tag_and_other_files_are_not_judged(pictures: Coded, tmp_path: Path) -> None:
    path = write(tmp_path / "whole.flv", pictures)
    path.write_bytes(path.read_bytes() + bytes(50))
    assert flv_missing_bytes(path) == 0
    path.write_bytes(b"not an FLV file")
    assert flv_missing_bytes(path) == 0


def tags_of(data: bytes) -> list[tuple[int, int]]:
    """Where each tag begins, and where the length behind it does."""
    places, at = [], 13
    while at < len(data):
        end = at + 11 + int.from_bytes(data[at + 1 : at + 4], "big")
        places.append((at, end))
        at = end + 4
    return places


@pytest.mark.parametrize("length", [188, 512, 1024])
def test_blocks_that_have_changed_places_are_told_and_no_frame_has_the_number_of_another(
    pictures: Coded, tmp_path: Path, length: int
) -> None:
    whole = write(tmp_path / "whole.flv", pictures)
    truth, data = opencv_frames(whole), whole.read_bytes()
    spoilt, rng = tmp_path / "spoilt.flv", random.Random(3)
    first = tags_of(data)[1][0]
    for _ in range(15):
        a, b = sorted(rng.sample(range(first, len(data) - length, length), 2))
        a, b = a + rng.randrange(2), b + rng.randrange(2)
        swapped = data[:a] + data[b : b + length] + data[a + length : b] + data[a : a + length] + data[b + length :]
        spoilt.write_bytes(swapped)
        frames, report = pick_frames(spoilt, StrideSelection(1))
        assert report.is_damaged, (a, b)
        assert all(np.array_equal(frame.image_bgr, truth[frame.frame_index]) for frame in frames), (a, b)


@pytest.mark.parametrize("into", range(16))
def test_a_block_over_the_tag_of_the_parameter_sets_is_told_though_nothing_can_be_decoded(
    pictures: Coded, tmp_path: Path, into: int
) -> None:
    path = write(tmp_path / "whole.flv", pictures)
    data = path.read_bytes()
    at = tags_of(data)[1][0] + into
    path.write_bytes(data[:at] + data[-1000:-800] + data[at + 200 :])
    try:
        frames, report = pick_frames(path, StrideSelection(1))
    except VideoUnreadableError:
        return
    assert frames == []
    assert report.is_damaged


def test_tags_that_are_gone_between_two_others_leave_no_frame_under_another_number(
    pictures: Coded, tmp_path: Path
) -> None:
    path = write(tmp_path / "whole.flv", pictures)
    truth, data = opencv_frames(path), path.read_bytes()
    tags = tags_of(data)
    path.write_bytes(data[: tags[20][0] + 3] + data[tags[23][0] + 3 :])
    frames, report = pick_frames(path, StrideSelection(1))
    assert report.is_damaged
    assert all(np.array_equal(frame.image_bgr, truth[frame.frame_index]) for frame in frames)


@pytest.mark.parametrize("keyint", [8, 15, 60])
def test_a_broken_packet_with_a_wrong_time_leaves_no_frame_under_another_number(tmp_path: Path, keyint: int) -> None:
    pictures = random_track(random.Random(keyint), "h264", Look(frame_count=60), keyint=keyint, bframes=2)
    path = write(tmp_path / "whole.flv", pictures)
    truth, data, rng = opencv_frames(path), path.read_bytes(), random.Random(5)
    for at, _ in rng.sample(tags_of(data)[3:-1], 12):
        time_ms = int.from_bytes(data[at + 4 : at + 7], "big") + rng.choice([-150, 110, 201, 340, 777, 2000, 60000])
        spoilt = bytearray(data)
        spoilt[at + 4 : at + 7] = max(0, time_ms).to_bytes(3, "big")
        spoilt[at + 16 : at + 30] = rng.randbytes(14)
        path.write_bytes(spoilt)
        frames, report = pick_frames(path, StrideSelection(1))
        assert report.is_damaged
        assert all(np.array_equal(frame.image_bgr, truth[frame.frame_index]) for frame in frames), (at, time_ms)


def test_a_broken_packet_with_its_own_time_costs_no_later_group(tmp_path: Path) -> None:
    pictures = random_track(
        random.Random(1),
        "h264",
        Look(frame_count=60),
        keyint=10,
        min_keyint=10,
        scenecut=0,
        open_gop=0,
        intra_refresh=0,
    )
    path = write(tmp_path / "whole.flv", pictures)
    truth, data = opencv_frames(path), bytearray(path.read_bytes())
    at = tags_of(bytes(data))[25][0]
    data[at + 16 : at + 30] = bytes(14)
    path.write_bytes(data)
    frames, report = pick_frames(path, StrideSelection(1))
    assert report.is_damaged
    assert len(frames) > 45
    assert all(np.array_equal(frame.image_bgr, truth[frame.frame_index]) for frame in frames)
