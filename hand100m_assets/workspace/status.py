"""How far each source is, and which problems there are: the facts for `hand100m status` and `hand100m doctor`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl

from hand100m_assets.amounts import counted, sized
from hand100m_assets.errors import FolderUnreadableError, Hand100mError
from hand100m_assets.files import NO_FILE
from hand100m_assets.video.frames import MADE_BY_OLDER_RULES, ExtractionJob, frame_states
from hand100m_assets.workspace.ownership import other_owner
from hand100m_assets.workspace.workspace import SourceWorkspace

JPEG_BYTES_PER_PIXEL: Final = 0.35
"""Expected size of a quality-95 JPEG of real video. Source: measured on 1440 x 1080 footage; busy scenes take more."""


MOST_NAMED: Final = 20
"""Limit for the files that cannot be used and are named."""


@dataclass(frozen=True, kw_only=True)
class SourceSurvey:
    """Counts of one source: videos by state of the download, frame folders by state of the extraction.

    An annotation set is outdated if it has tables, but from another file than the present one. Outstanding frames are
    outdated if an older version of this program made them.
    """

    source: str
    videos_listed: int | None
    videos_complete: int
    videos_missing: int
    videos_in_progress: int
    videos_unreadable: int
    videos_refused: int
    videos_forgotten: int
    videos_drifted: int
    frames_done: int
    frames_damaged: int
    frames_failed: int
    frames_outstanding: int
    frames_outdated: int
    annotation_files: int | None
    annotation_sets_ingested: int
    annotation_sets_outdated: int
    frames_expected_bytes: int
    frames_outstanding_bytes: int

    def to_row(self) -> dict[str, str | int | None]:
        """The counts as a flat mapping, for JSON and tables."""
        return asdict(self)


def survey(place: SourceWorkspace) -> SourceSurvey:
    """Count videos, frame folders and annotation sets of one source; nothing is decoded.

    Args:
        place: The source and the settings.

    Returns:
        Counts by state, and the disk space in bytes that frames need. `videos_listed` is None without a list file,
        `annotation_files` is None if their folder cannot be read.

    Raises:
        FolderUnreadableError: The video folder is missing, unmounted, emptied or not permitted; mount it.
        VideoListError: The list file is malformed; download it again.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.workspace import SourceWorkspace, survey
        >>> now = survey(SourceWorkspace(load_settings(), DOH))
        >>> now.videos_complete, now.annotation_sets_ingested
        (1, 1)
    """
    listed = place.downloads.video_list()
    return _survey_of(place, listed, place.downloads.inventory(listed))


def _survey_of(place: SourceWorkspace, listed: pl.DataFrame | None, inventory: pl.DataFrame) -> SourceSurvey:
    states = _counts(inventory, "state")
    on_disk = inventory.filter(pl.col("state").is_in(["complete", "unreadable"]))
    jobs = place.extraction_jobs(on_disk["video_id"].to_list())
    states_of_frames = frame_states(jobs, place.output.frame_states_file)
    frames = _counts(states_of_frames, "state")
    to_come = set(states_of_frames.filter(pl.col("state").is_in(["outstanding", "failed"]))["video_id"])
    return SourceSurvey(
        source=place.source.name,
        videos_listed=None if listed is None else listed.height,
        videos_complete=states.get("complete", 0),
        videos_missing=states.get("missing", 0),
        videos_in_progress=states.get("in_progress", 0),
        videos_unreadable=states.get("unreadable", 0),
        videos_refused=states.get("refused", 0),
        videos_forgotten=states.get("forgotten", 0),
        videos_drifted=inventory.filter(pl.col("drift_severity") == "error").height,
        frames_done=frames.get("done", 0),
        frames_damaged=frames.get("damaged", 0),
        frames_failed=frames.get("failed", 0) + frames.get("failed for good", 0),
        frames_outstanding=frames.get("outstanding", 0),
        frames_outdated=states_of_frames.filter(pl.col("reason") == MADE_BY_OLDER_RULES).height,
        annotation_files=_annotation_file_count(place),
        annotation_sets_ingested=len(place.annotation_dirs()),
        annotation_sets_outdated=len(_outdated_sets(place)),
        frames_expected_bytes=_expected_bytes(jobs, inventory),
        frames_outstanding_bytes=_expected_bytes([job for job in jobs if job.video_id in to_come], inventory),
    )


def _expected_bytes(jobs: Sequence[ExtractionJob], inventory: pl.DataFrame) -> int:
    """Disk space that the chosen frames of all complete videos would take, estimated from the headers."""
    selections = {job.video_id: job.selection for job in jobs}
    pixels = 0
    whole = inventory.filter((pl.col("state") == "complete") & pl.col("video_id").is_in(list(selections)))
    for row in whole.iter_rows(named=True):
        frames = len(selections[row["video_id"]].expected(row["frame_count_from_header"] or 0))
        pixels += frames * row["width_px"] * row["height_px"]
    return int(pixels * JPEG_BYTES_PER_PIXEL)


def _counts(table: pl.DataFrame, column: str) -> dict[str, int]:
    return {str(value): count for value, count in table.group_by(column).len().iter_rows()}


def _annotation_file_count(place: SourceWorkspace) -> int | None:
    try:
        return len(place.annotation_files().files)
    except FolderUnreadableError:
        return None  # `findings` names the folder


def _outdated_sets(place: SourceWorkspace) -> list[str]:
    """Sets that have tables, but from another file than the present one."""
    try:
        return sorted(key for key in place.outdated_sets() if place.ingested_stamp(key) != NO_FILE)
    except FolderUnreadableError:
        return []  # `findings` names the folder


@dataclass(frozen=True)
class Finding:
    """One fact that `doctor` reports."""

    severity: Literal["error", "warning", "fine"]
    source: str
    what: str
    fix: str


def findings(*places: SourceWorkspace) -> Iterator[Finding]:
    """Find everything worth knowing before a long run.

    Args:
        places: The sources, each with the settings.

    Yields:
        One finding per thing, with its severity (`error`, `warning` or `fine`), its source and what to do.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.workspace import SourceWorkspace, findings
        >>> for finding in findings(SourceWorkspace(load_settings(), DOH)):
        ...     print(finding.severity, finding.what)
        warning data/annotations/100DOH: ...
        fine data/100DOH/videos: ...
        ...
    """
    surveys: list[tuple[SourceWorkspace, SourceSurvey]] = []
    if places and (warning := other_owner(places[0].settings)):
        yield Finding("warning", "output", warning, "")
    for place in places:
        yield from _about_annotation_files(place)
        try:
            listed = place.downloads.video_list()
            inventory = place.downloads.inventory(listed)
            now = _survey_of(place, listed, inventory)
            refused = place.downloads.refused(inventory)
        except Hand100mError as error:
            yield _as_finding("error", place.source.name, error)
            continue
        surveys.append((place, now))
        yield from _about_videos(place, now, refused)
    yield from _about_output(surveys)


def _about_annotation_files(place: SourceWorkspace) -> Iterator[Finding]:
    name = place.source.name
    try:
        refused = place.annotation_files().refused
    except Hand100mError as error:
        yield _as_finding("warning", name, error)
        return
    for file, reason in refused.items():
        yield Finding("error", name, f"{place.folders.annotations_dir / file}: {reason}", "")
    for key in _outdated_sets(place):
        fix = (
            f"Materialize {name}/annotations of it, or switch {name}_new_annotation_files on; its run says what failed."
        )
        yield Finding("warning", name, f"{key}: its tables are not of the annotation file that is here", fix)


def _as_finding(severity: Literal["error", "warning"], source: str, error: Hand100mError) -> Finding:
    return Finding(severity, source, f"{error.where}: {error.what}", error.fix or "")


def _about_videos(place: SourceWorkspace, now: SourceSurvey, refused: Mapping[str, str]) -> Iterator[Finding]:
    name, folders = place.source.name, place.folders
    listed = "no list" if now.videos_listed is None else f"{now.videos_listed} listed"
    yield Finding("fine", name, f"{folders.videos_dir}: {counted(now.videos_complete, 'whole video')}, {listed}", "")
    if now.videos_listed is None:
        yield Finding("warning", name, f"{folders.list_file}: no such list", "Put it there, or set its path in .env.")
    yield from _about_troubles(place, now, refused)
    if now.frames_outdated:
        fix = f"Switch {name}_nightly_backfill on, or run catch_up: each folder is made again once."
        yield Finding("warning", name, f"frames of {counted(now.frames_outdated, 'video')}: {MADE_BY_OLDER_RULES}", fix)
    if now.videos_drifted:
        fix = "Replace them by the version that was annotated."
        yield Finding(
            "error", name, f"{counted(now.videos_drifted, 'video differs', 'videos differ')} from the list", fix
        )
    absent = now.videos_missing + now.videos_in_progress
    if absent:
        fix = "Let downloads finish; for the rest send missing_videos.txt to the dataset's author."
        yield Finding("warning", name, f"{counted(absent, 'listed video is', 'listed videos are')} not here yet", fix)


def _about_troubles(place: SourceWorkspace, now: SourceSurvey, refused: Mapping[str, str]) -> Iterator[Finding]:
    """Files that give no frames: named if they only have to be made readable or renamed, else counted."""
    name, videos_dir = place.source.name, place.folders.videos_dir
    for file, reason in list(refused.items())[:MOST_NAMED]:
        yield Finding("error", name, f"{videos_dir / file}: {reason}", "")
    if (more := len(refused) - MOST_NAMED) > 0:
        yield Finding(
            "error", name, f"{counted(more, 'more file')} in {videos_dir}: not taken", "Mend those named above first."
        )
    if not now.videos_complete and not refused:
        yield Finding("error", name, f"{videos_dir}: no whole video", "Download some, or correct the path.")
    if now.videos_unreadable:
        fix = "Download again what was cut; the inventory and missing_videos.txt say what each file is."
        yield Finding(
            "error",
            name,
            f"{counted(now.videos_unreadable, 'file is no whole video', 'files are no whole videos')}",
            fix,
        )


def _about_output(surveys: Sequence[tuple[SourceWorkspace, SourceSurvey]]) -> Iterator[Finding]:
    """Whether the outstanding frames fit on the disk, with those of every source that writes there too."""
    folders = {place.source.name: _nearest_folder(place.output.base_dir) for place, _ in surveys}
    disks = {name: folder.stat().st_dev for name, folder in folders.items()}
    for place, now in surveys:
        name, root = now.source, place.settings.output_root
        if not os.access(folders[name], os.W_OK):
            fix = "Correct HAND100M_OUTPUT_ROOT or its permissions."
            yield Finding("error", name, f"{folders[name]}: not writable", fix)
            continue
        sharing = [other for _, other in surveys if disks[other.source] == disks[name]]
        free, needed = shutil.disk_usage(folders[name]).free, sum(each.frames_outstanding_bytes for each in sharing)
        what = f"{root}: {sized(free)} free, about {sized(now.frames_outstanding_bytes)} needed for frames to come"
        if needed > now.frames_outstanding_bytes:
            what += f", {sized(needed)} with those of {', '.join(o.source for o in sharing if o is not now)}"
        fix = "Free some space, choose another disk, or HAND100M_FRAME_SELECTION=annotated."
        yield Finding("error", name, what, fix) if free < needed else Finding("fine", name, what, "")


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())
