"""What every way of loading samples is put through: workers, samples in random order, and their memory at the end."""

from __future__ import annotations

import gc
import json
import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2

Load = Callable[[int], Any]
Opened = tuple[int, Load, Load]


def memory_bytes() -> dict[str, int]:
    """Of this process: resident, and its own: private, without clean pages of files, which the kernel may take back."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return {"rss": kb["Rss"] * 1024, "own": kb["Private_Dirty"] * 1024}


def measure(opened: Callable[[], Opened], workers: int, samples: int, out: str) -> None:
    """Open the data set, load samples in each worker (in this process for 0), and write the figures.

    Args:
        opened: Gives the number of rows; what loads one; and what touches the labels of one, as loading it does.
        workers: Forked after opening, as PyTorch's loader does on Linux.
        samples: So many by each worker are timed.
        out: Folder of `figures.json`.
    """
    cv2.setNumThreads(1)
    gc.collect()
    start_s = time.perf_counter()
    data = opened()
    opening_s = time.perf_counter() - start_s
    if workers == 0:
        figures = [_work(data, samples)]
    else:
        context = multiprocessing.get_context("fork")
        answers = context.Queue()

        def child(number: int) -> None:
            answers.put(_work(data, samples, number, workers))

        children = [context.Process(target=child, args=(number,)) for number in range(workers)]
        for each in children:
            each.start()
        figures = [answers.get() for _ in children]
        for each in children:
            each.join()
    Path(out, "figures.json").write_text(json.dumps({"opening_s": opening_s, "workers": figures}))


def _work(data: Opened, samples: int, number: int = 0, workers: int = 1) -> dict[str, float]:
    rows, load, touch = data
    chosen = random.Random(number)
    order: Sequence[int] = [chosen.randrange(rows) for _ in range(samples)]
    for row in order[:20]:
        load(row)
    cpu_s, start_s = time.process_time(), time.perf_counter()
    for row in order:
        load(row)
    wall_s, used_s = time.perf_counter() - start_s, time.process_time() - cpu_s
    # Memory is that of an epoch, pictures apart: this worker's share of all rows.
    for row in range(number, rows, workers):
        touch(row)
    return {"samples": samples, "wall_s": wall_s, "cpu_s": used_s, **memory_bytes()}
