"""The exact search of this project: `mining_ours FOLDER KIND QUERIES OUT`. Compiled on import, as a start-up cost."""

import os

import numpy as np

from benchmarks.peers.mining import COUNT, measure
from hand100m_assets.pairs import ExactSearch

WORKERS = os.cpu_count() or 1
ExactSearch(np.zeros((2, 14), np.float32), np.arange(2)).nearest(np.arange(2), 1)


def main(folder: str, kind: str, queries: str, out: str) -> None:
    measure(
        folder, kind, queries, out, ExactSearch, lambda s, _v, _n, asked: s.nearest(asked, COUNT, workers=WORKERS).rows
    )
