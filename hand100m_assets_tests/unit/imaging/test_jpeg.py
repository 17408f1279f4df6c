from __future__ import annotations

import base64
import os

import cv2
import numpy as np
import pytest

from hand100m_assets.errors import OutputUnwritableError
from hand100m_assets.imaging.jpeg import (
    image_markdown,
    jpeg_size_px,
    jpeg_under,
    read_image,
    thumbnail_markdown,
    write_jpeg,
)


def noise(height=300, width=500):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def decoded(markdown):
    prefix, _, rest = markdown.partition("base64,")
    assert prefix.endswith("(data:image/jpeg;")
    assert rest.endswith(")")
    data = np.frombuffer(base64.b64decode(rest[:-1], validate=True), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def test_a_written_picture_is_opencvs_own_file_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "new" / "folder" / "picture.jpg"
    assert write_jpeg(noise(), path) == path
    cv2.imwrite(str(tmp_path / "expected.jpg"), noise())
    assert path.read_bytes() == (tmp_path / "expected.jpg").read_bytes()
    assert [p.name for p in path.parent.iterdir()] == ["picture.jpg"]


def test_quality_is_honoured(tmp_path):
    sizes = [write_jpeg(noise(), tmp_path / f"{q}.jpg", q).stat().st_size for q in (30, 60, 95)]
    assert sizes == sorted(sizes)


def test_a_failed_write_leaves_the_old_picture_and_says_what_to_do(tmp_path, monkeypatch):
    path = write_jpeg(noise(), tmp_path / "picture.jpg")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(
        OutputUnwritableError, match=r"picture\.jpg: cannot be written \(No space left.* free some space"
    ):
        write_jpeg(noise(10, 10), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["picture.jpg"]


def test_a_file_in_the_place_of_the_folder_is_an_output_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritableError):
        write_jpeg(noise(), tmp_path / "file" / "picture.jpg")


@pytest.mark.parametrize("max_bytes", [3_000, 20_000, 100_000])
def test_a_thumbnail_keeps_its_shape_and_stays_under_the_limit(max_bytes):
    markdown = thumbnail_markdown(noise(1200, 2400), max_bytes, title="a [nice] grid")
    assert len(markdown.encode()) <= max_bytes
    assert markdown.startswith("![a (nice) grid](data:image/jpeg;base64,")
    height, width = decoded(markdown).shape[:2]
    assert width == pytest.approx(2 * height, abs=2)


def test_a_small_picture_is_never_enlarged():
    assert decoded(thumbnail_markdown(noise(40, 30))).shape == (40, 30, 3)


def test_a_larger_limit_never_gives_a_smaller_picture():
    sizes = [cv2.imdecode(np.frombuffer(jpeg_under(noise(), limit), np.uint8), 1).shape[0] for limit in
             (2_000, 8_000, 30_000, 90_000)]  # fmt: skip
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_an_impossible_limit_is_refused():
    with pytest.raises(ValueError, match="fits into 100 bytes"):
        jpeg_under(noise(), 100)


def test_other_kinds_of_picture_name_their_media_type():
    assert image_markdown(b"abc", "image/png", "t") == "![t](data:image/png;base64,YWJj)"


def test_the_size_of_a_file_is_known_only_when_it_is_whole(tmp_path):
    path = write_jpeg(noise(300, 500), tmp_path / "picture.jpg")
    assert jpeg_size_px(path) == (500, 300)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert jpeg_size_px(path) is None
    path.write_bytes(b"not a picture")
    assert jpeg_size_px(path) is None
    assert jpeg_size_px(tmp_path / "absent.jpg") is None


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_that_was_cut_short_is_no_picture_wherever_it_was_cut(tmp_path, progressive):
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])
    whole, file = data.tobytes(), tmp_path / "frame.jpg"
    file.write_bytes(whole + b"\0" * 16)
    assert read_image(file).shape == (64, 96, 3), "what some programs add at the end does no harm"
    for length in range(2, len(whole), max(1, len(whole) // 40)):
        file.write_bytes(whole[:length])
        assert isinstance(read_image(file), str), length
    file.write_bytes(whole[: len(whole) // 2])
    assert read_image(file) == "image file is cut short"
