"""One table of all extracted frames of a source, and the frame files that do not match it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.layout import MANIFEST_FILE, frame_file_name
from hand100m_assets.video.frames.manifest import Manifest, ManifestError, read_manifest

FRAME_CATALOG_SCHEMA: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "frame_index": pl.Int32(),
        "pts": pl.Int64(),
        "time_s": pl.Float64(),
        "size_bytes": pl.Int64(),
        "path": pl.String(),
        "status": pl.Enum(["complete", "damaged"]),
        "manifest_mtime_ns": pl.Int64(),
    }
)
"""One row per JPEG. `path` is relative to the frames folder. `pts` and `time_s` are null if the stream has no
timestamps. By `manifest_mtime_ns` the next call knows which manifests it need not read again.
"""

FRAME_FAULTS_SCHEMA: Final = pl.Schema(
    {"video_id": pl.String(), "frame_index": pl.Int32(), "path": pl.String(), "fault": pl.String()}
)
"""One row per frame file that is absent or not as its manifest says."""


def frame_catalog(frames_dir: Path, earlier_file: Path | None = None) -> pl.DataFrame:
    """List every extracted frame of every finished video in one table.

    Folders without a valid manifest are left out: their extraction is not finished.

    Args:
        frames_dir: The folder that holds one frame folder per video.
        earlier_file: Parquet file of an earlier catalog of the same folder. Its rows are kept for videos whose manifest
            has not changed since, which saves reading them again. None, or an absent or unreadable file, reads all.

    Returns:
        One row per JPEG, sorted by video id and frame index, with the columns of `FRAME_CATALOG_SCHEMA`:
        `video_id`, `frame_index` (Int32), `pts` (Int64, in the stream's time base), `time_s` (Float64),
        `size_bytes` (Int64), `path` (relative to `frames_dir`), `status` (`complete` or `damaged`, of the whole video)
        and `manifest_mtime_ns` (Int64). `pts` and `time_s` are null if the stream has no timestamps. The table is
        empty if nothing has been extracted yet.

    Raises:
        FolderUnreadableError: The frames folder is there but cannot be read. Mount it or give read permission.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection, extract_video, frame_catalog
        >>> frames_dir = Path("extracted")
        >>> _ = extract_video(Path("video.mp4"), frames_dir, "video", StrideSelection(30), ExtractionOptions())
        >>> frame_catalog(frames_dir).select("video_id", "frame_index", "time_s", "status").rows()
        [('video', 0, 0.0, 'complete'), ('video', 30, 1.0, 'complete'), ('video', 60, 2.0, 'complete')]
    """
    stamps = _manifest_stamps(frames_dir)
    now = pl.DataFrame(
        {"video_id": list(stamps), "manifest_mtime_ns": list(stamps.values())},
        schema={"video_id": pl.String, "manifest_mtime_ns": pl.Int64},
    )
    earlier = _earlier_rows(earlier_file)
    kept = earlier.join(now, on=["video_id", "manifest_mtime_ns"], how="semi", maintain_order="left")
    unread = sorted(stamps.keys() - set(kept["video_id"].unique()))
    read = [_table(manifest, stamps[video_id]) for video_id in unread if (manifest := _manifest(frames_dir / video_id))]
    if not read:
        return kept  # in the order it was written
    return pl.concat([kept, *read]).sort("video_id", "frame_index")


def catalogued_videos(catalog_file: Path) -> set[str]:
    """Return the videos that a stored catalog has frames of.

    Args:
        catalog_file: Parquet file of a table that `frame_catalog` returned.

    Returns:
        Video ids; an empty set where the file is absent, cannot be read or was written by an older version.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection, extract_video, frame_catalog
        >>> from hand100m_assets.video.frames import catalogued_videos
        >>> frames_dir = Path("extracted")
        >>> _ = extract_video(Path("video.mp4"), frames_dir, "video", StrideSelection(30), ExtractionOptions())
        >>> frame_catalog(frames_dir).write_parquet("catalog.parquet")
        >>> catalogued_videos(Path("catalog.parquet"))
        {'video'}
    """
    return set(_earlier_rows(catalog_file)["video_id"].unique())


def _earlier_rows(file: Path | None) -> pl.DataFrame:
    """Read a stored catalog; an absent, broken or older one counts as empty."""
    nothing = pl.DataFrame(schema=FRAME_CATALOG_SCHEMA)
    try:
        table = nothing if file is None else pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError):
        return nothing
    return table if table.schema == FRAME_CATALOG_SCHEMA else nothing


def _manifest_stamps(frames_dir: Path) -> dict[str, int]:
    """Folder name -> when its manifest was written."""
    stamps = {}
    try:
        with os.scandir(frames_dir) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FolderUnreadableError(
            f"the frames folder cannot be read ({error.strerror or error})",
            where=frames_dir,
            fix="Mount it or give read permission.",
        ) from error
    for name in names:
        with suppress(OSError):  # not finished
            stamps[name] = (frames_dir / name / MANIFEST_FILE).stat().st_mtime_ns
    return stamps


def _manifest(folder: Path) -> Manifest | None:
    try:
        manifest = read_manifest(folder / MANIFEST_FILE)
    except ManifestError:
        return None  # not finished
    return manifest if manifest.video_id == folder.name else None


def _table(manifest: Manifest, mtime_ns: int) -> pl.DataFrame:
    frames = manifest.frames
    return pl.DataFrame(
        {
            "video_id": [manifest.video_id] * len(frames),
            "frame_index": [frame.frame_index for frame in frames],
            "pts": [frame.pts for frame in frames],
            "time_s": [frame.time_s for frame in frames],
            "size_bytes": [frame.size_bytes for frame in frames],
            "path": [f"{manifest.video_id}/{frame_file_name(frame.frame_index)}" for frame in frames],
            "status": [manifest.status] * len(frames),
            "manifest_mtime_ns": [mtime_ns] * len(frames),
        },
        schema=FRAME_CATALOG_SCHEMA,
    )


def frame_files_at_fault(frames_dir: Path, catalog: pl.DataFrame) -> pl.DataFrame:
    """Find the frame files of a catalog that are absent, have another size, or do not begin as a JPEG.

    This reads two bytes per file. It does not decode the pictures; `hand100m_assets.video.audit` does.

    Args:
        frames_dir: The folder that holds one frame folder per video.
        catalog: Table of `frame_catalog`.

    Returns:
        One row per faulty file, in the catalog's order: `video_id`, `frame_index` (Int32), `path` (relative to
        `frames_dir`) and `fault`, a few words. The table is empty if all files are as their manifests say.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, FrameSetSelection, extract_video, frame_catalog
        >>> from hand100m_assets.video.frames import frame_files_at_fault
        >>> frames_dir = Path("some_deleted")
        >>> _ = extract_video(Path("video.mp4"), frames_dir, "video", FrameSetSelection([0, 30]), ExtractionOptions())
        >>> catalog = frame_catalog(frames_dir)
        >>> (frames_dir / "video" / "frame_000030.jpg").unlink()
        >>> frame_files_at_fault(frames_dir, catalog).rows()
        [('video', 30, 'video/frame_000030.jpg', 'gone')]
    """
    faults = [
        (video_id, frame_index, path, fault)
        for video_id, frame_index, path, size_bytes in catalog.select(
            "video_id", "frame_index", "path", "size_bytes"
        ).iter_rows()
        if (fault := _fault(frames_dir / path, size_bytes)) is not None
    ]
    return pl.DataFrame(faults, schema=FRAME_FAULTS_SCHEMA, orient="row")


def _fault(path: Path, size_bytes: int) -> str | None:
    try:
        found = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(2)
    except FileNotFoundError:
        return "gone"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if found != size_bytes:
        return f"{counted(found, 'byte')} where the manifest says {size_bytes:,}"
    return None if head == b"\xff\xd8" else "not a JPEG"
