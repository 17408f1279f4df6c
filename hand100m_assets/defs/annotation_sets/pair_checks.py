"""Checks of coverage, pairs, grid and sheets."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import dagster as dg
import polars as pl

from hand100m_assets.defs.check_results import (
    ERROR,
    WARN,
    Offence,
    gathered,
    nothing_yet,
    offenders,
    partitions_on_disk,
)
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.imaging import jpeg_size_px
from hand100m_assets.render.grids import GRID_SIZE_PX
from hand100m_assets.sources import Source
from hand100m_assets.workspace import SourceWorkspace


def build_pair_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Check that annotated images are on disk, that hands have a positive, and that pairs have distances."""

    @dg.asset_check(
        asset=asset_key(source, "coverage"),
        description="Tests that the frame of every annotated image is on disk. Hands without a frame cannot be used "
        "for training.",
    )
    @fails_clearly
    def annotated_images_exist(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        tables, limit = partitions_on_disk(place, "coverage"), place.settings.max_missing_share
        shares = (1 - table["exists"].sum() / table.height for table in tables.values() if table.height)
        worst = max(shares, default=0.0)
        fix = f"The worst set lacks {worst:.1%}; more than {limit:.1%} is an error. See coverage for the reasons."
        missing = gathered(tables, ~pl.col("exists"), ["video_id", "frame_index", "reason"])
        severity = ERROR if worst > limit else WARN
        return _over_sets(
            tables, missing, severity, ("annotated image is not on disk", "annotated images are not on disk"), fix
        )

    @dg.asset_check(
        asset=asset_key(source, "pairs"),
        description="Tests that every hand has a positive in its set. Contrastive training needs one for each anchor.",
    )
    @fails_clearly
    def positives_are_resolved(workspace: Workspace) -> dg.AssetCheckResult:
        tables = partitions_on_disk(workspace.source(source), "pairs")
        found = gathered(tables, pl.col("reason").is_not_null(), ["row_index", "hand_id", "reason"])
        return _over_sets(
            tables, found, ERROR, ("hand has no positive", "hands have no positive"), "Drop these rows before training."
        )

    @dg.asset_check(
        asset=asset_key(source, "pairs"),
        description="Tests that every pair has both distances, as finite numbers. Training weights pairs by their "
        "distance.",
    )
    @fails_clearly
    def distances_are_finite(workspace: Workspace) -> dg.AssetCheckResult:
        tables = partitions_on_disk(workspace.source(source), "pairs")
        finite = pl.col("pose_distance").is_finite() & pl.col("distance").is_finite()
        unsound = pl.col("reason").is_null() & ~finite.fill_null(False)
        found = gathered(tables, unsound, ["row_index", "hand_id", "distance", "pose_distance"])
        fix = "Check keypoints and distance of these rows."
        return _over_sets(tables, found, ERROR, ("pair has no distance", "pairs have no distance"), fix)

    return [annotated_images_exist, positives_are_resolved, distances_are_finite]


def _over_sets(
    tables: Mapping[str, pl.DataFrame], found: pl.DataFrame, severity: dg.AssetCheckSeverity, what: Offence, fix: str
) -> dg.AssetCheckResult:
    if not tables:
        return nothing_yet("tables of any annotation set")
    checked = sum(table.height for table in tables.values())
    return offenders(found, severity=severity, what=what, fix=fix, checked=checked)


def build_grid_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Check that the cells show hands, and that both grids are complete files."""
    grid = asset_key(source, "grid")

    @dg.asset_check(
        asset=grid,
        description="Tests that every cell of the grid that should show a hand shows one. In an empty cell, nobody can "
        "compare annotation and pixels.",
    )
    @fails_clearly
    def grid_cells_are_filled(workspace: Workspace) -> dg.AssetCheckResult:
        return _cells_are_filled(workspace.source(source), "grid", ["cell"])

    @dg.asset_check(
        asset=asset_key(source, "sheets"),
        description="Tests that every cell of the sheets that should show a hand shows one. Sheets show the pairs that "
        "are most worth looking at.",
    )
    @fails_clearly
    def sheet_cells_are_filled(workspace: Workspace) -> dg.AssetCheckResult:
        return _cells_are_filled(workspace.source(source), "sheets", ["sheet", "cell"])

    @dg.asset_check(
        asset=grid,
        description="Tests that both grids are complete JPEGs of 10 x 10 cells of 224 px, as in the original project.",
    )
    @fails_clearly
    def grids_have_full_size(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        sets = partitions_on_disk(place, "grid")
        if not sets:
            return nothing_yet("grids")
        files = [place.output.grid_file(key, labelled=labelled) for key in sets for labelled in (False, True)]
        found = pl.DataFrame(list(_wrong_sizes(files)), schema={"file": pl.String, "size_px": pl.String}, orient="row")
        return offenders(
            found,
            severity=ERROR,
            what=("grid is gone or cut short", "grids are gone or cut short"),
            fix="Draw them again.",
            checked=len(files),
        )

    return [grid_cells_are_filled, grids_have_full_size, sheet_cells_are_filled]


def _cells_are_filled(place: SourceWorkspace, asset: str, named_by: list[str]) -> dg.AssetCheckResult:
    tables, limit = partitions_on_disk(place, asset), place.settings.max_missing_share
    if not tables:
        return nothing_yet(f"{asset.removesuffix('s')}s")
    empty = pl.col("reason").is_not_null()
    # Of the cells that should show a hand: a small set fills few places of its grid.
    shares = (table.filter(empty).height / table.height for table in tables.values() if table.height)
    worst = max(shares, default=0.0)
    found = gathered(tables, empty, [*named_by, "hand_id", "video_id", "frame_index", "reason"])
    severity = ERROR if worst > limit else WARN
    fix = f"The worst set lacks {worst:.0%}; more than {limit:.0%} is an error."
    checked = sum(table.height for table in tables.values())
    return offenders(found, severity=severity, what=("cell is empty", "cells are empty"), fix=fix, checked=checked)


def _wrong_sizes(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        size = jpeg_size_px(file)
        if size is None:
            yield str(file), "cut short or no JPEG" if file.exists() else "absent"
        elif size != (GRID_SIZE_PX, GRID_SIZE_PX):
            yield str(file), f"{size[0]} x {size[1]}"
