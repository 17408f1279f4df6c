"""Labelled crops under a headline: the common layout of the ladder and of the sheets of extreme pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from hand100m_assets.imaging import CROP_SIZE_PX, ImageBgr
from hand100m_assets.render.grids.lettering import DARK, draw_text, text_width_px

PAPER: Final = 245
"""Grey of the background between cells; it is opaque, so it looks the same on light and dark pages."""

_MARGIN_PX: Final = 16
_TITLE_PX: Final = 18
_SUBTITLE_PX: Final = 11
_SUBTITLE_COLOR: Final = (110, 100, 95)


@dataclass(frozen=True)
class Sheet:
    """A picture of crops under a headline.

    Attributes:
        image_bgr: (height, width, 3) uint8, BGR.
        cells: One row per cell that should show a hand; `reason` is null if it does, and otherwise says why not.

    Example:
        >>> import numpy as np
        >>> import polars as pl
        >>> from hand100m_assets.render.grids import Sheet
        >>> cells = pl.DataFrame({"cell": [0, 1], "reason": [None, "image not on disk"]})
        >>> Sheet(np.zeros((224, 448, 3), np.uint8), cells).missing["cell"].to_list()
        [1]
    """

    image_bgr: ImageBgr
    cells: pl.DataFrame

    @property
    def missing(self) -> pl.DataFrame:
        """The cells that should show a hand and do not."""
        return self.cells.filter(pl.col("reason").is_not_null())


def headed(body_bgr: ImageBgr, title: str, subtitle: str, column_titles: Sequence[tuple[int, str]] = ()) -> ImageBgr:
    """The picture on the background, with a headline above.

    Args:
        body_bgr: (height, width, 3) uint8.
        title: First line.
        subtitle: Second line, which says what is shown and how it was chosen; cut if it is too long.
        column_titles: Middle of each column in pixels of the body, and its title.
    """
    head_px = 74 + (34 if column_titles else 0)
    height_px, width_px = body_bgr.shape[:2]
    page: ImageBgr = np.full((head_px + height_px + _MARGIN_PX, width_px + 2 * _MARGIN_PX, 3), PAPER, dtype=np.uint8)
    draw_text(page, title, _MARGIN_PX, 36, height_px=_TITLE_PX, color=DARK, thickness_px=2)
    fitting = _fitting(subtitle, width_px)
    draw_text(page, fitting, _MARGIN_PX, 60, height_px=_SUBTITLE_PX, color=_SUBTITLE_COLOR)
    for middle_px, text in column_titles:
        left_px = _MARGIN_PX + middle_px - text_width_px(text, _SUBTITLE_PX) // 2
        draw_text(page, text, left_px, head_px - 12, height_px=_SUBTITLE_PX, color=DARK)
    page[head_px : head_px + height_px, _MARGIN_PX : _MARGIN_PX + width_px] = body_bgr
    return page


def _fitting(text: str, width_px: int) -> str:
    if text_width_px(text, _SUBTITLE_PX) <= width_px:
        return text
    keep = next(n for n in range(len(text), -1, -1) if text_width_px(text[:n] + "..", _SUBTITLE_PX) <= width_px)
    return text[:keep] + ".."


def paper(rows: int, columns: int, row_gap_px: int, anchor_gap_px: int) -> ImageBgr:
    """Empty background for rows of cells, with a gap after the first column."""
    height_px = rows * CROP_SIZE_PX + max(rows - 1, 0) * row_gap_px
    return np.full((height_px, columns * CROP_SIZE_PX + anchor_gap_px, 3), PAPER, dtype=np.uint8)
