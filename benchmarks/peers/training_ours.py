"""The same by `HandPairs`: `training_ours ROOT SET PICTURES FRAMES WORKERS SAMPLES OUT`."""

from typing import Any

from benchmarks.training import measure
from hand100m_assets.dataset import HandPairs


def main(*arguments: str) -> None:
    root, set_key, pictures, frames, workers, samples, out = arguments

    def opened() -> tuple[int, Any, Any]:
        pairs = HandPairs(root, set_key, pictures=pictures, frames_dir=frames, tensors=False)  # type: ignore[arg-type]
        return len(pairs), pairs.__getitem__, lambda row: pairs.records[row].tobytes()

    measure(opened, int(workers), int(samples), out)
