"""Measures how fast samples are read from a training set in this process."""

from __future__ import annotations

import time

import numpy as np

from hand100m_assets.dataset.hand_pairs import HandPairs


def samples_per_second(pairs: HandPairs, *, seconds: float = 0.5, seed: int = 0) -> float:
    """Measure how fast samples are read from a training set, in random order and in this process.

    Args:
        pairs: The training set.
        seconds: Approximate duration of the measurement.
        seed: Seed for the order.

    Returns:
        Samples per second; 0 for an empty set.

    Raises:
        TrainingSetError: A shard is gone or damaged; copy the set again, or build it again.

    Example:
        >>> from hand100m_assets.dataset import HandPairs, samples_per_second
        >>> samples_per_second(HandPairs(".", "simhand-50k"), seconds=0.01) > 0
        True
    """
    if not len(pairs):
        return 0.0
    order = np.random.default_rng(seed).permutation(len(pairs))
    pairs[int(order[0])]  # opening the first shard is no part of it
    taken, start_s = 0, time.perf_counter()
    while (spent_s := time.perf_counter() - start_s) < seconds:
        pairs[int(order[taken % len(order)])]
        taken += 1
    return taken / spent_s
