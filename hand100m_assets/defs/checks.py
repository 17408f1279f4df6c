"""Asset checks: errors where training would go wrong, warnings where the user should know.

Unpartitioned, over everything that is on disk; each built from the table or the rule that does the work.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from hand100m_assets.annotations.rules import RULES, Rule, RuleResult, RuleTables, apply_rules
from hand100m_assets.defs.partitions import known_keys, video_partitions
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.layout import Source
from hand100m_assets.render.grid import GRID_SIZE_PX, jpeg_size_px
from hand100m_assets.video.catalog import frame_files_at_fault
from hand100m_assets.video.completeness import frame_states
from hand100m_assets.workspace import SourceWorkspace

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
FILES_SAMPLED = 200


def build_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Every check of one source."""
    return [
        *_video_checks(source),
        *_frame_checks(source),
        _annotation_rules(source),
        *_set_checks(source),
        *_grid_checks(source),
    ]


def offenders(
    found: pl.DataFrame, *, severity: dg.AssetCheckSeverity, what: str, fix: str, checked: int
) -> dg.AssetCheckResult:
    """A result that passes when nothing offends, and otherwise shows how many and the first five rows."""
    passed = found.is_empty()
    return dg.AssetCheckResult(
        passed=passed,
        severity=severity,
        description=f"{checked} checked, none at fault." if passed else f"{found.height} {what}. {fix}",
        metadata={
            "checked": checked,
            "at_fault": found.height,
            "examples": dg.MetadataValue.md(_markdown_rows(found.head(5))),
        },
    )


def _nothing_yet(what: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=ERROR, description=f"{what} has not been materialized yet.")


def _markdown_rows(rows: pl.DataFrame) -> str:
    if rows.is_empty():
        return "none"
    head = ["| " + " | ".join(rows.columns) + " |", "|" + "---|" * rows.width]
    return "\n".join([*head, *("| " + " | ".join(_cell(v) for v in row) + " |" for row in rows.iter_rows())])


def _cell(value: object) -> str:
    return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")[:200]


def _table(place: SourceWorkspace, asset: str) -> pl.DataFrame | None:
    path = place.output.table_file(asset)
    return pl.read_parquet(path) if path.exists() else None


def _video_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    videos = dg.AssetKey([source.name, "videos"])

    @dg.asset_check(asset=[source.name, "video_list"], description="Without the list, nobody knows what is missing.")
    def list_is_here(workspace: Workspace) -> dg.AssetCheckResult:
        list_file = workspace.source(source).folders.list_file
        return dg.AssetCheckResult(
            passed=list_file.exists(), severity=WARN, description=f"{list_file}", metadata={"list": str(list_file)}
        )

    def inventory_check(
        *, name: str, why: str, state: pl.Expr, severity: dg.AssetCheckSeverity, what: str, fix: str
    ) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=videos, name=name, description=why, additional_deps=[[source.name, "inventory"]])
        def check(workspace: Workspace) -> dg.AssetCheckResult:
            inventory = _table(workspace.source(source), "inventory")
            if inventory is None:
                return _nothing_yet("The inventory")
            columns = ["video_id", "state", "reason", "drift"]
            found = inventory.filter(state).select(columns)
            return offenders(found, severity=severity, what=what, fix=fix, checked=inventory.height)

        return check

    report = "See missing_videos.txt."
    return [
        list_is_here,
        inventory_check(
            name="downloads_are_whole",
            why="A file cut short or not a video gives no frames.",
            state=pl.col("state") == "unreadable",
            severity=ERROR,
            what="files are not whole videos",
            fix=f"Download them again. {report}",
        ),
        inventory_check(
            name="listed_videos_are_here",
            why="Hands of a missing video drop out of training.",
            state=pl.col("state").is_in(["missing", "in_progress"]),
            severity=WARN,
            what="listed videos are not here",
            fix=f"Download them or ask the dataset's author. {report}",
        ),
        inventory_check(
            name="videos_match_the_list",
            why="Another resolution, rate or length than the annotated one: labels would sit on the wrong pixels.",
            state=pl.col("drift_severity").eq_missing("error"),
            severity=ERROR,
            what="videos differ from the list",
            fix="Replace them by the version that was annotated.",
        ),
    ]


def _frame_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    frames = dg.AssetKey([source.name, "frames"])
    after = [[source.name, "frame_catalog"]]

    @dg.asset_check(asset=frames, additional_deps=after, description="Frames lost to damage would be lost silently.")
    def frames_are_complete(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> dg.AssetCheckResult:
        keys = known_keys(context.instance, video_partitions(source))
        states = frame_states(workspace.source(source).extraction_jobs(keys))
        bad = states.filter(pl.col("state").is_in(["damaged", "failed", "failed for good"]))
        if states.is_empty():
            return _nothing_yet("No video is registered; frames")
        fix = "Download these videos again; their good frames are kept."
        result = offenders(bad, severity=ERROR, what="videos gave no or too few frames", fix=fix, checked=len(keys))
        counts = {str(state): count for state, count in states.group_by("state").len().iter_rows()}
        return result._replace(metadata={**result.metadata, "videos_by_state": dg.MetadataValue.json(counts)})

    @dg.asset_check(asset=frames, additional_deps=after, description="Training must not starve on half the frames.")
    def frames_are_extracted(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> dg.AssetCheckResult:
        keys = known_keys(context.instance, video_partitions(source))
        states = frame_states(workspace.source(source).extraction_jobs(keys))
        waiting = states.filter(pl.col("state") == "outstanding")
        fix = "Switch the nightly backfill on, or materialize these partitions."
        return offenders(waiting, severity=WARN, what="videos are not extracted yet", fix=fix, checked=len(keys))

    @dg.asset_check(asset=frames, additional_deps=after, description="A manifest that lies is worse than none.")
    def frame_files_match_manifests(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        catalog = _table(place, "frame_catalog")
        if catalog is None:
            return _nothing_yet("The frame catalog")
        sample = catalog.sample(min(FILES_SAMPLED, catalog.height), seed=0)
        found = frame_files_at_fault(place.output.frames_dir, sample)
        fix = "Materialize these videos' frames again."
        return offenders(found, severity=ERROR, what="frame files are gone or changed", fix=fix, checked=sample.height)

    return [frames_are_complete, frames_are_extracted, frame_files_match_manifests]


def _annotation_rules(source: Source) -> dg.AssetChecksDefinition:
    annotations = dg.AssetKey([source.name, "annotations"])

    @dg.multi_asset_check(
        name=f"annotation_rules_{source.name}",
        specs=[dg.AssetCheckSpec(rule.name, asset=annotations, description=rule.why) for rule in RULES],
    )
    def annotation_rules(workspace: Workspace) -> Iterator[dg.AssetCheckResult]:
        place = workspace.source(source)
        folders = place.annotation_dirs()
        by_set = {folder.name: apply_rules(_rule_tables(place, folder)) for folder in folders}
        for position, rule in enumerate(RULES):
            yield _rule_result(annotations, rule, {key: results[position] for key, results in by_set.items()})

    return annotation_rules


def _rule_tables(place: SourceWorkspace, folder: Path) -> RuleTables:
    return RuleTables.read(
        folder,
        inventory=_table(place, "inventory"),
        expected_totals=place.settings.expected_totals.get(f"{place.source.name}/{folder.name}"),
        stride=place.settings.frame_stride,
    )


def _rule_result(asset: dg.AssetKey, rule: Rule, by_set: Mapping[str, RuleResult]) -> dg.AssetCheckResult:
    count = sum(result.count for result in by_set.values())
    metadata: dict[str, Any] = {f"{key}: at fault": result.count for key, result in by_set.items()}
    for key, result in by_set.items():
        if result.count:
            metadata[f"{key}: examples"] = dg.MetadataValue.md(_markdown_rows(result.examples))
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=rule.name,
        passed=count == 0 and bool(by_set),
        severity=ERROR if rule.severity == "error" else WARN,
        description=f"{count} at fault in {len(by_set)} sets." if by_set else "No annotation set has tables yet.",
        metadata=metadata,
    )


def _partitions_on_disk(place: SourceWorkspace, asset: str) -> dict[str, pl.DataFrame]:
    folder = place.output.base_dir / asset
    return {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("[!.]*.parquet"))}


def _set_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(asset=[source.name, "coverage"], description="A label without its picture cannot be trained on.")
    def annotated_images_exist(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        tables = _partitions_on_disk(place, "coverage")
        limit = place.settings.max_missing_share
        worst = max(
            (1 - table["exists"].sum() / table.height for table in tables.values() if table.height), default=0.0
        )
        severity = ERROR if worst > limit else WARN
        fix = f"The worst set lacks {worst:.1%}; more than {limit:.1%} is an error. See coverage for the reasons."
        missing = _gathered(tables, ~pl.col("exists"), ["video_id", "frame_index", "reason"])
        return _set_result(tables, missing, severity, "annotated images are not on disk", fix)

    @dg.asset_check(asset=[source.name, "pairs"], description="An anchor without its positive cannot be contrasted.")
    def positives_are_resolved(workspace: Workspace) -> dg.AssetCheckResult:
        tables = _partitions_on_disk(workspace.source(source), "pairs")
        found = _gathered(tables, pl.col("reason").is_not_null(), ["row_index", "hand_id", "reason"])
        return _set_result(tables, found, ERROR, "hands have no positive", "Drop these rows before training.")

    @dg.asset_check(asset=[source.name, "pairs"], description="A far positive teaches that unlike hands are alike.")
    def distances_are_finite(workspace: Workspace) -> dg.AssetCheckResult:
        tables = _partitions_on_disk(workspace.source(source), "pairs")
        resolved = pl.col("reason").is_null()
        unsound = resolved & ~(pl.col("pose_distance").is_finite() & pl.col("distance").is_finite()).fill_null(False)
        found = _gathered(tables, unsound, ["row_index", "hand_id", "distance", "pose_distance"])
        return _set_result(
            tables, found, ERROR, "pairs have no distance", "Check keypoints and distance of these rows."
        )

    return [annotated_images_exist, positives_are_resolved, distances_are_finite]


def _gathered(tables: Mapping[str, pl.DataFrame], where: pl.Expr, columns: Sequence[str]) -> pl.DataFrame:
    parts = [table.filter(where).select(pl.lit(key).alias("annotation_set"), *columns) for key, table in tables.items()]
    return pl.concat(parts) if parts else pl.DataFrame()


def _set_result(
    tables: Mapping[str, pl.DataFrame], found: pl.DataFrame, severity: dg.AssetCheckSeverity, what: str, fix: str
) -> dg.AssetCheckResult:
    if not tables:
        return _nothing_yet("No annotation set")
    checked = sum(table.height for table in tables.values())
    return offenders(found, severity=severity, what=what, fix=fix, checked=checked)


def _grid_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    grid = dg.AssetKey([source.name, "grid"])

    @dg.asset_check(asset=grid, description="Empty cells mean that labels and pixels could not be compared there.")
    def grid_cells_are_filled(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        tables = _partitions_on_disk(place, "grid")
        limit = place.settings.max_missing_share
        worst = max((table.height / 100 for table in tables.values()), default=0.0)
        found = _gathered(tables, pl.lit(True), ["cell", "hand_id", "video_id", "frame_index", "reason"])
        if not tables:
            return _nothing_yet("No grid")
        severity = ERROR if worst > limit else WARN
        fix = f"The worst grid lacks {worst:.0%}; more than {limit:.0%} is an error."
        return offenders(found, severity=severity, what="cells are empty", fix=fix, checked=100 * len(tables))

    @dg.asset_check(asset=grid, description="The picture must be the one the original makes: 10 x 10 cells of 224 px.")
    def grids_have_full_size(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        files = [
            place.output.grid_file(key, labelled=labelled)
            for key in _partitions_on_disk(place, "grid")
            for labelled in (False, True)
        ]
        if not files:
            return _nothing_yet("No grid")
        found = pl.DataFrame(list(_wrong_sizes(files)), schema=["file", "size_px"], orient="row")
        return offenders(
            found, severity=ERROR, what="grids are gone or cut", fix="Draw them again.", checked=len(files)
        )

    return [grid_cells_are_filled, grids_have_full_size]


def _wrong_sizes(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        size = jpeg_size_px(file) if file.exists() else None
        if size != (GRID_SIZE_PX, GRID_SIZE_PX):
            yield str(file), "absent" if size is None else f"{size[0]} x {size[1]}"
