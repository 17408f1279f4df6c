"""The reader that lies beside each training set: alone, on old Python, it gives what the package gives."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hand100m_assets.dataset import reader
from hand100m_assets.dataset.stored_crop import CropOptions
from hand100m_assets_tests.unit.dataset.scene import KEY, Scene, ring

OLDEST = (3, 8)
ORIGINAL = ("numpy<1.25", "opencv-python-headless==4.8.1.78")
"""What the original training code runs with. Source: its environment file."""

READ_ALL = """
import hashlib, json, pickle, sys
sys.path.insert(0, sys.argv[1])
from hand_pairs import HandPairs
pairs = HandPairs(sys.argv[2], sys.argv[3], tensors=False)
again = pickle.loads(pickle.dumps(pairs))
def digest(sample):
    image = hashlib.sha256(sample["image"].tobytes()).hexdigest()
    arrays = [sample[name].tobytes().hex() for name in ("K", "joints3D", "joints_valid", "joints_raw")]
    names = ("image_name", "hand_id", "positive_sample", "positive_sample_idx", "distance")
    return [image, arrays, [sample[name] for name in names], list(sample)]
print(json.dumps([[digest(s) for s in pairs], [digest(s) for s in again], sorted(sys.modules)]))
"""


@pytest.fixture(scope="module", params=["png", "jpeg", "webp"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = ring(Scene(tmp_path_factory.mktemp("out") / "ego4d"), [f"video_{n}" for n in range(3)])
    scene.build(shard_samples=2, options=CropOptions(codec=request.param))
    return scene


def read_by(python: str, scene: Scene) -> list[list[object]]:
    """What a process reads that has the reader's file alone; whatever it imports besides must not be ours."""
    folder = scene.root / "training_set" / KEY
    arguments = [python, "-I", "-c", READ_ALL, str(folder), str(scene.root), KEY]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    samples, again, modules = json.loads(done.stdout)
    assert samples == again
    assert not [name for name in modules if name.startswith(("hand100m", "pydantic", "polars", "torch"))]
    return samples


def truth(scene: Scene) -> list[list[object]]:
    arrays = ("K", "joints3D", "joints_valid", "joints_raw")
    names = ("image_name", "hand_id", "positive_sample", "positive_sample_idx", "distance")
    return [
        [
            hashlib.sha256(sample["image"].tobytes()).hexdigest(),
            [sample[name].tobytes().hex() for name in arrays],
            [sample[name] for name in names],
            list(sample),
        ]
        for sample in scene.pairs()
    ]


def test_its_syntax_is_that_of_python_3_8() -> None:
    ast.parse(Path(reader.__file__).read_text(), feature_version=OLDEST)


def test_it_imports_nothing_but_numpy_opencv_and_the_standard_library() -> None:
    tree = ast.parse(Path(reader.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.split(".")[0] for name in imported}
    assert {name for name in roots if name not in sys.stdlib_module_names} == {"numpy", "cv2"}


def test_a_copy_of_it_lies_in_each_training_set(scene: Scene) -> None:
    assert (scene.pairs().folder / "hand_pairs.py").read_bytes() == Path(reader.__file__).read_bytes()


def test_alone_it_gives_the_package_s_samples_to_the_bit(scene: Scene) -> None:
    assert len(truth(scene)) == 6
    assert read_by(sys.executable, scene) == truth(scene)


def python_3_8() -> str | None:
    """An interpreter as old as the original's, if one is here."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which("python3.8"), *map(str, sorted(pyenv.glob("3.8.*/bin/python"), reverse=True))]
    for python in filter(None, found):
        question = [python, "-c", "import sys; print(sys.version_info[:2])"]
        asked = subprocess.run(question, capture_output=True, text=True, check=False)
        if asked.stdout.strip() == "(3, 8)":
            return python
    return None


@pytest.fixture(scope="session")
def original_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Python 3.8 with the original's OpenCV and a NumPy of its time."""
    python = python_3_8()
    if python is None:
        pytest.skip("no Python 3.8 is here, so the reader was not tried on the original's Python")
    folder = tmp_path_factory.mktemp("python38") / "venv"
    for command in ([python, "-m", "venv", str(folder)], [str(folder / "bin/pip"), "install", "-q", *ORIGINAL]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"Python 3.8 is here, but not the original's OpenCV: {done.stderr.strip()[-200:]}")
    return str(folder / "bin/python")


def test_on_the_original_s_python_and_opencv_it_gives_the_package_s_samples_to_the_bit(
    scene: Scene, original_python: str
) -> None:
    assert read_by(original_python, scene) == truth(scene)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Scene]:
    """The file as a module of its own name, and a set that may be spoilt."""
    scene = ring(Scene(tmp_path / "ego4d"), ["video_0", "video_1"])
    scene.build(shard_samples=2)
    spec = importlib.util.spec_from_file_location("hand_pairs", scene.root / "training_set" / KEY / "hand_pairs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "hand_pairs", module)
    spec.loader.exec_module(module)
    return module, scene


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (shutil.rmtree, "no finished training set can be read"),
        (lambda folder: (folder / "index.json").write_text("{}"), "not the index of a training set"),
        (lambda folder: (folder / "index.json").write_text("[]"), "not the index of a training set"),
        (lambda folder: version(folder, 2), "is of version 2, not 1"),
        (lambda folder: next(folder.glob("samples-*")).unlink(), "cannot be read"),
        (lambda folder: next(folder.glob("samples-*")).write_bytes(b"\x93NUMPY"), "cannot be read"),
        (lambda folder: np.save(next(folder.glob("samples-*")), np.zeros(4)), "not 4 samples"),
        (lambda folder: [path.unlink() for path in folder.glob("*.tar")], "was the training set built anew meanwhile"),
        (lambda folder: [path.write_bytes(b"x") for path in folder.glob("*.tar")], "its size is 1 B, not"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_to_do(alone, harm, says: str) -> None:
    module, scene = alone
    harm(scene.root / "training_set" / KEY)
    with pytest.raises(module.DamagedSetError, match=says) as caught:
        list(module.HandPairs(scene.root, KEY, tensors=False))
    assert str(scene.root) in str(caught.value) and str(caught.value).endswith(".")


def version(folder: Path, number: int) -> None:
    content = json.loads((folder / "index.json").read_text())
    content["order"]["version"] = number
    (folder / "index.json").write_text(json.dumps(content))


def test_it_refuses_another_set_than_the_one_that_was_pickled(alone) -> None:
    module, scene = alone
    data = pickle.dumps(module.HandPairs(scene.root, KEY, tensors=False))
    assert len(pickle.loads(data)) == 4
    scene.build(options=CropOptions(codec="jpeg"))
    with pytest.raises(module.DamagedSetError, match="built anew since it was opened"):
        pickle.loads(data)
