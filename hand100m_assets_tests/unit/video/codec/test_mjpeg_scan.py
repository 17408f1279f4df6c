"""A hole in a Motion JPEG's samples is found, and no picture of an encoder is taken for one."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from hand100m_assets.video.codec.mjpeg_scan import mjpeg_holds_hole
from hand100m_assets_tests.explore.coded import Look
from hand100m_assets_tests.explore.ordinary import random_track

LOOK = Look(frame_count=12, pixel_format="yuvj420p")


def flat(grey: int) -> np.ndarray:
    return np.full((240, 320, 3), grey, np.uint8)


def smooth(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1 + seed)


PICTURES = [*(flat(grey) for grey in (0, 1, 127, 128, 255)), *(smooth(seed) for seed in range(10))]


@pytest.mark.parametrize("quality", [30, 75, 95, 100])
@pytest.mark.parametrize("makes_tables", [0, 1])
def test_no_picture_of_libjpeg_is_taken_for_a_hole(quality: int, makes_tables: int) -> None:
    asked = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, makes_tables]
    assert not any(mjpeg_holds_hole(cv2.imencode(".jpg", picture, asked)[1].tobytes()) for picture in PICTURES)


@pytest.mark.parametrize("huffman", ["default", "optimal"])
def test_no_picture_of_ffmpeg_is_taken_for_a_hole(huffman: str) -> None:
    track = random_track(random.Random(2), "mjpeg", LOOK, huffman=huffman)
    assert not any(mjpeg_holds_hole(unit.data) for unit in track.units)


@pytest.mark.parametrize("into", [0.3, 0.6, 0.9])
def test_a_hole_in_the_samples_is_found(into: float) -> None:
    for unit in random_track(random.Random(2), "mjpeg", LOOK, huffman="default").units:
        place = int(len(unit.data) * into)
        first = max(place, unit.data.index(b"\xff\xda") + 14)
        assert mjpeg_holds_hole(unit.data[:first] + bytes(40) + unit.data[first + 40 :])


def test_a_hole_in_the_tables_is_found() -> None:
    for huffman in ("default", "optimal"):
        for unit in random_track(random.Random(2), "mjpeg", LOOK, huffman=huffman).units:
            place = unit.data.index(b"\xff\xc4") + 24
            assert mjpeg_holds_hole(unit.data[:place] + bytes(40) + unit.data[place + 40 :])


@pytest.mark.parametrize("shift", [-60, -36, -1, 1, 36, 60])
def test_another_picture_that_lies_over_the_tables_is_found(shift: int) -> None:
    one, other = (unit.data for unit in random_track(random.Random(2), "mjpeg", LOOK, huffman="default").units[:2])
    for place in (one.index(b"\xff\xc4") + 100, one.index(b"\xff\xc4") + 300):
        assert mjpeg_holds_hole(one[:place] + other[place + shift :])
        assert not mjpeg_holds_hole(one[:place] + one[place:])


def test_bytes_that_fill_up_before_a_segment_are_no_fault() -> None:
    data = random_track(random.Random(2), "mjpeg", LOOK, huffman="default").units[0].data
    for marker in (b"\xff\xdb", b"\xff\xc4", b"\xff\xc0", b"\xff\xda"):
        place = data.index(marker)
        assert not mjpeg_holds_hole(data[:place] + b"\xff" * 5 + data[place:])


@pytest.mark.parametrize("huffman", ["default", "optimal"])
def test_a_hole_that_hides_where_the_samples_begin_is_found(huffman: str) -> None:
    for unit in random_track(random.Random(2), "mjpeg", LOOK, huffman=huffman).units:
        scan = unit.data.index(b"\xff\xda")
        for first in (scan - 30, scan, scan + 1):
            assert mjpeg_holds_hole(unit.data[:first] + bytes(200) + unit.data[first + 200 :])


@pytest.mark.parametrize("note", [b"\xff\xe5\0\0", b"\xff\xe1\xff\xff", b"\xff\xfe\0\1", b"\xff\xe1\0\6no\0\0"])
@pytest.mark.parametrize("huffman", ["default", "optimal"])
def test_a_note_of_an_odd_length_is_no_fault(note: bytes, huffman: str) -> None:
    for unit in random_track(random.Random(2), "mjpeg", LOOK, huffman=huffman).units:
        assert not mjpeg_holds_hole(unit.data[:2] + note + unit.data[2:])


def test_a_packet_that_begins_within_a_picture_is_found_and_padding_before_one_is_not() -> None:
    picture = cv2.imencode(".jpg", smooth(1))[1].tobytes()
    assert not any(mjpeg_holds_hole(data) for data in (picture, bytes(3) + picture, b"\xff\xff" + picture))
    assert all(mjpeg_holds_hole(data) for data in (picture[2:], picture[100:], picture[-20:] + picture))
