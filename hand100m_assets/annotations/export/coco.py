"""Writes the tables of a set as a COCO keypoints file, for tools that read this format.

Keypoints in the tables are relative to the crop. Here they are in pixels of the whole image: the crop rule
(`imaging/crop.py`) says which region of the image the crop is; `region.x1 + x * width of the region` is the column, and
`region.y1 + y * height of the region` is the row. Left hands are not mirrored, because keypoints are stored unmirrored.
The format has no place for the relative z.

Source: the COCO data format, https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from hand100m_assets.annotations.contract import KEYPOINT_COUNT
from hand100m_assets.annotations.export.numbered_images import NumberedImages
from hand100m_assets.annotations.export.original import Exported, json_lines, named, write_records
from hand100m_assets.annotations.frame_files import FrameFiles
from hand100m_assets.annotations.table_rows import batches
from hand100m_assets.annotations.tables import read_summary
from hand100m_assets.errors import EmptyCropError
from hand100m_assets.files import file_in_place_of
from hand100m_assets.imaging import FINGER_NAMES, CropRegion, JointOrder, crop_region, finger_joints
from hand100m_assets.layout import HANDS_FILE, IMAGES_FILE

CATEGORY_ID: Final = 1
VISIBLE, OUTSIDE_IMAGE = 2, 1
"""COCO's "labelled and visible" and "labelled but not visible". The files do not say which keypoints are hidden."""

_DECIMALS: Final = 3
"""Decimals of pixel coordinates: as exact as float32 is in a 3,000 px image."""


def hand_category(joint_order: JointOrder) -> dict[str, Any]:
    """The one category: names of the 21 keypoints in the order of the tables, and the bones between them, from 1."""
    fingers = finger_joints(joint_order)
    names = {fingers[0][0]: "wrist"}
    for finger, joints in zip(FINGER_NAMES, fingers, strict=True):
        names |= {joint: f"{finger}_{number}" for number, joint in enumerate(joints) if number}
    bones = [[a + 1, b + 1] for joints in fingers for a, b in pairwise(joints)]
    ordered = [name for _, name in sorted(names.items())]
    return {"id": CATEGORY_ID, "name": "hand", "supercategory": "person", "keypoints": ordered, "skeleton": bones}


def export_coco(
    tables_dir: Path,
    out_file: Path,
    *,
    frames_prefix: str,
    video_sizes: pl.DataFrame | None = None,
    joint_order: JointOrder = "mediapipe",
    files: FrameFiles | None = None,
) -> Exported:
    """Write a set as a COCO keypoints file: all hands that have an image, with or without a positive.

    Annotation ids count from 1, because evaluation tools read 0 as "none". Image ids are those of the annotation file;
    if those are not integers, they count from 1. `hand_id` and `handedness` are additional fields. Keypoints and boxes
    are in pixels of the whole image.

    Args:
        tables_dir: Folder with the tables of the set.
        out_file: The JSON file. It appears under this name only when it is complete.
        frames_prefix: Folder before `<video id>/frame_NNNNNN.jpg` in `file_name`; may be empty.
        video_sizes: Columns `video_id`, `width_px` and `height_px`, used for images whose size the annotation file
            does not give. Images without a known size are left out, because crops at the border depend on it.
        joint_order: Order of the 21 keypoints.
        files: Where the images are; their sizes are then used, and images that cannot be opened are left out. None
            opens no images.

    Returns:
        Number of images and hands in the file, and how many hands were left out, by reason.

    Raises:
        AnnotationFileError: The folder has no finished tables. Ingest the annotation file first.
        OutputUnwritableError: The output disk is full, read-only or not permitted.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> from hand100m_assets.annotations import FrameFiles, export_coco
        >>> out = Path("exports/coco.json")
        >>> made = export_coco(Path("tables"), out, frames_prefix="frames", files=FrameFiles(Path("frames")))
        >>> made.images, made.hands, made.left_out
        (4, 4, {})
        >>> json.loads(out.read_text())["annotations"][0]["bbox"]
        [10.5, 20.0, 99.5, 130.0]
    """
    source_name = read_summary(tables_dir).source_name
    images = NumberedImages(pl.scan_parquet(tables_dir / IMAGES_FILE), video_sizes, files)
    writer = _HandWriter(images)
    head = {
        "info": {"description": f"Hands of {source_name}; keypoints in image pixels"},
        "licenses": [],
        "categories": [hand_category(joint_order)],
    }
    with file_in_place_of(out_file) as file:
        file.write(json.dumps(head).encode().removesuffix(b"}") + b', "images": [')
        images_written = write_records(file, (_image_lines(b, frames_prefix, files) for b in images.batches()))
        file.write(b'], "annotations": [')
        hands = pl.scan_parquet(tables_dir / HANDS_FILE)
        hands_written = write_records(file, (writer.lines(batch) for batch in batches(hands)))
        file.write(b"]}\n")
    return Exported(out_file, images_written, hands_written, writer.left_out)


def _image_lines(images: pl.DataFrame, frames_prefix: str, files: FrameFiles | None) -> list[bytes]:
    sized = named(images.drop_nulls(["width_px", "height_px"]).rechunk(), frames_prefix, files)
    number = pl.col("number").alias("id")
    return json_lines(sized.select(number, "file_name", width="width_px", height="height_px"))


class _HandWriter:
    """Turns batches of hands into numbered COCO records, and counts the hands that are left out."""

    def __init__(self, images: NumberedImages) -> None:
        self.images = images
        self.written = 0
        self.left_out: dict[str, int] = {}

    def lines(self, hands: pl.DataFrame) -> list[bytes]:
        """One JSON object per hand that has a crop and an image of known size."""
        table = self.images.of_hands(hands)
        found = [
            _region_or_reason(*row)
            for row in table.select("number", "fault", "box_px", "width_px", "height_px").iter_rows()
        ]
        for reason in found:
            if isinstance(reason, str):
                self.left_out[reason] = self.left_out.get(reason, 0) + 1
        regions = [region for region in found if not isinstance(region, str)]
        kept = table.filter(pl.Series([not isinstance(region, str) for region in found], dtype=pl.Boolean)).rechunk()
        lines = _records(kept, regions, self.written + 1) if regions else []
        self.written += len(lines)
        return lines


def _region_or_reason(
    number: int | None, fault: str | None, box: list[float], width_px: int, height_px: int
) -> CropRegion | str:
    """The crop of a hand, or why there is none."""
    if number is None:
        return "no image"
    if fault is not None:
        return fault
    if width_px is None or height_px is None:
        return "image size unknown"
    if box[2] <= box[0] or box[3] <= box[1]:
        return "box empty or inverted"
    try:
        return crop_region(box, width_px, height_px)
    except EmptyCropError:
        return "box misses the image"


def _records(hands: pl.DataFrame, regions: list[CropRegion], first_id: int) -> list[bytes]:
    """Lines put together column by column, which is ten times faster than record by record."""
    x1, y1, x2, y2 = (pl.col("box_px").arr.get(side) for side in range(4))
    width, height = x2 - x1, y2 - y1
    fields: dict[str, pl.Expr] = {
        "id": pl.int_range(first_id, first_id + pl.len()),
        "image_id": pl.col("number"),
        "category_id": pl.lit(CATEGORY_ID),
        "bbox": _bracketed(pl.concat_str(x1, y1, width, height, separator=", ")),
        "area": width * height,
        "iscrowd": pl.lit(0),
        "num_keypoints": pl.lit(KEYPOINT_COUNT),
        "keypoints": _bracketed(_joints(hands, regions)),
        "hand_id": pl.col("hand_id"),
        "handedness": pl.concat_str(pl.lit('"'), pl.col("handedness").cast(pl.String), pl.lit('"')),
    }
    named = [pl.concat_str(pl.lit(f'"{name}": '), value) for name, value in fields.items()]
    lines = hands.select(pl.concat_str(pl.lit("{"), pl.concat_str(named, separator=", "), pl.lit("}")))
    return [line.encode() for line in lines.to_series()]


def _bracketed(text: pl.Expr | pl.Series) -> pl.Expr:
    return pl.concat_str(pl.lit("["), pl.lit(text) if isinstance(text, pl.Series) else text, pl.lit("]"))


def _joints(hands: pl.DataFrame, regions: list[CropRegion]) -> pl.Series:
    """x, y and visibility of each keypoint, one after the other, as text."""
    ends = np.array(regions, dtype=np.float64)[:, None, :]
    in_crop = hands["keypoints"].to_numpy()[..., :2].astype(np.float64)
    points_px = np.round(in_crop * (ends[..., 2:] - ends[..., :2]) + ends[..., :2], _DECIMALS)
    sizes_px = hands.select("width_px", "height_px").to_numpy()[:, None, :]
    inside = ((points_px >= 0) & (points_px <= sizes_px)).all(axis=-1)
    joints = pl.DataFrame(
        {
            "x": points_px[..., 0].ravel(),
            "y": points_px[..., 1].ravel(),
            "visibility": np.where(inside, VISIBLE, OUTSIDE_IMAGE).ravel(),
        }
    ).select(pl.concat_str("x", "y", "visibility", separator=", "))
    return joints.to_series().reshape((hands.height, KEYPOINT_COUNT)).arr.join(", ")
