"""The compiled inner loops of exact mining. Importing this module imports numba, so import it only when mining starts.

Everything is float32 and in one order: squares are added dimension by dimension, and no steps are fused or reordered
(no `fastmath`). Rounding is monotone. So the bound of a box, summed in the same order, is never larger than the
distance of a point in it *as computed*: dropping boxes needs no safety margin, equal distances stay equal, and the
result is the same bit for bit on every processor and for any number of threads.
"""
# mypy: disallow-untyped-decorators=False, warn-return-any=False
# ruff: noqa: PLR0917, PLW3301
# Compiled functions take many plain arguments; each max of two values becomes one vector instruction.

from __future__ import annotations

from typing import Final

import numpy as np

from hand100m_assets.compiled import compiled, kept_on_disk
from hand100m_assets.pairs.leaves import NOBODY, Floats, Integers, Leaves

_NO_PLACE: Final = np.int32(2**31 - 1)
_FIRST_DIMENSIONS: Final = 6
"""An even number; after so many dimensions most leaves are known to have no near hand."""
_ZERO: Final = np.float32(0)
_FAR: Final = np.float32(np.inf)


@kept_on_disk
def search(
    vectors: Floats,
    videos: Integers,
    queries: Integers,
    slots: Integers,
    leaves: Leaves,
    found: Integers,
    squares: Floats,
) -> None:
    """Find the nearest neighbours of other videos, by (squared distance, row).

    Args:
        vectors: (n, d) float32.
        videos: (n,) int32.
        queries: (q,) rows to find neighbours for; best in the order of the leaves, because each result helps the next.
        slots: (q,) rows of `found` and `squares` that receive the results.
        leaves: All vectors.
        found: (·, k) int32, receives rows, nearest first; `NOBODY` if there are fewer than k.
        squares: (·, k) float32, receives squared distances; inf if there is no neighbour.
    """
    leaf_count, count = leaves.places.shape[0], found.shape[1]
    bounds = np.empty(leaf_count, np.float32)
    group_bounds = np.empty(leaves.group_low.shape[1], np.float32)
    heap = np.empty(leaf_count, np.int32)
    sums = np.empty(leaves.places.shape[1], np.float32)
    near, near_squares = np.empty(count, np.int32), np.empty(count, np.float32)
    point = np.zeros(leaves.points.shape[1], np.float32)
    for turn in range(len(queries)):
        query = queries[turn]
        point[: vectors.shape[1]] = vectors[query]
        near[:] = _NO_PLACE
        near_squares[:] = _FAR
        reach = _FAR
        if turn > 0:
            reach = _reach(vectors, videos, query, found[slots[turn - 1]])
        _bound(point, leaves.group_low, leaves.group_high, 0, len(group_bounds), group_bounds)
        waiting = 0
        for group in range(len(group_bounds)):
            if group_bounds[group] <= reach:
                start, stop = group * leaves.group_leaves, min(leaf_count, (group + 1) * leaves.group_leaves)
                _bound(point, leaves.low, leaves.high, start, stop, bounds)
                waiting = _await(leaves.only_video, videos[query], reach, start, stop, bounds, heap, waiting)
        for top in range(waiting // 2 - 1, -1, -1):
            _sift_down(heap, bounds, top, waiting)
        while waiting > 0 and bounds[heap[0]] <= reach:
            leaf = heap[0]
            heap[0] = heap[waiting - 1]
            waiting -= 1
            _sift_down(heap, bounds, 0, waiting)
            if bounds[leaf] == near_squares[count - 1] and leaves.places[leaf, 0] > near[count - 1]:
                continue  # At best as near, and in later rows: no need to scan many copies of one vector.
            sums[:] = _ZERO
            if not _adds_up_within(point, leaves.points[leaf], reach, sums):
                continue
            size = leaves.sizes[leaf]
            places, their_videos = leaves.places[leaf, :size], leaves.videos[leaf, :size]
            reach = _take_up(sums, places, their_videos, videos[query], reach, near, near_squares)
        for rank in range(count):
            squares[slots[turn], rank] = near_squares[rank]
            found[slots[turn], rank] = NOBODY if near[rank] == _NO_PLACE else near[rank]


@compiled
def _reach(vectors: Floats, videos: Integers, query: int, others: Integers) -> np.float32:
    """A distance within which k hands are known: the neighbours of the previous query, if all are of other videos."""
    reach = _ZERO
    for other in others:
        if other == NOBODY or videos[other] == videos[query]:
            return _FAR
        square = _ZERO
        for dimension in range(vectors.shape[1]):
            gap = vectors[other, dimension] - vectors[query, dimension]
            square += gap * gap
        reach = max(reach, square)
    return reach


@compiled
def _await(
    only_video: Integers,
    video: int,
    reach: np.float32,
    start: int,
    stop: int,
    bounds: Floats,
    heap: Integers,
    waiting: int,
) -> int:
    """Append the leaves within reach that have more than the video of the query; return how many leaves there are."""
    for leaf in range(start, stop):
        if bounds[leaf] <= reach and only_video[leaf] != video:
            heap[waiting] = leaf
            waiting += 1
    return waiting


@compiled
def _bound(point: Floats, low: Floats, high: Floats, start: int, stop: int, bounds: Floats) -> None:
    """Squared distance to each box, summed in the same order as the distances to points."""
    bounds[start:stop] = _ZERO
    for dimension in range(low.shape[0]):
        at = point[dimension]
        for box in range(start, stop):
            gap = max(max(low[dimension, box] - at, at - high[dimension, box]), _ZERO)
            bounds[box] += gap * gap


@compiled
def _sift_down(heap: Integers, bounds: Floats, top: int, size: int) -> None:
    """Order leaves by (bound, number): of equal bounds the first leaf, which has the first of equal vectors."""
    while 2 * top + 1 < size:
        child = 2 * top + 1
        if child + 1 < size and _is_before(bounds, heap[child + 1], heap[child]):
            child += 1
        if not _is_before(bounds, heap[child], heap[top]):
            return
        heap[top], heap[child] = heap[child], heap[top]
        top = child


@compiled
def _is_before(bounds: Floats, leaf: int, other: int) -> bool:
    return bounds[leaf] < bounds[other] or (bounds[leaf] == bounds[other] and leaf < other)


@compiled
def _adds_up_within(point: Floats, points: Floats, reach: np.float32, sums: Floats) -> bool:
    """Add the squared distance of each slot to `sums`; stop early with False if all of them are out of reach."""
    first = min(_FIRST_DIMENSIONS, len(point))
    _add_squares(point, points, 0, first, sums)
    if not _any_within(sums, reach):
        return False
    _add_squares(point, points, first, len(point), sums)
    return _any_within(sums, reach)


@compiled
def _take_up(
    sums: Floats,
    places: Integers,
    their_videos: Integers,
    video: int,
    reach: np.float32,
    near: Integers,
    near_squares: Floats,
) -> np.float32:
    """Insert the hands of the leaf that are near enough and of other videos; return the new reach."""
    last = len(near) - 1
    for slot in range(len(places)):
        square, place = sums[slot], places[slot]
        if square > reach or their_videos[slot] == video:
            continue
        if square < near_squares[last] or (square == near_squares[last] and place < near[last]):
            _insert(near, near_squares, place, square)
            reach = min(reach, near_squares[last])
    return reach


@compiled
def _add_squares(point: Floats, points: Floats, start: int, stop: int, sums: Floats) -> None:
    """Add two dimensions per round, one after the other."""
    for dimension in range(start, stop, 2):
        at, at_next = point[dimension], point[dimension + 1]
        row, row_next = points[dimension], points[dimension + 1]
        for slot in range(len(sums)):
            gap, gap_next = row[slot] - at, row_next[slot] - at_next
            sums[slot] = (sums[slot] + gap * gap) + gap_next * gap_next


@compiled
def _any_within(sums: Floats, reach: np.float32) -> bool:
    # It counts all of them, because the compiler can vectorise this loop.
    within = 0
    for slot in range(len(sums)):
        within += sums[slot] <= reach
    return within > 0


@compiled
def _insert(near: Integers, near_squares: Floats, place: int, square: np.float32) -> None:
    rank = len(near) - 1
    while rank > 0 and (
        near_squares[rank - 1] > square or (near_squares[rank - 1] == square and near[rank - 1] > place)
    ):
        near[rank], near_squares[rank] = near[rank - 1], near_squares[rank - 1]
        rank -= 1
    near[rank], near_squares[rank] = place, square
