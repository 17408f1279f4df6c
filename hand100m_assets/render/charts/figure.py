"""The common style of all charts: opaque white, one accent colour, title on the left, simple axes."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

INK: Final = "#1f2430"
QUIET_INK: Final = "#667085"
RULE: Final = "#e4e7ec"
GOOD: Final = "#2f6db5"
WRONG: Final = "#d9772b"
WAITING: Final = "#c3cad6"

_DPI: Final = 110
_WIDTH_IN: Final = 8.0


def new_figure(title: str, subtitle: str, height_in: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A titled white figure with its axes side by side; no global matplotlib state is touched."""
    figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=_DPI, facecolor="white", layout="constrained")
    figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold", color=INK)
    axes = figure.subplots(1, columns, squeeze=False)[0].tolist()
    axes[0].set_title(subtitle, loc="left", fontsize=10, color=QUIET_INK, pad=10)
    for one in axes:
        _quieten(one)
    return figure, axes


def _quieten(axes: Axes) -> None:
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(colors=QUIET_INK, labelsize=9, length=0)
    axes.set_axisbelow(True)


def label_axes(axes: Axes, x: str, y: str) -> None:
    """Name both axes, with units."""
    axes.set_xlabel(x, fontsize=9.5, color=QUIET_INK)
    axes.set_ylabel(y, fontsize=9.5, color=QUIET_INK)


def count_axis(axis: Axis) -> None:
    """Whole numbers with thousands separators."""
    axis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def say_nothing_to_show(axes: Axes) -> None:
    """Write into the middle of the axes that there is no value, instead of leaving them blank."""
    axes.text(0.5, 0.5, "nothing to show yet", ha="center", va="center", color=QUIET_INK, transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


def png_bytes(figure: Figure, colors: int = 256) -> bytes:
    """Render with a palette, at a third of the size. The same figure gives the same bytes: no date is written."""
    FigureCanvasAgg(figure)  # Takes the place of whatever canvas a notebook would choose.
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    opaque = Image.open(drawn).convert("RGB")
    # Median cut would merge the colours of thin lines, such as two fingers.
    few_colors = opaque.quantize(colors, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    few_colors.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def finite(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The finite values, as float64."""
    numbers = np.asarray(values, dtype=np.float64)
    return numbers[np.isfinite(numbers)]
