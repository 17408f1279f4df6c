"""Builds the inventory: one row per video on disk or on the list, and the videos to ask for again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeAlias

import polars as pl

from hand100m_assets.amounts import counted, sized
from hand100m_assets.errors import Hand100mError, RetryableError
from hand100m_assets.files import FileStamp, output_errors, write_whole
from hand100m_assets.layout import SAFE_ID, VIDEO_SUFFIX
from hand100m_assets.sources import DOH, EGO4D, Source
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
"""One row per video, sorted by id. `reason` is null for complete files; `drift` is null for files that agree with the
list or are not listed; header values are null if the file could not be opened or does not give them. An `unreadable`
file is not what a download should give. A `refused` file cannot be used now, because of its name, its permissions or
its disk. A `forgotten` video is missing on purpose.
"""

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
"""One row per video to ask for, with the kind of reason and the reason in words."""

RATE_TOLERANCE: Final = 5e-4
"""Relative difference that counts as equal: half of that between 30 and 30000/1001 frames per second. The lists round
less.
"""

LENGTH_TOLERANCE_S: Final = 1.0
"""Lists give the container's length, which the sound track may extend by about so many seconds."""


Probe: TypeAlias = VideoInfo | Mapping[str, Any] | Hand100mError
"""What one file's headers say, the same as its row of `remembered_probes`, or the error of opening it."""


def build_inventory(
    listed: pl.DataFrame | None,
    listing: Listing,
    probes: Mapping[str, Probe],
    *,
    once_here: Iterable[str] = (),
    forgotten: Collection[str] = (),
    metadata: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Combine the official list, the folder of downloads and the files' headers into one table.

    Args:
        listed: Table of `read_video_list`; None if there is no list.
        listing: One listing of the folder.
        probes: Video id -> what `probe_video` returned or raised, or the row of `remembered_probes`. A complete file
            without one has null header values.
        once_here: Registered videos whose file was deleted; they keep a row, whether listed or not.
        forgotten: Videos that are not to be asked for again; their state is `forgotten` while there is no file.
        metadata: Table of `read_official_metadata`; it adds values to rows, but no rows.

    Returns:
        One row per video, sorted by id. `state` is `complete`, `missing`, `in_progress`, `unreadable`, `refused` or
        `forgotten`, and `reason` says why it is not complete. `drift` says how the file differs from the list, and
        `drift_severity` is `error` if annotations of the listed video would be wrong on it. Columns ending in
        `_from_header`, `_listed`, `_in_manifest` and `_in_metadata` hold values by their origin, null if it does not
        say them. Refused files whose names are not safe ids have no row.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sources import EGO4D
        >>> from hand100m_assets.video import list_videos, probe_video
        >>> from hand100m_assets.video.downloads import build_inventory
        >>> listing = list_videos(Path("."), EGO4D)
        >>> inventory = build_inventory(None, listing, {"video": probe_video(Path("video.mp4"))})
        >>> inventory.filter(video_id="video").select("state", "codec", "width_px", "size_bytes_listed").rows()
        [('complete', 'h264', 320, None)]
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
    """Yield video id -> (state, reason) of files that exist, but are not complete files under the right name."""
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
        short = f"the file is {sized(probe.missing_bytes)} too short: the download was cut"
        columns |= {"state": "unreadable", "reason": short}
    return columns


def remembered_probes(inventory_file: Path, listing: Listing) -> dict[str, dict[str, Any]]:
    """Return the header values that an earlier inventory has of files that have not changed since.

    These files need not be opened again. Files that could not be opened are left out, as the reason may have passed.

    Args:
        inventory_file: Parquet file of an earlier inventory.
        listing: One listing of the folder.

    Returns:
        Video id -> header values, for `build_inventory`; empty if the file is absent, broken or older.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sources import EGO4D
        >>> from hand100m_assets.video import list_videos, probe_video
        >>> from hand100m_assets.video.downloads import build_inventory, remembered_probes
        >>> listing = list_videos(Path("."), EGO4D)
        >>> inventory = build_inventory(None, listing, {"video": probe_video(Path("video.mp4"))})
        >>> inventory.write_parquet("inventory.parquet")
        >>> remembered_probes(Path("inventory.parquet"), listing)["video"]["codec"]
        'h264'
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
    """Read a stored inventory; an absent, broken or older one counts as empty."""
    nothing = pl.DataFrame(schema=INVENTORY_SCHEMA)
    try:
        table = pl.read_parquet(inventory_file)
    except (OSError, pl.exceptions.PolarsError):
        return nothing
    return table if table.schema == INVENTORY_SCHEMA else nothing


def files_in(inventory_file: Path) -> set[str]:
    """Return the videos that had a file under their final name when an inventory was made.

    Args:
        inventory_file: Parquet file of an inventory.

    Returns:
        Video ids; an empty set where the file is absent, broken or older.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.downloads import files_in
        >>> files_in(Path("absent.parquet"))
        set()
    """
    return set(_earlier(inventory_file).filter(pl.col("size_bytes").is_not_null())["video_id"])


def _official_size(row: Mapping[str, Any]) -> dict[str, str]:
    """A file below its official size is not complete, whatever its headers say."""
    size_bytes, official_bytes = row["size_bytes"], row["size_bytes_in_manifest"] or row["size_bytes_listed"]
    if row["state"] != "complete" or official_bytes is None or size_bytes >= official_bytes:
        return {}
    return {
        "state": "in_progress",
        "reason": f"still to come: {sized(official_bytes - size_bytes)} of {sized(official_bytes)}",
    }


def _drift(row: Mapping[str, Any]) -> dict[str, str | None]:
    """Describe how the file differs from the list: an error if annotations of the listed video would be wrong on it."""
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
        yield f"size in bytes: {size:,}, listed {size_listed:,}"
    length, length_listed = row["duration_from_header_s"], row["length_s_listed"]
    if length is not None and length_listed is not None and abs(length - length_listed) > LENGTH_TOLERANCE_S:
        yield f"length: {length:.2f} s, listed {length_listed:.2f} s"


def missing_videos(inventory: pl.DataFrame) -> pl.DataFrame:
    r"""List the videos to ask the dataset's authors for, with the reason.

    Videos whose file is there and only has to be made readable are left out.

    Args:
        inventory: Table of `build_inventory`.

    Returns:
        One row per video, sorted by id: `video_id`, `reason_kind` (`absent`, `incomplete`, `unreadable`, or `drifted`
        for a file that differs from the list) and `reason` in words.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.video.downloads import Listing, build_inventory, missing_videos, read_video_list
        >>> _ = Path("list.txt").write_text("video_id resolution\nabcdefghijk 320x240\n")
        >>> listed = read_video_list(Path("list.txt"), DOH)
        >>> missing_videos(build_inventory(listed, Listing(), {})).rows()
        [('abcdefghijk', 'absent', 'listed, but not in the folder')]
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
    r"""Return the picture size of every video of an inventory.

    Args:
        inventory: Table of `build_inventory`.

    Returns:
        One row per video: `video_id`, `width_px` and `height_px` (Int32), by the header, else by the list, else null.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.video.downloads import Listing, build_inventory, read_video_list, video_sizes
        >>> _ = Path("list.txt").write_text("video_id resolution\nabcdefghijk 320x240\n")
        >>> listed = read_video_list(Path("list.txt"), DOH)
        >>> video_sizes(build_inventory(listed, Listing(), {})).rows()
        [('abcdefghijk', 320, 240)]
    """
    from_header = pl.col("width_px").is_not_null() & pl.col("height_px").is_not_null()
    return inventory.select(
        "video_id",
        *(pl.when(from_header).then(s).otherwise(f"{s}_listed").alias(s) for s in ("width_px", "height_px")),
    )


def write_missing_list(missing: pl.DataFrame, path: Path, source: Source) -> None:
    """Write the text file of missing videos: one `<video_id>.mp4` per line, sorted; empty if nothing is missing.

    Beside it, `<name>_note.txt` says in words how many names there are and where to send them. The list itself has
    nothing but names, so that any program can read it.

    Args:
        missing: Table of `missing_videos`.
        path: The text file. Its folder is created when absent.
        source: Whose videos these are.

    Raises:
        OutputUnwritableError: The output disk is full, read-only, or you may not write to it. The message says what to
            do.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.video.downloads import write_missing_list
        >>> write_missing_list(pl.DataFrame({"video_id": ["video_b", "video_a"]}), Path("missing_videos.txt"), DOH)
        >>> Path("missing_videos.txt").read_text().split()
        ['video_a.mp4', 'video_b.mp4']
        >>> Path("missing_videos_note.txt").read_text().splitlines()[0]
        'missing_videos.txt names 2 videos of 100DOH that are missing, not whole, or another version, one per line.'
    """
    lines = [f"{video_id}{VIDEO_SUFFIX}\n" for video_id in sorted(missing["video_id"].to_list())]
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path.with_name(f"{path.stem}_note.txt"), _note(len(lines), path.name, source).encode())
        write_whole(path, "".join(lines).encode())


def _note(count: int, name: str, source: Source) -> str:
    """What the list of missing videos is, and what to do with it."""
    if not count:
        return f"{name} is empty: no video of {source.title} is missing.\n"
    videos = counted(count, f"video of {source.title} that is", f"videos of {source.title} that are")
    return f"{name} names {videos} missing, not whole, or another version, one per line.\n{_WHAT_TO_DO[source.name]}\n"


_WHAT_TO_DO: Final = {
    EGO4D.name: "Download them again with the ego4d command; send what stays missing to the authors of Hand100M.",
    DOH.name: "Download them again; send the list of what stays missing to the authors of Hand100M, who ask for it:\n"
    "the README in the folder Hand100M, from which the annotations come, names their address.",
}
