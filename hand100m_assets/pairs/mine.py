"""Exact mining of the nearest hands of other videos, in float32, with the same result for any number of threads."""

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
"""Called from time to time with the number of hands done and the number of all hands, in the calling thread."""

CHUNK_HANDS: Final = 65_536
"""Hands whose neighbours are in memory at one time."""
_TASK_HANDS: Final = 1024
_LARGEST: Final = 1e15
"""Largest coordinate: sums of its squares still fit into float32."""


@dataclass(frozen=True)
class Neighbours:
    """Neighbours of q hands, nearest first; equal distances are in the order of the rows.

    Attributes:
        rows: (q, k) int32, rows of the vectors; -1 if other videos have fewer than k hands.
        distances: (q, k) float32, Euclidean, in the unit of the vectors; inf if there is no neighbour.
    """

    rows: Integers
    distances: Floats

    @property
    def counts(self) -> Integers:
        """Number of neighbours of each hand, (q,) int32."""
        counts: Integers = (self.rows >= 0).sum(axis=1, dtype=np.int32)
        return counts


class ExactSearch:
    """Finds the nearest hands of other videos exactly.

    Args:
        vectors: (n, d) float32, finite; mining is fastest if the first dimensions vary most, as after PCA.
        videos: (n,) int32, the video of each hand as a number that is not negative.

    Raises:
        ValueError: The shapes do not fit, a value is not finite or is beyond 1e15, or a video number is negative.

    Example:
        >>> import numpy as np
        >>> from hand100m_assets.pairs import ExactSearch
        >>> vectors = np.array([[0, 0], [1, 0], [3, 0], [0, 0]], np.float32)
        >>> search = ExactSearch(vectors, np.array([0, 1, 1, 0], np.int32))
        >>> found = search.nearest(np.array([0, 2]), 3)
        >>> found.rows.tolist()
        [[1, 2, -1], [0, 3, -1]]
        >>> found.distances.tolist()
        [[1.0, 3.0, inf], [3.0, 3.0, inf]]
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
        """Find the nearest hands of other videos for some hands.

        Args:
            queries: (q,) int32, the rows of `vectors` to find neighbours for.
            count: Number of neighbours per hand, at least 1.
            workers: Number of threads, which run without Python's lock.
            progress: Called after each finished part.

        Returns:
            Rows and distances of the neighbours, (q, `count`) each.

        Raises:
            ValueError: `count` or `workers` is less than 1.
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
        """Find the neighbours of all hands, chunk by chunk in the order of the rows, with the memory of one chunk.

        Args:
            count: Number of neighbours per hand, at least 1.
            workers: Number of threads.
            progress: Called after each finished part.

        Returns:
            The neighbours of `CHUNK_HANDS` hands at a time.

        Raises:
            ValueError: `count` or `workers` is less than 1.
        """
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

        # This call has no queries: it only compiles the code. The code can be used even if it cannot be saved for the
        # next process, so that a full disk is no reason to stop.
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
            # On an interrupt, parts that have not begun are dropped; those that have take a fraction of a second.
            pool.shutdown(wait=True, cancel_futures=True)


def squared_distances(vectors: Floats, rows: Integers, others: Integers) -> Floats:
    """Squared distance of each row from its other row, (q,) float32, exactly as mining computes it."""
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
    # In this form, NaN fails too.
    if len(vectors) and not np.abs(vectors).max() <= _LARGEST:
        raise ValueError(f"vectors must be finite and within ±{_LARGEST:g}; embed_hands leaves out hands that are not")
    if len(videos) and videos.min() < 0:
        raise ValueError("video numbers must not be negative")
