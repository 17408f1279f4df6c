"""`python -m benchmarks [--only BENCH] [--sizes 50k 500k 1m] [--rounds N] [--out FILE]`: Markdown tables."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from contextlib import nullcontext
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from benchmarks import (
    bench_annotations,
    bench_graph,
    bench_grid,
    bench_mining,
    bench_orchestration,
    bench_training,
    bench_video,
)

BENCHES = {
    "video": bench_video,
    "annotations": bench_annotations,
    "graph": bench_graph,
    "mining": bench_mining,
    "grid": bench_grid,
    "orchestration": bench_orchestration,
    "training": bench_training,
}
LIBRARIES = ("opencv-python-headless", "av", "imageio-ffmpeg", "polars", "numpy", "numba", "pydantic")
SIZES = tuple({**bench_annotations.SCALES, **bench_mining.SCALES, **bench_training.SCALES})


def cpu_model() -> str:
    """As the kernel calls it, or the architecture where it does not say."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine() -> str:
    """One paragraph: processor, cores, load before the start, versions."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return (
        f"{cpu_model()}, {os.cpu_count()} cores{load}; {platform.system()}, "
        f"Python {platform.python_version()}, {libraries}; {time.strftime('%Y-%m-%d')}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=BENCHES, help="one bench instead of all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--sizes", nargs="+", choices=SIZES, default=["50k"], help="of annotation files and mined sets; default 50k"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the 36,970 videos of `orchestration`; default all")
    parser.add_argument("--work", type=Path, help="folder to work in and to keep; default a temporary one")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    chosen = parser.parse_args()
    parts = ["# Benchmarks", machine(), "How to read this: `benchmarks/README.md`."]
    print("\n\n".join(parts), flush=True)
    for name in [chosen.only] if chosen.only else BENCHES:
        if chosen.work:
            (chosen.work / name).mkdir(parents=True)
        with (
            nullcontext(chosen.work / name)
            if chosen.work
            else tempfile.TemporaryDirectory(prefix="hand100m_bench_") as folder
        ):
            scales = getattr(BENCHES[name], "SCALES", {})
            how = {"scales": [size for size in chosen.sizes if size in scales]} if scales else {}
            if name == "orchestration":
                how = {"share": chosen.share}
            for part in chain([f"## {name}"], BENCHES[name].run(Path(folder), chosen.rounds, **how)):
                parts.append(part)
                print(f"\n{part}", flush=True)
    if chosen.out:
        chosen.out.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
