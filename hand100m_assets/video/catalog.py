"""All manifests of a source as one table; and which files do not match it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.layout import MANIFEST_FILE, frame_file_name
from hand100m_assets.video.manifest import Manifest, ManifestError, read_manifest

FRAME_CATALOG_SCHEMA: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "frame_index": pl.Int32(),
        "pts": pl.Int64(),
        "time_s": pl.Float64(),
        "size_bytes": pl.Int64(),
        "path": pl.String(),
        "status": pl.Enum(["complete", "damaged"]),
    }
)
"""One row a JPEG. `path` is relative to the frames folder; `pts` and `time_s` are null where the stream has none."""

FRAME_FAULTS_SCHEMA: Final = pl.Schema(
    {"video_id": pl.String(), "frame_index": pl.Int32(), "path": pl.String(), "fault": pl.String()}
)


def frame_catalog(frames_dir: Path) -> pl.DataFrame:
    """Every finished frame of every video, sorted by video and index; folders without a manifest are passed over.

    Returns:
        Columns of `FRAME_CATALOG_SCHEMA`; empty when nothing has been extracted yet.

    Raises:
        FolderUnreadableError: The frames folder is there but cannot be read; mount it or give permission.
    """
    tables = [_table(manifest) for manifest in _manifests(frames_dir)]
    return pl.concat(tables) if tables else pl.DataFrame(schema=FRAME_CATALOG_SCHEMA)


def _manifests(frames_dir: Path) -> Iterator[Manifest]:
    try:
        folders = sorted(entry for entry in frames_dir.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        return
    except OSError as error:
        raise FolderUnreadableError(
            f"the frames folder cannot be read ({error.strerror or error})",
            where=frames_dir,
            fix="Mount it or give read permission.",
        ) from error
    for folder in folders:
        try:
            manifest = read_manifest(folder / MANIFEST_FILE)
        except ManifestError:
            continue  # not finished
        if manifest.video_id == folder.name:
            yield manifest


def _table(manifest: Manifest) -> pl.DataFrame:
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
        },
        schema=FRAME_CATALOG_SCHEMA,
    )


def frame_files_at_fault(frames_dir: Path, catalog: pl.DataFrame) -> pl.DataFrame:
    """Catalog rows whose file is gone, has another size, or is no whole JPEG.

    Returns:
        Columns of `FRAME_FAULTS_SCHEMA`, in the catalog's order.
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
        return f"{found} bytes where the manifest says {size_bytes}"
    return None if head == b"\xff\xd8" else "not a JPEG"
