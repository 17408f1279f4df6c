"""Pieces of a fragmented mp4 that are gone, or stand twice, are told; numbers that are merely odd are not minded."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hand100m_assets.video.decode import pick_frames
from hand100m_assets.video.mp4boxes import read_outline
from hand100m_assets.video.selection import StrideSelection
from hand100m_assets_tests.explore.coded import Look, sound
from hand100m_assets_tests.explore.mp4edit import box_places
from hand100m_assets_tests.explore.muxing import write
from hand100m_assets_tests.explore.oracles import digest_of, plain_frames
from hand100m_assets_tests.explore.ordinary import random_track

SELECTIONS = [StrideSelection(1), StrideSelection(7)]
FLAGS = ["frag_keyframe+empty_moov", "frag_every_frame+delay_moov", "frag_keyframe+separate_moof+empty_moov"]


@pytest.fixture(params=[(flags, has_sound) for flags in FLAGS for has_sound in (False, True)], ids=str)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    flags, has_sound = request.param
    track = random_track(random.Random(3), "h264", Look(frame_count=60), keyint=8, bframes=2)
    tracks = [track, sound("aac", 2.0)] if has_sound else [track]
    return write(tmp_path / "pieces.mp4", *tracks, options={"movflags": flags})


def pieces(data: bytes) -> list[tuple[int, int]]:
    places = box_places(data, b"moof")
    return list(zip(places, [*places[1:], *box_places(data, b"mfra"), len(data)], strict=False))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_of_a_file_that_was_cut_no_frame_takes_the_place_of_one_that_is_gone(tmp_path: Path, codec: str) -> None:
    settings = {"keyint": 25, "bframes": 6, "b_adapt": 0, "scenecut": 0}
    track = random_track(random.Random(4), codec, Look(frame_count=40), **settings)
    path = write(tmp_path / "pieces.mp4", track, options={"movflags": "frag_every_frame+empty_moov"})
    digests, data = [digest_of(frame) for frame in plain_frames(path)], path.read_bytes()
    for start, end in pieces(data)[10:30]:
        path.write_bytes(data[: start + (end - start) // 2])
        check_true(path, digests)


def check_true(path: Path, digests: list[bytes]) -> None:
    for selection in SELECTIONS:
        frames, report = pick_frames(path, selection)
        assert report.is_damaged
        assert all(digest_of(frame) == digests[frame.frame_index] for frame in frames)


def test_a_piece_that_is_gone_is_missed_wherever_it_stood(whole: Path) -> None:
    data, digests = whole.read_bytes(), [digest_of(frame) for frame in plain_frames(whole)]
    assert not pick_frames(whole, SELECTIONS[0])[1].is_damaged
    every = pieces(data)
    for begin, end in (every[1], every[len(every) // 2], every[-1]):
        whole.write_bytes(data[:begin] + data[end:])
        check_true(whole, digests)


def test_a_piece_that_stands_twice_is_told(whole: Path) -> None:
    data, digests = whole.read_bytes(), [digest_of(frame) for frame in plain_frames(whole)]
    every = pieces(data)
    begin, end = every[len(every) // 2]
    whole.write_bytes(data[:end] + data[begin:end] + data[end:])
    check_true(whole, digests)


@pytest.mark.parametrize("number", [lambda _: 0, lambda place: 7 + 3 * place, lambda place: place % 4])
def test_writers_may_number_their_pieces_as_they_like(whole: Path, number) -> None:
    data = bytearray(whole.read_bytes())
    for place, (begin, _) in enumerate(pieces(bytes(data))):
        data[begin + 20 : begin + 24] = number(place).to_bytes(4, "big")
    whole.write_bytes(data)
    assert read_outline(whole).fault is None
    for selection in SELECTIONS:
        frames, report = pick_frames(whole, selection)
        assert not report.is_damaged
        assert len(frames) == len(selection.expected(60))


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe+delay_moov", "frag_keyframe"])
def test_a_hole_over_the_word_that_pieces_follow_and_the_first_of_them_is_told(tmp_path: Path, flags: str) -> None:
    track = random_track(random.Random(3), "vp9", Look(frame_count=40), g=8)
    whole = write(tmp_path / "pieces.mp4", track, options={"movflags": flags})
    data, digests = whole.read_bytes(), [digest_of(frame) for frame in plain_frames(whole)]
    first, behind = data.index(b"mvex"), box_places(data, b"moof")[0] + 60
    for begin in (first - 4, first, first + 2):
        whole.write_bytes(data[:begin] + bytes(behind - begin) + data[behind:])
        check_true(whole, digests)


def test_a_movie_that_ends_with_zeros_is_whole(tmp_path: Path) -> None:
    track = random_track(random.Random(3), "h264", Look(frame_count=20))
    whole = write(tmp_path / "whole.mov", track)
    data = bytearray(whole.read_bytes())
    place = box_places(bytes(data), b"moov")[0]
    data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + 4).to_bytes(4, "big")
    whole.write_bytes(data + bytes(4) + bytes(100))
    assert not pick_frames(whole, SELECTIONS[0])[1].is_damaged
