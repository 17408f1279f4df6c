"""Previews for the UI: a few frames of a video side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import polars as pl

from hand100m_assets.imaging import METADATA_MAX_BYTES, ImageBgr, JointOrder, jpeg_markdown, jpeg_under, read_image
from hand100m_assets.layout import frame_file_name
from hand100m_assets.render.grids.cells import marked_cell
from hand100m_assets.render.grids.crops import ImagePath
from hand100m_assets.render.grids.lettering import DARK, draw_text
from hand100m_assets.render.grids.overlay import draw_box_overlay

_HEIGHT_PX: Final = 240
_MAX_WIDTH_PX: Final = 480
_CAPTION_PX: Final = 26
_GAP_PX: Final = 8
_WHITE: Final = 255


def frames_preview(images_bgr: Sequence[ImageBgr], captions: Sequence[str], max_bytes: int = 74_000) -> bytes:
    """Put images side by side on white, all at one height, each with its caption below.

    Args:
        images_bgr: At least one image, (height, width, 3) uint8 of any size, BGR.
        captions: One line per image.
        max_bytes: Limit of the file; the default stays under 100 kB when written in base64.

    Returns:
        A JPEG.

    Raises:
        ValueError: No image, or not as many captions as images.

    Example:
        >>> from pathlib import Path
        >>> import cv2
        >>> from hand100m_assets.render.grids import frames_preview
        >>> names = ["frame_000000.jpg", "frame_000030.jpg"]
        >>> images = [cv2.imread(f"frames/video_a/{name}") for name in names]
        >>> Path("preview.jpg").write_bytes(frames_preview(images, names)) < 74_000
        True
    """
    sheets = [_captioned(image, caption) for image, caption in zip(images_bgr, captions, strict=True)]
    gap = np.full((_HEIGHT_PX + _CAPTION_PX, _GAP_PX, 3), _WHITE, dtype=np.uint8)
    spaced = [part for sheet in sheets for part in (sheet, gap)][:-1]
    return jpeg_under(np.concatenate(spaced, axis=1), max_bytes)


def frames_preview_markdown(frame_dir: Path, frame_indices: Sequence[int], max_bytes: int = METADATA_MAX_BYTES) -> str:
    """Show the first, middle and last extracted frame of a video as Markdown that needs no network.

    Args:
        frame_dir: Finished frame folder of the video; a missing frame is drawn as a marked cell.
        frame_indices: Indices of its frames, ascending.
        max_bytes: Limit of the Markdown text.

    Returns:
        One line of Markdown with the picture inside, or `no frames` if there are no indices.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.render.grids import frames_preview_markdown
        >>> frames_preview_markdown(Path("frames/video_a"), [0, 30])
        '![frames 0, 30](data:image/jpeg;base64,...)'
    """
    if not frame_indices:
        return "no frames"
    chosen = sorted({frame_indices[0], frame_indices[len(frame_indices) // 2], frame_indices[-1]})
    images = [_image_or_mark(frame_dir / frame_file_name(index)) for index in chosen]
    title = f"frames {', '.join(str(index) for index in chosen)}"
    room = (max_bytes - len(jpeg_markdown(b"", title))) // 4 * 3
    return jpeg_markdown(frames_preview(images, [f"frame {index}" for index in chosen], room), title)


def labels_preview_markdown(
    hands: pl.DataFrame, image_path: ImagePath, *, joint_order: JointOrder = "mediapipe", count: int = 3
) -> str:
    """Draw boxes and skeletons over a few whole frames, as Markdown that needs no network.

    Args:
        hands: Hands whose frames are on disk; `video_id`, `frame_index`, `box_px`, `keypoints`, `handedness` are read.
        image_path: Finds an image on disk; an image that cannot be read is drawn as a marked cell.
        joint_order: Order of the keypoints in `hands`.
        count: Maximum number of frames, from different parts of the table.

    Returns:
        One line of Markdown with the picture inside, or `no annotated frame on disk` if there are no hands.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.render.grids import labels_preview_markdown
        >>> from hand100m_assets.workspace import image_finder
        >>> hands = pl.read_parquet("tables/hands.parquet")
        >>> labels_preview_markdown(hands, image_finder(Path("frames"), {}), count=2)
        '![labels over pixels](data:image/jpeg;base64,...)'
    """
    frames = hands.select("video_id", "frame_index").unique(maintain_order=True)
    if frames.is_empty():
        return "no annotated frame on disk"
    chosen = frames.gather_every(max(1, -(-frames.height // count)))
    images, captions = [], []
    for video_id, frame_index in chosen.iter_rows():
        own = hands.filter((pl.col("video_id") == video_id) & (pl.col("frame_index") == frame_index))
        image = _image_or_mark(image_path(video_id, frame_index, None))
        points = own["keypoints"].to_numpy().reshape(own.height, -1, 3)
        boxes, sides = own["box_px"].to_numpy(), own["handedness"].cast(pl.String).to_list()
        images.append(draw_box_overlay(image, boxes, points, sides, joint_order=joint_order))
        captions.append(f"{video_id[:8]}  frame {frame_index}")
    return jpeg_markdown(frames_preview(images, captions), "labels over pixels")


def _image_or_mark(path: Path) -> ImageBgr:
    image = read_image(path)
    return marked_cell(image) if isinstance(image, str) else image


def _captioned(image_bgr: ImageBgr, caption: str) -> ImageBgr:
    height_px, width_px = image_bgr.shape[:2]
    scale = min(_HEIGHT_PX / height_px, _MAX_WIDTH_PX / width_px)
    size_px = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    small = cv2.resize(image_bgr, size_px, interpolation=cv2.INTER_AREA)
    sheet = np.full((_HEIGHT_PX + _CAPTION_PX, max(size_px[0], 120), 3), _WHITE, dtype=np.uint8)
    sheet[: size_px[1], : size_px[0]] = small
    draw_text(sheet, caption, 2, size_px[1] + 18, height_px=11, color=DARK)
    return sheet
