"""How fast samples come out of a training set, in this process."""

from __future__ import annotations

import time

import numpy as np

from hand100m_assets.dataset.hand_pairs import HandPairs


def samples_per_second(pairs: HandPairs, *, seconds: float = 0.5, seed: int = 0) -> float:
    """Samples taken in random order for about so long; 0 of an empty set."""
    if not len(pairs):
        return 0.0
    order = np.random.default_rng(seed).permutation(len(pairs))
    pairs[int(order[0])]  # opening the first shard is no part of it
    taken, start_s = 0, time.perf_counter()
    while (spent_s := time.perf_counter() - start_s) < seconds:
        pairs[int(order[taken % len(order)])]
        taken += 1
    return taken / spent_s
