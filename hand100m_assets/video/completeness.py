"""How far each video's frames are: done, damaged, failed, or still to be extracted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from hand100m_assets.errors import OutputUnwritableError
from hand100m_assets.layout import MANIFEST_FILE
from hand100m_assets.outputfiles import file_in_place_of
from hand100m_assets.outputtables import table_output_errors
from hand100m_assets.video.batch import ExtractionJob
from hand100m_assets.video.failures import FailureRecord, read_failures, stamp_of
from hand100m_assets.video.manifest import DECODING_RULES, Manifest, finished_manifest, is_done

FRAME_STATES: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "state": pl.Enum(["done", "damaged", "failed", "failed for good", "outstanding"]),
        "frames_expected": pl.Int64(),
        "frames_found": pl.Int64(),
        "reason": pl.String(),
    }
)
"""One row a video. `frames_expected` is null where the video could not be read; `reason` is null when done."""

MADE_BY_OLDER_RULES: Final = (
    "made by an older version of this program, whose frames may be other ones: to be made again"
)

StateRow: TypeAlias = tuple[str, str, int | None, int | None, str | None]

_REMEMBERED: Final = pl.Schema({**FRAME_STATES, "seen": pl.String()})


def frame_states(jobs: Sequence[ExtractionJob], remembered_file: Path | None = None) -> pl.DataFrame:
    """One row a job, by its manifest or its failure record; decodes nothing.

    Args:
        jobs: At most one a video.
        remembered_file: Table that this call leaves for the next, which then reads manifests only of folders that
            changed since, or of which something else is asked.
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
    """What a finished folder's state follows from, without opening anything; None when there is no such folder.

    A folder's own time changes with every file that comes or goes.
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
    """Video -> what was seen, and its row; an absent, broken or older table is as good as none."""
    try:
        table = pl.read_parquet(file) if file is not None else pl.DataFrame(schema=_REMEMBERED)
    except (OSError, pl.exceptions.PolarsError):
        return {}
    if table.schema != _REMEMBERED:
        return {}
    return {row[0]: (row[-1], row[:-1]) for row in table.iter_rows()}


def remembered_videos(file: Path) -> set[str]:
    """Videos whose frames are finished, as `frame_states` last left them."""
    return set(_read_remembered(file))


def _remember(
    before: Mapping[str, tuple[str, StateRow]], table: pl.DataFrame, seen: Mapping[str, str | None], file: Path
) -> None:
    rows = {video_id: (*row, what) for video_id, (what, row) in before.items()}
    rows |= {row[0]: (*row, seen[row[0]]) for row in table.iter_rows()}
    kept = [row for row in rows.values() if row[-1] is not None and row[1] in ("done", "damaged")]
    # Only time is lost where it cannot be written.
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
