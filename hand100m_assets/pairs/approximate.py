"""Approximate mining with faiss, for sets that are too large for exact mining.

It fetches more neighbours than asked for and drops those of the same video. Videos and distances of its answers are
always right, but it may miss nearer hands: `mined.measured_recall` says how many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from hand100m_assets.errors import SettingsError
from hand100m_assets.extras import install_command
from hand100m_assets.pairs.leaves import NOBODY, Floats, Integers
from hand100m_assets.pairs.mine import CHUNK_HANDS, Neighbours, Progress, insist_on_sense, squared_distances

_OVER_FETCH: Final = 4
_TRAIN_HANDS_PER_LIST: Final = 64
_SMALLEST_LISTED: Final = 10_000
"""Fewer hands than this are compared one by one, because inverted lists would hold too few of them."""
_BATCH: Final = 4096


class ApproximateSearch:
    """Approximate mining with a faiss index over vectors; it has the interface of `ExactSearch`.

    Args:
        vectors: (n, d) float32, finite.
        videos: (n,) int32, the video of each hand as a number that is not negative.
        probed_lists: Number of inverted lists that are compared with each hand; more lists find more and take longer.

    Raises:
        SettingsError: faiss is not installed.
        ValueError: As for `ExactSearch`.
    """

    def __init__(self, vectors: Floats, videos: Integers, *, probed_lists: int = 32) -> None:
        self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self.videos = np.ascontiguousarray(videos, dtype=np.int32)
        insist_on_sense(self.vectors, self.videos)
        self._faiss = _faiss()
        self._index = self._build(probed_lists)

    def _build(self, probed_lists: int) -> Any:  # noqa: ANN401 - faiss has no types
        count, dimensions = self.vectors.shape
        if count < _SMALLEST_LISTED:
            index = self._faiss.IndexFlatL2(dimensions)
        else:
            lists = int(4 * count**0.5)
            index = self._faiss.IndexIVFFlat(self._faiss.IndexFlatL2(dimensions), dimensions, lists)
            step = max(1, count // (lists * _TRAIN_HANDS_PER_LIST))
            index.train(np.ascontiguousarray(self.vectors[::step]))
            index.nprobe = probed_lists
        index.add(self.vectors)
        return index

    def nearest(
        self, queries: Integers, count: int, *, workers: int = 1, progress: Progress | None = None
    ) -> Neighbours:
        """Near neighbours from other videos of the given rows; see `ExactSearch.nearest`."""
        asked = np.asarray(queries, dtype=np.int32)
        rows = np.full((len(asked), count), NOBODY, np.int32)
        squares = np.full((len(asked), count), np.inf, np.float32)
        before = self._faiss.omp_get_max_threads()
        self._faiss.omp_set_num_threads(workers)
        try:
            for start in range(0, len(asked), _BATCH):
                part = np.arange(start, min(start + _BATCH, len(asked)), dtype=np.int32)
                self._answer(asked, part, rows, squares)
                if progress:
                    progress(int(part[-1]) + 1, len(asked))
        finally:
            self._faiss.omp_set_num_threads(before)
        return Neighbours(rows, np.sqrt(squares))

    def chunks(self, count: int, *, workers: int = 1, progress: Progress | None = None) -> Iterator[Neighbours]:
        """Neighbours of every row, a chunk at a time, in order."""
        total = len(self.vectors)
        for start in range(0, total, CHUNK_HANDS):
            stop = min(start + CHUNK_HANDS, total)
            yield self.nearest(np.arange(start, stop, dtype=np.int32), count, workers=workers)
            if progress:
                progress(stop, total)

    def _answer(self, asked: Integers, part: Integers, rows: Integers, squares: Floats) -> None:
        """Fetch more and more neighbours until enough are from other videos, or the engine has no more."""
        count, fetch, open_slots = rows.shape[1], _OVER_FETCH * rows.shape[1], part
        while len(open_slots):
            queries = asked[open_slots]
            fetch = min(fetch, len(self.vectors))
            _, found = self._index.search(self.vectors[queries], fetch)
            kept, own_squares, complete = self._from_others(queries, found.astype(np.int32), count)
            rows[open_slots, : kept.shape[1]], squares[open_slots, : kept.shape[1]] = kept, own_squares
            if fetch == len(self.vectors):
                return
            open_slots, fetch = open_slots[~complete], 4 * fetch

    def _from_others(
        self, queries: Integers, found: Integers, count: int
    ) -> tuple[Integers, Floats, np.ndarray[Any, np.dtype[np.bool_]]]:
        """The first `count` from other videos by squared distance, computed as in exact mining, then by row."""
        known = found >= 0
        allowed = known & (self.videos[found] != self.videos[queries][:, None])
        each = np.repeat(queries, found.shape[1])
        squares = squared_distances(self.vectors, each, found.ravel()).reshape(found.shape)
        squares[~allowed] = np.inf
        order = np.lexsort((found, squares), axis=1)[:, :count]
        near = np.take_along_axis(squares, order, 1)
        rows = np.where(np.isfinite(near), np.take_along_axis(found, order, 1), NOBODY)
        # If the engine filled up with -1, it has searched everything that it searches.
        complete = (allowed.sum(axis=1) >= count) | ~known.all(axis=1)
        return rows, near, complete


def _faiss() -> Any:  # noqa: ANN401 - faiss has no types
    try:
        import faiss  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise SettingsError(
            "the engine faiss is not installed",
            where="HAND100M_MINE_ENGINE",
            fix=f"Run {install_command('ann')}, or use `exact`.",
        ) from error
    return faiss
