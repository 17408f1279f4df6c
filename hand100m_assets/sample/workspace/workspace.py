"""Makes a folder like Hand100M from a seed: videos, lists, annotation files, settings, and a list of true facts."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hand100m_assets.amounts import counted
from hand100m_assets.errors import PermanentError, RetryableError
from hand100m_assets.files import output_errors
from hand100m_assets.sample.scenes import SampleScale, VideoPlan, cast_videos, film_all
from hand100m_assets.sample.workspace.annotation_files import AnnotationFile, annotation_files
from hand100m_assets.sample.workspace.lists import list_text
from hand100m_assets.sample.workspace.report import REPORT_FILE, SAMPLE_VERSION, SampleReport, SourceTruth, VideoTruth
from hand100m_assets.sources import EGO4D, SOURCES, Source

__all__ = ["SampleReport", "SampleScale", "make_sample"]

FULL_SCALE: Final = SampleScale()

_DATA_DIR: Final = "data"
_MARKER_FILE: Final = ".hand100m_sample"
"""File in a folder that is being made; its content may be removed."""

Progress = Callable[[str], None]


def make_sample(
    folder: Path,
    *,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
    scale: SampleScale = FULL_SCALE,
) -> SampleReport:
    """Make a miniature Hand100M: videos, lists, annotation files, settings, and a list of the planted faults.

    The same seed gives the same bytes of videos, lists and annotations, with any number of workers. Everything is made
    in `<folder>.in_progress`, which is renamed to the folder when it is finished.

    Args:
        folder: A folder that is absent, empty, or a finished sample of the same seed and scale, which stays unchanged.
        seed: Seed for all choices; 0 or more.
        workers: Number of worker processes; one per core when None.
        progress: Called with one line of text per step.
        scale: How large the sample is.

    Returns:
        The truth about the sample: its videos and its planted faults, per source.

    Raises:
        PermanentError: The folder contains something else; name another one.
        OutputUnwritableError: The disk is full, read-only or not permitted; free space or correct the permissions.
        RetryableError: Another process is making this sample, or a worker process was killed; run again later.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.sample import make_sample
        >>> from hand100m_assets.sample.scenes import SampleScale
        >>> small = SampleScale(videos_per_source=2, shortest_s=0.4, longest_s=0.5)
        >>> report = make_sample(Path("sample"), workers=1, scale=small)
        >>> sorted(report.sources)
        ['100doh', 'ego4d']
    """
    folder = folder.resolve()
    if seed < 0:
        raise PermanentError(f"the seed is {seed}", where=folder, fix="Give a seed of 0 or more.")
    with output_errors(folder):
        finished = _finished_sample(folder, seed, scale)
    if finished is not None:
        return finished
    tell = progress or (lambda _line: None)
    plans = {source.name: cast_videos(source, seed, scale) for source in SOURCES}
    with output_errors(folder), _work_folder(folder) as work:
        sizes_bytes = _film(work, [p for every in plans.values() for p in every], workers or _core_count(), tell)
        tell("writing lists and annotation files")
        files = {source.name: annotation_files(source, plans[source.name], seed) for source in SOURCES}
        for source in SOURCES:
            _write_tables(
                work / _DATA_DIR,
                source,
                plans=plans[source.name],
                sizes_bytes=sizes_bytes,
                files=files[source.name],
                seed=seed,
            )
        truths = {name: _source_truth(plans[name], sizes_bytes, files[name]) for name in plans}
        report = SampleReport(SAMPLE_VERSION, seed, scale, truths)
        (work / ".env").write_text(_env_text(folder, report), encoding="utf-8")
        (work / REPORT_FILE).write_text(report.to_json(), encoding="utf-8")
    return report


def _finished_sample(folder: Path, seed: int, scale: SampleScale) -> SampleReport | None:
    """The facts about an existing sample; None if there is none."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    try:
        report = SampleReport.from_json((folder / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PermanentError(
            f"not empty, and not a finished sample of this version ({error})",
            where=folder,
            fix="Name a new or empty folder.",
        ) from error
    if (report.seed, report.scale) != (seed, scale):
        raise PermanentError(
            f"holds a sample of seed {report.seed} with {report.scale.in_words()}",
            where=folder,
            fix=f"Name another folder for seed {seed}, or remove this one first.",
        )
    return report


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the target. It is renamed at the end, or removed after an error."""
    work = folder.with_name(f"{folder.name}.in_progress")
    if work.exists() and not (work / _MARKER_FILE).exists():
        raise PermanentError(
            "stands where the sample would be made, and was not left by a sample that was interrupted",
            where=work,
            fix="Move it away, or name another folder.",
        )
    work.mkdir(parents=True, exist_ok=True)
    with _held(work / _MARKER_FILE):
        for left in work.iterdir():
            if left.name != _MARKER_FILE:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield work
            (work / _MARKER_FILE).unlink()
            work.replace(folder)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise


@contextmanager
def _held(marker: Path) -> Iterator[None]:
    """Lock the marker file, unless another process has it. The kernel releases the lock when the process ends."""
    with marker.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RetryableError(
                "another process is making this sample", where=marker.parent, fix="Wait for it, then run again."
            ) from error
        yield


def _core_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _film(work: Path, plans: Sequence[VideoPlan], workers: int, tell: Progress) -> dict[str, int]:
    """Sizes in bytes by video id of what was filmed."""
    count = sum(plan.fate != "missing" for plan in plans)
    sizes_bytes: dict[str, int] = {}
    for number, (plan, filmed) in enumerate(film_all(plans, work / _DATA_DIR, workers), start=1):
        sizes_bytes[plan.video_id] = filmed.size_bytes
        tell(f"video {number} of {count}: {plan.source.title} {plan.video_id}, {counted(plan.frame_count, 'frame')}")
    return sizes_bytes


def _write_tables(
    data: Path,
    source: Source,
    *,
    plans: Sequence[VideoPlan],
    sizes_bytes: Mapping[str, int],
    files: Sequence[AnnotationFile],
    seed: int,
) -> None:
    listed = {plan.video_id: sizes_bytes.get(plan.video_id) for plan in plans}
    known = [plan for plan in plans if listed[plan.video_id] is not None]
    per_frame = sum(listed[plan.video_id] or 0 for plan in known) / sum(plan.frame_count for plan in known)
    # Nobody filmed the missing video: it is listed with the size it would about have.
    whole = {plan.video_id: listed[plan.video_id] or round(per_frame * plan.frame_count) for plan in plans}
    (data / source.list_file).write_text(list_text(source, plans, whole, seed), encoding="utf-8")
    folder = data / source.annotations_dir
    folder.mkdir(parents=True)
    for file in files:
        (folder / file.truth.file_name).write_text(file.text, encoding="utf-8")


def _source_truth(
    plans: Sequence[VideoPlan], sizes_bytes: Mapping[str, int], files: Sequence[AnnotationFile]
) -> SourceTruth:
    def ids(fate: str) -> tuple[str, ...]:
        return tuple(plan.video_id for plan in plans if plan.fate == fate)

    healthy = {
        plan.video_id: VideoTruth(
            frame_count=plan.frame_count,
            fps=f"{plan.fps.numerator}/{plan.fps.denominator}",
            width_px=plan.width_px,
            height_px=plan.height_px,
            size_bytes=sizes_bytes[plan.video_id],
            encoding=plan.encoding.name,
        )
        for plan in plans
        if plan.fate == "healthy"
    }
    truths = {file.set_key: file.truth for file in files}
    return SourceTruth(healthy, ids("missing"), ids("truncated"), ids("downloading"), truths)


def _env_text(folder: Path, report: SampleReport) -> str:
    """Settings that point the project at the sample."""
    truth = report.sources[EGO4D.name].annotation_files["simhand-50k"]
    totals = json.dumps({f"{EGO4D.name}/simhand-50k": [truth.images, truth.annotations]})
    return (
        "# Points the project at this sample; see .env.example for every setting.\n"
        f"HAND100M_DATA_ROOT={_quoted(folder / _DATA_DIR)}\n"
        f"HAND100M_OUTPUT_ROOT={_quoted(folder / 'output')}\n"
        f"HAND100M_EXPECTED_TOTALS={totals}\n"
    )


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
