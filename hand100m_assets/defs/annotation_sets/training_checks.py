"""Checks of the training sets, for faults that a training job would otherwise find only after hours."""

from collections.abc import Callable

import dagster as dg
import polars as pl

from hand100m_assets.dataset import HandPairs
from hand100m_assets.dataset.building import (
    NO_SAMPLE,
    Fault,
    PixelAudit,
    audit_pixels,
    count_faults,
    faults_table,
    images_again,
    keypoint_faults,
    left_out_hands,
    left_out_share,
    pair_faults,
    shard_faults,
)
from hand100m_assets.defs.check_results import ERROR, WARN, Offence, nothing_yet, offenders
from hand100m_assets.defs.failures import fails_clearly
from hand100m_assets.defs.keys import asset_key
from hand100m_assets.defs.resources import Workspace
from hand100m_assets.sources import Source
from hand100m_assets.workspace import SourceWorkspace, seed_of_today

FaultsOf = Callable[[SourceWorkspace, HandPairs], list[Fault]]
_AGAIN = "Delete the folder of the training set and materialize it again."


def build_training_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Check bytes and pictures, keypoints, pairs, counts, hands that are left out, and pixels."""
    return [
        _check(
            source,
            name="training_shards_are_whole",
            why="Tests the digests of all files, and that every picture decodes. A damaged shard would end a training "
            "run in the middle of an epoch.",
            faults_of=lambda place, pairs: shard_faults(pairs, place.settings.worker_count),
            what=("file or picture is damaged", "files or pictures are damaged"),
            fix="Delete the files that are named here, and materialize training_set again.",
        ),
        _check(
            source,
            name="training_keypoints_are_inside",
            why="Tests that no keypoint is outside its crop by more than one side of the crop. Otherwise the keypoints "
            "belong to another box or use another unit.",
            faults_of=lambda _, pairs: keypoint_faults(pairs),
            what=("sample has keypoints far outside its crop", "samples have keypoints far outside their crop"),
            fix="Correct or drop these hands in the annotation file.",
        ),
        _check(
            source,
            name="training_positives_are_in_range",
            why="Tests that the pair index of every sample leads to its positive. A wrong index would pull hands "
            "together that are not similar.",
            faults_of=lambda _, pairs: pair_faults(pairs),
            what=("sample does not lead to its positive", "samples do not lead to their positive"),
            fix=_AGAIN,
        ),
        _counts_check(source),
        _left_out_check(source),
        _pixel_check(source),
    ]


def _check(
    source: Source, *, name: str, why: str, faults_of: FaultsOf, what: Offence, fix: str
) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset_key(source, "training_set"), name=name, description=why)
    @fails_clearly
    def check(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        sets = _open_all(place)
        if not sets:
            return nothing_yet("training sets")
        found = pl.concat([faults_table(pairs.set_key, faults_of(place, pairs)) for pairs in sets])
        return offenders(found, severity=ERROR, what=what, fix=fix, checked=sum(map(len, sets)))

    return check


def _counts_check(source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(source, "training_set"),
        description="Tests that every hand of the set is either a sample or left out with a reason. Otherwise hands "
        "were lost.",
    )
    @fails_clearly
    def training_counts_add_up(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        sets = _open_all(place)
        if not sets:
            return nothing_yet("training sets")
        faults = {pairs.set_key: count_faults(pairs, place.annotation_tables(pairs.set_key)) for pairs in sets}
        found = pl.concat([faults_table(key, of_set) for key, of_set in faults.items()])
        lost, checked = found.filter(pl.col("what") != NO_SAMPLE), sum(map(len, sets))
        if lost.height or found.is_empty():
            what, fix = (
                ("count differs from the annotation set's", "counts differ from the annotation set's"),
                "Materialize training_set again.",
            )
            return offenders(lost, severity=ERROR, what=what, fix=fix, checked=checked)
        what = ("set has no sample at all", "sets have no sample at all")
        empty = {pairs.set_key: _reasons(pairs) for pairs in sets if not len(pairs)}
        why = "; ".join(f"{key}: {reasons or 'it has no hand'}" for key, reasons in empty.items())
        return offenders(found, severity=ERROR, what=what, fix=f"All hands are left out ({why}).", checked=checked)

    return training_counts_add_up


def _reasons(pairs: HandPairs) -> str:
    return ", ".join(f"{reason}: {count:,}" for reason, count in pairs.index.left_out.items())


def _left_out_check(source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(source, "training_set"),
        description="Tests that every hand of the set is a sample. A hand is also left out if its positive is left "
        "out, so a few missing crops may empty a whole set.",
    )
    @fails_clearly
    def training_hands_are_samples(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        sets, limit = _open_all(place), place.settings.max_missing_share
        if not sets:
            return nothing_yet("training sets")
        worst = max(sets, key=left_out_share)
        share = left_out_share(worst)
        why = _reasons(worst)
        return offenders(
            pl.concat([left_out_hands(pairs) for pairs in sets]),
            severity=ERROR if share > limit else WARN,
            what=("hand is no sample", "hands are no samples"),
            fix=f"{worst.set_key} lacks {share:.1%} ({why}); more than {limit:.1%} is an error.",
            checked=sum(pairs.index.hands for pairs in sets),
        )

    return training_hands_are_samples


def _pixel_check(source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(source, "training_set"),
        description="Tests on a sample that the stored crops are those of the current frames. A crop of another or an "
        "older frame would not fit its annotation.",
    )
    @fails_clearly
    def training_pixels_are_those_of_the_frames(workspace: Workspace) -> dg.AssetCheckResult:
        place = workspace.source(source)
        sets = _open_all(place)
        if not sets:
            return nothing_yet("training sets")
        audits = {pairs.set_key: _audit(place, pairs) for pairs in sets}
        found = pl.concat([faults_table(key, audit.faults) for key, audit in audits.items()])
        compared = sum(audit.compared for audit in audits.values())
        if not compared and any(map(len, sets)):
            skipped = {key: audit.skipped for key, audit in audits.items()}
            return dg.AssetCheckResult(
                passed=False, severity=WARN, description="No crop could be compared.", metadata={"skipped": skipped}
            )
        return offenders(
            found,
            severity=ERROR,
            what=("crop is not of its frame", "crops are not of their frame"),
            fix=_AGAIN,
            checked=compared,
        )

    return training_pixels_are_those_of_the_frames


def _audit(place: SourceWorkspace, pairs: HandPairs) -> PixelAudit:
    image_of = images_again(place.training_set_job(pairs.set_key))
    return audit_pixels(pairs, count=place.settings.training_set_audit, seed=seed_of_today(), image_of=image_of)


def _open_all(place: SourceWorkspace) -> list[HandPairs]:
    return [HandPairs(place.output.base_dir, key, tensors=False) for key in place.training_sets()]
