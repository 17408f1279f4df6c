"""The small palette of a chart must not merge what colours tell apart."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from hand100m_assets.render.charts.charts import _FINGER_COLORS
from hand100m_assets.render.charts.figure import png_bytes


def test_thin_lines_keep_colours_that_can_be_told_apart() -> None:
    figure = Figure(figsize=(6, 4))
    axes = figure.add_subplot()
    axes.imshow(np.random.default_rng(0).random((40, 40, 3)))
    for height, color in enumerate(_FINGER_COLORS):
        axes.axhline(4 + 7 * height, color=color, linewidth=2.4)
    shown = np.asarray(Image.open(io.BytesIO(png_bytes(figure))).convert("RGB")).reshape(-1, 3).astype(int)
    nearest = []
    for color in _FINGER_COLORS:
        wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        nearest.append(tuple(shown[np.abs(shown - wanted).sum(axis=1).argmin()]))
        assert np.abs(np.array(nearest[-1]) - wanted).max() < 40
    assert len(set(nearest)) == len(_FINGER_COLORS)
