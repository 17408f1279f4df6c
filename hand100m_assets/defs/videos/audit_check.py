"""The check that decodes frames again with another decoder."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from hand100m_assets.amounts import counted
from hand100m_assets.defs.check_results import ERROR, EXAMPLES, WARN, markdown_rows, nothing_yet
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.sources import Source
from hand100m_assets.video.audit import VideoAudit
from hand100m_assets.workspace import audit_of, finished_videos, in_words, sample_of, seed_of_today


def build_audit_check(source: Source) -> dg.AssetChecksDefinition:
    """Compare some JPEGs of some finished videos with pictures of the ffmpeg program; the sample changes each day."""

    @dg.asset_check(
        asset=asset_key(source, "frames"),
        additional_deps=[asset_key(source, "frame_catalog")],
        description="Tests on a sample that ffmpeg, a second decoder, gives the same pictures for the same frame "
        "numbers. Otherwise annotations could belong to other pictures without notice.",
    )
    @fails_clearly
    def frames_agree_with_independent_decode(
        context: dg.AssetCheckExecutionContext, workspace: Workspace
    ) -> dg.AssetCheckResult:
        place, seed = workspace.source(source), seed_of_today()
        settings = place.settings
        if not settings.audit_videos:
            return _not_compared("Switched off by HAND100M_AUDIT_VIDEOS=0: no frame was compared.", seed)
        finished = finished_videos(place)
        if not finished:
            return nothing_yet("finished frame folders")
        chosen = sample_of(place, finished, settings.audit_videos, seed)
        if not chosen:
            return _not_compared("The files of all finished videos are gone, so no frame was compared.", seed)
        found = []
        for video_id in chosen:
            audit = audit_of(place, video_id, frames_per_video=settings.audit_frames_per_video, seed=seed)
            context.log.info(f"{audit.video_id}: {in_words(audit)}")
            found.append(audit)
        return _result(found, seed=seed, finished=len(finished))

    return frames_agree_with_independent_decode


_MAKE_AGAIN = "Delete these videos' frame folders, materialize them, and report this."


def _not_compared(why: str, seed: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False, severity=WARN, description=why, metadata={"seed": seed, "frames_compared": 0}
    )


def _result(found: Sequence[VideoAudit], *, seed: int, finished: int) -> dg.AssetCheckResult:
    """An error if a frame differs; a warning if ffmpeg complains about a whole video, or if nothing was compared."""
    compared = sum(audit.frames_compared for audit in found)
    differing = sum(len(audit.differences) for audit in found)
    unseen = [audit for audit in found if audit.complaints]
    agree = counted(compared, "frame agrees", "frames agree")
    if differing:
        words = f"{counted(differing, 'frame differs', 'frames differ')}. {_MAKE_AGAIN}"
    elif unseen:
        words = f"{agree}, but ffmpeg complains of {counted(len(unseen), 'video')}: damage that no taken frame shows."
    elif not compared:
        words = "No frame could be compared, for the reasons below."
    else:
        words = f"{agree}; they are of {counted(len(found), 'video')}."
    return dg.AssetCheckResult(
        passed=not differing and not unseen and compared > 0,
        severity=ERROR if differing else WARN if unseen or not compared else ERROR,
        description=words,
        metadata=_metadata(found, seed, finished),
    )


def _metadata(found: Sequence[VideoAudit], seed: int, finished: int) -> dict[str, Any]:
    differences = [(audit.video_id, d.frame_index, d.psnr_db, d.reason) for audit in found for d in audit.differences]
    columns = {"video_id": pl.String, "frame_index": pl.Int64, "psnr_db": pl.Float64, "reason": pl.String}
    table = pl.DataFrame(differences, schema=columns, orient="row")
    return {
        "seed": seed,
        "sample": f"{len(found)} of {counted(finished, 'finished video')}, drawn by the seed (today's date)",
        "videos": dg.MetadataValue.json([audit.video_id for audit in found]),
        "frames_compared": sum(audit.frames_compared for audit in found),
        "frames_identical": sum(audit.frames_identical for audit in found),
        "frames_alike": sum(audit.frames_alike for audit in found),
        "at_fault": len(differences),
        "examples": dg.MetadataValue.md(markdown_rows(table.head(EXAMPLES))),
        "skipped": dg.MetadataValue.json({a.video_id: a.why_skipped for a in found if a.why_skipped is not None}),
        "unseen_damage": dg.MetadataValue.json({a.video_id: a.complaints for a in found if a.complaints}),
        "seconds": round(sum(audit.seconds for audit in found), 1),
    }
