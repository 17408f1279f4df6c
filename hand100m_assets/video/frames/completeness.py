"""How far the extraction of each video is: done, damaged, failed, or still to be done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from hand100m_assets.errors import OutputUnwritableError
from hand100m_assets.files import file_in_place_of, table_output_errors
from hand100m_assets.layout import MANIFEST_FILE
from hand100m_assets.video.frames.failures import FailureRecord, read_failures, stamp_of
from hand100m_assets.video.frames.job import ExtractionJob
from hand100m_assets.video.frames.manifest import DECODING_RULES, Manifest, finished_manifest, is_done

FRAME_STATES: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "state": pl.Enum(["done", "damaged", "failed", "failed for good", "outstanding"]),
        "frames_expected": pl.Int64(),
        "frames_found": pl.Int64(),
        "reason": pl.String(),
    }
)
"""One row per video. `frames_expected` is null if the video could not be read; `reason` is null if it is done."""

MADE_BY_OLDER_RULES: Final = (
    "made by an older version of this program, whose frames may be other ones: to be made again"
)
"""The reason given for frames whose manifest an older version wrote."""

StateRow: TypeAlias = tuple[str, str, int | None, int | None, str | None]

_REMEMBERED: Final = pl.Schema({**FRAME_STATES, "seen": pl.String()})


def frame_states(jobs: Sequence[ExtractionJob], remembered_file: Path | None = None) -> pl.DataFrame:
    """Say for each job how far its frames are, from manifests and failure records. Nothing is decoded.

    Args:
        jobs: At most one job per video.
        remembered_file: Parquet file with the results of earlier calls. This call updates it, and reads only manifests
            of folders that have changed since, or of which the job asks something else. None reads all manifests.

    Returns:
        One row per job, in the order of the jobs: `video_id`; `state`; `frames_expected` and `frames_found` (Int64);
        `reason`. The state is `done`, `damaged` (some frames could not be decoded), `failed` (worth another attempt),
        `failed for good` (no attempt until the file changes) or `outstanding` (not extracted yet). `frames_expected`
        and `frames_found` are null if nothing is known; `reason` is null if the state is `done`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection
        >>> from hand100m_assets.video.frames import ExtractionJob, frame_states
        >>> job = ExtractionJob(
        ...     video_path=Path("video.mp4"),
        ...     frames_dir=Path("not_extracted"),
        ...     video_id="video",
        ...     selection=StrideSelection(30),
        ...     options=ExtractionOptions(),
        ... )
        >>> frame_states([job]).rows()
        [('video', 'outstanding', None, None, 'not extracted yet')]
    """
    failures = {folder: read_failures(folder) for folder in {job.frames_dir for job in jobs}}
    seen = {job.video_id: _seen(job) for job in jobs}
    remembered = _read_remembered(remembered_file)
    known = {v: row for v, (what, row) in remembered.items() if what == seen.get(v)}
    rows = [known.get(job.video_id) or _state(job, failures[job.frames_dir].get(job.video_id)) for job in jobs]
    table = pl.DataFrame(rows, schema=FRAME_STATES, orient="row")
    if remembered_file is not None and remembered_file.parent.is_dir() and len(known) < len(jobs):
        _remember(remembered, table, seen, remembered_file)
    return table


def _seen(job: ExtractionJob) -> str | None:
    """Identify the state of a finished folder without opening a file; None if there is no such folder.

    The folder's own modification time changes with every file that is added or removed.
    """
    folder = job.frames_dir / job.video_id
    try:
        manifest, times = (folder / MANIFEST_FILE).stat(), folder.stat()
    except OSError:
        return None
    asked = json.dumps([job.selection.describe(), job.options.model_dump(), DECODING_RULES], sort_keys=True)
    stamps = (times.st_mtime_ns, manifest.st_mtime_ns, manifest.st_size, stamp_of(job.video_path))
    return hashlib.sha256(f"{stamps} {asked}".encode()).hexdigest()[:32]


def _read_remembered(file: Path | None) -> dict[str, tuple[str, StateRow]]:
    """Video id -> what was seen, and its row; an absent, broken or older table counts as empty."""
    try:
        table = pl.read_parquet(file) if file is not None else pl.DataFrame(schema=_REMEMBERED)
    except (OSError, pl.exceptions.PolarsError):
        return {}
    if table.schema != _REMEMBERED:
        return {}
    return {row[0]: (row[-1], row[:-1]) for row in table.iter_rows()}


def remembered_videos(file: Path) -> set[str]:
    """Return the videos that `frame_states` has recorded as finished.

    Args:
        file: The `remembered_file` of `frame_states`.

    Returns:
        Ids of videos whose state was `done` or `damaged`; an empty set where there is no such file.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.frames import remembered_videos
        >>> remembered_videos(Path("frame_states.parquet"))
        set()
    """
    return set(_read_remembered(file))


def _remember(
    before: Mapping[str, tuple[str, StateRow]], table: pl.DataFrame, seen: Mapping[str, str | None], file: Path
) -> None:
    rows = {video_id: (*row, what) for video_id, (what, row) in before.items()}
    rows |= {row[0]: (*row, seen[row[0]]) for row in table.iter_rows()}
    kept = [row for row in rows.values() if row[-1] is not None and row[1] in ("done", "damaged")]
    # Where it cannot be written, the next call takes longer; nothing else is lost.
    with suppress(OutputUnwritableError), table_output_errors(file), file_in_place_of(file) as beside:
        pl.DataFrame(kept, schema=_REMEMBERED, orient="row").sort("video_id").write_parquet(beside)


def _state(job: ExtractionJob, failure: FailureRecord | None) -> StateRow:
    manifest = is_done(job.frames_dir, job.video_path, job.selection, job.options, video_id=job.video_id)
    if manifest is not None:
        return _from_manifest(job.video_id, manifest)
    if failure is None:
        return job.video_id, "outstanding", None, None, _why_outstanding(job)
    for_good = failure.is_for_good(stamp_of(job.video_path))
    return job.video_id, "failed for good" if for_good else "failed", None, 0, failure.reason


def _why_outstanding(job: ExtractionJob) -> str:
    manifest = finished_manifest(job.frames_dir, job.video_id)
    if manifest is None or not manifest.is_outdated or not manifest.is_of(stamp_of(job.video_path), job.options):
        return "not extracted yet"
    return MADE_BY_OLDER_RULES


def _from_manifest(video_id: str, manifest: Manifest) -> StateRow:
    expected, found = manifest.frames_expected, len(manifest.frames)
    if manifest.status == "complete":
        return video_id, "done", expected, found, None
    words = "; ".join(error.words for error in manifest.decoder_errors[:3]) or "frames flagged corrupt by the decoder"
    return video_id, "damaged", expected, found, words
