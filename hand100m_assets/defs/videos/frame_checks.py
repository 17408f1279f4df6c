"""Checks of the frame folders."""

from collections.abc import Iterator
from typing import Final

import dagster as dg
import polars as pl

from hand100m_assets.defs.check_results import ERROR, WARN, nothing_yet, offenders, table_on_disk
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.partitions import known_keys, video_partitions
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.render import charts
from hand100m_assets.sources import Source
from hand100m_assets.video.frames import frame_files_at_fault, frame_states
from hand100m_assets.workspace import seed_of_today

FILES_SAMPLED: Final = 200
"""The sample changes each day: otherwise the check would only ever see the same 200 of 14 million files."""


def build_frame_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Check that all frames are extracted and complete, and that the files agree with the manifests."""
    return [_completeness_checks(source), _files_check(source)]


def _completeness_checks(source: Source) -> dg.AssetChecksDefinition:
    frames, after = asset_key(source, "frames"), [asset_key(source, "frame_catalog")]
    complete = dg.AssetCheckSpec(
        "frames_are_complete",
        asset=frames,
        additional_deps=after,
        description="Tests that no video failed or lost frames because of damage. Otherwise nobody would notice these "
        "frames are missing.",
    )
    extracted = dg.AssetCheckSpec(
        "frames_are_extracted",
        asset=frames,
        additional_deps=after,
        description="Tests that the frames of every complete video are extracted. Otherwise training would use only a "
        "part of them.",
    )

    # One function for two checks: both need the state of every video, and there are tens of thousands.
    @dg.multi_asset_check(name=f"frame_states_{source.name}", specs=[complete, extracted])
    @fails_clearly
    def frame_states_of_videos(
        context: dg.AssetCheckExecutionContext, workspace: Workspace
    ) -> Iterator[dg.AssetCheckResult]:
        keys = known_keys(context.instance, video_partitions(source))
        place = workspace.source(source)
        states = frame_states(place.extraction_jobs(keys), place.output.frame_states_file)
        yield _of(complete, _complete(states))
        yield _of(extracted, _extracted(states))

    return frame_states_of_videos


def _of(spec: dg.AssetCheckSpec, result: dg.AssetCheckResult) -> dg.AssetCheckResult:
    return result._replace(asset_key=spec.asset_key, check_name=spec.name)


def _complete(states: pl.DataFrame) -> dg.AssetCheckResult:
    if states.is_empty():
        return nothing_yet("registered videos")
    bad = states.filter(pl.col("state").is_in(["damaged", "failed", "failed for good"]))
    fix = (
        "Download videos that were cut short or have holes again: intact frames are kept. The nightly backfill tries "
        "videos again unless they failed for good. Leave out videos that a new download does not repair."
    )
    result = offenders(
        bad,
        severity=ERROR,
        what=("video gave no frames or too few", "videos gave no frames or too few"),
        fix=fix,
        checked=states.height,
    )
    counts = {str(state): count for state, count in states.group_by("state").len().sort("state").iter_rows()}
    chart = charts.png_markdown(charts.progress_chart(counts, title="Frames of registered videos"), "videos by state")
    more = {"videos_by_state": dg.MetadataValue.json(counts), "chart": dg.MetadataValue.md(chart)}
    return result._replace(metadata={**result.metadata, **more})


def _extracted(states: pl.DataFrame) -> dg.AssetCheckResult:
    if states.is_empty():
        return nothing_yet("registered videos", severity=WARN)
    waiting = states.filter(pl.col("state") == "outstanding")
    fix = "Switch the nightly backfill on, or materialize these partitions."
    return offenders(
        waiting,
        severity=WARN,
        what=("video is not extracted yet", "videos are not extracted yet"),
        fix=fix,
        checked=states.height,
    )


def _files_check(source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(source, "frames"),
        additional_deps=[asset_key(source, "frame_catalog")],
        description="Tests on a sample that the JPEGs exist and are unchanged, as the manifests say. All later steps "
        "trust the manifests.",
    )
    @fails_clearly
    def frame_files_match_manifests(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        catalog = table_on_disk(place, "frame_catalog")
        if catalog is None:
            return nothing_yet("frame catalog rows")
        seed = seed_of_today()
        sample = catalog.sample(min(FILES_SAMPLED, catalog.height), seed=seed)
        found = frame_files_at_fault(place.output.frames_dir, sample)
        fix = "Materialize the frames of these videos again."
        what = ("frame file is gone or changed", "frame files are gone or changed")
        result = offenders(found, severity=ERROR, what=what, fix=fix, checked=sample.height)
        told = {"files": dg.MetadataValue.int(catalog.height), "seed": dg.MetadataValue.int(seed)}
        return result._replace(metadata={**result.metadata, **told})

    return frame_files_match_manifests
