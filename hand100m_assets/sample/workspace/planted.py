"""Which faults a sample was given, and where each is reported once everything has run on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hand100m_assets.sample.workspace.report import REPORT_FILE, SampleReport, SourceTruth

_REJECTED: Final = "rejects.parquet, record_rejected"
REPORTED_BY: Final = {
    "box_inverted": ("a box with its sides exchanged", "box_empty"),
    "box_unparsable": ("a box that is no list of numbers", _REJECTED),
    "keypoint_lost": ("a hand with 20 keypoints", _REJECTED),
    "positive_missing": ("a positive not in the file", "positive_missing"),
    "image_dangling": ("a hand whose image is not there", "image_missing"),
    "duplicate_hand_id": ("a second hand of the same id", "hand_id_duplicate"),
    "handedness_both": ("a hand neither left nor right", _REJECTED),
    "frame_beyond_end": ("a frame beyond the video's end", "frame_beyond_end"),
    "frame_unnamed": ("an image that names no frame", _REJECTED),
}
"""Each fault of an annotation file, in words, with the file and the check that report it."""

_HEAD: Final = ("planted fault", "where it is", "what reports it (file, check)")


def planted_fault_lines(data_root: Path) -> list[str]:
    """List the faults of a sample as a table: what is wrong, where, and which file and check report it.

    Args:
        data_root: The folder of the data.

    Returns:
        Lines of at most 120 characters; none where the data are not those of a sample.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sample.workspace import planted_fault_lines
        >>> planted_fault_lines(Path("data"))
        []
    """
    try:
        report = SampleReport.from_json((data_root.parent / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    rows = [_HEAD, *(row for name, truth in report.sources.items() for row in _rows(name, truth))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _rows(source_name: str, truth: SourceTruth) -> Iterator[tuple[str, str, str]]:
    for videos, what, reported in (
        (truth.missing, "a listed video that is missing", "missing_videos.txt, listed_videos_are_here"),
        (truth.truncated, "a video that is cut short", "missing_videos.txt, downloads_are_whole"),
        (truth.downloading, "a download that is not finished", "missing_videos.txt, listed_videos_are_here"),
    ):
        yield from ((what, f"{source_name} {video_id}", reported) for video_id in videos)
    for key, file in truth.annotation_files.items():
        for bad in file.bad_records:
            what, reported = REPORTED_BY[bad.fault]
            yield what, f"{source_name} {key}, {bad.section}[{bad.record}]", reported
