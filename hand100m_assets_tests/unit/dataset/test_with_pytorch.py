"""What PyTorch makes of a training set: tensors, batches of workers however they are started, the epoch of the docs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hand100m_assets.dataset.hand_pairs import HandPairs
from hand100m_assets_tests.conftest import REPO
from hand100m_assets_tests.unit.dataset.scene import KEY, Scene, ring

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `torch`)")
DOCS = REPO / "docs" / "training.md"
TENSORS = {"K": (3, 3), "joints3D": (21, 3), "joints_raw": (21, 3), "joints_valid": (21, 1)}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = ring(Scene(tmp_path_factory.mktemp("out") / "ego4d"), [f"video_{n}" for n in range(4)])
    scene.build(shard_samples=3)
    return scene


def test_joints_are_tensors_of_the_arrays_values_and_the_image_stays_an_array(scene: Scene) -> None:
    for sample, truth in zip(HandPairs(scene.root, KEY), scene.pairs(), strict=True):
        assert list(sample) == list(truth)
        for name, value in truth.items():
            if name in TENSORS:
                assert (sample[name].dtype, tuple(sample[name].shape)) == (torch.float32, TENSORS[name])
                assert torch.equal(sample[name], torch.from_numpy(value))
            else:
                assert type(sample[name]) is type(value) and np.array_equal(sample[name], value)


@pytest.mark.parametrize("pictures", ["crops", "frames"])
@pytest.mark.parametrize(("workers", "start"), [(0, None), (2, "fork"), (2, "spawn")])
def test_a_loader_gives_every_sample_once_in_each_epoch_however_its_workers_are_started(
    scene: Scene, pictures: str, workers: int, start: str | None
) -> None:
    truth = {sample["hand_id"]: sample for sample in scene.pairs()}
    pairs = HandPairs(scene.root, KEY, pictures=pictures)
    pairs[0]  # a shard is open by now, and so inherited by a fork
    loader = torch.utils.data.DataLoader(
        pairs,
        batch_size=3,
        shuffle=True,
        num_workers=workers,
        multiprocessing_context=start,
        persistent_workers=workers > 0,
    )
    for _ in range(2):
        seen = []
        for batch in loader:
            assert batch["image"].dtype == torch.uint8
            for number, hand_id in enumerate(batch["hand_id"].tolist()):
                seen.append(hand_id)
                assert np.array_equal(batch["image"][number].numpy(), truth[hand_id]["image"])
                assert np.array_equal(batch["joints3D"][number].numpy(), truth[hand_id]["joints3D"])
                assert batch["positive_sample_idx"][number] == truth[hand_id]["positive_sample_idx"]
                assert batch["image_name"][number] == truth[hand_id]["image_name"]
        assert sorted(seen) == sorted(truth)


def test_the_epoch_of_the_docs_runs(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(import torch.*?)```", DOCS.read_text(), re.DOTALL)
    assert "demo/output/ego4d" in code
    exec(code.replace("demo/output/ego4d", str(scene.root)), {"__name__": "docs"})
    losses = [float(line) for line in capfd.readouterr().out.split()]
    assert len(losses) == 1 and np.isfinite(losses).all()
