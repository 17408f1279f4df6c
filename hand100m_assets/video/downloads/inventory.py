"""One row a video, on disk or listed: what the file says beside what the list says, and which to ask for again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeAlias

import polars as pl

from hand100m_assets.errors import Hand100mError, RetryableError
from hand100m_assets.files import FileStamp, output_errors, write_whole
from hand100m_assets.layout import SAFE_ID, VIDEO_SUFFIX
from hand100m_assets.video.container import VideoInfo
from hand100m_assets.video.downloads.file_names import video_id_in
from hand100m_assets.video.downloads.listing import Listing, partial_video_id
from hand100m_assets.video.downloads.official_metadata import OFFICIAL_METADATA_SCHEMA
from hand100m_assets.video.downloads.video_list import EMPTY_VIDEO_LIST, VIDEO_LIST_SCHEMA

INVENTORY_SCHEMA: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "state": pl.Enum(["complete", "missing", "in_progress", "unreadable", "refused", "forgotten"]),
        "reason": pl.String(),
        "size_bytes": pl.Int64(),
        "mtime_ns": pl.Int64(),
        "codec": pl.String(),
        "width_px": pl.Int32(),
        "height_px": pl.Int32(),
        "rotation_deg": pl.Int32(),
        "frame_rate_num_from_header": pl.Int64(),
        "frame_rate_den_from_header": pl.Int64(),
        "frame_count_from_header": pl.Int64(),
        "duration_from_header_s": pl.Float64(),
        **{name: kind for name, kind in VIDEO_LIST_SCHEMA.items() if name != "video_id"},
        **{name: kind for name, kind in OFFICIAL_METADATA_SCHEMA.items() if name != "video_id"},
        "drift": pl.String(),
        "drift_severity": pl.Enum(["error", "warning"]),
    }
)
"""One row a video, sorted by id. `reason` is null for whole files, `drift` for files that agree with the list or are
not listed; figures are null where the file could not be opened or does not say. An `unreadable` file is none that a
download should give; a `refused` one is here, but cannot be taken for now, for its name, its permission or its disk; a
`forgotten` one is not here, on purpose."""

_HEADER_COLUMNS: Final = [
    name
    for name in INVENTORY_SCHEMA.names()
    if name not in {*VIDEO_LIST_SCHEMA, *OFFICIAL_METADATA_SCHEMA}
    and name not in ("mtime_ns", "drift", "drift_severity")
]

MISSING_SCHEMA: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "reason_kind": pl.Enum(["absent", "incomplete", "unreadable", "drifted"]),
        "reason": pl.String(),
    }
)

RATE_TOLERANCE: Final = 5e-4
"""Relative: half the difference between 30 and 30000/1001 frames a second, well above rounding in the lists."""

LENGTH_TOLERANCE_S: Final = 1.0
"""Lists give the container's length, which sound may stretch."""


Probe: TypeAlias = VideoInfo | Mapping[str, Any] | Hand100mError
"""What one file said of itself, or says now, or why it cannot be opened."""


def build_inventory(
    listed: pl.DataFrame | None,
    listing: Listing,
    probes: Mapping[str, Probe],
    *,
    once_here: Iterable[str] = (),
    forgotten: Collection[str] = (),
    metadata: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Put list, folder and headers side by side.

    Args:
        listed: Table of `read_video_list`, or None where there is no list.
        listing: One look at the folder.
        probes: Video id -> headers, their row of `remembered_probes`, or why the file cannot be opened.
        once_here: Registered videos whose file was deleted; they keep a row, listed or not.
        forgotten: Videos that nobody is to ask for again; while there is no file of one, its row says so.
        metadata: Table of `read_official_metadata`; of videos that have a row anyhow.

    Returns:
        Columns of `INVENTORY_SCHEMA`. Refused files whose names are no safe id have no row.
    """
    table = EMPTY_VIDEO_LIST if listed is None else listed
    list_rows = {row["video_id"]: row for row in table.iter_rows(named=True)}
    troubles = dict(_troubles(listing))
    absent = dict.fromkeys(list_rows, ("missing", "listed, but not in the folder"))
    absent |= dict.fromkeys(once_here, ("missing", "was here and was deleted"))
    absent |= dict.fromkeys(forgotten, ("forgotten", "not here, and not to be asked for"))
    ids = sorted(absent.keys() | listing.complete_names.keys() | troubles.keys())
    empty = dict.fromkeys(INVENTORY_SCHEMA.names())
    official = {} if metadata is None else {row["video_id"]: row for row in metadata.iter_rows(named=True)}
    rows = []
    for video_id in ids:
        row = empty | list_rows.get(video_id, {}) | official.get(video_id, {}) | {"video_id": video_id}
        if video_id in listing.complete_names:
            row |= _file_columns(listing.complete_names[video_id], probes.get(video_id))
            row |= _official_size(row)
        else:
            row["state"], row["reason"] = troubles.get(video_id) or absent[video_id]
        row |= _drift(row)
        rows.append(row)
    return pl.DataFrame(rows, schema=INVENTORY_SCHEMA, orient="row")


def _troubles(listing: Listing) -> Iterator[tuple[str, tuple[str, str]]]:
    """Video id -> (state, reason) of what is there but not as a whole file under its name."""
    for name, reason in listing.refused.items():
        video_id = video_id_in(name) or Path(name).stem
        if SAFE_ID.fullmatch(video_id):
            yield video_id, ("unreadable" if name in listing.failed else "refused", f"{name}: {reason}")
    for name in listing.in_progress:
        if SAFE_ID.fullmatch(partial_video_id(name)):
            yield partial_video_id(name), ("in_progress", f"still downloading: {name}")


def _file_columns(stamp: FileStamp, probe: Probe | None) -> dict[str, Any]:
    columns: dict[str, Any] = {"size_bytes": stamp.size_bytes, "mtime_ns": stamp.mtime_ns, "state": "complete"}
    if isinstance(probe, Hand100mError):
        state = "refused" if isinstance(probe, RetryableError) else "unreadable"
        fix = f"; {probe.fix}" if state == "refused" and probe.fix else ""
        return columns | {"state": state, "reason": f"{probe.what}{fix}"}
    if probe is None:
        return columns | {"reason": "headers not read yet"}
    if isinstance(probe, Mapping):
        return columns | dict(probe)
    columns |= {name: value for name, value in probe.to_row().items() if name in INVENTORY_SCHEMA}
    if probe.missing_bytes:
        short = f"the file is {probe.missing_bytes:,} bytes too short: the download was cut"
        columns |= {"state": "unreadable", "reason": short}
    return columns


def remembered_probes(inventory_file: Path, listing: Listing) -> dict[str, dict[str, Any]]:
    """Header figures in an earlier table, of the files that have kept size and time since: these need no opening.

    Files that could not be opened are left out, as the reason may have passed.
    """
    table = _earlier(inventory_file)
    remembered = {}
    for row in table.filter(pl.col("codec").is_not_null()).select("video_id", "mtime_ns", *_HEADER_COLUMNS).to_dicts():
        video_id, stamp = row.pop("video_id"), FileStamp(row["size_bytes"], row.pop("mtime_ns"))
        if listing.complete_names.get(video_id) == stamp:
            cut = row["state"] == "unreadable"  # else the state is for the lists of today to say
            remembered[video_id] = row if cut else row | {"state": "complete", "reason": None}
    return remembered


def _earlier(inventory_file: Path) -> pl.DataFrame:
    """A table as stored; an absent, broken or older one is as good as none."""
    nothing = pl.DataFrame(schema=INVENTORY_SCHEMA)
    try:
        table = pl.read_parquet(inventory_file)
    except (OSError, pl.exceptions.PolarsError):
        return nothing
    return table if table.schema == INVENTORY_SCHEMA else nothing


def files_in(inventory_file: Path) -> set[str]:
    """Videos that had a file under their final name when this table was made."""
    return set(_earlier(inventory_file).filter(pl.col("size_bytes").is_not_null())["video_id"])


def _official_size(row: Mapping[str, Any]) -> dict[str, str]:
    """A file below its official size is not whole, whatever its headers say."""
    size_bytes, official_bytes = row["size_bytes"], row["size_bytes_in_manifest"] or row["size_bytes_listed"]
    if row["state"] != "complete" or official_bytes is None or size_bytes >= official_bytes:
        return {}
    return {"state": "in_progress", "reason": f"{size_bytes:,} of {official_bytes:,} official bytes are here"}


def _drift(row: Mapping[str, Any]) -> dict[str, str | None]:
    """How the file differs from the list; an error when labels made for the listed video would be wrong on this one."""
    errors = [*_picture_drift(row), *_rate_drift(row), *_count_drift(row)]
    warnings = [] if row["state"] in ("unreadable", "refused") else [*_cosmetic_drift(row)]
    return {
        "drift": "; ".join(errors + warnings) or None,
        "drift_severity": "error" if errors else "warning" if warnings else None,
    }


def _picture_drift(row: Mapping[str, Any]) -> Iterator[str]:
    found, listed = (row["width_px"], row["height_px"]), (row["width_px_listed"], row["height_px_listed"])
    if None in found or None in listed or found == listed:
        return
    what = "rotation" if found == listed[::-1] else "resolution"
    yield f"{what}: {found[0]}x{found[1]}, listed {listed[0]}x{listed[1]}"


def _rate_drift(row: Mapping[str, Any]) -> Iterator[str]:
    if row["frame_rate_num_from_header"] is None or row["frame_rate_num_listed"] is None:
        return
    found = Fraction(row["frame_rate_num_from_header"], row["frame_rate_den_from_header"])
    listed = Fraction(row["frame_rate_num_listed"], row["frame_rate_den_listed"])
    if abs(found / listed - 1) > RATE_TOLERANCE:
        yield f"frame rate: {found} fps, listed {listed} fps"


def _count_drift(row: Mapping[str, Any]) -> Iterator[str]:
    found, listed = row["frame_count_from_header"], row["frame_count_listed"]
    if found is not None and listed is not None and found != listed:
        yield f"frame count: {found}, listed {listed}"


def _cosmetic_drift(row: Mapping[str, Any]) -> Iterator[str]:
    size, size_listed = row["size_bytes"], row["size_bytes_listed"]
    if size is not None and size_listed is not None and size != size_listed:
        yield f"size: {size} bytes, listed {size_listed}"
    length, length_listed = row["duration_from_header_s"], row["length_s_listed"]
    if length is not None and length_listed is not None and abs(length - length_listed) > LENGTH_TOLERANCE_S:
        yield f"length: {length:.2f} s, listed {length_listed:.2f} s"


def missing_videos(inventory: pl.DataFrame) -> pl.DataFrame:
    """Videos to ask the dataset's author for, with the reason; none whose file is here and only has to be reached.

    Returns:
        Columns of `MISSING_SCHEMA`, sorted by id.
    """
    state = pl.col("state").cast(pl.String)
    kinds = {"missing": "absent", "in_progress": "incomplete", "unreadable": "unreadable"}
    kind = state.replace_strict(kinds, default=None, return_dtype=pl.String)
    is_drifted = kind.is_null() & pl.col("drift_severity").cast(pl.String).eq_missing("error")
    return (
        inventory.select(
            "video_id",
            pl.when(is_drifted).then(pl.lit("drifted")).otherwise(kind).alias("reason_kind"),
            pl.when(is_drifted).then("drift").otherwise("reason").alias("reason"),
        )
        .filter(pl.col("reason_kind").is_not_null())
        .sort("video_id")
        .cast(MISSING_SCHEMA)
    )


def video_sizes(inventory: pl.DataFrame) -> pl.DataFrame:
    """`video_id`, `width_px`, `height_px` of every video: as its header says, else as listed, else null."""
    from_header = pl.col("width_px").is_not_null() & pl.col("height_px").is_not_null()
    return inventory.select(
        "video_id",
        *(pl.when(from_header).then(s).otherwise(f"{s}_listed").alias(s) for s in ("width_px", "height_px")),
    )


def write_missing_list(missing: pl.DataFrame, path: Path) -> None:
    """Write one `<video_id>.mp4` a line, sorted, ready to send; the file is empty when nothing is missing.

    Raises:
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    lines = [f"{video_id}{VIDEO_SUFFIX}\n" for video_id in sorted(missing["video_id"].to_list())]
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, "".join(lines).encode())
