"""JPEG pictures: written whole or not at all, and small enough to live inside an asset's metadata."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from hand100m_assets.files import output_errors, write_whole
from hand100m_assets.imaging.crop import ImageBgr

METADATA_MAX_BYTES: Final = 100_000
"""Previews are stored in the event database with every materialization, so they stay small."""

_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
"""OpenCV decodes a file that was cut short without a word, the rest grey; only this marker tells. Source: ITU T.81."""

_SCAN_START: Final = b"\xff\xda"
"""Before the picture's own data, in which neither mark can occur; a smaller picture inside a header ends before it."""

_END_BYTES: Final = 4096
_MARKER, _EXIF = 0xFF, 0xE1
_FRAME_STARTS: Final = range(0xC0, 0xC3)
"""Baseline, extended and progressive: what libjpeg reads."""
_OTHER_SEGMENTS: Final = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""What may stand before: tables, restart interval, comment, application data. Source: ITU T.81, table B.1."""

_MOST_PIXELS: Final = 1 << 30
"""More OpenCV does not read. Source: its variable OPENCV_IO_MAX_IMAGE_PIXELS."""

NOT_ON_DISK: Final = "image not on disk"
"""The reason given for an image whose file is not there."""

_THUMBNAIL_SIDES_PX: Final = (2240, 1960, 1680, 1440, 1280, 1120, 960, 840, 720, 600, 480, 360, 240, 120, 60)
THUMBNAIL_MAX_PX: Final = 1280
_THUMBNAIL_QUALITIES: Final = (85, 70, 55)


def encode_jpeg(image_bgr: ImageBgr, quality: int = 95) -> bytes:
    """Compress with OpenCV's encoder; 95 is its default and what the original uses."""
    return _encode(image_bgr, quality)


def _encode(image_bgr: ImageBgr, quality: int, *flags: int) -> bytes:
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality, *flags])
    return data.tobytes()


def write_jpeg(image_bgr: ImageBgr, path: Path, quality: int = 95) -> Path:
    """Write the picture beside, then rename: nobody ever sees half of one. Makes the folder when absent.

    Raises:
        OutputUnwritableError: The disk is full, read-only or not permitted.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, encode_jpeg(image_bgr, quality))
    return path


def read_image(path: Path) -> ImageBgr | str:
    """Decode a picture as BGR, or say in a few words why that is not possible."""
    try:
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except FileNotFoundError:
        return NOT_ON_DISK
    except OSError as error:
        return f"image cannot be read: {error.strerror}"
    if data[:2].tobytes() == _JPEG_START and _is_cut_short(data.tobytes()):
        return "image file is cut short"
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:  # the header states a size that OpenCV never reads
        image = None
    return "image file is damaged or empty" if image is None else np.asarray(image, dtype=np.uint8)


def _is_cut_short(jpeg: bytes) -> bool:
    return jpeg.rfind(_JPEG_END) < jpeg.rfind(_SCAN_START)


def image_size_px(path: Path) -> tuple[int, int] | str:
    """(width, height) of the picture that OpenCV reads of a file, or in a few words why it reads none.

    Of a JPEG as our frames are, the two ends tell; any other file is decoded.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_END_BYTES)
            file.seek(max(file.seek(0, 2) - _END_BYTES, 0))
            tail = file.read()
    except OSError:
        return _decoded_size_px(path)  # it says why
    size_px = _size_in_head_px(head)
    return size_px if size_px and _JPEG_END in tail else _decoded_size_px(path)


def _decoded_size_px(path: Path) -> tuple[int, int] | str:
    image = read_image(path)
    return image if isinstance(image, str) else (image.shape[1], image.shape[0])


def _size_in_head_px(head: bytes) -> tuple[int, int] | None:
    """Size that a JPEG states; None where this is not the plain beginning of one.

    An Exif segment may turn the picture, and a segment that goes on beyond the head hides the size.
    """
    if not head.startswith(_JPEG_START):
        return None
    place = len(_JPEG_START)
    while place + 9 <= len(head) and head[place] == _MARKER:
        kind = head[place + 1]
        if kind in _FRAME_STARTS:
            size_px = (
                int.from_bytes(head[place + 7 : place + 9], "big"),
                int.from_bytes(head[place + 5 : place + 7], "big"),
            )
            return size_px if 0 < size_px[0] * size_px[1] <= _MOST_PIXELS else None
        if kind == _EXIF or kind not in _OTHER_SEGMENTS:
            return None
        place += 2 + int.from_bytes(head[place + 2 : place + 4], "big")
    return None


def jpeg_size_px(path: Path) -> tuple[int, int] | None:
    """(width, height) of a whole JPEG file; None where the file is absent, damaged or cut short."""
    image = read_image(path)
    if isinstance(image, str) or not path.read_bytes().endswith(_JPEG_END):
        return None
    return image.shape[1], image.shape[0]


def jpeg_under(image_bgr: ImageBgr, max_bytes: int, max_side_px: int = THUMBNAIL_MAX_PX) -> bytes:
    """The largest, then finest JPEG of the image that fits; never enlarged.

    Args:
        image_bgr: (height, width, 3) uint8.
        max_bytes: Limit of the file.
        max_side_px: Limit of the longer side.

    Raises:
        ValueError: Not even a stamp-sized one fits.
    """
    longest_px = max(image_bgr.shape[:2])
    for side_px in (longest_px, *_THUMBNAIL_SIDES_PX):
        if side_px > min(longest_px, max_side_px):
            continue
        small = _shrunk(image_bgr, side_px / longest_px)
        for quality in _THUMBNAIL_QUALITIES:
            data = _encode(small, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1)
            if len(data) <= max_bytes:
                return data
    raise ValueError(f"no JPEG of this picture fits into {max_bytes} bytes")


def _shrunk(image_bgr: ImageBgr, factor: float) -> ImageBgr:
    if factor >= 1:
        return image_bgr
    height_px, width_px = (max(1, round(length * factor)) for length in image_bgr.shape[:2])
    return np.asarray(cv2.resize(image_bgr, (width_px, height_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def thumbnail_markdown(image_bgr: ImageBgr, max_bytes: int = METADATA_MAX_BYTES, *, title: str = "") -> str:
    """The image, shrunk, as Markdown that shows without a network, in at most `max_bytes` characters.

    Raises:
        ValueError: `max_bytes` is too small for any picture.
    """
    frame = jpeg_markdown(b"", title)
    room = (max_bytes - len(frame.encode())) // 4 * 3  # Base64 makes four characters of three bytes.
    return jpeg_markdown(jpeg_under(image_bgr, room), title)


def jpeg_markdown(jpeg: bytes, title: str = "") -> str:
    """A JPEG as Markdown that shows without a network."""
    return image_markdown(jpeg, "image/jpeg", title)


def image_markdown(data: bytes, media_type: str, title: str = "") -> str:
    """A compressed picture as Markdown that shows without a network; brackets in the title would end it early."""
    safe_title = title.replace("[", "(").replace("]", ")")
    return f"![{safe_title}](data:{media_type};base64,{base64.b64encode(data).decode('ascii')})"
