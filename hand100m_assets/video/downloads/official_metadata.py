"""Reads the values of videos in other files of the official downloads than the list.

These are `manifest.csv` and `ego4d.json` of Ego4D, and `meta_100DOH_video.txt` of 100DOH.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from hand100m_assets.errors import VideoListError
from hand100m_assets.layout import SAFE_ID, VIDEO_SUFFIX

OFFICIAL_METADATA_SCHEMA: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "size_bytes_in_manifest": pl.Int64(),
        "frame_count_in_metadata": pl.Int64(),
        "frame_rate_fps_in_metadata": pl.Float64(),
        "length_s_in_metadata": pl.Float64(),
        "width_px_in_metadata": pl.Int32(),
        "height_px_in_metadata": pl.Int32(),
        "is_stereo_in_metadata": pl.Boolean(),
        "redacted_s_in_metadata": pl.String(),
    }
)
"""One row per video. `_in_manifest` comes from `manifest.csv` of the Ego4D downloader; `_in_metadata` from `ego4d.json`
or `meta_100DOH_video.txt`. `redacted_s_in_metadata` lists stretches `start-end` in seconds, separated by `; `. A value
is null if the file is absent or does not say it.
"""

_Value = TypeVar("_Value")
_IDS: Final = ("video_uid", "file_uid", "uid", "video_id", "youtube_id")
_SIZES: Final = ("size_bytes", "size", "file_size")
_RATES: Final = ("fps", "frame_rate")
_COUNTS: Final = ("num_frames", "frame_count", "nb_frames")
_LENGTHS: Final = ("duration_sec", "duration", "length")


def read_official_metadata(
    videos_dir: Path, doh_dir: Path | None = None, *, on_fault: Callable[[VideoListError], None] | None = None
) -> pl.DataFrame:
    r"""Read the official metadata files that are present. An absent file leaves its columns null.

    Args:
        videos_dir: Folder of the videos. `manifest.csv` is looked for in it, `ego4d.json` in it and in its parent.
        doh_dir: Folder of `meta_100DOH_video.txt`; None for a dataset that has none.
        on_fault: Called with the error of a file that is not what its name says; the rows before the fault count. None
            raises the error instead.

    Returns:
        One row per video, sorted by id: `video_id`, `size_bytes_in_manifest` (Int64), `frame_count_in_metadata`
        (Int64), `frame_rate_fps_in_metadata` and `length_s_in_metadata` (Float64), `width_px_in_metadata` and
        `height_px_in_metadata` (Int32), `is_stereo_in_metadata` (Boolean) and `redacted_s_in_metadata`, a text of
        stretches `start-end` in seconds. A value is null if no file says it.

    Raises:
        VideoListError: A file is there and is not what its name says. Download it again or move it away.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.downloads import read_official_metadata
        >>> Path("official").mkdir(exist_ok=True)
        >>> _ = Path("official/manifest.csv").write_text("video_uid,size_bytes\nvideo,111147\n")
        >>> table = read_official_metadata(Path("official"))
        >>> table.select("video_id", "size_bytes_in_manifest", "frame_count_in_metadata").rows()
        [('video', 111147, None)]
    """
    rows: dict[str, dict[str, Any]] = {}
    readers = [(videos_dir, "manifest.csv", _manifest_rows)]
    readers += [(folder, "ego4d.json", _ego4d_rows) for folder in (videos_dir, videos_dir.parent)]
    if doh_dir is not None:
        readers.append((doh_dir, "meta_100DOH_video.txt", _doh_rows))
    for folder, name, read in readers:
        path = folder / name
        if not path.is_file():
            continue
        try:
            for video_id, columns in read(path):
                if SAFE_ID.fullmatch(video_id):
                    rows.setdefault(video_id, {}).update(columns)
        except (ValueError, LookupError, AttributeError, TypeError, OSError, RecursionError, csv.Error) as error:
            fix = "Download it again, or move it away."
            fault = VideoListError(f"not the {name} of the official download ({error})", where=path, fix=fix)
            if on_fault is None:
                raise fault from error
            on_fault(fault)
    empty = dict.fromkeys(OFFICIAL_METADATA_SCHEMA.names())
    full = [empty | columns | {"video_id": video_id} for video_id, columns in sorted(rows.items())]
    return pl.DataFrame(full, schema=OFFICIAL_METADATA_SCHEMA, orient="row")


def _manifest_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if not set(_IDS) & set(reader.fieldnames or ()):
            raise ValueError(f"no column {' or '.join(_IDS)}")
        for row in reader:
            video_id = (_first(row, _IDS, str) or "").removesuffix(VIDEO_SUFFIX)
            yield video_id, {"size_bytes_in_manifest": _first(row, _SIZES, _count)}


def _ego4d_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for video in json.loads(path.read_bytes())["videos"]:
        facts = video.get("video_metadata") or {}
        both = {**video, **facts}
        yield (
            str(video["video_uid"]),
            _figures(both)
            | {
                "is_stereo_in_metadata": _first(both, ("is_stereo",), _flag),
                "redacted_s_in_metadata": _stretches(video.get("redacted_intervals") or []),
            },
        )


def _doh_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    lines = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not lines or "video_id" not in lines[0]:
        raise ValueError("no header with video_id")
    for cells in lines[1:]:
        # A genre or title of several words shifts the cells, so the values of such a row cannot be trusted.
        if len(cells) == len(lines[0]):
            row: dict[str, Any] = dict(zip(lines[0], cells, strict=True))
            sides = str(row.get("resolution", "")).lower().split("x")
            if len(sides) == 2:
                row |= {"width": sides[0], "height": sides[1]}
            yield row["video_id"], _figures(row)


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "frame_count_in_metadata": _first(row, _COUNTS, _count),
        "frame_rate_fps_in_metadata": _first(row, _RATES, _rate),
        "length_s_in_metadata": _first(row, _LENGTHS, _finite),
        "width_px_in_metadata": _first(row, ("display_resolution_width", "width"), _side),
        "height_px_in_metadata": _first(row, ("display_resolution_height", "height"), _side),
    }


def _first(row: Mapping[str, Any], names: tuple[str, ...], parse: Callable[[Any], _Value]) -> _Value | None:
    """Return the first of these fields whose value can be read; None if there is none."""
    for name in names:
        if row.get(name) not in (None, "") and str(row[name]).isascii():  # no digits of other scripts
            with suppress(ValueError, TypeError, ZeroDivisionError, OverflowError):
                return parse(row[name])
    return None


def _count(value: str | float, below: int = 2**62) -> int:
    number = int(value)
    if not 0 <= number < below:
        raise ValueError(value)
    return number


def _side(value: str | float) -> int:
    return _count(value, below=2**16)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _rate(value: object) -> float:
    return float(Fraction(str(value)))


def _finite(value: object) -> float:
    number = float(str(value))
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _stretches(intervals: list[Mapping[str, Any]]) -> str | None:
    return "; ".join(f"{i.get('start_sec')}-{i.get('end_sec')}" for i in intervals) or None
