"""The report: one HTML page about one annotation set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.amounts import counted, sized
from hand100m_assets.annotations import IngestSummary, read_summary
from hand100m_assets.annotations.rules import RuleResult, apply_rules
from hand100m_assets.files import file_in_place_of
from hand100m_assets.imaging import ImageBgr, jpeg_under
from hand100m_assets.pairs import summarise_agreement
from hand100m_assets.render import charts
from hand100m_assets.render import report as page
from hand100m_assets.render.grids import GRID_PAIRS, ordinal
from hand100m_assets.workspace.pictures import CHARTS, SHEETS, SetPictures
from hand100m_assets.workspace.workspace import SourceWorkspace

_PICTURE_MAX_BYTES: Final = 1_200_000
"""Limit per sheet inside the page; the full sheets are separate files."""

_EXAMPLES: Final = 10
_WORST_VIDEOS: Final = 10
_ON_DISK: Final = "on disk"
_RESOLVED: Final = "resolved"
_TONES: Final[dict[str, page.Tone]] = {
    **dict.fromkeys(charts.GOOD_STATES, "good"),
    **dict.fromkeys(charts.WAITING_STATES, "waiting"),
}


@dataclass(frozen=True)
class Report:
    """A finished page.

    Attributes:
        html: The document.
        pictures: Number of pictures in it.
        cells_empty: Cells of its grid and sheets that should show a hand and do not.
    """

    html: str
    pictures: int
    cells_empty: int


def write_report(place: SourceWorkspace, key: str, *, out: Path | None = None) -> tuple[Path, Report]:
    """Write the report of one finished set to its file below the output folder, or to `out`.

    Args:
        place: The source of the set, and the settings.
        key: Key of the set.
        out: File of the page; None for its usual place.

    Returns:
        The file, and the page with its counts of pictures and of cells that show nothing.

    Raises:
        AnnotationFileError: The set has no tables; materialize its annotations first.
        OutputUnwritableError: The output disk is full, read-only or not permitted; free space or correct the
            permissions.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.workspace import SourceWorkspace, write_report
        >>> file, report = write_report(SourceWorkspace(load_settings(), DOH), "simhand-50k")
        >>> file.as_posix(), report.pictures
        ('output/100doh/report/simhand-50k.html', 8)
    """
    file, report = out or place.output.report_file(key), make_report(place, key)
    with file_in_place_of(file) as opened:
        opened.write(report.html.encode())
    return file, report


def make_report(place: SourceWorkspace, key: str) -> Report:
    """Make the report of one finished set from its tables and frames; it says what has not been made yet.

    The same tables, frames and settings give the same bytes.

    Raises:
        AnnotationFileError: The set has no tables; materialize its annotations first.
    """
    return _Writer(SetPictures(place, key)).write()


class _Writer:
    """Collects the facts, then writes the page section by section."""

    def __init__(self, pictures: SetPictures) -> None:
        self.set, self.place = pictures, pictures.place
        self.summary: IngestSummary = read_summary(pictures.tables)
        self.picture_count = self.cells_empty = 0

    def write(self) -> Report:
        sections = [
            page.heading(f"{self.set.title}", self._origin()),
            *self._warnings(),
            page.figures(list(self._figures())),
            page.section("Rules", self._rules()),
            page.section("Rejected records", self._rejects()),
            page.section("Images on disk", self._coverage()),
            page.section("Pairs", self._pairs()),
            page.section("Pictures", self._sheets()),
            page.section("Charts", self._charts()),
            page.section("How it was made", self._made()),
        ]
        return Report(page.html_page(f"Hand100M: {self.set.title}", sections), self.picture_count, self.cells_empty)

    def _origin(self) -> str:
        changed = datetime.fromtimestamp(self.summary.source_mtime_ns / 1e9, tz=timezone.utc)
        size = sized(self.summary.source_size_bytes)
        return f"{self.summary.source_name}, {size}, changed {changed:%Y-%m-%d %H:%M:%S} UTC"

    def _warnings(self) -> Iterator[str]:
        if not self.summary.complete:
            yield page.paragraph(f"The annotation file was not read to its end: {self.summary.problem}", "wrong")

    @cached_property
    def coverage(self) -> pl.DataFrame | None:
        found = self.set.coverage
        return None if found is None else found.collect()

    @cached_property
    def rules(self) -> list[RuleResult]:
        return apply_rules(self.place.rule_tables(self.set.tables, self.set.key))

    def _figures(self) -> Iterator[tuple[str, str, page.Tone | None]]:
        videos = int(self.set.hands.select(pl.col("video_id").drop_nulls().n_unique()).collect().item())
        yield "hands", f"{self.summary.hands_kept:,}", None
        yield "images", f"{self.summary.images_kept:,}", None
        yield "videos", f"{videos:,}", None
        yield "records rejected", f"{self.summary.rejects:,}", "wrong" if self.summary.rejects else "good"
        broken = sum(1 for result in self.rules if result.count and result.rule.severity == "error")
        yield "rules broken", f"{broken} of {len(self.rules)}", "wrong" if broken else "good"
        resolved, total = self.set.pairs["reason"].null_count(), self.set.pairs.height
        yield "pairs resolved", _share(resolved, total), "good" if resolved == total else "wrong"
        if self.coverage is not None:
            exist, images = int(self.coverage["exists"].sum()), self.coverage.height
            yield "images on disk", _share(exist, images), "good" if exist == images else "wrong"

    def _rules(self) -> Iterator[str]:
        broken = [result for result in self.rules if result.count]
        if broken:
            rows = [(r.rule.severity, r.rule.name.replace("_", " "), r.count, r.rule.why) for r in broken]
            yield page.table(("severity", "broken rule", "at fault", "why it matters"), sorted(rows))
        kept = [result.rule.name.replace("_", " ") for result in self.rules if not (result.count or result.saw_nothing)]
        yield page.paragraph(f"Nothing at fault by {counted(len(kept), 'rule')}: {', '.join(kept)}.", "quiet")
        for result in self.rules:
            if result.gap:
                yield page.paragraph(f"{result.rule.name.replace('_', ' ')}: {result.gap}.", "quiet")

    def _rejects(self) -> Iterator[str]:
        rejects = pl.scan_parquet(self.set.tables / "rejects.parquet")
        kinds = ["section", "field", "reason", "severity"]
        counted = rejects.group_by(kinds).agg(records=pl.len()).sort("records", *kinds, descending=[True, *[False] * 4])
        found = counted.head(2 * _EXAMPLES).collect()
        if found.is_empty():
            yield page.paragraph("Every record kept the contract.")
            return
        yield page.table(found.columns, found.iter_rows())
        first = rejects.select("section", "record", "byte_offset", "field", "reason", "value").head(_EXAMPLES).collect()
        yield page.paragraph(f"The first {first.height}, in the order of the file:", "quiet")
        yield page.table(first.columns, first.iter_rows())

    def _coverage(self) -> Iterator[str]:
        if self.coverage is None:
            yield page.paragraph("Not known yet: coverage was not materialized.", "quiet")
            return
        yield page.bars(_counts(self.coverage, _ON_DISK), _TONES)
        missing = self.coverage.filter(~pl.col("exists")).group_by("video_id")
        videos = missing.agg(images_missing=pl.len(), reasons=pl.col("reason").unique().sort().str.join(", "))
        if videos.height:
            worst = videos.sort("images_missing", "video_id", descending=[True, False]).head(_WORST_VIDEOS)
            yield page.paragraph(f"Videos that lack most, {worst.height} of {videos.height}:", "quiet")
            yield page.table(worst.columns, worst.iter_rows())

    def _pairs(self) -> Iterator[str]:
        pairs = self.set.pairs
        yield page.bars(_counts(pairs, _RESOLVED), _TONES)
        resolved = pairs.filter(pl.col("reason").is_null())
        same = int(resolved["same_video"].sum())
        yield page.paragraph(f"Of one video: {same:,} of {counted(resolved.height, 'resolved pair')}.")
        rows = [(name, *_quantiles(resolved[column])) for name, column in _DISTANCES.items()]
        yield page.table(("distance", "smallest", "1 %", "median", "99 %", "largest"), rows)
        agreement = self.place.output.table_file("agreement", self.set.key)
        if agreement.exists():
            known = summarise_agreement(pl.read_parquet(agreement))
            yield page.paragraph(
                f"Of {counted(known.comparable, 'positive')} that can be ranked among the hands of other videos, "
                f"{_share(known.nearest, known.comparable)} are our nearest and "
                f"{_share(known.within_10, known.comparable)} are among our nearest ten."
            )

    def _sheets(self) -> Iterator[str]:
        choice = self.set.anchors(GRID_PAIRS)
        drawn = self.set.grid(choice)
        yield self._sheet(
            drawn.labelled, drawn.missing, "grid", f"Each anchor and its positive: {choice.how}. {_BADGES}"
        )
        for name in SHEETS:
            sheet = self.set.sheet(name)
            yield self._sheet(sheet.image_bgr, sheet.missing, name, _CAPTIONS[name])

    def _sheet(self, image_bgr: ImageBgr, missing: pl.DataFrame, name: str, caption: str) -> str:
        self.cells_empty += missing.height
        self.picture_count += 1
        if missing.height:
            counts = _counts(missing, "")
            caption += f" Empty: {', '.join(f'{count} ({reason})' for reason, count in counts.items())}."
        return page.picture(jpeg_under(image_bgr, _PICTURE_MAX_BYTES, _FULL_PX), "image/jpeg", name, caption)

    def _charts(self) -> Iterator[str]:
        poses = charts.keypoint_chart(
            self.set.hands, title="What the poses look like", joint_order=self.place.settings.joint_order
        )
        drawn = {name: self.set.chart(name) for name in CHARTS} | {"poses": poses}
        self.picture_count += len(drawn)
        yield page.side_by_side(page.picture(png, "image/png", name, _CAPTIONS[name]) for name, png in drawn.items())

    def _made(self) -> Iterator[str]:
        settings = self.place.settings
        rows = [
            ("frame selection", _selection(settings.frame_selection, settings.frame_stride)),
            ("order of keypoints", settings.joint_order),
            ("seed of the pairs shown", str(settings.grid_seed)),
            ("how poses are compared", settings.embedding.in_words()),
            ("made with", ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)),
        ]
        yield page.table(("", ""), rows)


_FULL_PX: Final = 2400
_LIBRARIES: Final = ("hand100m_assets", "opencv-python-headless", "polars", "numpy")
_BADGES: Final = (
    "Below a pair, 'stated' is the distance in the annotation file, in its own unit; 'pose' is the mean distance of "
    "joints, in crop sides."
)
_DISTANCES: Final = {"stated in the file (its own unit)": "distance", "between the poses (crop sides)": "pose_distance"}
_CAPTIONS: Final = {
    "ladder": "A hand and its nearest hands of other videos, as they were mined.",
    "best": "The pairs of different videos with the most similar poses.",
    "worst": "The pairs of different videos with the least similar poses.",
    "hands_per_video": "If a few videos have most of the hands, the set is less varied than its size suggests.",
    "distances": "Distances between a hand and its positive.",
    "pose_map": "Each hand is a dot; similar poses are near each other. A few hands are drawn at their dots.",
    "poses": "Mean and spread of each keypoint. Tangled fingers mean that the keypoints have another order.",
}


def _selection(name: str, stride: int) -> str:
    return f"every {ordinal(stride)} frame" if name == "stride" else "frames that annotation sets name"


def _counts(table: pl.DataFrame, without_reason: str) -> dict[str, int]:
    """Number of rows per reason, largest first."""
    counted = table.group_by(pl.col("reason").fill_null(without_reason)).len()
    return dict(counted.sort("len", "reason", descending=[True, False]).iter_rows())


def _share(part: int, total: int) -> str:
    return f"{part / total:.1%}" if total else "none"


def _quantiles(values: pl.Series) -> list[str]:
    finite = values.filter(values.is_finite())
    return ["" if (q := finite.quantile(at)) is None else f"{q:.4f}" for at in (0, 0.01, 0.5, 0.99, 1)]
