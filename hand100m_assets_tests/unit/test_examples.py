"""The examples in the docstrings of what rooms offer run, in a folder such as their reader would have."""

from __future__ import annotations

import doctest
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from hand100m_assets_tests import media
from hand100m_assets_tests.unit.dataset.scene import KEY, Scene, ring
from hand100m_assets_tests.unit.test_public_surface import FACES

COMPLETE: tuple[str, ...] = (
    "hand100m_assets.annotations",
    "hand100m_assets.annotations.export",
    "hand100m_assets.annotations.ingest",
    "hand100m_assets.annotations.lookup",
    "hand100m_assets.annotations.reading",
    "hand100m_assets.annotations.rules",
    "hand100m_assets.dataset",
    "hand100m_assets.dataset.building",
    "hand100m_assets.files",
    "hand100m_assets.imaging",
    "hand100m_assets.pairs",
    "hand100m_assets.parallel",
    "hand100m_assets.render",
    "hand100m_assets.render.charts",
    "hand100m_assets.render.grids",
    "hand100m_assets.render.report",
    "hand100m_assets.sample",
    "hand100m_assets.sample.hands",
    "hand100m_assets.sample.scenes",
    "hand100m_assets.sample.workspace",
    "hand100m_assets.settings",
    "hand100m_assets.video",
    "hand100m_assets.video.audit",
    "hand100m_assets.video.codec",
    "hand100m_assets.video.container",
    "hand100m_assets.video.container.mp4",
    "hand100m_assets.video.decode",
    "hand100m_assets.video.downloads",
    "hand100m_assets.video.frames",
    "hand100m_assets.video.pictures",
    "hand100m_assets.workspace",
)
"""Rooms in which every function and class has an example and a description of its arguments."""

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`video.mp4` of 90 frames, also as avi, flv, mkv and ts; `set.json`, its tables, `frames/`, its training set."""
    scene = ring(Scene(tmp_path_factory.mktemp("examples")), ("video_a", "video_b"))
    scene.build()
    media.encode(scene.root / "video.mp4", frames=90)
    for suffix in ("avi", "flv", "mkv", "ts"):
        media.copy_with(scene.root / f"video.{suffix}", scene.root / "video.mp4")
    (scene.root / "tables").symlink_to(scene.tables)
    (scene.root / "pairs").symlink_to(scene.root / "training_set" / KEY)
    for folder in ("data/100DOH/videos", "output/100doh"):
        (scene.root / folder).mkdir(parents=True)
    (scene.root / "data/100DOH/videos/video_00001.mp4").symlink_to(scene.root / "video.mp4")
    (scene.root / "output/100doh/annotations").symlink_to(scene.tables.parent)
    return scene.root


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of one room's examples: what one of them writes, no other room sees."""
    copy = tmp_path / "work"
    shutil.copytree(made, copy, symlinks=False)
    monkeypatch.chdir(copy)
    return copy


def documented(face: str) -> Iterator[tuple[str, object]]:
    """Functions and classes that a room offers and the project wrote."""
    room = import_module(face)
    for name in room.__all__:
        exported = getattr(room, name)
        if callable(exported) and str(getattr(exported, "__module__", "")).startswith("hand100m_assets"):
            yield name, exported


@pytest.mark.parametrize("face", FACES)
def test_the_examples_of_a_room_run_in_a_folder_as_its_reader_has(face: str, folder: Path) -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    said: list[str] = []
    for name, exported in documented(face):
        for example in finder.find(exported, name, globs={}):
            runner.run(example, out=said.append)
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("face", COMPLETE)
def test_each_function_and_class_of_a_room_has_an_example_and_its_arguments(face: str) -> None:
    for name, exported in documented(face):
        text = exported.__doc__ or ""
        assert ">>> " in text, f"{face}.{name} has no example"
        code = getattr(exported, "__code__", None)
        if code is not None and code.co_argcount + code.co_kwonlyargcount > 0:
            assert "Args:" in text, f"{face}.{name} does not describe its arguments"
