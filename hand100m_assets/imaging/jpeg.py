"""Pictures in files: JPEGs that are complete or absent, and pictures small enough for the metadata of an asset."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from hand100m_assets.amounts import sized
from hand100m_assets.files import output_errors, write_whole
from hand100m_assets.imaging.crop import ImageBgr

METADATA_MAX_BYTES: Final = 100_000
"""Largest size of a preview in bytes. Previews are stored in the event database with every materialization."""

_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
"""Without this end marker a file was cut: OpenCV decodes it without an error, with the rest grey. Source: ITU T.81."""

_SCAN_START: Final = b"\xff\xda"
"""The marker before the picture's own data, which cannot hold either marker. A thumbnail in a header ends before it."""

_END_BYTES: Final = 4096
_MARKER, _EXIF = 0xFF, 0xE1
_FRAME_STARTS: Final = range(0xC0, 0xC3)
"""Markers of baseline, extended and progressive JPEGs, which libjpeg reads."""
_OTHER_SEGMENTS: Final = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""What may stand before: tables, restart interval, comment, application data. Source: ITU T.81, table B.1."""

_MOST_PIXELS: Final = 1 << 30
"""OpenCV reads no larger pictures. Source: its variable OPENCV_IO_MAX_IMAGE_PIXELS."""

NOT_ON_DISK: Final = "image not on disk"
"""What `read_image` says about a file that does not exist."""

_THUMBNAIL_SIDES_PX: Final = (2240, 1960, 1680, 1440, 1280, 1120, 960, 840, 720, 600, 480, 360, 240, 120, 60)
THUMBNAIL_MAX_PX: Final = 1280
_THUMBNAIL_QUALITIES: Final = (85, 70, 55)


def encode_jpeg(image_bgr: ImageBgr, quality: int = 95) -> bytes:
    """Compress a picture with OpenCV's encoder. 95 is its default quality, which the original scripts use."""
    return _encode(image_bgr, quality)


def _encode(image_bgr: ImageBgr, quality: int, *flags: int) -> bytes:
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality, *flags])
    return data.tobytes()


def write_jpeg(image_bgr: ImageBgr, path: Path, quality: int = 95) -> Path:
    """Write a picture as a JPEG file, which appears under its name only when it is complete.

    Args:
        image_bgr: (height, width, 3) uint8, blue first.
        path: The file. Its folder is created if absent; an existing file is replaced.
        quality: OpenCV's JPEG quality, 1 to 100; 95 is OpenCV's default.

    Returns:
        The path.

    Raises:
        OutputUnwritableError: The disk is full, read-only, or you may not write to it. The message says what to do.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from hand100m_assets.imaging import image_size_px, write_jpeg
        >>> path = write_jpeg(np.zeros((240, 320, 3), np.uint8), Path("black.jpg"))
        >>> image_size_px(path)
        (320, 240)
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, encode_jpeg(image_bgr, quality))
    return path


def read_image(path: Path) -> ImageBgr | str:
    """Read a picture file, or say in a few words why that is not possible.

    A JPEG that was cut short is refused; OpenCV alone would fill the rest with grey.

    Args:
        path: The file, in any picture format that OpenCV reads.

    Returns:
        (height, width, 3) uint8, blue first; or the reason why the file cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.imaging import read_image
        >>> read_image(Path("frames/video_a/frame_000000.jpg")).shape
        (240, 320, 3)
        >>> read_image(Path("absent.jpg"))
        'image not on disk'
    """
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
    """Return the size of a picture file, or say in a few words why OpenCV cannot read it.

    The beginning and the end of a JPEG such as our frames are enough; other files are decoded.

    Args:
        path: The file.

    Returns:
        (width, height) in pixels; or the reason why the file cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.imaging import image_size_px
        >>> image_size_px(Path("frames/video_a/frame_000000.jpg"))
        (320, 240)
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
    """Size that a JPEG states; None if these bytes are not the plain beginning of one.

    An Exif segment may rotate the picture, and a segment that is longer than these bytes hides the size.
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
    """Return the size of a JPEG file, if the file is complete.

    Args:
        path: The file. It is decoded.

    Returns:
        (width, height) in pixels; None if the file is absent, damaged or cut short.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.imaging import jpeg_size_px
        >>> jpeg_size_px(Path("frames/video_a/frame_000000.jpg"))
        (320, 240)
        >>> jpeg_size_px(Path("absent.jpg")) is None
        True
    """
    image = read_image(path)
    if isinstance(image, str) or not path.read_bytes().endswith(_JPEG_END):
        return None
    return image.shape[1], image.shape[0]


def jpeg_under(image_bgr: ImageBgr, max_bytes: int, max_side_px: int = THUMBNAIL_MAX_PX) -> bytes:
    """Compress a picture to a limited number of bytes: as large as possible, then in the best quality.

    Args:
        image_bgr: (height, width, 3) uint8, blue first.
        max_bytes: Largest size of the JPEG in bytes.
        max_side_px: Largest length of the longer side in pixels.

    Returns:
        The JPEG.

    Raises:
        ValueError: Not even a picture of 60 px fits. Allow more bytes.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.imaging import jpeg_under, read_image
        >>> image_bgr = read_image(Path("frames/video_a/frame_000000.jpg"))
        >>> len(jpeg_under(image_bgr, max_bytes=5000)) <= 5000
        True
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
    raise ValueError(f"no JPEG of this picture fits into {sized(max_bytes)}")


def _shrunk(image_bgr: ImageBgr, factor: float) -> ImageBgr:
    if factor >= 1:
        return image_bgr
    height_px, width_px = (max(1, round(length * factor)) for length in image_bgr.shape[:2])
    return np.asarray(cv2.resize(image_bgr, (width_px, height_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def thumbnail_markdown(image_bgr: ImageBgr, max_bytes: int = METADATA_MAX_BYTES, *, title: str = "") -> str:
    """Return a picture, shrunk, as Markdown that shows it without a network.

    Args:
        image_bgr: (height, width, 3) uint8, blue first.
        max_bytes: Largest length of the Markdown in bytes.
        title: The picture's alternative text.

    Returns:
        One Markdown image with the picture inside.

    Raises:
        ValueError: `max_bytes` is too small for any picture. Allow more.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.imaging import read_image, thumbnail_markdown
        >>> image_bgr = read_image(Path("frames/video_a/frame_000000.jpg"))
        >>> thumbnail_markdown(image_bgr, max_bytes=5000, title="frame 0")[:33]
        '![frame 0](data:image/jpeg;base64'
    """
    frame = jpeg_markdown(b"", title)
    room = (max_bytes - len(frame.encode())) // 4 * 3  # Base64 makes four characters of three bytes.
    return jpeg_markdown(jpeg_under(image_bgr, room), title)


def jpeg_markdown(jpeg: bytes, title: str = "") -> str:
    """Return a JPEG as Markdown that shows it without a network.

    Args:
        jpeg: The bytes of the file.
        title: The picture's alternative text.

    Returns:
        One Markdown image with the picture inside.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.imaging import jpeg_markdown
        >>> jpeg_markdown(Path("frames/video_a/frame_000000.jpg").read_bytes(), "frame 0")[:33]
        '![frame 0](data:image/jpeg;base64'
    """
    return image_markdown(jpeg, "image/jpeg", title)


def image_markdown(data: bytes, media_type: str, title: str = "") -> str:
    """Return a picture file as Markdown that shows it without a network.

    Args:
        data: The bytes of the file.
        media_type: Its media type, such as `image/png`.
        title: The picture's alternative text. Square brackets, which would end it, become round ones.

    Returns:
        One Markdown image with the picture inside.

    Example:
        >>> from hand100m_assets.imaging import image_markdown
        >>> image_markdown(b"...", "image/png", title="a [small] chart")
        '![a (small) chart](data:image/png;base64,Li4u)'
    """
    safe_title = title.replace("[", "(").replace("]", ")")
    return f"![{safe_title}](data:{media_type};base64,{base64.b64encode(data).decode('ascii')})"
