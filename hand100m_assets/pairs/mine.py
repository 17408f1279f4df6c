"""The nearest hands from other videos: exact, float32, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from hand100m_assets.pairs.leaves import Floats, Integers, pack_leaves

if TYPE_CHECKING:
    from hand100m_assets.pairs.leaves import Leaves

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the hands done and the hands in all, now and then, from the calling thread."""

CHUNK_HANDS: Final = 65_536
_TASK_HANDS: Final = 1024
_LARGEST: Final = 1e15
"""Coordinates whose squares still fit into float32 many times over."""


@dataclass(frozen=True)
class Neighbours:
    """Answers for some hands, nearest first, equal distances by row.

    Attributes:
        rows: (q, k) int32, rows of the searched vectors; -1 where fewer than k hands are in other videos.
        distances: (q, k) float32, Euclidean, in the unit of the vectors; inf where there is nobody.
    """

    rows: Integers
    distances: Floats

    @property
    def counts(self) -> Integers:
        """Neighbours of each hand, (q,) int32."""
        counts: Integers = (self.rows >= 0).sum(axis=1, dtype=np.int32)
        return counts


class ExactSearch:
    """Vectors made ready for searching.

    Args:
        vectors: (n, d) float32, finite; fastest when the leading dimensions spread most, as after PCA.
        videos: (n,) the video of each, as numbers that are not negative.

    Raises:
        ValueError: Shapes do not fit, a value is not finite or beyond 1e15, or a video number is negative.
    """

    def __init__(self, vectors: Floats, videos: Integers) -> None:
        self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self.videos = np.ascontiguousarray(videos, dtype=np.int32)
        insist_on_sense(self.vectors, self.videos)
        self._leaves: Leaves
        self._leaves, self._positions = pack_leaves(self.vectors, self.videos)

    def nearest(
        self, queries: Integers, count: int, *, workers: int = 1, progress: Progress | None = None
    ) -> Neighbours:
        """Neighbours of the given rows.

        Args:
            queries: (q,) rows of `vectors`.
            count: Neighbours wanted of each, at least 1.
            workers: Threads that search; they need no lock of Python's.
            progress: Told of each finished part.
        """
        if count < 1 or workers < 1:
            raise ValueError(f"count {count} and workers {workers} must be at least 1")
        asked = np.asarray(queries, dtype=np.int32)
        rows = np.full((len(asked), count), -1, np.int32)
        squares = np.full((len(asked), count), np.inf, np.float32)
        slots = np.argsort(self._positions[asked], kind="stable").astype(np.int32)
        parts = [slots[start : start + _TASK_HANDS] for start in range(0, len(slots), _TASK_HANDS)]
        self._search_all(asked, parts, rows, squares, workers, progress)
        return Neighbours(rows, np.sqrt(squares))

    def chunks(self, count: int, *, workers: int = 1, progress: Progress | None = None) -> Iterator[Neighbours]:
        """Neighbours of every row, `CHUNK_HANDS` rows at a time, in order: memory stays that of one chunk."""
        total = len(self.vectors)
        for start in range(0, total, CHUNK_HANDS):
            queries = np.arange(start, min(start + CHUNK_HANDS, total), dtype=np.int32)
            told = progress and _from(start, total, progress)
            yield self.nearest(queries, count, workers=workers, progress=told or None)

    def _search_all(  # noqa: PLR0917
        self,
        queries: Integers,
        parts: list[Integers],
        rows: Integers,
        squares: Floats,
        workers: int,
        progress: Progress | None,
    ) -> None:
        # Here and not above: importing numba takes half a second, which other rooms need not wait for.
        from hand100m_assets.pairs.kernels import search  # noqa: PLC0415

        # Asked for nobody, it is only compiled. The code is in use before it is kept for the next process, so that a
        # full disk there is no reason to stop.
        with suppress(OSError):
            search(self.vectors, self.videos, queries[:0], queries[:0], self._leaves, rows, squares)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="mining")
        try:
            sizes: dict[Future[None], int] = {
                pool.submit(search, self.vectors, self.videos, queries[part], part, self._leaves, rows, squares): len(
                    part
                )
                for part in parts
            }
            done = 0
            for future in as_completed(sizes):
                future.result()
                done += sizes[future]
                if progress:
                    progress(done, len(queries))
        finally:
            # On an interrupt: parts not yet begun are dropped, those begun take a fraction of a second.
            pool.shutdown(wait=True, cancel_futures=True)


def squared_distances(vectors: Floats, rows: Integers, others: Integers) -> Floats:
    """Squared distance of each row to its other, (q,) float32, bit for bit as the search computes it."""
    squares = np.zeros(len(rows), np.float32)
    for dimension in range(vectors.shape[1]):
        gaps = vectors[rows, dimension] - vectors[others, dimension]
        squares += gaps * gaps
    return squares


def _from(start: int, total: int, progress: Progress) -> Progress:
    def told(done: int, _: int) -> None:
        progress(start + done, total)

    return told


def insist_on_sense(vectors: Floats, videos: Integers) -> None:
    """Raise ValueError unless vectors are (n, d), finite and of a size whose squares fit, and videos fit them."""
    if vectors.ndim != 2 or vectors.shape[1] < 1 or videos.shape != (len(vectors),):
        raise ValueError(f"vectors {vectors.shape} and videos {videos.shape} must be (n, d) and (n,)")
    # Written so that NaN fails too.
    if len(vectors) and not np.abs(vectors).max() <= _LARGEST:
        raise ValueError(f"vectors must be finite and within ±{_LARGEST:g}; embed_hands leaves out hands that are not")
    if len(videos) and videos.min() < 0:
        raise ValueError("video numbers must not be negative")
