"""What a training job opens: hands with their positives, as crops cut once.

Reading needs numpy and OpenCV; neither Dagster nor polars is imported, nor PyTorch before a data set is opened.
"""

from hand100m_assets.dataset.handpairs import HandPairs

__all__ = ["HandPairs"]
