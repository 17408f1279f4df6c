"""A frame's number survives compression, and a strip that does not is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.sample.scenes.frame_strip import (
    BLOCK_WIDTH_PX,
    MAX_FRAME_INDEX,
    STRIP_HEIGHT_PX,
    STRIP_WIDTH_PX,
    draw_frame_number,
    read_frame_number,
)
from hand100m_assets.sample.scenes.video_writer import ENCODINGS, Encoding, write_video


def noisy_image(width_px: int, height_px: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


@given(
    st.integers(0, MAX_FRAME_INDEX), st.integers(STRIP_WIDTH_PX, 900), st.integers(STRIP_HEIGHT_PX, 300), st.integers(0)
)
@settings(max_examples=60, deadline=None)
def test_the_number_survives_jpeg_at_any_frame_size(frame_index: int, width_px: int, height_px: int, seed: int) -> None:
    image = noisy_image(width_px, height_px, seed)
    draw_frame_number(image, frame_index)
    for quality in (95, 50):
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        assert read_frame_number(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)) == frame_index


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_the_number_survives_x264_in_every_frame(encoding: Encoding, tmp_path: Path) -> None:
    still = cv2.GaussianBlur(noisy_image(322, 242), (0, 0), 3)
    numbers = [*range(40), *range(MAX_FRAME_INDEX - 39, MAX_FRAME_INDEX + 1)]

    def frames():
        for number in numbers:
            image = np.roll(still, number % 7, axis=1)
            draw_frame_number(image, number)
            yield image

    path = tmp_path / "-strip.mp4"
    write_video(path, frames(), width_px=322, height_px=242, fps=Fraction(25), encoding=encoding)
    with av.open(str(path)) as container:
        read = [read_frame_number(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
    assert read == numbers


def test_an_image_without_a_strip_is_refused() -> None:
    with pytest.raises(ValueError, match="no frame strip"):
        read_frame_number(np.full((64, 320, 3), 128, np.uint8))


@given(st.integers(0))
@settings(max_examples=40, deadline=None)
def test_ordinary_pictures_have_no_number(seed: int) -> None:
    with pytest.raises(ValueError, match="frame strip"):
        read_frame_number(cv2.GaussianBlur(noisy_image(320, 64, seed), (0, 0), 2))


@given(st.integers(0, MAX_FRAME_INDEX), st.integers(3, 22))
@settings(max_examples=40, deadline=None)
def test_one_flipped_block_is_noticed(frame_index: int, block: int) -> None:
    image = noisy_image(320, 64)
    draw_frame_number(image, frame_index)
    columns = slice(block * BLOCK_WIDTH_PX, (block + 1) * BLOCK_WIDTH_PX)
    image[:STRIP_HEIGHT_PX, columns] = 251 - image[:STRIP_HEIGHT_PX, columns]
    with pytest.raises(ValueError, match="parity"):
        read_frame_number(image)


def test_a_grey_block_is_refused_rather_than_guessed() -> None:
    image = noisy_image(320, 64)
    draw_frame_number(image, 77)
    image[:STRIP_HEIGHT_PX, 10 * BLOCK_WIDTH_PX : 11 * BLOCK_WIDTH_PX] = 125
    with pytest.raises(ValueError, match="neither black nor white"):
        read_frame_number(image)


@pytest.mark.parametrize("size", [(STRIP_WIDTH_PX - 1, 64), (320, STRIP_HEIGHT_PX - 1)])
def test_an_image_too_small_for_the_strip_is_refused(size: tuple[int, int]) -> None:
    for use in (lambda image: draw_frame_number(image, 0), read_frame_number):
        with pytest.raises(ValueError, match="cannot hold"):
            use(noisy_image(*size))


@pytest.mark.parametrize("frame_index", [-1, MAX_FRAME_INDEX + 1])
def test_an_index_beyond_sixteen_bits_is_refused(frame_index: int) -> None:
    with pytest.raises(ValueError, match="not within"):
        draw_frame_number(noisy_image(320, 64), frame_index)
