"""Reads the two formats of official video lists into one table with one row per video."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.errors import FolderUnreadableError, UnsafeIdError, VideoListError
from hand100m_assets.layout import VIDEO_SUFFIX, check_video_id
from hand100m_assets.sources import Source

VIDEO_LIST_SCHEMA: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "size_bytes_listed": pl.Int64(),
        "length_s_listed": pl.Float64(),
        "width_px_listed": pl.Int32(),
        "height_px_listed": pl.Int32(),
        "frame_count_listed": pl.Int64(),
        "frame_rate_num_listed": pl.Int64(),
        "frame_rate_den_listed": pl.Int64(),
    }
)
"""One row per video. A value is null if the list has no such column, or says so (`N/A`, `nan`, `0/0`)."""

EMPTY_VIDEO_LIST: Final = pl.DataFrame(schema=VIDEO_LIST_SCHEMA)
"""An empty list, for use where the official list is absent. Its columns are those of `read_video_list`."""

_Value = TypeVar("_Value")

_UNKNOWN: Final = {"", "n/a", "na", "nan", "none", "null", "-", "0/0"}

_EGO4D_HEADER: Final = (
    "Number Name Size Length Width Height OriginalFrameCount SettingFrameCount OriginalFrameRate SettingFrameRate Time"
).lower()
"""The header line of the official Ego4D list."""

_HEADER_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "video_id": ("name", "video_id", "video_uid", "youtube_id", "vid"),
    "size": ("size", "size_bytes"),
    "length": ("length", "duration", "duration_sec", "length_s"),
    "width": ("width",),
    "height": ("height",),
    "resolution": ("resolution",),
    "frame_count": ("originalframecount", "frame_count", "num_frames", "nb_frames"),
    "frame_rate": ("originalframerate", "frame_rate", "fps"),
}
_DOH_POSITIONS: Final = {"video_id": 0, "resolution": 3, "frame_rate": 4}
"""Columns of the list that has no header. Source: the original 100DOH script."""


def read_video_list(path: Path, source: Source) -> pl.DataFrame:
    r"""Read an official video list.

    Columns are found by the list's header, or by their positions in the original list when it has no header.

    Args:
        path: The text file; its columns are separated by white space.
        source: The dataset that the list is of.

    Returns:
        One row per video, in the order of the list: `video_id`, `size_bytes_listed` (Int64), `length_s_listed`
        (Float64), `width_px_listed` and `height_px_listed` (Int32), `frame_count_listed` (Int64), and the frame rate as
        a reduced fraction of `frame_rate_num_listed` and `frame_rate_den_listed` (Int64). A value is null if the
        list has no such column, or says so (`N/A`, `nan`, `0/0`).

    Raises:
        FolderUnreadableError: The file is absent or may not be read. Correct the path or the permission.
        VideoListError: A column or value is wrong, a video is listed twice, or there is no row. The message names row
            and column; correct it or download the list again.
        UnsafeIdError: An id cannot be a folder name. Correct or remove the row.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.video.downloads import read_video_list
        >>> _ = Path("list.txt").write_text("video_id resolution fps\nvideo 320x240 30000/1001\n")
        >>> table = read_video_list(Path("list.txt"), DOH)
        >>> table.select("video_id", "width_px_listed", "frame_rate_num_listed", "size_bytes_listed").row(0)
        ('video', 320, 30000, None)
    """
    lines = _read_lines(path)
    if not lines:
        raise VideoListError("the list is empty", where=path, fix="Download it again.")
    columns, has_header = _find_columns(lines[0][1], source, path)
    width = len(lines[0][1]) if has_header else max(columns.values()) + 1
    first_seen: dict[str, int] = {}
    rows: list[tuple[Any, ...]] = []
    for line_number, cells in lines[1:] if has_header else lines:
        if len(cells) != width if has_header else len(cells) < width:
            raise VideoListError(
                f"{counted(len(cells), 'column')} where {width} {'' if has_header else 'or more '}are expected",
                where=f"{path}, row {line_number}",
                fix="Columns are separated by white space; correct the row.",
            )
        row = _parse_row(cells, columns, f"{path}, row {line_number}")
        if row[0] in first_seen:
            raise VideoListError(
                f"video {row[0]} is listed twice, first in row {first_seen[row[0]]}",
                where=f"{path}, row {line_number}, column video_id",
                fix="Remove one of the two rows.",
            )
        first_seen[row[0]] = line_number
        rows.append(row)
    if not rows:
        raise VideoListError("the list has a header and no row", where=path, fix="Download it again.")
    return pl.DataFrame(rows, schema=VIDEO_LIST_SCHEMA, orient="row")


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return the non-empty lines as (line number from 1, cells)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FolderUnreadableError(
            f"the video list cannot be read ({error.strerror or error})",
            where=path,
            fix="Correct the setting of the list file or its permission.",
        ) from error
    except UnicodeDecodeError as error:
        raise VideoListError("not a text file", where=path, fix="Download the list again.") from error
    lines = enumerate(text.splitlines(), start=1)
    return [(number, cells) for number, line in lines if (cells := line.split())]


def _find_columns(first: Sequence[str], source: Source, path: Path) -> tuple[dict[str, int], bool]:
    """Return the position of each known field, and whether the first line is a header."""
    names = [cell.lower() for cell in first]
    columns = {
        field: names.index(alias) for field, aliases in _HEADER_NAMES.items() for alias in aliases if alias in names
    }
    if "video_id" in columns:
        if len(columns) == 1:
            raise VideoListError(
                f"the header names no column besides {first[columns['video_id']]!r} that is known",
                where=f"{path}, row 1",
                fix="Known are size, length, width, height, resolution, frame count and frame rate columns.",
            )
        return columns, True
    if source.list_format == "ego4d":
        positions = _find_columns(_EGO4D_HEADER.split(), source, path)[0]
        fits = len(first) == len(_EGO4D_HEADER.split()) and first[1].endswith(VIDEO_SUFFIX)
    else:
        positions = dict(_DOH_POSITIONS)
        fits = len(first) >= 5 and re.fullmatch(r"[0-9]+x[0-9]+", first[3], re.IGNORECASE) is not None
    if not fits:
        raise VideoListError(
            f"neither a header with a video name nor a row of the {source.title} list: {' '.join(first)[:80]!r}",
            where=f"{path}, row 1",
            fix=f"This does not look like the {source.title} list; give the right file.",
        )
    return positions, False


def _parse_row(cells: Sequence[str], columns: Mapping[str, int], where: str) -> tuple[Any, ...]:
    def read(field: str, parse: Callable[[str], _Value]) -> _Value | None:
        if field not in columns or cells[columns[field]].lower() in _UNKNOWN:
            return None
        text = cells[columns[field]]
        try:
            # Python's own readers also take `1_000` and the digits of other scripts.
            return parse(text if text.isascii() and "_" not in text else "")
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise VideoListError(
                f"{text[:40]!r} is not a {field.replace('_', ' ')}",
                where=f"{where}, column {field}",
                fix="Correct the row or download the list again.",
            ) from error

    video_id = cells[columns["video_id"]].removesuffix(VIDEO_SUFFIX)
    try:
        check_video_id(video_id)
    except UnsafeIdError as error:
        raise UnsafeIdError(error.what, where=f"{where}, column video_id", fix=error.fix) from None
    width_px, height_px = read("resolution", _parse_resolution) or (None, None)
    rate = read("frame_rate", _parse_rate)
    return (
        video_id,
        read("size", _parse_count),
        read("length", _parse_length),
        width_px or read("width", _parse_side),
        height_px or read("height", _parse_side),
        read("frame_count", _parse_count),
        rate.numerator if rate else None,
        rate.denominator if rate else None,
    )


def _parse_count(text: str) -> int:
    value = Fraction(text)
    if value.denominator != 1 or not 0 <= value < 2**62:
        raise ValueError(text)
    return value.numerator


def _parse_side(text: str) -> int:
    value = _parse_count(text)
    if not 0 < value < 2**16:
        raise ValueError(text)
    return value


def _parse_length(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(text)
    return value


def _parse_resolution(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    return _parse_side(width), _parse_side(height)


def _parse_rate(text: str) -> Fraction:
    value = Fraction(text)
    if not 0 < value <= 1000 or value.denominator > 2**31:
        raise ValueError(text)
    return value
