"""Vectors of hands in the leaves of a k-d tree, packed so that a whole leaf is compared at once.

The tree itself is not kept: mining needs only the box around each leaf, and a box around each group of leaves.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Integers: TypeAlias = npt.NDArray[np.int32]

LEAF_HANDS: Final = 256
"""Hands per leaf. Measured with 32 to 512 at 50k to 1m hands: smaller leaves cost more boxes than they save hands."""
GROUP_LEAVES: Final = 16
"""Leaves per group."""
NOBODY: Final = -1
"""Stands for the row of an unused slot of a leaf, and of a neighbour that does not exist."""

_BOX_DIMENSIONS: Final = 14
_SPREAD_SAMPLE: Final = 4096


class Leaves(NamedTuple):
    """All vectors by leaf: L leaves of H slots, D dimensions (zeros make their number even), boxes over B of them.

    Attributes:
        points: (L, D, H) float32.
        places: (L, H) int32, row of `vectors`, ascending within a leaf; `NOBODY` in unused slots, which are last.
        videos: (L, H) int32.
        sizes: (L,) int32, number of used slots.
        only_video: (L,) int32, the video of all hands of the leaf if it is only one, else `NOBODY`.
        low: (B, L) float32, smallest coordinate in the leaf.
        high: (B, L) float32, largest coordinate in the leaf.
        group_low: (B, G) float32, smallest coordinate in each group of `GROUP_LEAVES` leaves that follow each other.
        group_high: (B, G) float32, largest coordinate in each group.
        group_leaves: Leaves per group. This is a value and not a constant, because compiled code on disk would keep an
            old constant.
    """

    points: Floats
    places: Integers
    videos: Integers
    sizes: Integers
    only_video: Integers
    low: Floats
    high: Floats
    group_low: Floats
    group_high: Floats
    group_leaves: int


def pack_leaves(vectors: Floats, videos: Integers) -> tuple[Leaves, Integers]:
    """Split the vectors by their median along the widest dimension, until each part fits into a leaf.

    The same vectors always give the same leaves: sorting is stable, so that equal vectors stay in the order of rows.

    Args:
        vectors: (n, d) float32, finite; leading dimensions should spread most, as after PCA.
        videos: (n,) int32, not negative.

    Returns:
        The leaves, and (n,) int32, the position of each row in the order of the leaves: near positions have similar
        hands.
    """
    count, dimensions = vectors.shape
    order, starts = _split(vectors)
    leaf_count = len(starts) - 1
    padded = dimensions + dimensions % 2
    leaves = Leaves(
        points=np.zeros((leaf_count, padded, LEAF_HANDS), np.float32),
        places=np.full((leaf_count, LEAF_HANDS), NOBODY, np.int32),
        videos=np.full((leaf_count, LEAF_HANDS), NOBODY, np.int32),
        sizes=np.diff(starts).astype(np.int32),
        only_video=np.full(leaf_count, NOBODY, np.int32),
        low=np.empty((min(dimensions, _BOX_DIMENSIONS), leaf_count), np.float32),
        high=np.empty((min(dimensions, _BOX_DIMENSIONS), leaf_count), np.float32),
        group_low=np.empty(0, np.float32),
        group_high=np.empty(0, np.float32),
        group_leaves=GROUP_LEAVES,
    )
    for leaf in range(leaf_count):
        _fill(leaves, leaf, np.sort(order[starts[leaf] : starts[leaf + 1]]), vectors, videos)
    positions = np.empty(count, np.int32)
    positions[order] = np.arange(count, dtype=np.int32)
    first_leaves = np.arange(0, leaf_count, GROUP_LEAVES)
    return leaves._replace(
        group_low=np.minimum.reduceat(leaves.low, first_leaves, axis=1) if leaf_count else leaves.low,
        group_high=np.maximum.reduceat(leaves.high, first_leaves, axis=1) if leaf_count else leaves.high,
    ), positions


def _split(vectors: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows in the order of the leaves, and where each leaf starts in it, with the end as the last entry."""
    order = np.arange(len(vectors))
    starts, waiting = [len(vectors)], [(0, len(vectors))] if len(vectors) else []
    while waiting:
        start, stop = waiting.pop()
        if stop - start <= LEAF_HANDS:
            starts.append(start)
            continue
        rows = order[start:stop]
        sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), _SPREAD_SAMPLE)).astype(np.int64)]
        widest = int(np.argmax(vectors[sample, :_BOX_DIMENSIONS].var(axis=0)))
        order[start:stop] = rows[np.argsort(vectors[rows, widest], kind="stable")]
        # A whole number of full leaves on the left, so that only the last leaf has unused slots.
        middle = start + -(-len(rows) // LEAF_HANDS) // 2 * LEAF_HANDS
        waiting += [(start, middle), (middle, stop)]
    return order, np.array(sorted(starts))


def _fill(leaves: Leaves, leaf: int, rows: npt.NDArray[np.int64], vectors: Floats, videos: Integers) -> None:
    size, inside = len(rows), vectors[rows]
    boxed = inside[:, : len(leaves.low)]
    leaves.points[leaf, : inside.shape[1], :size] = inside.T
    leaves.places[leaf, :size] = rows
    leaves.videos[leaf, :size] = videos[rows]
    leaves.low[:, leaf], leaves.high[:, leaf] = boxed.min(axis=0), boxed.max(axis=0)
    if (videos[rows] == videos[rows[0]]).all():
        leaves.only_video[leaf] = videos[rows[0]]
