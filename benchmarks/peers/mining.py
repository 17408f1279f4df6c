"""What the mining peers share: input, the clock, and where answers go."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

OVER_FETCH = 4
COUNT = 10


def measure(  # noqa: PLR0917
    folder: str, kind: str, queries: str, out: str, build: Callable[..., Any], search: Callable[..., Any]
) -> None:
    """Build, search for evenly spread hands, and write both times and the answers."""
    vectors, videos = (np.load(Path(folder, f"{kind}_{what}.npy")) for what in ("vectors", "videos"))
    asked = np.unique(np.linspace(0, len(vectors) - 1, int(queries)).astype(np.int32))
    begin_cpu, begin = time.process_time(), time.perf_counter()
    built = build(vectors, videos)
    built_cpu, built_at = time.process_time(), time.perf_counter()
    found = search(built, vectors, videos, asked)
    times = {
        "build_cpu_s": built_cpu - begin_cpu,
        "build_wall_s": built_at - begin,
        "search_cpu_s": time.process_time() - built_cpu,
        "search_wall_s": time.perf_counter() - built_at,
        "queries": len(asked),
    }
    Path(out, "times.json").write_text(json.dumps(times))
    np.save(Path(out, "rows.npy"), found)
    np.save(Path(out, "asked.npy"), asked)


def first_from_others(asked: Any, found: Any, videos: Any) -> Any:
    """The first COUNT of each row that are from another video; -1 where over-fetching gave too few."""
    allowed = videos[found] != videos[asked][:, None]
    order = np.argsort(~allowed, axis=1, kind="stable")[:, :COUNT]
    return np.where(np.take_along_axis(allowed, order, 1), np.take_along_axis(found, order, 1), -1)
