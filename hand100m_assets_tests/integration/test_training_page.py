"""docs/training.md does what it says: its commands and code run as written, on the finished sample."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from hand100m_assets.dataset import HandPairs
from hand100m_assets.sources import DOH, EGO4D, Source
from hand100m_assets.workspace import SourceWorkspace
from hand100m_assets_tests.conftest import SampleWorkspace
from hand100m_assets_tests.original_reader import OriginalLoader

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
CONSTANTS_ROOT, SCRIPTS_ROOT = "Hand2M", "Hand100M"
"""Below `$DATA_PATH`, what the training code and what the scripts call the data root. Source: the original code."""

TRIED = {
    "from hand100m_assets.dataset": "test_the_first_sample_is_as_the_page_shows_it",
    "import torch": "test_with_pytorch",
    "output=$PWD": "linked",
    "ln -sf": "test_the_mined_positives_take_the_place_of_the_shipped_ones",
    "import sys": "test_the_crops_take_the_place_of_the_original_s_data_set",
    "self.db": "test_the_crops_take_the_place_of_the_original_s_data_set",
    "hand100m validate": "test_a_training_set_is_cut_without_a_frame_on_disk",
    "webdataset.": "needs what is not installed here",
}


def blocks() -> dict[str, str]:
    """Beginning of each block of code or commands -> the block."""
    found = re.findall(r"```(?:python|sh)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return {next(start for start in TRIED if block.startswith(start)): block for block in found}


def test_every_block_of_the_page_is_tried() -> None:
    assert set(blocks()) == set(TRIED)
    assert len(re.findall(r"```(?:python|sh)\n", PAGE.read_text())) == len(TRIED)


@pytest.fixture(scope="module")
def home(finished: SampleWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `demo/output` is what `make demo` left."""
    home = tmp_path_factory.mktemp("home")
    (home / "demo").mkdir()
    (home / "demo" / "output").symlink_to(finished.settings.output_root)
    return home


def run(command: str, cwd: Path, **env: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HAND100M_")}
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=cwd,
        env={**clean, "PATH": path, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def linked(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`$DATA_PATH` after the commands of the page, given twice, as people do."""
    data_path = tmp_path_factory.mktemp("data path")
    for _ in range(2):
        run(blocks()["output=$PWD"], home, DATA_PATH=str(data_path))
    return data_path


@pytest.mark.parametrize("source", [EGO4D, DOH], ids=lambda source: source.name)
@pytest.mark.parametrize("root_name", [CONSTANTS_ROOT, SCRIPTS_ROOT])
def test_the_original_loaders_come_to_the_end_of_every_set(
    finished: SampleWorkspace, linked: Path, source: Source, root_name: str
) -> None:
    """And give what the training set gives."""
    place, root = SourceWorkspace(finished.settings, source), linked / root_name
    files = sorted(path.name for path in place.folders.annotations_dir.glob("*.json"))
    assert len(files) >= 2
    for name, key in zip(files, (finished_key(place, name) for name in files), strict=True):
        loader = OriginalLoader(root, root / "annotations" / source.title / name)
        ours = HandPairs(place.output.base_dir, key, pictures="frames", tensors=False)
        assert len(loader) == len(ours) > 40
        for number in range(len(loader)):
            theirs, sample = loader[number], ours[number]
            assert np.array_equal(theirs["image"], sample["image"])
            assert theirs["positive_sample_idx"] == sample["positive_sample_idx"]


def finished_key(place: SourceWorkspace, file_name: str) -> str:
    return next(key for key, file in place.annotation_files().files.items() if file.path.name == file_name)


@pytest.mark.parametrize("source", [EGO4D, DOH], ids=lambda source: source.name)
def test_the_original_loaders_come_to_the_end_of_every_mined_set(
    finished: SampleWorkspace, linked: Path, source: Source
) -> None:
    place = SourceWorkspace(finished.settings, source)
    for folder in place.annotation_dirs():
        loader = OriginalLoader(linked / CONSTANTS_ROOT, place.output.mined_annotations_file(folder.name))
        assert len(loader) > 40
        for number in range(len(loader)):
            assert loader[number]["image"].shape == (224, 224, 3)


def test_the_mined_positives_take_the_place_of_the_shipped_ones(
    finished: SampleWorkspace, home: Path, tmp_path: Path
) -> None:
    run(blocks()["output=$PWD"] + blocks()["ln -sf"], home, DATA_PATH=str(tmp_path))
    name = tmp_path / CONSTANTS_ROOT / "annotations" / "Ego4D" / "Hand100M_Ego4D_50k_v1-1.json"
    place = SourceWorkspace(finished.settings, EGO4D)
    assert name.read_bytes() == place.output.mined_annotations_file("simhand-50k").read_bytes()


def test_the_first_sample_is_as_the_page_shows_it(home: Path) -> None:
    checks = "assert sample['image'].shape == (224, 224, 3) and len(pairs) > 40\n"
    run(f"python - <<'EOF'\n{blocks()['from hand100m_assets.dataset']}{checks}EOF", home)


def test_the_crops_take_the_place_of_the_original_s_data_set(home: Path) -> None:
    """In a process that has the package nowhere on its path."""
    inside = blocks()["self.db"].replace("\n", "\n        ")
    code = f"""{blocks()["import sys"]}
class Data:
    datasets_scale = "50k"
    def __init__(self):
        {inside}
data = Data()
for sample in data.db:
    assert data.db[sample["positive_sample_idx"]]["hand_id"] == int(sample["positive_sample"])
assert len(data.db) > 40 and not [name for name in sys.modules if name.startswith("hand100m")]
"""
    run(f"python -I - <<'EOF'\n{code}EOF", home)


def test_a_training_set_is_cut_without_a_frame_on_disk(finished: SampleWorkspace, tmp_path: Path) -> None:
    (tmp_path / "annotations").symlink_to(finished.settings.data_root / "annotations")
    roots = {"HAND100M_DATA_ROOT": str(finished.settings.data_root), "HAND100M_OUTPUT_ROOT": str(tmp_path / "output")}
    commands = blocks()["hand100m validate"].splitlines()
    # The sample's files hold bad records, of which the first command tells by its exit status.
    run("\n".join([f"{commands[0]} || test $? = 1", *commands[1:]]), tmp_path, **roots)
    pairs = HandPairs(tmp_path / "output" / "ego4d", "simhand-50k", tensors=False)
    assert len(pairs) > 40 and not list(tmp_path.rglob("frame_*.jpg"))
    assert cv2.cvtColor(pairs[0]["image"], cv2.COLOR_RGB2BGR).shape == (224, 224, 3)
