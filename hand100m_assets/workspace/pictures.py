"""Draws the pictures of one annotation set from its tables on disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from hand100m_assets.files import file_in_place_of
from hand100m_assets.imaging import write_jpeg
from hand100m_assets.pairs import EmbeddingOptions, ExactSearch, embed_hands, resolve_pairs
from hand100m_assets.render import charts
from hand100m_assets.render.grids import (
    LADDER_ROWS,
    RANKS,
    AnchorChoice,
    End,
    GridPictures,
    Sheet,
    choose_anchor_rows,
    choose_extreme_pairs,
    draw_extreme_pairs,
    draw_grids,
    draw_ladder,
    is_published,
)
from hand100m_assets.sources import SOURCES
from hand100m_assets.workspace.workspace import SourceWorkspace, read_set_name

SHEETS: Final = ("ladder", "best", "worst")
"""Sheets of crops, as JPEG."""

CHARTS: Final = ("hands_per_video", "distances", "pose_map")
"""Charts, as PNG."""

_NEIGHBOURS_SCHEMA: Final = pl.Schema(
    {
        "row_index": pl.UInt32(),
        "neighbour_rows": pl.List(pl.UInt32()),
        "neighbour_distances": pl.List(pl.Float32()),
    }
)


@dataclass(frozen=True)
class SetPictures:
    """Draws the pictures of one finished annotation set. The same tables and frames give the same pixels.

    Attributes:
        place: The set's source and the settings.
        key: Key of the set, such as `simhand-50k`.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.workspace import SetPictures, SourceWorkspace
        >>> pictures = SetPictures(SourceWorkspace(load_settings(), DOH), "simhand-50k")
        >>> pictures.title, pictures.pairs.height
        ('100DOH simhand-50k', 4)
        >>> sheet, file = pictures.write_sheet("best")
        >>> file.as_posix()
        'output/100doh/sheets/simhand-50k/best.jpg'
    """

    place: SourceWorkspace
    key: str

    @property
    def title(self) -> str:
        """Names of the source and the set, for headlines."""
        return f"{self.place.source.title} {self.key}"

    @cached_property
    def tables(self) -> Path:
        """Folder of the tables of the set.

        Raises:
            AnnotationFileError: The set is not finished; materialize its annotations first.
        """
        return self.place.annotation_tables(self.key)

    @property
    def hands(self) -> pl.LazyFrame:
        """The hands table."""
        return pl.scan_parquet(self.tables / "hands.parquet")

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """The pairs table; if it does not exist yet, the pairs are resolved here."""
        made = self._made("pairs")
        return resolve_pairs(self.hands) if made is None else made.collect()

    @property
    def coverage(self) -> pl.LazyFrame | None:
        """The coverage table; None if it does not exist yet."""
        return self._made("coverage")

    @property
    def mined(self) -> pl.LazyFrame | None:
        """The mined pairs; None if they do not exist yet."""
        return self._made("mined_pairs")

    def _made(self, asset: str) -> pl.LazyFrame | None:
        file = self.place.output.table_file(asset, self.key)
        return pl.scan_parquet(file) if file.exists() else None

    def anchors(self, count: int) -> AnchorChoice:
        """Choose the hands to show: the published ones if this is their set, else a choice by the seed.

        Args:
            count: Maximum number of hands.

        Returns:
            The hands, and how they were chosen.
        """
        name = read_set_name(self.tables, self.place.settings.name_pattern)
        seed = self.place.settings.grid_seed
        return choose_anchor_rows(self.pairs, published=is_published(name), seed=seed, count=count)

    def grid(self, choice: AnchorChoice) -> GridPictures:
        """Draw the 10 x 10 grid of these hands and their positives, plain and labelled.

        Args:
            choice: The hands, at most 50.

        Returns:
            Both pictures, and what each cell shows.
        """
        return draw_grids(
            self.pairs, self.hands, choice.rows, self.place.image_path(), neighbours=self.mined, **self._shared()
        )

    def sheet(self, name: str) -> Sheet:
        """Draw a sheet.

        Args:
            name: One of `SHEETS`.

        Returns:
            The picture, and what each cell shows.
        """
        if name == "ladder":
            return self._ladder()
        end: End = "best" if name == "best" else "worst"
        return draw_extreme_pairs(
            self.pairs,
            self.hands,
            choose_extreme_pairs(self.pairs, end),
            self.place.image_path(),
            title=f"{self.title}: {'most' if end == 'best' else 'least'} alike pairs",
            neighbours=self.mined,
            **self._shared(),
        )

    def write_sheet(self, name: str) -> tuple[Sheet, Path]:
        """Draw a sheet and write it to its file below the output folder.

        Args:
            name: One of `SHEETS`.

        Returns:
            The sheet and its file.

        Raises:
            AnnotationFileError: The set is not finished; materialize its annotations first.
            OutputUnwritableError: The output disk is full, read-only or not permitted; free space or correct the
                permissions.
        """
        sheet = self.sheet(name)
        return sheet, write_jpeg(sheet.image_bgr, self.place.output.sheet_file(self.key, f"{name}.jpg"))

    def write_chart(self, name: str) -> tuple[bytes, Path]:
        """Draw a chart and write it to its file below the output folder.

        Args:
            name: One of `CHARTS`.

        Returns:
            The PNG and its file.

        Raises:
            AnnotationFileError: The set is not finished; materialize its annotations first.
            OutputUnwritableError: The output disk is full, read-only or not permitted; free space or correct the
                permissions.
        """
        png, file = self.chart(name), self.place.output.sheet_file(self.key, f"{name}.png")
        with file_in_place_of(file) as opened:
            opened.write(png)
        return png, file

    def _ladder(self) -> Sheet:
        choice, options = self.anchors(LADDER_ROWS), self.place.settings.embedding
        unit = "RMS distances of keypoints" if options.remove_scale else "crop sides"
        return draw_ladder(
            far_neighbours(self.mined, self.hands, choice, options),
            self.hands,
            choice.rows,
            self.place.image_path(),
            title=f"{self.title}: nearest hands of other videos",
            subtitle=f"distance between poses in {unit}; {choice.how}",
            **self._shared(),
        )

    def _shared(self) -> dict[str, Any]:
        images = pl.scan_parquet(self.tables / "images.parquet")
        return {"images": images, "coverage": self.coverage, "joint_order": self.place.settings.joint_order}

    def chart(self, name: str) -> bytes:
        """Draw a chart.

        Args:
            name: One of `CHARTS`.

        Returns:
            A PNG.
        """
        if name == "hands_per_video":
            return charts.hands_per_video_chart(self.hands, title=f"{self.title}: hands per video")
        if name == "distances":
            return charts.distance_chart(self.pairs, title=f"{self.title}: how alike the pairs are")
        return charts.pose_map(
            self._hands_by_source(),
            title=f"{self.key}: which poses there are",
            joint_order=self.place.settings.joint_order,
        )

    def _hands_by_source(self) -> dict[str, pl.LazyFrame]:
        """The hands of this set, and of the set of the same key in the other source, if that is finished."""
        found = {}
        for source in SOURCES:
            tables = self.place.settings.output(source).annotation_dir(self.key)
            if (tables / "summary.json").exists():
                found[source.title] = pl.scan_parquet(tables / "hands.parquet")
        return found


def far_neighbours(
    mined: pl.LazyFrame | None, hands: pl.LazyFrame, choice: AnchorChoice, options: EmbeddingOptions
) -> pl.DataFrame:
    """Neighbours of the chosen hands as `draw_ladder` takes them, up to its last rank.

    They are taken from the mined pairs if these have enough neighbours. Otherwise they are mined here, exactly.
    """
    wanted = pl.col("row_index").is_in(pl.Series(choice.rows, dtype=pl.UInt32).implode())
    if mined is not None:
        columns = {"neighbour_rows": "neighbour_rows", "neighbour_distances": "distances"}
        found = mined.filter(wanted).select("row_index", **columns).collect()
        if found.height and found["neighbour_rows"].list.len().min() == max(RANKS):
            return found
    embedding = embed_hands(hands, options)
    places = np.flatnonzero(np.isin(embedding.row_index, choice.rows)).astype(np.int32)
    if not len(places):
        return pl.DataFrame(schema=_NEIGHBOURS_SCHEMA)
    nearest = ExactSearch(embedding.vectors, embedding.videos).nearest(places, max(RANKS))
    lists = [
        (embedding.row_index[place], embedding.row_index[rows[:count]], distances[:count])
        for place, rows, distances, count in zip(places, nearest.rows, nearest.distances, nearest.counts, strict=True)
    ]
    return pl.DataFrame(lists, schema=_NEIGHBOURS_SCHEMA, orient="row")
