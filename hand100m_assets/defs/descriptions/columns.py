"""The columns of each table: what a column contains, and from which columns of other tables it is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        description: What it contains, with its unit and what an empty cell means.
        made_of: Columns that it is made from, as `<asset>.<column>` of the same source.
    """

    description: str
    made_of: tuple[str, ...] = ()


def _column(description: str, *made_of: str) -> Column:
    return Column(description, made_of)


def _same(asset: str, **columns: str) -> dict[str, Column]:
    """Columns that are copied from the column of the same name of one asset."""
    return {name: Column(description, (f"{asset}.{name}",)) for name, description in columns.items()}


_VIDEO: Final = "Id of the video: its file name without .mp4."
_FRAME: Final = "Number of the frame in the video, counted from 0 in the order in which frames are shown."
_ROW: Final = "Position of the hand in the annotation file, counted from 0."
_HAND: Final = "Id of the hand in the annotation file."

_LISTED: Final = {
    "size_bytes_listed": "Size of the file in bytes, as the official list says; empty if the list does not say.",
    "length_s_listed": "Length in seconds, as the official list says; empty if the list does not say.",
    "width_px_listed": "Width of the pictures in pixels, as the official list says; empty if it does not say.",
    "height_px_listed": "Height of the pictures in pixels, as the official list says; empty if it does not say.",
    "frame_count_listed": "Number of frames, as the official list says; empty if the list does not say.",
    "frame_rate_num_listed": "Frames per second, as the official list says: numerator of the fraction.",
    "frame_rate_den_listed": "Frames per second, as the official list says: denominator of the fraction.",
}

_CELL: Final = {
    "cell": _column("Number of the cell in the picture, counted from 0, row by row."),
    "row_index": _column(f"{_ROW} Empty if unknown.", "pairs.row_index", "mined_pairs.row_index"),
    "hand_id": _column(f"{_HAND} Empty if unknown.", "pairs.hand_id", "mined_pairs.neighbour_hand_ids"),
    "video_id": _column(f"{_VIDEO} Empty if unknown.", "annotations.hands.video_id"),
    "frame_index": _column(f"{_FRAME} Empty if unknown.", "annotations.hands.frame_index"),
    "reason": _column("Why the cell shows no hand; empty if it shows one.", "coverage.reason"),
}

COLUMNS: Final[Mapping[str, Mapping[str, Column]]] = {
    "video_list": {"video_id": _column(_VIDEO), **{name: _column(text) for name, text in _LISTED.items()}},
    "inventory": {
        "video_id": _column(_VIDEO, "video_list.video_id"),
        "state": _column(
            "Whether the file is complete. unreadable: it is not a complete video; refused: its name, its permissions "
            "or its disk prevent reading it; forgotten: it is missing on purpose."
        ),
        "reason": _column("Why the file is not complete; empty if it is."),
        "size_bytes": _column("Size of the file in bytes; empty if there is no file."),
        "mtime_ns": _column("When the file was last changed, in nanoseconds since 1970."),
        "codec": _column("How the pictures are compressed, such as h264; empty if the file cannot be opened."),
        "width_px": _column("Width of the pictures in pixels, from the file."),
        "height_px": _column("Height of the pictures in pixels, from the file."),
        "rotation_deg": _column("Degrees by which a player rotates the pictures, from the file."),
        "frame_rate_num_from_header": _column(
            "Frames per second, from the header of the file: numerator of the fraction."
        ),
        "frame_rate_den_from_header": _column(
            "Frames per second, from the header of the file: denominator of the fraction."
        ),
        "frame_count_from_header": _column("Number of frames, from the header of the file; empty if it does not say."),
        "duration_from_header_s": _column("Length in seconds, from the header of the file; empty if it does not say."),
        **_same("video_list", **_LISTED),
        "size_bytes_in_manifest": _column(
            "Size of the file in bytes, as manifest.csv beside the downloads says; empty if there is none."
        ),
        "frame_count_in_metadata": _column(
            "Number of frames, as the metadata of the dataset says; empty without metadata."
        ),
        "frame_rate_fps_in_metadata": _column("Frames per second, as the metadata of the dataset says."),
        "length_s_in_metadata": _column("Length in seconds, as the metadata of the dataset says."),
        "width_px_in_metadata": _column("Width of the pictures in pixels, as the metadata of the dataset says."),
        "height_px_in_metadata": _column("Height of the pictures in pixels, as the metadata of the dataset says."),
        "is_stereo_in_metadata": _column(
            "Whether the video shows two views side by side, as the metadata of the dataset says."
        ),
        "redacted_s_in_metadata": _column(
            "Parts that were made unrecognisable, in seconds, as the metadata of the dataset says."
        ),
        "drift": _column(
            "How the file differs from the official list, manifest.csv or metadata; empty if it agrees with them.",
            *(f"video_list.{name}" for name in _LISTED),
        ),
        "drift_severity": _column(
            "error: annotations would not fit the pixels; warning: only size or length differ; empty: no difference.",
            *(f"video_list.{name}" for name in _LISTED),
        ),
    },
    "missing_videos": {
        "video_id": _column(_VIDEO, "inventory.video_id"),
        "reason_kind": _column(
            "Why the video is needed. drifted: the file is another version than the listed one.",
            "inventory.state",
            "inventory.drift_severity",
        ),
        "reason": _column("The reason in words.", "inventory.reason", "inventory.drift"),
    },
    "frame_catalog": {
        "video_id": _column(_VIDEO),
        "frame_index": _column(_FRAME),
        "pts": _column("Time stamp of the frame in units of the video's own time base; empty if it has none."),
        "time_s": _column("Time of the frame in seconds from the start of the video; empty if it has none."),
        "size_bytes": _column("Size of the JPEG file in bytes."),
        "path": _column("Path of the JPEG file, relative to the folder of frames."),
        "status": _column("Whether the video was decoded without errors."),
        "manifest_mtime_ns": _column("When the frames of the video were finished, in nanoseconds since 1970."),
    },
    "annotations": {
        "images.record": _column("Position of the image in the annotation file, counted from 0."),
        "images.image_id": _column("Id of the image in the annotation file."),
        "images.file_name": _column("Name of the image file, as the annotation file spells it."),
        "images.video_id": _column(_VIDEO),
        "images.frame_index": _column(_FRAME),
        "images.width_px": _column("Width of the image in pixels; empty if the annotation file does not say."),
        "images.height_px": _column("Height of the image in pixels; empty if the annotation file does not say."),
        "hands.row_index": _column(_ROW),
        "hands.hand_id": _column(_HAND),
        "hands.image_id": _column("Id of the image that shows the hand."),
        "hands.video_id": _column(f"{_VIDEO} Empty if the image of the hand is missing or invalid."),
        "hands.frame_index": _column(f"{_FRAME} Empty if the image of the hand is missing or invalid."),
        "hands.box_px": _column("Bounding box of the hand: x1, y1, x2, y2 in pixels of the image."),
        "hands.keypoints": _column(
            "The 21 keypoints: x and y between 0 and 1 in the crop before mirroring, and z relative to the wrist."
        ),
        "hands.handedness": _column("Whether it is the person's left or right hand."),
        "hands.positives": _column(
            "Ids of the positives that the annotation file names, in its order; training uses the first one."
        ),
        "hands.distances": _column("Distances to these positives, as the annotation file gives them."),
        "rejects.section": _column("Part of the annotation file that holds the invalid record."),
        "rejects.record": _column("Position of the record in its part, counted from 0; empty if unknown."),
        "rejects.byte_offset": _column("First byte of the record in the unpacked file."),
        "rejects.field": _column("Field that is invalid."),
        "rejects.rule": _column("Short name of the rule that the field breaks."),
        "rejects.reason": _column("Why the field is invalid, in words."),
        "rejects.value": _column("The value that was found, shortened if it is long."),
        "rejects.severity": _column("error: the record was left out; warning: it was kept."),
    },
    "coverage": {
        "image_id": _column("Id of the image in the annotation file.", "annotations.images.image_id"),
        "video_id": _column(_VIDEO, "annotations.images.video_id"),
        "frame_index": _column(_FRAME, "annotations.images.frame_index"),
        "hand_count": _column("Number of annotated hands in the image.", "annotations.hands.image_id"),
        "exists": _column(
            "Whether the frame is on disk.", "frame_catalog.frame_index", "annotations.images.frame_index"
        ),
        "reason": _column(
            "Why the frame is not on disk; empty if it is.", "inventory.state", "frame_catalog.frame_index"
        ),
    },
    "pairs": {
        **{
            name: _column(text, f"annotations.hands.{name}")
            for name, text in {
                "row_index": _ROW,
                "hand_id": _HAND,
                "image_id": "Id of the image that shows the hand.",
                "video_id": _VIDEO,
                "frame_index": _FRAME,
            }.items()
        },
        "positive_hand_id": _column("Id of the positive; empty if there is none.", "annotations.hands.positives"),
        "positive_row_index": _column(
            "Position of the positive in the annotation file, counted from 0; empty if there is none.",
            "annotations.hands.row_index",
            "annotations.hands.positives",
        ),
        "positive_image_id": _column("Id of the image that shows the positive.", "annotations.hands.image_id"),
        "positive_video_id": _column("Id of the video that shows the positive.", "annotations.hands.video_id"),
        "positive_frame_index": _column(
            "Frame index of the image that shows the positive.", "annotations.hands.frame_index"
        ),
        "distance": _column(
            "Distance between the hand and its positive, as the annotation file gives it.",
            "annotations.hands.distances",
        ),
        "pose_distance": _column(
            "Distance that this project computes: mean over the 21 keypoints in the image plane, with left hands "
            "mirrored; 1 is a side of the crop.",
            "annotations.hands.keypoints",
            "annotations.hands.handedness",
        ),
        "same_video": _column("Whether both hands are in the same video.", "annotations.hands.video_id"),
        "reason": _column("Why there is no positive; empty if there is one.", "annotations.hands.positives"),
    },
    "mined_pairs": {
        **{
            name: _column(text, f"annotations.hands.{name}")
            for name, text in {"row_index": _ROW, "hand_id": _HAND, "video_id": _VIDEO}.items()
        },
        "neighbour_rows": _column(
            "Positions of the nearest hands of other videos in the annotation file, nearest first.",
            "annotations.hands.row_index",
            "annotations.hands.keypoints",
        ),
        "neighbour_hand_ids": _column("Ids of these hands.", "annotations.hands.hand_id"),
        "distances": _column(
            "Distances to these hands in the embedding: root mean square over keypoints. The unit is the size of the "
            "hand if size is removed, and otherwise the side of the crop.",
            "annotations.hands.keypoints",
            "annotations.hands.handedness",
        ),
    },
    "agreement": {
        "row_index": _column(_ROW, "pairs.row_index"),
        "hand_id": _column(_HAND, "pairs.hand_id"),
        "positive_row_index": _column(
            "Position of the shipped positive in the annotation file, counted from 0.", "pairs.positive_row_index"
        ),
        "rank": _column(
            "Rank of the shipped positive among the hands of other videos: 1 is the nearest; empty if it was not "
            "counted, or if there is a reason.",
            "pairs.positive_row_index",
            "mined_pairs.neighbour_rows",
        ),
        "rank_at_least": _column(
            "The rank, or the lowest possible rank if it was not counted.",
            "pairs.positive_row_index",
            "mined_pairs.neighbour_rows",
        ),
        "positive_distance": _column(
            "Distance to the shipped positive, in the unit of mined_pairs.", "annotations.hands.keypoints"
        ),
        "nearest_distance": _column("Distance to the nearest hand of another video.", "mined_pairs.distances"),
        "reason": _column("Why both hands cannot be compared; empty if they can.", "pairs.reason"),
    },
    "grid": _CELL,
    "sheets": {"sheet": _column("The picture that holds the cell."), **_CELL},
}
"""Asset -> column -> its description. In an asset with several tables, the table is named before the column."""
