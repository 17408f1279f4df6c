"""How far each video's frames are: done, damaged, failed, or still to be extracted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from hand100m_assets.video.batch import ExtractionJob
from hand100m_assets.video.failures import FailureRecord, read_failures, stamp_of
from hand100m_assets.video.manifest import Manifest, is_done

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


def frame_states(jobs: Sequence[ExtractionJob]) -> pl.DataFrame:
    """One row a job, by its manifest or its failure record; decodes nothing."""
    failures = {folder: read_failures(folder) for folder in {job.frames_dir for job in jobs}}
    rows = [_state(job, failures[job.frames_dir].get(job.video_id)) for job in jobs]
    return pl.DataFrame(rows, schema=FRAME_STATES, orient="row")


def _state(job: ExtractionJob, failure: FailureRecord | None) -> tuple[str, str, int | None, int | None, str | None]:
    manifest = is_done(job.frames_dir, job.video_path, job.selection, job.options, video_id=job.video_id)
    if manifest is not None:
        return _from_manifest(job.video_id, manifest)
    if failure is None:
        return job.video_id, "outstanding", None, None, "not extracted yet"
    for_good = failure.permanent and failure.stamp == stamp_of(job.video_path)
    return job.video_id, "failed for good" if for_good else "failed", None, 0, failure.reason


def _from_manifest(video_id: str, manifest: Manifest) -> tuple[str, str, int | None, int | None, str | None]:
    expected, found = manifest.frames_expected, len(manifest.frames)
    if manifest.status == "complete":
        return video_id, "done", expected, found, None
    words = "; ".join(error.words for error in manifest.decoder_errors[:3]) or "frames flagged corrupt by the decoder"
    return video_id, "damaged", expected, found, words
